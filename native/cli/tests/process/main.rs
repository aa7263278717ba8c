//! The executable as a real process.

mod commands;
mod host;
mod serve;
