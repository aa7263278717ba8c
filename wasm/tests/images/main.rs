//! Images through the whole crate: known pixels, broken files, and the way to an answer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod hostile;
mod pipeline;
mod reference;
mod scaled;
