//! For a host whose graphs run on another server: what an engine does beside running them.

use js_sys::Error as JsError;
use menagerie_contract::{Frame, InputSpec, LoadRequest, Problem};
use menagerie_graph::{GraphLimits, resolve};
use wasm_bindgen::prelude::wasm_bindgen;

use super::{from_json, thrown, to_json};
use crate::{
    error::Error,
    fed::{Form, fed},
    scores::Scores,
};

/// How a graph is served, as an engine resolves it: a `ModelSpec` as JSON. `load_request_json` is a `LoadRequest`.
#[wasm_bindgen(js_name = resolveGraph)]
pub fn resolve_graph(graph: &[u8], load_request_json: &str) -> Result<String, JsError> {
    let request: LoadRequest = from_json("the load request", load_request_json).map_err(thrown)?;
    let resolved = resolve(graph, &request, &GraphLimits::default());
    Ok(to_json(&resolved.map_err(|error| thrown(Error::Graph(error.into())))?.spec))
}

/// The tensor that a graph with this `InputSpec` is fed for an infer or a tensors frame: `raw`, or as JSON that is `flat` or
/// `nested`.
#[wasm_bindgen(js_name = fedTensor)]
pub fn fed_tensor(input_spec_json: &str, frame: &[u8], form: &str) -> Result<Vec<u8>, JsError> {
    let input: InputSpec = from_json("the input spec", input_spec_json).map_err(thrown)?;
    let form = match form {
        "nested" => Form::NestedJson,
        "flat" => Form::Json,
        _ => Form::Raw,
    };
    fed(&input, frame, form).map_err(thrown)
}

/// The reply to a frame of `image_count` images, as `scoresReply`.
#[wasm_bindgen(js_name = batchReply)]
pub fn batch_reply(values: Vec<f32>, image_count: u32, run_ms: f64) -> Result<Vec<u8>, JsError> {
    Scores::reply(values, image_count, run_ms).map_err(thrown)
}

/// The reply that refuses a frame. `problem_json` is a `Problem`.
#[wasm_bindgen(js_name = problemReply)]
pub fn problem_reply(problem_json: &str) -> Result<Vec<u8>, JsError> {
    let problem: Problem = from_json("the problem", problem_json).map_err(thrown)?;
    Frame::Error(problem).encode(0).map_err(|error| thrown(error.into()))
}
