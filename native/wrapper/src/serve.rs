//! The life of the process: hello, one load, infer frames until the input ends.

use std::{
    fmt,
    io::{self, Read, Write, stdin, stdout},
    process::ExitCode,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use menagerie_contract::{
    ErrorCode, Frame, FrameError, FrameKind, GraphFormat, Hello, LoadRequest, Loaded, ModelSpec, Problem, Runtime,
    Sandbox,
    frame::{FRAME_BYTES_MAX, HEADER_BYTES, Header, PROTOCOL},
};
use sha2::{Digest, Sha256};

use crate::{
    Model, file_invalid,
    lanes::{Job, Lanes, work},
    settings,
};

/// Most images in one infer frame.
pub const IMAGES_MAX: u32 = 64;

/// Why serving came to an end before the input did: a pipe broke, or bytes came that are no frame.
#[derive(Debug)]
pub struct Broken(String);

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// Serves on stdin and stdout until stdin closes, for `main` to return: 0 then, and 1, with the reason on stderr, when a
/// pipe breaks or bytes come that are no frame. Nothing else may write to stdout.
///
/// `name` and `version` are the program's own, and shown by the service. `load` gets the bytes of the model's file (none
/// where the manifest names no `graph`) and how they are to be loaded.
pub fn serve<M: Model>(
    name: &str,
    version: &str,
    load: impl FnOnce(&[u8], &LoadRequest) -> Result<M, Problem>,
) -> ExitCode {
    match serve_on(stdin().lock(), stdout(), name, version, load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(broken) => {
            eprintln!("{broken}");
            ExitCode::FAILURE
        }
    }
}

/// As [`serve`], on any input and output.
///
/// # Errors
/// [`Broken`] when either fails, or bytes come that are no frame.
pub fn serve_on<M: Model>(
    mut input: impl Read,
    output: impl Write + Send,
    name: &str,
    version: &str,
    load: impl FnOnce(&[u8], &LoadRequest) -> Result<M, Problem>,
) -> Result<(), Broken> {
    let writer = Writer(Mutex::new(output));
    writer.send(0, &Frame::Hello(hello(name, version)))?;
    let Some((request_id, model, spec)) = wait_for_model(&mut input, &writer, load)? else { return Ok(()) };
    let lane_count = model.lanes().max(1);
    let lanes = Lanes::default();
    thread::scope(|scope| {
        for _ in 0..lane_count {
            scope.spawn(|| {
                while let Some(job) = lanes.take() {
                    // Where the host is gone, so is the input, and reading it ends the program.
                    let _: Result<(), Broken> = writer.send(job.request_id, &work(&model, &spec, &job));
                }
            });
        }
        let loaded = Loaded { spec: spec.clone(), lanes: lane_count };
        let read = writer
            .send(request_id, &Frame::Loaded(Box::new(loaded)))
            .and_then(|()| read_jobs(&mut input, &writer, &lanes));
        lanes.close();
        read
    })
}

fn hello(name: &str, version: &str) -> Hello {
    Hello {
        protocol: PROTOCOL,
        engine: format!("{name} {version}"),
        runtime: Runtime { name: name.into(), version: version.into() },
        kernels: "none".into(),
        frame_bytes_max: FRAME_BYTES_MAX,
        images_max: IMAGES_MAX,
        // Who started the program knows what confines it; the program does not.
        sandbox: Sandbox { held: Vec::new(), missing: vec!["the program does not confine itself".into()] },
        tensors: false,
    }
}

/// Reads until a model is loaded, and says as whose answer; `None` when the input ended before.
fn wait_for_model<M: Model>(
    input: &mut impl Read,
    writer: &Writer<impl Write>,
    load: impl FnOnce(&[u8], &LoadRequest) -> Result<M, Problem>,
) -> Result<Option<(u32, M, ModelSpec)>, Broken> {
    let mut load = Some(load);
    while let Some((header, payload)) = read_frame(input)? {
        let problem = match decode(header.kind, &payload)? {
            Frame::Ping => {
                writer.send(header.request_id, &Frame::Pong)?;
                continue;
            }
            Frame::Load { request, graph } => match load.take().map(|load| model_of(load, graph, &request)) {
                Some(Ok((model, spec))) => return Ok(Some((header.request_id, model, spec))),
                Some(Err(problem)) => problem,
                None => Problem::new(ErrorCode::Internal, "this process was given a model before; start another"),
            },
            Frame::Infer { .. } => Problem::new(ErrorCode::Internal, "no model is loaded; send a load frame first"),
            _ => return Err(not_for_a_program(header.kind)),
        };
        writer.send(header.request_id, &Frame::Error(problem))?;
    }
    Ok(None)
}

fn model_of<M: Model>(
    load: impl FnOnce(&[u8], &LoadRequest) -> Result<M, Problem>,
    graph: &[u8],
    request: &LoadRequest,
) -> Result<(M, ModelSpec), Problem> {
    if request.format == GraphFormat::Unknown {
        return Err(file_invalid("this program does not know the format that the model's file is said to have"));
    }
    let model = load(graph, request)?;
    let mut spec = model.spec();
    settings::settle(&mut spec, &request.overrides)?;
    spec.graph.sha256 = request.graph_sha256.clone().unwrap_or_else(|| format!("{:x}", Sha256::digest(graph)));
    spec.graph.bytes = graph.len() as u64;
    Ok((model, spec))
}

fn read_jobs(input: &mut impl Read, writer: &Writer<impl Write>, lanes: &Lanes) -> Result<(), Broken> {
    while let Some((header, payload)) = read_frame(input)? {
        match decode(header.kind, &payload)? {
            Frame::Ping => writer.send(header.request_id, &Frame::Pong)?,
            Frame::Infer { .. } => lanes.put(Job { request_id: header.request_id, payload, arrived: Instant::now() }),
            Frame::Load { .. } => {
                let problem = Problem::new(ErrorCode::Internal, "this process holds a model already; start another");
                writer.send(header.request_id, &Frame::Error(problem))?;
            }
            _ => return Err(not_for_a_program(header.kind)),
        }
    }
    Ok(())
}

/// The next frame; `None` when the input ended between two frames.
fn read_frame(input: &mut impl Read) -> Result<Option<(Header, Vec<u8>)>, Broken> {
    let bytes = read_up_to(input, HEADER_BYTES)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let header = Header::read(&bytes, FRAME_BYTES_MAX).map_err(|error| lost_step(&error))?;
    let header = header.ok_or_else(|| Broken("stdin closed within a frame's header".into()))?;
    let payload = read_up_to(input, header.payload_bytes)?;
    if payload.len() < header.payload_bytes {
        return Err(Broken(format!("stdin closed after {} of {} bytes", payload.len(), header.payload_bytes)));
    }
    Ok(Some((header, payload)))
}

/// Reads `count` bytes, or fewer when the input ends. Memory is taken as bytes come, whatever a header promises.
fn read_up_to(input: &mut impl Read, count: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    input.take(count as u64).read_to_end(&mut bytes).map_err(|error| broken("stdin cannot be read", &error))?;
    Ok(bytes)
}

fn decode(kind: FrameKind, payload: &[u8]) -> Result<Frame<'_>, Broken> {
    Frame::decode_payload(kind, payload).map_err(|error| lost_step(&error))
}

fn lost_step(error: &FrameError) -> Broken {
    Broken(format!("host and program lost step: {error}"))
}

fn not_for_a_program(kind: FrameKind) -> Broken {
    Broken(format!("host and program lost step: a {kind:?} frame is not for a program"))
}

fn broken(what: &str, error: &io::Error) -> Broken {
    Broken(format!("{what}: {error}"))
}

/// Writes whole frames, one at a time.
struct Writer<W>(Mutex<W>);

impl<W: Write> Writer<W> {
    fn send(&self, request_id: u32, frame: &Frame<'_>) -> Result<(), Broken> {
        let bytes = frame.encode_reply(request_id).map_err(|error| lost_step(&error))?;
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = output.write_all(&bytes).and_then(|()| output.flush());
        written.map_err(|error| broken("stdout cannot be written", &error))
    }
}
