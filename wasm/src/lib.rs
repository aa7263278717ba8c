//! The Rust function in WebAssembly: image bytes to label and band.
//!
//! [`pipeline`] is the whole way, one call a line; every other module is one station of it. The same code runs
//! natively in tests and as WebAssembly in the service and the browser, and gives the same pixels bit for bit.
#![forbid(unsafe_code)]

#[cfg(target_family = "wasm")]
pub mod bindings;
pub mod calibrate;
pub mod confidence;
pub mod decode;
pub mod error;
pub mod examples;
pub mod explain;
pub mod fed;
pub mod labels;
pub mod look;
pub mod model;
pub mod orientation;
pub mod picture;
pub mod pipeline;
pub mod resize;
pub mod scores;
pub mod temperature;
pub mod tensor;

pub use error::Error;
pub use model::Model;
