//! `wrapper-test`: whether a program keeps the promises of docs/wrappers.md, tried on fresh processes of it.

mod program;
mod promises;

use std::{ffi::OsString, fs, path::PathBuf, process::Command, time::Duration};

use menagerie_contract::{ErrorCode, Problem};
use serde_json::json;

use crate::startup;

use self::promises::{PROMISES, Promise};

/// What is tried, and how.
pub struct Trial {
    /// Beginning of the command that starts the program in its cell.
    wrap: Vec<OsString>,
    program: Vec<OsString>,
    model: Vec<u8>,
    /// For programs of the one-shot form, which do not say it.
    width: Option<u32>,
    height: Option<u32>,
    classes: Option<u32>,
    patience: Duration,
    is_json: bool,
}

/// Seconds that the program may take for any answer unless `--seconds` says otherwise.
const SECONDS: u32 = 10;

/// Tries the program. `arguments` are `[--read PATH]... [--model FILE] [--once] [--width N] [--height N] [--classes N]
/// [--seconds N] [--json] -- PROGRAM [ARGUMENT]...`.
///
/// # Errors
/// `field_invalid` for wrong arguments, `engine_failed` when a promise is broken.
pub fn wrapper_test(arguments: &[OsString]) -> Result<(), Problem> {
    let trial = Trial::read(arguments)?;
    let mut outcomes: Vec<(&Promise, Option<Result<(), String>>)> = Vec::new();
    for promise in PROMISES {
        let base_is_broken = outcomes.iter().any(|(other, kept)| other.is_base && !matches!(kept, Some(Ok(()))));
        let outcome = (!base_is_broken).then(|| (promise.keep)(&trial));
        if !trial.is_json {
            print_line(promise, outcome.as_ref());
        }
        outcomes.push((promise, outcome));
    }
    if trial.is_json {
        print_json(&outcomes);
    }
    let broken = outcomes.iter().filter(|(_, kept)| matches!(kept, Some(Err(_)))).count();
    if broken == 0 {
        return Ok(());
    }
    let message = format!("{broken} of {} promises broken; docs/wrappers.md has each", PROMISES.len());
    Err(Problem::new(ErrorCode::EngineFailed, message))
}

fn print_line(promise: &Promise, outcome: Option<&Result<(), String>>) {
    match outcome {
        Some(Ok(())) => println!("kept       {:<9} {}", promise.name, promise.says),
        Some(Err(why)) => println!("BROKEN     {:<9} {}: {why}", promise.name, promise.says),
        None => println!("not tried  {:<9} {}", promise.name, promise.says),
    }
}

fn print_json(outcomes: &[(&Promise, Option<Result<(), String>>)]) {
    for (promise, kept) in outcomes {
        let row = json!({
            "promise": promise.name,
            "says": promise.says,
            "kept": kept.as_ref().map(Result::is_ok),
            "why": kept.as_ref().and_then(|kept| kept.as_ref().err()),
        });
        println!("{row}");
    }
}

impl Trial {
    fn read(arguments: &[OsString]) -> Result<Self, Problem> {
        let mut trial = Self {
            wrap: vec!["wrap".into()],
            program: Vec::new(),
            model: Vec::new(),
            width: None,
            height: None,
            classes: None,
            patience: Duration::from_secs(SECONDS.into()),
            is_json: false,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let name = argument.to_str().unwrap_or_default();
            let mut value = || rest.next().ok_or_else(|| invalid(&format!("{name} needs a value")));
            match name {
                "--read" => {
                    let path = value()?.clone();
                    trial.wrap.extend(["--read".into(), path]);
                }
                "--once" => trial.wrap.push("--once".into()),
                "--json" => trial.is_json = true,
                "--model" => {
                    let path = PathBuf::from(value()?);
                    let unread = |error| invalid(&format!("{} cannot be read: {error}", path.display()));
                    trial.model = fs::read(&path).map_err(unread)?;
                }
                "--width" => trial.width = Some(number(name, value()?)?),
                "--height" => trial.height = Some(number(name, value()?)?),
                "--classes" => trial.classes = Some(number(name, value()?)?),
                "--seconds" => trial.patience = Duration::from_secs(number(name, value()?)?.into()),
                "--" => break,
                _ => {
                    let message =
                        format!("wrapper-test does not know {}; the program comes after --", argument.display());
                    return Err(invalid(&message));
                }
            }
        }
        trial.program = rest.cloned().collect();
        if trial.program.is_empty() { Err(invalid("name the program after --")) } else { Ok(trial) }
    }

    fn command(&self) -> Result<Command, String> {
        let own =
            std::env::current_exe().map_err(|error| startup::broken("this executable is not found", &error).message)?;
        let mut command = Command::new(own);
        command.args(&self.wrap).arg("--").args(&self.program);
        Ok(command)
    }
}

fn number(name: &str, value: &OsString) -> Result<u32, Problem> {
    let number = value.to_str().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    number.ok_or_else(|| invalid(&format!("{name} is {}; it must be a whole number, at least 1", value.display())))
}

fn invalid(message: &str) -> Problem {
    Problem::new(ErrorCode::FieldInvalid, message)
}
