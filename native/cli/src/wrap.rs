//! `wrap`: a program of the operator's in a cell.

mod once;

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use menagerie_contract::{ErrorCode, Problem};

use crate::{sandbox::Cell, startup};

/// Becomes the program, or, with `--once`, speaks frames on its behalf. `arguments` are
/// `[--read PATH]... [--once] -- PROGRAM [ARGUMENT]...`; without a program it prints what holds.
///
/// # Errors
/// `field_invalid` for wrong arguments, `engine_unavailable` for a program that cannot be started.
pub fn wrap(arguments: &[OsString]) -> Result<(), Problem> {
    let wish = Wish::read(arguments)?;
    let cell = Cell::from_environment()?;
    match wish.program {
        None => print_what_holds(cell, &wish),
        Some(_) if wish.form == Form::OneShot => once::serve(&wish),
        Some((program, arguments)) => become_program(cell, &wish, program, arguments),
    }
}

/// What is asked for.
pub struct Wish<'a> {
    readable: Vec<PathBuf>,
    form: Form,
    program: Option<(&'a OsString, &'a [OsString])>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The program speaks frames.
    Frames,
    /// The program answers one image, and is started anew for the next.
    OneShot,
    /// As `OneShot`, within one such start.
    OneShotRun,
}

/// Within a one-shot form: start it this time. Not for people.
const RUN_FLAG: &str = "--once-run";

impl<'a> Wish<'a> {
    fn read(arguments: &'a [OsString]) -> Result<Self, Problem> {
        let mut wish = Self { readable: Vec::new(), form: Form::Frames, program: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.to_str() {
                Some("--read") => {
                    let path = rest.next().ok_or_else(|| invalid("--read needs a path"))?;
                    wish.readable.push(PathBuf::from(path));
                }
                Some("--once") => wish.form = Form::OneShot,
                Some(RUN_FLAG) => wish.form = Form::OneShotRun,
                Some("--") => {
                    wish.program = rest.as_slice().split_first();
                    return wish.program.map(|_| wish).ok_or_else(|| invalid("after -- comes the program"));
                }
                _ => {
                    return Err(invalid(&format!(
                        "wrap does not know {}; a program comes after --",
                        argument.display()
                    )));
                }
            }
        }
        Ok(wish)
    }

    /// The command that becomes the program for one image.
    fn run_command(&self) -> Result<Command, Problem> {
        let own = env::current_exe().map_err(|error| startup::broken("this executable is not found", &error))?;
        let mut command = Command::new(own);
        command.arg("wrap").arg(RUN_FLAG);
        for path in &self.readable {
            command.arg("--read").arg(path);
        }
        if let Some((program, arguments)) = self.program {
            command.arg("--").arg(program).args(arguments);
        }
        Ok(command)
    }
}

fn print_what_holds(cell: Cell, wish: &Wish) -> Result<(), Problem> {
    let sandbox = cell.enclose(&wish.readable, wish.form != Form::Frames);
    let json = serde_json::to_string(&sandbox)
        .map_err(|error| Problem::new(ErrorCode::Internal, format!("what holds cannot be written: {error}")))?;
    println!("{json}");
    Ok(())
}

/// Returns only where it failed.
fn become_program(cell: Cell, wish: &Wish, name: &OsStr, arguments: &[OsString]) -> Result<(), Problem> {
    startup::close_inherited_descriptors();
    let program = found(name)?;
    let mut readable = wish.readable.clone();
    // Whoever names a program lets it be read.
    readable.push(program.clone());
    cell.enclose(&readable, wish.form == Form::OneShotRun);
    let error = Command::new(&program).args(arguments).exec();
    let message = format!(
        "{} cannot be started: {error}; it must be executable, and what it is run by (an interpreter, libraries) must be \
         in a folder that programs may read",
        program.display()
    );
    Err(Problem::new(ErrorCode::EngineUnavailable, message))
}

/// The path of a program: a name without `/` is looked for where programs are.
fn found(name: &OsStr) -> Result<PathBuf, Problem> {
    let path = Path::new(name);
    if path.components().count() > 1 {
        return Ok(path.to_owned());
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(path)).find(|candidate| candidate.is_file());
    found.ok_or_else(|| {
        let message = format!("there is no program {} in PATH; name a file of this folder as ./NAME", path.display());
        Problem::new(ErrorCode::EngineUnavailable, message)
    })
}

fn invalid(message: &str) -> Problem {
    Problem::new(ErrorCode::FieldInvalid, message)
}
