//! `serve`: one model behind frames on stdin and stdout.
//!
//! The main thread reads. Workers run the model and write whole frames, one at a time, so replies may come out of
//! order. The process ends well when stdin closes, after what is in flight; bytes that are no frame mean that the two
//! sides lost step, and end it at once.

use std::{
    env,
    fs::File,
    io::{self, Read, Write, stdin},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use menagerie_contract::{
    ErrorCode, Frame, FrameKind, Hello, Loaded, Origin, Problem, Runtime, Sandbox, VERSION,
    frame::{FRAME_BYTES_MAX, HEADER_BYTES, Header, PROTOCOL},
};
use menagerie_engine::{
    Library, Model,
    exchange::{self, IMAGES_MAX},
    memory,
};

use crate::{
    log,
    queue::{Job, Queue},
    sandbox::{Cell, Priority},
    startup,
};

/// Time for what is in flight once stdin is closed. After it the host is gone and nobody waits for the answers.
const FINISH_TIME: Duration = Duration::from_mins(1);

/// How long the optimiser leaves the processor to the first answer. A model that nobody asks is optimised after it.
const FIRST_ANSWER_WAIT: Duration = Duration::from_secs(1);

/// Speaks frames until stdin closes.
///
/// # Errors
/// A problem when the runtime is not there, a pipe breaks, or bytes come that are no frame.
pub fn serve() -> Result<(), Problem> {
    memory::keep_heaps();
    let stdout = startup::take_stdout().map_err(|error| startup::broken("stdout cannot be taken", &error))?;
    let cell = Cell::from_environment()?;
    let origin = origin()?;
    let mut priority = Some(Priority::keep());
    if origin == Origin::Stranger
        && let Some(priority) = priority.take()
    {
        // Before the runtime is loaded, which takes a core for a while.
        priority.lower();
    }
    let library = startup::load_library(cell)?;
    let sandbox = cell.seal();
    let writer = Arc::new(Writer { stdout: Mutex::new(stdout), broken: AtomicBool::new(false) });
    writer.send(0, &Frame::Hello(hello(&library, sandbox.clone())));
    let mut server = Server {
        library,
        cell,
        sandbox,
        writer,
        origin,
        priority,
        queue: Arc::default(),
        is_loaded: false,
        threads: Vec::new(),
    };
    let read = server.read_frames(&mut stdin().lock());
    server.finish();
    read
}

/// Whose graph this process is started for, by `ORIGIN`.
///
/// # Errors
/// `field_invalid` names a value that is none.
fn origin() -> Result<Origin, Problem> {
    match env::var("ORIGIN").as_deref() {
        Ok("zoo") | Err(env::VarError::NotPresent) => Ok(Origin::Zoo),
        Ok("stranger") => Ok(Origin::Stranger),
        other => Err(Problem::new(ErrorCode::FieldInvalid, format!("ORIGIN is {other:?}; it may be zoo or stranger"))),
    }
}

fn hello(library: &Library, sandbox: Sandbox) -> Hello {
    Hello {
        protocol: PROTOCOL,
        engine: format!("menagerie-engine {VERSION}"),
        runtime: Runtime { name: library.kind().name().into(), version: library.version() },
        kernels: library.kernels().name().into(),
        frame_bytes_max: FRAME_BYTES_MAX,
        images_max: IMAGES_MAX,
        sandbox,
        tensors: true,
    }
}

struct Server {
    library: Library,
    cell: Cell,
    sandbox: Sandbox,
    writer: Arc<Writer>,
    /// Whose graph it was started for. One that was started for the zoo's may hold a stranger's.
    origin: Origin,
    /// Until the first load, which uses it or drops it; none where this process has stepped back already.
    priority: Option<Priority>,
    queue: Arc<Queue>,
    is_loaded: bool,
    /// Workers, and the optimiser.
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    fn read_frames(&mut self, input: &mut impl Read) -> Result<(), Problem> {
        while let Some((header, payload)) = read_frame(input)? {
            match header.kind {
                FrameKind::Load => self.load(header.request_id, payload)?,
                kind @ (FrameKind::Infer | FrameKind::Tensors) => self.infer(kind, header.request_id, payload),
                FrameKind::Ping => {
                    decode(FrameKind::Ping, &payload)?;
                    self.writer.send(header.request_id, &Frame::Pong);
                }
                kind => return Err(lost_step(&format!("a {kind:?} frame is not for an engine"))),
            }
        }
        Ok(())
    }

    /// Loads the model while later frames wait in the pipe. Only a frame that is none is an error here: a graph that
    /// cannot be loaded is an answer.
    fn load(&mut self, request_id: u32, payload: Vec<u8>) -> Result<(), Problem> {
        let started = Instant::now();
        let Frame::Load { request, graph } = decode(FrameKind::Load, &payload)? else {
            return Err(lost_step("a load frame holds something else"));
        };
        if self.is_loaded {
            let problem =
                Problem::new(ErrorCode::Internal, "this process holds a model already; start another for the next");
            self.writer.send(request_id, &Frame::Error(problem));
            return Ok(());
        }
        if self.origin == Origin::Stranger && request.origin == Origin::Zoo {
            let problem =
                Problem::new(ErrorCode::Internal, "this process has stepped back for a graph of a stranger's");
            self.writer.send(request_id, &Frame::Error(problem));
            return Ok(());
        }
        if request.origin == Origin::Stranger
            && let Err(problem) = self.cell.admit(&self.sandbox)
        {
            self.writer.send(request_id, &Frame::Error(problem));
            return Ok(());
        }
        if let Some(priority) = self.priority.take()
            && request.origin == Origin::Stranger
        {
            priority.lower();
        }
        let graph_bytes = graph.len();
        let graph = Tail { offset: payload.len() - graph_bytes, bytes: payload };
        self.cell.renew_cpu();
        match Model::load(&self.library, graph, &request, &self.cell.graph_limits()) {
            Ok(model) => {
                log::info(
                    "model loaded",
                    &[
                        ("graph_bytes", graph_bytes.into()),
                        ("load_ms", (started.elapsed().as_millis() as u64).into()),
                        ("threads", model.threads().into()),
                    ],
                );
                let loaded = Loaded { spec: model.spec().clone(), lanes: model.lanes() };
                self.writer.send(request_id, &Frame::Loaded(Box::new(loaded)));
                let model = Arc::new(model);
                let (answered, first_answer) = mpsc::sync_channel(1);
                self.start_workers(&model, &answered);
                self.threads.push(thread::spawn(move || {
                    // While the host reads that the model is loaded.
                    memory::trim();
                    // Without workers left, stdin is closed and nobody will ask.
                    if first_answer.recv_timeout(FIRST_ANSWER_WAIT) != Err(RecvTimeoutError::Disconnected) {
                        optimize(&model);
                    }
                }));
            }
            Err(error) => self.writer.send(request_id, &Frame::Error(error.into())),
        }
        Ok(())
    }

    /// Workers say in `answered` that an answer is out; when it is full, that was said before.
    fn start_workers(&mut self, model: &Arc<Model>, answered: &SyncSender<()>) {
        let cell = self.cell;
        for _ in 0..model.lanes() {
            let (model, queue, writer) = (Arc::clone(model), Arc::clone(&self.queue), Arc::clone(&self.writer));
            let answered = answered.clone();
            self.threads.push(thread::spawn(move || {
                while let Some(job) = queue.take() {
                    cell.renew_cpu();
                    writer.send(job.request_id, &exchange::answer(&model, job.kind, &job.payload, job.arrived));
                    let _: Result<(), TrySendError<()>> = answered.try_send(());
                }
            }));
        }
        self.is_loaded = true;
    }

    fn infer(&self, kind: FrameKind, request_id: u32, payload: Vec<u8>) {
        if self.is_loaded {
            self.queue.put(Job { kind, request_id, payload, arrived: Instant::now() });
        } else {
            let problem =
                Problem::new(ErrorCode::Internal, "no model is loaded in this process; send a load frame first");
            self.writer.send(request_id, &Frame::Error(problem));
        }
    }

    /// Answers what is in flight. A run that does not end is ended with the process.
    fn finish(self) {
        self.queue.close();
        thread::spawn(|| {
            thread::sleep(FINISH_TIME);
            log::error("a run did not end in time after stdin closed", &[("seconds", FINISH_TIME.as_secs().into())]);
            process::exit(1);
        });
        for thread in self.threads {
            // A thread that panicked has said so on stderr.
            let _: thread::Result<()> = thread.join();
        }
    }
}

fn optimize(model: &Model) {
    let started = Instant::now();
    match model.optimize() {
        Ok(()) => log::info("model optimised", &[("optimize_ms", (started.elapsed().as_millis() as u64).into())]),
        Err(error) => log::error("model not optimised", &[("error", error.to_string().into())]),
    }
}

/// The graph in the payload that it came in, so that it is never copied.
struct Tail {
    bytes: Vec<u8>,
    offset: usize,
}

impl AsRef<[u8]> for Tail {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }
}

