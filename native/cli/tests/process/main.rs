//! The executable as a real process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]

mod cell;
mod commands;
mod host;
mod hostile;
mod kernels;
mod niceness;
mod serve;
#[cfg(feature = "test-no-allow-list")]
mod unlisted;
mod wrapped;
mod wrapper_test;
