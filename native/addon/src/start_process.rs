//! Processes that start without a copy of this one's memory, and without anybody waiting for it.
//!
//! Node's own `spawn` forks, and the kernel then copies the page tables of everything that this process has mapped while
//! the calling thread waits: some 60 ms for each GiB in use. `posix_spawn`, which the standard library takes where it is
//! asked for nothing that only a fork can do, shares the memory until the new program runs. Where the cores are taken it
//! waits for one of them until then, so it is called on a thread of its own.

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
    sync::{OnceLock, mpsc},
    thread,
};

use napi::{
    Status,
    bindgen_prelude::{Function, Result},
    threadsafe_function::ThreadsafeFunctionCallMode,
};
use napi_derive::napi;

/// Of the thread that starts processes, and of those that each wait for one.
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

/// The standard streams of a process, as sockets of this one, to be closed by whoever started it.
#[napi(object)]
pub struct ProcessStreams {
    /// Where its standard input is written.
    pub stdin: i32,
    /// Where its standard output is read.
    pub stdout: i32,
    /// Where its standard error is read.
    pub stderr: i32,
}

/// What has become of a process.
#[napi(object)]
#[derive(Default)]
pub struct ProcessNews {
    /// Its number, also that of its group, once it has started; alone.
    pub pid: Option<u32>,
    /// Why it could not be started; alone.
    pub problem: Option<String>,
    /// What it ended with; absent where a signal ended it.
    pub code: Option<i32>,
    /// Number of the signal that ended it.
    pub signal: Option<i32>,
}

/// Starts a program, in a process group of its own, and calls `onNews` with its `pid` once it has started, and once more
/// when it has ended and is no zombie any more; or once with the `problem` that kept it from starting. Throws where the
/// system has no descriptors or no thread for it.
#[allow(clippy::needless_pass_by_value, reason = "napi hands functions over by value")]
#[napi(ts_args_type = "command: ProcessCommand, onNews: (news: ProcessNews) => void")]
pub fn start_process(command: ProcessCommand, on_news: Function<'_, ProcessNews, ()>) -> Result<ProcessStreams> {
    let on_news = on_news.build_threadsafe_function().build()?;
    let tell = move |news| {
        on_news.call(news, ThreadsafeFunctionCallMode::Blocking);
    };
    let pairs = || Ok([UnixStream::pair()?, UnixStream::pair()?, UnixStream::pair()?]);
    let [(stdin, its_stdin), (stdout, its_stdout), (stderr, its_stderr)] = pairs().map_err(|error| failed(&error))?;
    let order = Order { command, streams: [its_stdin, its_stdout, its_stderr], tell: Box::new(tell) };
    let orders = starter().map_err(|error| failed(&error))?;
    orders.send(order).map_err(|error| napi::Error::new(Status::GenericFailure, error.to_string()))?;
    let [stdin, stdout, stderr] = [stdin, stdout, stderr].map(IntoRawFd::into_raw_fd);
    Ok(ProcessStreams { stdin, stdout, stderr })
}

type Tell = Box<dyn Fn(ProcessNews) + Send>;

/// A process to be started.
struct Order {
    command: ProcessCommand,
    /// Sockets as Node makes them for its own children: what a pipe holds is less than the pixels of one photo.
    streams: [UnixStream; 3],
    tell: Tell,
}

/// The thread that starts all processes. It has to outlive them: a process may have asked to end with the thread that
/// started it (`PR_SET_PDEATHSIG`).
fn starter() -> io::Result<&'static mpsc::Sender<Order>> {
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    if let Some(orders) = STARTER.get() {
        return Ok(orders);
    }
    let (sender, orders) = mpsc::channel();
    named("starter").spawn(move || orders.into_iter().for_each(carry_out))?;
    Ok(STARTER.get_or_init(|| sender))
}

/// Whoever waits for the end of the process is there before it starts.
fn carry_out(Order { command, streams, tell }: Order) {
    let (sender, started) = mpsc::channel();
    let started =
        named("process").spawn(move || started.into_iter().for_each(await_end)).and_then(|_| start(&command, streams));
    match started {
        Ok(child) => {
            tell(ProcessNews { pid: Some(child.id()), ..ProcessNews::default() });
            drop(sender.send((child, tell)));
        }
        Err(error) => tell(ProcessNews { problem: Some(error.to_string()), ..ProcessNews::default() }),
    }
}

fn await_end((mut child, tell): (Child, Tell)) {
    let status = child.wait().ok();
    tell(ProcessNews {
        code: status.and_then(|status| status.code()),
        signal: status.and_then(|status| status.signal()),
        ..ProcessNews::default()
    });
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.into()).stack_size(STACK_BYTES)
}

fn start(
    ProcessCommand { path, args, environment, folder }: &ProcessCommand,
    streams: [UnixStream; 3],
) -> io::Result<Child> {
    let [stdin, stdout, stderr] = streams.map(|socket| Stdio::from(OwnedFd::from(socket)));
    Command::new(path)
        .args(args)
        .env_clear()
        .envs(environment)
        .current_dir(folder)
        .process_group(0)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
}

fn failed(error: &io::Error) -> napi::Error {
    napi::Error::new(Status::GenericFailure, error.to_string())
}
