//! `check`: whether this machine can run graphs, and how well it confines them.

use std::{
    env,
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    process::{self, Command, ExitStatus},
    time::Instant,
};

use menagerie_contract::{ErrorCode, Problem, VERSION};

use crate::{
    sandbox::{
        Cell,
        attempts::{self, Attempt},
    },
    startup,
};

/// Exit status of an attempt that worked although it must not.
const WORKED: i32 = 10;
/// Exit status of an attempt that was refused.
const REFUSED: i32 = 11;

/// Loads the runtime, runs the tiny graph, closes the cell, and prints what was found. With `--cell` it first tries,
/// from inside of cells of other processes, what must not work.
///
/// # Errors
/// `engine_unavailable` with every place tried when the runtime is not there, and when an attempt worked.
pub fn check(arguments: &[OsString]) -> Result<(), Problem> {
    match arguments {
        [] => report(),
        [flag] if flag == "--cell" => try_all().and_then(|()| report()),
        [flag, name] if flag == "--try" => try_one(name, true),
        [flag, name] if flag == "--try-as-it-is" => try_one(name, false),
        _ => Err(Problem::new(ErrorCode::FieldInvalid, "check takes nothing or --cell")),
    }
}

fn report() -> Result<(), Problem> {
    let cell = Cell::from_environment()?;
    let started = Instant::now();
    let library = startup::load_library(cell)?;
    let loaded = started.elapsed();
    let sandbox = cell.seal();
    println!("menagerie-engine {VERSION}");
    println!("{:<16} {} ({})", library.kind().name(), library.version(), library.path().display());
    println!("kernels          {}", library.kernels().name());
    println!("start            {} ms, with a tiny graph run", loaded.as_millis());
    println!("held             {}", sandbox.held.join(", "));
    for missing in &sandbox.missing {
        println!("missing          {missing}");
    }
    Ok(())
}

/// Tries everything, each in a process of its own, for some attempts end the process.
fn try_all() -> Result<(), Problem> {
    let executable = env::current_exe().map_err(|error| startup::broken("this executable is not found", &error))?;
    let mut worked = Vec::new();
    for attempt in attempts::all() {
        let status = Command::new(&executable)
            .args(["check", "--try", attempt.name])
            .status()
            .map_err(|error| startup::broken("this executable cannot be started again", &error))?;
        println!("{:<22} {}", attempt.name, outcome(status));
        if !is_refused(status) {
            worked.push(attempt.name);
        }
    }
    if worked.is_empty() {
        return Ok(());
    }
    let message = format!("the cell of a model's process does not hold: {} worked", worked.join(", "));
    Err(Problem::new(ErrorCode::EngineUnavailable, message))
}

fn outcome(status: ExitStatus) -> String {
    match status.code() {
        Some(REFUSED) => "refused".into(),
        Some(WORKED) => "WORKED".into(),
        _ if is_refused(status) => "refused, and the process ended".into(),
        _ => format!("unclear: {status}"),
    }
}

/// Whether the attempt was answered with an error, or the kernel ended the process for it (SIGSYS).
fn is_refused(status: ExitStatus) -> bool {
    status.code() == Some(REFUSED) || status.signal() == Some(libc::SIGSYS)
}

/// In a cell of its own, or in whatever this process was started in.
fn try_one(name: &OsString, seal: bool) -> Result<(), Problem> {
    let attempt: &Attempt = attempts::all()
        .find(|attempt| name == attempt.name)
        .ok_or_else(|| Problem::new(ErrorCode::FieldInvalid, format!("there is no attempt {}", name.display())))?;
    if seal {
        let cell = Cell::from_environment()?;
        startup::load_library(cell)?;
        cell.seal();
    }
    process::exit(if (attempt.perform)().is_ok() { WORKED } else { REFUSED });
}
