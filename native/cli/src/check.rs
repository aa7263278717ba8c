//! `check`: whether this machine can run graphs.

use std::time::Instant;

use menagerie_contract::Problem;

use crate::startup;

/// Loads libtensorflow, runs the tiny graph and prints what was found.
///
/// # Errors
/// `engine_unavailable` with every place tried when there is no libtensorflow.
pub fn check() -> Result<(), Problem> {
    let started = Instant::now();
    let library = startup::load_library()?;
    let loaded = started.elapsed();
    println!("menagerie-engine {}", env!("CARGO_PKG_VERSION"));
    println!("libtensorflow    {} ({})", library.version(), library.path().display());
    println!("start            {} ms, with a tiny graph run", loaded.as_millis());
    Ok(())
}
