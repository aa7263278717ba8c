//! The engine on graphs: tiny ones that are built here, and the real ones beside the project.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]

mod channels_first;
mod direct;
mod runtimes;
mod surroundings;
mod tiny;
mod tries;
mod zoo;
