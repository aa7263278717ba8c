//! A program of the one-shot form behind frames: it is started for each image.

use std::{
    io::{Read, Write, stdin, stdout},
    num::NonZero,
    process::{Command, Stdio},
    thread,
};

use menagerie_contract::{ChannelOrder, ErrorCode, LoadRequest, ModelSpec, Problem, SpecOverrides, VERSION};
use menagerie_wrapper::{Model, serve_on, spec};

use super::Wish;

/// Longest answer: a number of 24 characters for each of 65,536 classes.
const ANSWER_BYTES_MAX: u64 = 24 * 65_536;
/// Stands for a tensor that the manifest does not name.
const UNNAMED: &str = "-";

/// Speaks frames until stdin closes.
pub fn serve(wish: &Wish) -> Result<(), Problem> {
    serve_on(stdin().lock(), stdout(), "once", VERSION, |model, request| OneShot::load(wish, model, request))
        .map_err(|broken| Problem::new(ErrorCode::EngineFailed, broken.to_string()))
}

struct OneShot<'a> {
    wish: &'a Wish<'a>,
    model: Vec<u8>,
    spec: ModelSpec,
}

impl<'a> OneShot<'a> {
    fn load(wish: &'a Wish, model: &[u8], request: &LoadRequest) -> Result<Self, Problem> {
        Ok(Self { wish, model: model.to_vec(), spec: spec_of(request)? })
    }

    fn command(&self) -> Result<Command, Problem> {
        let (input, output) = (&self.spec.input, &self.spec.output);
        let mut command = self.wish.run_command()?;
        command
            .args([self.model.len().to_string(), input.tensor.clone(), output.tensor.clone()])
            .args([input.width, input.height].map(|side| side.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Ok(command)
    }

    fn answer(&self, pixels: &[u8]) -> Result<Vec<u8>, Problem> {
        let mut child = self.command()?.spawn().map_err(|error| failed(&format!("cannot be started: {error}")))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("has no pipes"));
        };
        let mut answer = Vec::new();
        let read = thread::scope(|scope| {
            // A program may answer before it has read all, and may end: what is left is nobody's.
            scope.spawn(move || input.write_all(&self.model).and_then(|()| input.write_all(pixels)));
            let read = output.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer);
            if answer.len() as u64 > ANSWER_BYTES_MAX {
                // It may write on for ever, and read nothing.
                let _: std::io::Result<()> = child.kill();
            }
            read
        });
        let status = child.wait().map_err(|error| failed(&format!("is lost: {error}")))?;
        read.map_err(|error| failed(&format!("cannot be read: {error}")))?;
        if answer.len() as u64 > ANSWER_BYTES_MAX {
            return Err(failed(&format!("wrote more than {ANSWER_BYTES_MAX} bytes")));
        }
        if status.success() { Ok(answer) } else { Err(failed(&format!("ended with {status}; its log says why"))) }
    }
}

impl Model for OneShot<'_> {
    fn spec(&self) -> ModelSpec {
        self.spec.clone()
    }

    fn scores(&self, pixels: &[u8]) -> Result<Vec<f32>, Problem> {
        let answer = self.answer(pixels)?;
        serde_json::from_slice(&answer).map_err(|error| failed(&format!("wrote no JSON array of numbers: {error}")))
    }

    fn lanes(&self) -> u32 {
        thread::available_parallelism().map_or(1, NonZero::get) as u32
    }
}

/// The one-shot form does not say what the program takes: the manifest has to.
fn spec_of(request: &LoadRequest) -> Result<ModelSpec, Problem> {
    let SpecOverrides { width, height, channel_order, output_kind, .. } = request.overrides;
    let needed = |name: &str, value: Option<u32>| {
        let message =
            format!("the manifest has no {name}, and a program with the protocol once does not say it; add it");
        value.ok_or_else(|| Problem::new(ErrorCode::FieldInvalid, message))
    };
    let classes = needed("output.classes, and no labels", request.label_count)?;
    let mut spec = spec(needed("input.width", width)?, needed("input.height", height)?, classes);
    if let Some(order @ ChannelOrder::Gray) = channel_order {
        spec.input.channel_order = order;
        spec.input.channels = 1;
        spec.input.mean.truncate(1);
        spec.input.std.truncate(1);
    }
    spec.output.kind = output_kind.unwrap_or(spec.output.kind);
    spec.input.tensor = request.overrides.input_tensor.clone().unwrap_or_else(|| UNNAMED.into());
    spec.output.tensor = request.overrides.output_tensor.clone().unwrap_or_else(|| UNNAMED.into());
    Ok(spec)
}

fn failed(what: &str) -> Problem {
    Problem::new(ErrorCode::EngineFailed, format!("the program {what}"))
}
