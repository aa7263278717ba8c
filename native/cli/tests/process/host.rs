//! A host for the executable: starts it, speaks frames with it, watches it end.

use std::{
    env, fs,
    io::{Read, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use menagerie_contract::{
    Frame, LoadRequest, Loaded, Problem, Source, SpecOverrides,
    frame::{HEADER_BYTES, Header, REPLY_BYTES_MAX, Scores},
};
use menagerie_engine::RuntimeKind;

/// Longest that any step of a test may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The executable with libtensorflow as set-up leaves it.
pub fn engine(command: &str) -> Command {
    engine_on(RuntimeKind::Tensorflow, command)
}

/// The executable with a runtime as set-up leaves it.
pub fn engine_on(runtime: RuntimeKind, command: &str) -> Command {
    let mut engine = Command::new(env!("CARGO_BIN_EXE_menagerie-engine"));
    let variable = variable(runtime);
    engine.arg(command).env("RUNTIME", runtime.name());
    if env::var_os(variable).is_none() {
        let folder = cached(runtime);
        engine.env(variable, folder.unwrap_or_else(|| panic!("{} is needed by this test", runtime.name())));
    }
    engine
}

/// The runtimes that are there; says of those that are not that they are passed over.
pub fn runtimes() -> impl Iterator<Item = RuntimeKind> {
    RuntimeKind::ALL.into_iter().filter(|runtime| {
        let is_there = *runtime == RuntimeKind::Tensorflow
            || env::var_os(variable(*runtime)).is_some()
            || cached(*runtime).is_some();
        if !is_there {
            println!("skipped: {} is not there; `npm test` fetches it", runtime.name());
        }
        is_there
    })
}

fn variable(runtime: RuntimeKind) -> &'static str {
    match runtime {
        RuntimeKind::Tensorflow => "LIBTENSORFLOW_PATH",
        RuntimeKind::Onnx => "ONNXRUNTIME_PATH",
    }
}

fn cached(runtime: RuntimeKind) -> Option<PathBuf> {
    let cache = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cache")).join(runtime.name());
    Some(fs::read_dir(cache).ok()?.flatten().next()?.path())
}

/// A reply with its request id.
#[derive(Debug, PartialEq)]
pub enum Reply {
    Hello(Box<menagerie_contract::Hello>),
    Loaded(Box<Loaded>),
    Pong,
    Scores(Scores),
    Error(Problem),
}

/// One running `serve`.
pub struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
}

impl Host {
    /// Starts the executable, with its first words still to be read.
    pub fn start() -> Self {
        Self::spawn(&mut engine("serve"))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    /// Starts the executable and loads `graph`.
    pub fn with_model(graph: &[u8]) -> Self {
        Self::spawn_with_model(&mut engine("serve"), graph)
    }

    pub fn spawn_with_model(command: &mut Command, graph: &[u8]) -> Self {
        let mut host = Self::spawn(command);
        assert!(matches!(host.receive(), Some((0, Reply::Hello(_)))));
        let (_, reply) = host.load(1, graph);
        assert!(matches!(reply, Reply::Loaded(_)), "{reply:?}");
        host
    }

    pub fn load(&mut self, request_id: u32, graph: &[u8]) -> (u32, Reply) {
        self.try_load(request_id, graph).expect("a reply to a load")
    }

    /// As [`Host::load`]; `None` when the process ends instead.
    pub fn try_load(&mut self, request_id: u32, graph: &[u8]) -> Option<(u32, Reply)> {
        let request = LoadRequest::new(Source::Request, SpecOverrides::default());
        self.load_as(request_id, request, graph)
    }

    /// As [`Host::try_load`], with settings.
    pub fn load_as(&mut self, request_id: u32, request: LoadRequest, graph: &[u8]) -> Option<(u32, Reply)> {
        self.send_bytes(&Frame::Load { request: Box::new(request), graph }.encode(request_id).unwrap());
        self.receive()
    }

    pub fn infer(&mut self, request_id: u32, image_count: u32, pixels: &[u8]) {
        self.send_bytes(&Frame::Infer { image_count, pixels }.encode(request_id).unwrap());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        // A process that ended has closed its end; the test sees that when it reads.
        let _: std::io::Result<()> = self.stdin.as_mut().unwrap().write_all(bytes);
    }

    /// The next reply; `None` at the end of stdout.
    pub fn receive(&mut self) -> Option<(u32, Reply)> {
        let mut header = [0; HEADER_BYTES];
        self.stdout.read_exact(&mut header).ok()?;
        let header = Header::read(&header, REPLY_BYTES_MAX).unwrap().unwrap();
        let mut payload = vec![0; header.payload_bytes];
        self.stdout.read_exact(&mut payload).unwrap();
        let reply = match Frame::decode_payload(header.kind, &payload).unwrap() {
            Frame::Hello(hello) => Reply::Hello(Box::new(hello)),
            Frame::Loaded(loaded) => Reply::Loaded(loaded),
            Frame::Scores(scores) => Reply::Scores(scores),
            Frame::Error(problem) => Reply::Error(problem),
            Frame::Pong => Reply::Pong,
            Frame::Load { .. } | Frame::Infer { .. } | Frame::Tensors { .. } | Frame::Ping => {
                panic!("an engine sends no such frame")
            }
        };
        Some((header.request_id, reply))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end; gives the status and what stands on stderr.
    pub fn end(mut self) -> (ExitStatus, String) {
        let started = Instant::now();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        assert!(started.elapsed() < PATIENCE, "it took {:?} to end", started.elapsed());
        (status, stderr)
    }
}
