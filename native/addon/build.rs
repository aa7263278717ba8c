//! Tells the linker that Node brings N-API's symbols.

fn main() {
    napi_build::setup();
}
