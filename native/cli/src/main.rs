//! The executable menagerie-engine.
fn main() {}