/// The next frame; `None` when stdin closed between two frames.
fn read_frame(input: &mut impl Read) -> Result<Option<(Header, Vec<u8>)>, Problem> {
    let bytes = read_up_to(input, HEADER_BYTES)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let header = Header::read(&bytes, FRAME_BYTES_MAX)
        .map_err(|error| exchange::lost_step(&error))?
        .ok_or_else(|| lost_step("stdin closed within a frame's header"))?;
    let payload = read_up_to(input, header.payload_bytes)?;
    if payload.len() < header.payload_bytes {
        return Err(lost_step(&format!(
            "stdin closed after {} of {} payload bytes",
            payload.len(),
            header.payload_bytes
        )));
    }
    Ok(Some((header, payload)))
}

/// Reads `count` bytes, or fewer when the input ends, with as few calls as the system allows (`read_to_end` starts with
/// 8 KiB).
fn read_up_to(input: &mut impl Read, count: usize) -> Result<Vec<u8>, Problem> {
    /// What is made ready at a time stays in the core's cache until it is read into.
    const PIECE_BYTES: usize = 1 << 20;
    let mut bytes = Vec::with_capacity(count);
    let mut filled = 0;
    while filled < count {
        if filled == bytes.len() {
            bytes.resize(count.min(filled + PIECE_BYTES), 0);
        }
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(startup::broken("stdin cannot be read", &error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn decode(kind: FrameKind, payload: &[u8]) -> Result<Frame<'_>, Problem> {
    Frame::decode_payload(kind, payload).map_err(|error| exchange::lost_step(&error))
}

fn lost_step(detail: &str) -> Problem {
    Problem::new(ErrorCode::EngineFailed, format!("host and engine lost step: {detail}"))
}

/// The one place that writes to stdout: a whole frame at a time.
struct Writer {
    stdout: Mutex<File>,
    broken: AtomicBool,
}

impl Writer {
    fn send(&self, request_id: u32, frame: &Frame<'_>) {
        let written = frame
            .encode_reply(request_id)
            .map_err(io::Error::other)
            .and_then(|bytes| self.stdout.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes));
        if let Err(error) = written
            && !self.broken.swap(true, Ordering::Relaxed)
        {
            log::error("the host does not read its answers", &[("error", error.to_string().into())]);
        }
    }
}
