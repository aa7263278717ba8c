//! Stands for the confinement that only Linux offers, each of its modules.
#![allow(dead_code, reason = "each module needs a part of it")]

fn refusal() -> Result<(), String> {
    Err(format!("{} does not offer it", std::env::consts::OS))
}

/// Landlock's first step.
pub fn forbid_writing() -> Result<(), String> {
    refusal()
}

/// Landlock's second step.
pub fn forbid_everything() -> Result<(), String> {
    refusal()
}

/// Landlock for programs.
pub fn allow_reading(_paths: &[std::path::PathBuf]) -> Result<(), String> {
    refusal()
}

/// seccomp for programs.
pub fn filter_program() -> Result<(), String> {
    refusal()
}

/// seccomp.
pub fn filter() -> Result<(), String> {
    refusal()
}
