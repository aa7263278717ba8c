//! The cell of a process that runs strangers' graphs.
//!
//! It closes in two steps. [`Cell::narrow`] comes before the runtime is loaded: nothing inherited stays, and nothing
//! can be written from then on. [`Cell::seal`] comes after the runtime has run its tiny graph, and before the first
//! byte of a model is read: from then on the process computes, reads stdin, writes stdout and stderr, and can do nothing
//! else. What a system does not offer is said, never passed over.

pub mod attempts;
#[cfg_attr(not(target_os = "linux"), path = "not_offered.rs")]
mod filesystem;
mod limits;
mod priority;
#[cfg_attr(not(target_os = "linux"), path = "not_offered.rs")]
mod system_calls;

use std::{env, path::PathBuf};

use menagerie_contract::{ErrorCode, Problem, Sandbox};
use menagerie_engine::is_of_runtime;
use menagerie_graph::{GraphLimits, allow_list};

pub use self::priority::Priority;

/// How much confinement is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// None.
    Off,
    /// All that the system offers.
    BestEffort,
    /// All, or only graphs of the zoo are loaded.
    Required,
}

/// The settings of a cell.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    mode: Mode,
    memory_bytes_max: u64,
    cpu_seconds_max: u64,
}

/// Memory of its own that a process may take unless `ENGINE_MEMORY_BYTES_MAX` says otherwise.
const MEMORY_BYTES_MAX: u64 = 4 << 30;
/// Processor time that one load or one run may take unless `ENGINE_CPU_SECONDS_MAX` says otherwise.
const CPU_SECONDS_MAX: u64 = 300;

/// Where a program finds others, such as the interpreter of a script.
const PROGRAM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

impl Cell {
    /// Reads `SANDBOX` (`off`, `best-effort`, `required`), `ENGINE_MEMORY_BYTES_MAX` and `ENGINE_CPU_SECONDS_MAX`.
    ///
    /// # Errors
    /// `field_invalid` names the variable, its value and what it may be.
    pub fn from_environment() -> Result<Self, Problem> {
        let mode = match env::var("SANDBOX").as_deref() {
            Ok("off") => Mode::Off,
            Ok("best-effort") | Err(env::VarError::NotPresent) => Mode::BestEffort,
            Ok("required") => Mode::Required,
            other => {
                let message = format!("SANDBOX is {other:?}; it may be off, best-effort or required");
                return Err(Problem::new(ErrorCode::FieldInvalid, message));
            }
        };
        Ok(Self {
            mode,
            memory_bytes_max: number("ENGINE_MEMORY_BYTES_MAX", MEMORY_BYTES_MAX)?,
            cpu_seconds_max: number("ENGINE_CPU_SECONDS_MAX", CPU_SECONDS_MAX)?,
        })
    }

    /// Drops what was inherited and forbids every write to files. To be called by the main thread before it starts
    /// others.
    pub fn narrow(self) {
        if self.mode == Mode::Off {
            return;
        }
        forget_environment();
        limits::be_ended_first();
        // What fails here fails again in `seal`, which reports it.
        let _: Result<(), String> = filesystem::forbid_writing();
    }

    /// Closes the cell, and says what holds and what is missing.
    pub fn seal(self) -> Sandbox {
        let mut sandbox = Sandbox::default();
        if !allow_list::IS_ON {
            sandbox.missing.push("allow-list: this is a test build".into());
        }
        if self.mode == Mode::Off {
            sandbox.missing.push("all: SANDBOX=off".into());
            return sandbox;
        }
        sandbox.held.push("environment".into());
        let mut note = |name: &str, outcome: Result<(), String>| match outcome {
            Ok(()) => sandbox.held.push(name.into()),
            Err(reason) => sandbox.missing.push(format!("{name}: {reason}")),
        };
        note("landlock", filesystem::forbid_everything());
        note("memory", limits::bound_memory(self.memory_bytes_max));
        note("cpu", limits::renew_cpu(self.cpu_seconds_max));
        note("processes", limits::bound_processes());
        note("core", limits::forbid_core_files());
        note("descriptors", limits::forbid_new_descriptors());
        note("seccomp", system_calls::filter());
        sandbox
    }

