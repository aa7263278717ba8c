//! `once`: a graph and one image on stdin, its scores on stdout, for wrappers that start a process per request.

use std::{
    ffi::OsString,
    io::{Write, stdin},
};

use menagerie_contract::{ErrorCode, LoadRequest, Problem, Source, SpecOverrides};
use menagerie_engine::Model;
use menagerie_graph::GraphLimits;

use crate::{sandbox::Cell, startup};

/// Stands for a value that is detected.
const DETECTED: &str = "-";

/// Runs the graph once. `arguments` are `<model_len> <input tensor> <output tensor> <width> <height>`.
///
/// # Errors
/// `field_invalid` for wrong arguments or bytes on stdin, and every problem of a load or a run.
pub fn once(arguments: &[OsString]) -> Result<(), Problem> {
    let form = Form::read(arguments)?;
    let mut stdout = startup::take_stdout().map_err(|error| startup::broken("stdout cannot be taken", &error))?;
    let cell = Cell::from_environment()?;
    let library = startup::load_library(cell)?;
    cell.admit(&cell.seal())?;
    let mut input = stdin().lock();
    let mut read = |bytes_max| startup::read_at_most(&mut input, bytes_max);
    let graph = read(form.graph_bytes)?;
    if (graph.len() as u64) < form.graph_bytes {
        return Err(invalid(format!(
            "model_len is {}, and stdin closed after {} bytes",
            form.graph_bytes,
            graph.len()
        )));
    }
    let model = Model::load(&library, graph, &form.request, &cell.graph_limits())?;
    let size = &model.spec().input;
    let image_bytes = u64::from(size.width) * u64::from(size.height) * u64::from(size.channels);
    // One byte more than an image, so that too many are noticed.
    let pixels = read(image_bytes + 1)?;
    if pixels.len() as u64 != image_bytes {
        return Err(invalid(format!(
            "after the graph {} bytes of pixels came; this model takes {} x {} x {} = {image_bytes}",
            pixels.len().min(image_bytes as usize + 1),
            size.width,
            size.height,
            size.channels,
        )));
    }
    let scores = model.run(&pixels, 1)?.values;
    let json = serde_json::to_string(&scores)
        .map_err(|error| Problem::new(ErrorCode::Internal, format!("the scores cannot be written: {error}")))?;
    stdout
        .write_all(format!("{json}\n").as_bytes())
        .map_err(|error| startup::broken("stdout cannot be written", &error))
}

struct Form {
    graph_bytes: u64,
    request: LoadRequest,
}

impl Form {
    fn read(arguments: &[OsString]) -> Result<Self, Problem> {
        let texts: Option<Vec<&str>> = arguments.iter().map(|argument| argument.to_str()).collect();
        let Some([model_len, input, output, width, height]) = texts.as_deref() else {
            return Err(invalid("once takes <model_len> <input tensor> <output tensor> <width> <height>".into()));
        };
        let bytes_max = GraphLimits::default().file_bytes_max;
        let graph_bytes = model_len.parse().ok().filter(|bytes| (1..=bytes_max).contains(bytes)).ok_or_else(|| {
            invalid(format!("model_len is {model_len:?}; it must be a number of bytes, 1 to {bytes_max}"))
        })?;
        let overrides = SpecOverrides {
            input_tensor: tensor(input),
            output_tensor: tensor(output),
            width: side("width", width)?,
            height: side("height", height)?,
            ..SpecOverrides::default()
        };
        let request = LoadRequest::new(Source::Request, overrides);
        Ok(Self { graph_bytes, request })
    }
}

/// A tensor's name as specs write it: `name` and `name:0` are the same.
fn tensor(argument: &str) -> Option<String> {
    (argument != DETECTED).then(|| argument.strip_suffix(":0").unwrap_or(argument).to_owned())
}

fn side(name: &str, argument: &str) -> Result<Option<u32>, Problem> {
    if argument == DETECTED {
        return Ok(None);
    }
    let pixels = argument.parse().ok().filter(|pixels| *pixels > 0);
    pixels
        .map(Some)
        .ok_or_else(|| invalid(format!("{name} is {argument:?}; it must be a number of pixels, at least 1")))
}

fn invalid(message: String) -> Problem {
    Problem::new(ErrorCode::FieldInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(arguments: [&str; 5]) -> Result<Form, Problem> {
        Form::read(&arguments.map(OsString::from))
    }

    #[test]
    fn a_tensor_may_be_named_with_or_without_its_index() {
        let form = form(["10", "input:0", "out:1", "224", "-"]).unwrap();
        assert_eq!(form.request.overrides.input_tensor.as_deref(), Some("input"));
        assert_eq!(form.request.overrides.output_tensor.as_deref(), Some("out:1"));
        assert_eq!((form.request.overrides.width, form.request.overrides.height), (Some(224), None));
    }

    #[test]
    fn arguments_out_of_range_are_named() {
        for (arguments, name) in [
            (["0", "-", "-", "-", "-"], "model_len"),
            (["9999999999999", "-", "-", "-", "-"], "model_len"),
            (["10", "-", "-", "x", "-"], "width"),
            (["10", "-", "-", "-", "0"], "height"),
        ] {
            let message = form(arguments).err().unwrap().message;
            assert!(message.starts_with(name), "{message}");
        }
    }
}
