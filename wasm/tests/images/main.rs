//! Images through the whole crate: known pixels, broken files, and the way to an answer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounded;
mod common;
mod examples;
mod explain;
mod hostile;
mod jpeg_family;
mod jpeg_writer;
mod look;
mod pipeline;
mod reference;
mod scaled;
mod tries;
