//! Processes that start without a copy of this one's memory.
//!
//! Node's own `spawn` forks, and the kernel then copies the page tables of everything that this process has mapped while
//! the calling thread waits: some 60 ms for each GiB in use. `posix_spawn`, which the standard library takes where it is
//! asked for nothing that only a fork can do, shares the memory until the new program runs.

use std::{
    collections::HashMap,
    io,
    os::{
        fd::{IntoRawFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
};

use napi::{
    Status,
    bindgen_prelude::{Function, Result},
    threadsafe_function::ThreadsafeFunctionCallMode,
};
use napi_derive::napi;

/// Of a thread that starts a process and waits for it.
const STACK_BYTES: usize = 128 * 1024;

/// A program and all that it is given.
#[napi(object)]
pub struct ProcessCommand {
    /// The executable, as a path.
    pub path: String,
    /// What follows the program's name.
    pub args: Vec<String>,
    /// The whole environment.
    pub environment: HashMap<String, String>,
    /// Folder that it is started in.
    pub folder: String,
}

/// A process in a group of its own. The descriptors are sockets of this process, to be closed by whoever started it.
#[napi(object)]
pub struct StartedProcess {
    /// Its number, also that of its group.
    pub pid: u32,
    /// Where its standard input is written.
    pub stdin: i32,
    /// Where its standard output is read.
    pub stdout: i32,
    /// Where its standard error is read.
    pub stderr: i32,
}

/// How a process ended.
#[napi(object)]
pub struct ProcessEnd {
    /// Null where a signal ended it.
    pub code: Option<i32>,
    /// Number of the signal.
    pub signal: Option<i32>,
}

/// Starts a program, and calls `onEnd` once when it has ended and is no zombie any more. Throws where the system cannot
/// start it.
#[allow(clippy::needless_pass_by_value, reason = "napi hands functions over by value")]
#[napi(ts_args_type = "command: ProcessCommand, onEnd: (end: ProcessEnd) => void")]
pub fn start_process(command: ProcessCommand, on_end: Function<'_, ProcessEnd, ()>) -> Result<StartedProcess> {
    let on_end = on_end.build_threadsafe_function().build()?;
    let (sender, receiver) = mpsc::channel();
    // The thread that starts a process has to outlive it: a process may have asked to end with it (PR_SET_PDEATHSIG).
    let waiting = thread::Builder::new().name("process".into()).stack_size(STACK_BYTES).spawn(move || {
        let (mut child, sockets) = match start(&command) {
            Ok(started) => started,
            Err(error) => return drop(sender.send(Err(error))),
        };
        drop(sender.send(Ok((child.id(), sockets))));
        let end = child.wait().map_or(ProcessEnd { code: None, signal: None }, |status| ProcessEnd {
            code: status.code(),
            signal: status.signal(),
        });
        on_end.call(end, ThreadsafeFunctionCallMode::Blocking);
    });
    waiting.map_err(|error| failed(&error))?;
    let started = receiver.recv().map_err(|error| napi::Error::new(Status::GenericFailure, error.to_string()))?;
    let (pid, sockets) = started.map_err(|error| failed(&error))?;
    let [stdin, stdout, stderr] = sockets.map(IntoRawFd::into_raw_fd);
    Ok(StartedProcess { pid, stdin, stdout, stderr })
}

/// Sockets as Node makes them for its own children: what a pipe holds is less than the pixels of one photo.
fn start(ProcessCommand { path, args, environment, folder }: &ProcessCommand) -> io::Result<(Child, [OwnedFd; 3])> {
    let [(stdin, its_stdin), (stdout, its_stdout), (stderr, its_stderr)] =
        [UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?];
    let as_stdio = |socket: UnixStream| Stdio::from(OwnedFd::from(socket));
    let child = Command::new(path)
        .args(args)
        .env_clear()
        .envs(environment)
        .current_dir(folder)
        .process_group(0)
        .stdin(as_stdio(its_stdin))
        .stdout(as_stdio(its_stdout))
        .stderr(as_stdio(its_stderr))
        .spawn()?;
    Ok((child, [stdin, stdout, stderr].map(OwnedFd::from)))
}

fn failed(error: &io::Error) -> napi::Error {
    napi::Error::new(Status::GenericFailure, error.to_string())
}
