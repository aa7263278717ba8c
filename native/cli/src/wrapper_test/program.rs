//! A running program, spoken to with patience: whatever it does, the host goes on.

use std::{
    io::{Read, Write},
    process::{Child, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use menagerie_contract::{
    Frame, Hello, LoadRequest, Loaded, Origin, Problem, Source, SpecOverrides,
    frame::{HEADER_BYTES, Header, REPLY_BYTES_MAX, Scores},
};

use super::Trial;

/// A frame of the program's with its request id.
#[derive(Debug)]
pub enum Reply {
    Hello(Hello),
    Loaded(Box<Loaded>),
    Scores(Scores),
    Error(Problem),
    Pong,
}

impl Reply {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Loaded(_) => "loaded",
            Self::Scores(_) => "scores",
            Self::Error(_) => "an error",
            Self::Pong => "pong",
        }
    }
}

/// What comes on its stdout; an error is the last.
type Event = Result<(u32, Reply), String>;

pub struct Program {
    child: Child,
    /// Bytes on their way to its stdin, which closes with this.
    input: Option<Sender<Vec<u8>>>,
    events: Receiver<Event>,
    patience: Duration,
}

const ENDED: &str = "it ended in place of an answer; what it wrote on stderr stands above";
/// How often a process is asked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

impl Program {
    /// Starts it and waits for its hello.
    pub fn start(trial: &Trial) -> Result<(Self, Hello), String> {
        let mut command = trial.command()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("it has no pipes".into());
        };
        let (input, pieces) = mpsc::channel::<Vec<u8>>();
        // A program that does not read holds up this thread alone.
        thread::spawn(move || {
            while let Ok(piece) = pieces.recv() {
                if stdin.write_all(&piece).and_then(|()| stdin.flush()).is_err() {
                    return;
                }
            }
        });
        let (sender, events) = mpsc::channel();
        thread::spawn(move || read(stdout, &sender));
        let mut program = Self { child, input: Some(input), events, patience: trial.patience };
        match program.receive()? {
            (0, Reply::Hello(hello)) => Ok((program, hello)),
            (id, Reply::Hello(_)) => Err(format!("its hello has request id {id} in place of 0")),
            (_, reply) => Err(format!("its first frame is {} in place of hello", reply.name())),
        }
    }

    /// Starts it and loads the model, as of the zoo.
    pub fn loaded(trial: &Trial) -> Result<(Self, Hello, Box<Loaded>), String> {
        let (mut program, hello) = Self::start(trial)?;
        match program.load(trial, SpecOverrides::default())? {
            Reply::Loaded(loaded) => Ok((program, hello, loaded)),
            Reply::Error(problem) => Err(format!("it refused the model: {problem}")),
            reply => Err(format!("it answered load with {}", reply.name())),
        }
    }

    pub fn load(&mut self, trial: &Trial, overrides: SpecOverrides) -> Result<Reply, String> {
        let overrides = SpecOverrides {
            width: overrides.width.or(trial.width),
            height: overrides.height.or(trial.height),
            ..overrides
        };
        let request = LoadRequest {
            origin: Origin::Zoo,
            label_count: trial.classes,
            ..LoadRequest::new(Source::Manifest, overrides)
        };
        self.ask(1, &Frame::Load { request: Box::new(request), graph: &trial.model })
    }

    /// Sends one frame and takes its answer.
    pub fn ask(&mut self, request_id: u32, frame: &Frame<'_>) -> Result<Reply, String> {
        self.send(encode(request_id, frame)?);
        self.answer_to(request_id)
    }

    pub fn answer_to(&mut self, request_id: u32) -> Result<Reply, String> {
        match self.receive()? {
            (id, reply) if id == request_id => Ok(reply),
            (id, reply) => Err(format!("it answered request {request_id} with {} of request {id}", reply.name())),
        }
    }

    pub fn send(&mut self, bytes: Vec<u8>) {
        if let Some(input) = &self.input {
            // One that ended reads nothing; that is seen on its stdout.
            let _: Result<(), mpsc::SendError<Vec<u8>>> = input.send(bytes);
        }
    }

    pub fn receive(&mut self) -> Event {
        match self.events.recv_timeout(self.patience) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer within {} s", self.patience.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err(ENDED.into()),
        }
    }

    /// Whether nothing comes for a while; else what came.
    pub fn is_quiet(&mut self, time: Duration) -> Result<(), String> {
        match self.events.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(ENDED.into()),
            Ok(event) => Err(event.map_or_else(|error| error, |(_, reply)| format!("{} came", reply.name()))),
        }
    }

    pub fn close_stdin(&mut self) {
        self.input = None;
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Result<ExitStatus, String> {
        let started = Instant::now();
        while started.elapsed() < self.patience {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(POLL),
                Ok(Some(status)) => return Ok(status),
                Err(error) => return Err(format!("it is lost: {error}")),
            }
        }
        Err(format!("it still runs after {} s", self.patience.as_secs()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<ExitStatus> = self.child.wait();
    }
}

pub fn encode(request_id: u32, frame: &Frame<'_>) -> Result<Vec<u8>, String> {
    frame.encode(request_id).map_err(|error| error.to_string())
}

/// Hands on frames until there are no more, or bytes that are none.
fn read(mut stdout: impl Read, events: &Sender<Event>) {
    loop {
        let event = next(&mut stdout);
        let is_last = event.is_err();
        if events.send(event).is_err() || is_last {
            return;
        }
    }
}

fn next(stdout: &mut impl Read) -> Event {
    let not_a_frame = |what: String| format!("it wrote on stdout what is no frame: {what}");
    let mut header = Vec::new();
    let read = stdout.take(HEADER_BYTES as u64).read_to_end(&mut header);
    if header.is_empty() || read.is_err() {
        return Err(ENDED.into());
    }
    let shown = String::from_utf8_lossy(&header).into_owned();
    let header = Header::read(&header, REPLY_BYTES_MAX)
        .map_err(|error| not_a_frame(format!("{error} (it begins with {shown:?})")))?
        .ok_or_else(|| not_a_frame(format!("{shown:?}, and the end")))?;
    let mut payload = Vec::new();
    let read = stdout.take(header.payload_bytes as u64).read_to_end(&mut payload);
    if read.is_err() || payload.len() < header.payload_bytes {
        return Err(not_a_frame(format!("{} bytes of {} and the end", payload.len(), header.payload_bytes)));
    }
    let frame = Frame::decode_payload(header.kind, &payload).map_err(|error| not_a_frame(error.to_string()))?;
    let reply = match frame {
        Frame::Hello(hello) => Reply::Hello(hello),
        Frame::Loaded(loaded) => Reply::Loaded(loaded),
        Frame::Scores(scores) => Reply::Scores(scores),
        Frame::Error(problem) => Reply::Error(problem),
        Frame::Pong => Reply::Pong,
        Frame::Load { .. } | Frame::Infer { .. } | Frame::Tensors { .. } | Frame::Ping => {
            return Err(format!("it sent a frame that only a service sends ({:?})", header.kind));
        }
    };
    Ok((header.request_id, reply))
}