    /// Closes the cell of a program that this process is about to become, and says what holds and what is missing. It may
    /// read, and execute, what is in `readable`. To be called by the main thread before it starts others.
    ///
    /// Whatever can outlast one image, as all but a program of the one-shot form does, has no bound of processor time:
    /// nobody but the process itself could begin the next one.
    pub fn enclose(self, readable: &[PathBuf], is_one_shot: bool) -> Sandbox {
        let mut sandbox = Sandbox::default();
        limits::end_with_parent();
        if self.mode == Mode::Off {
            sandbox.missing.push("all: SANDBOX=off".into());
            return sandbox;
        }
        forget_environment();
        // SAFETY: the process has this one thread yet.
        unsafe { env::set_var("PATH", PROGRAM_PATH) };
        sandbox.held.push("environment".into());
        limits::be_ended_first();
        let cpu = if is_one_shot {
            limits::bound_cpu(self.cpu_seconds_max)
        } else {
            Err("a program that stays is bounded by the deadlines of load and run alone".into())
        };
        let mut note = |name: &str, outcome: Result<(), String>| match outcome {
            Ok(()) => sandbox.held.push(name.into()),
            Err(reason) => sandbox.missing.push(format!("{name}: {reason}")),
        };
        note("landlock", filesystem::allow_reading(readable));
        note("memory", limits::bound_memory(self.memory_bytes_max));
        note("cpu", cpu);
        note("processes", limits::bound_processes());
        note("core", limits::forbid_core_files());
        note("descriptors", limits::bound_descriptors());
        note("seccomp", system_calls::filter_program());
        sandbox
    }

    /// What a graph may cost before it is refused: it must fit the memory that the process may take.
    pub fn graph_limits(self) -> GraphLimits {
        GraphLimits { memory_bytes_max: self.memory_bytes_max, ..GraphLimits::default() }
    }

    /// Starts the processor time of the next load or run.
    pub fn renew_cpu(self) {
        if self.mode != Mode::Off {
            // Where it failed, `seal` has said so.
            let _: Result<(), String> = limits::renew_cpu(self.cpu_seconds_max);
        }
    }

    /// Whether a stranger's graph may run in a cell of which `sandbox` is what holds.
    ///
    /// # Errors
    /// `forbidden` names what is missing where all of it is required.
    pub fn admit(self, sandbox: &Sandbox) -> Result<(), Problem> {
        if self.mode != Mode::Required || sandbox.missing.is_empty() {
            return Ok(());
        }
        let missing = sandbox.missing.join("; ");
        let message = format!("SANDBOX=required, and this system lacks {missing}; only models of the zoo are loaded");
        Err(Problem::new(ErrorCode::Forbidden, message))
    }
}

fn number(name: &str, absent: u64) -> Result<u64, Problem> {
    let Ok(value) = env::var(name) else { return Ok(absent) };
    value.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        Problem::new(ErrorCode::FieldInvalid, format!("{name} is {value:?}; it must be a whole number, at least 1"))
    })
}

/// Leaves no variable but those that a runtime is given by us.
fn forget_environment() {
    let names: Vec<_> = env::vars_os().map(|(name, _)| name).collect();
    for name in names {
        if !is_of_runtime(&name) {
            // SAFETY: the process has this one thread yet.
            unsafe { env::remove_var(name) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_graph_is_refused_where_all_is_required_and_something_is_missing() {
        let cell = |mode| Cell { mode, memory_bytes_max: 1, cpu_seconds_max: 1 };
        let whole = Sandbox { held: vec!["seccomp".into()], missing: Vec::new() };
        let lacking = Sandbox { held: Vec::new(), missing: vec!["seccomp: no".into()] };
        assert!(cell(Mode::Required).admit(&whole).is_ok());
        assert!(cell(Mode::BestEffort).admit(&lacking).is_ok());
        let problem = cell(Mode::Required).admit(&lacking).unwrap_err();
        assert_eq!(problem.code, ErrorCode::Forbidden);
        assert!(problem.message.contains("seccomp: no"), "{problem}");
    }
}
