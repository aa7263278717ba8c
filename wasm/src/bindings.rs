//! The door to JavaScript: convert, call, convert back. Nothing is decided here.
//!
//! Every failure is an `Error` object with `code` (an `ErrorCode`) and `message`. A panic or the memory cap traps, which
//! poisons the instance: the host throws the worker away and answers that one request with a failure.

#![allow(clippy::needless_pass_by_value, reason = "wasm-bindgen hands over owned values, map_err owned errors")]

mod elsewhere;
mod teach;

use js_sys::{Error as JsError, Object, Reflect, Uint8Array, Uint32Array};
use menagerie_contract::{
    ClientTensor, Confidence, Example, ExplainOptions, Frame, InferOptions, InputSpec, LoadRequest, Manifest,
    ModelSpec, SpecOverrides, frame, manifest,
};
use menagerie_graph::{GraphLimits, inspect_files};
use serde_json::{Value, json};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{calibrate, decode, error::Error, examples, explain, labels, model, pipeline, scores::Scores, tensor};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;

    #[wasm_bindgen(thread_local_v2, js_namespace = performance, js_name = timeOrigin)]
    static TIME_ORIGIN: f64;

    /// What the host does faster than WebAssembly can.
    #[wasm_bindgen(typescript_type = "{ sha256(bytes: Uint8Array): string }")]
    pub type Host;

    /// SHA-256 in lower-case hex. The bytes are those of WebAssembly's memory and may not be kept.
    #[wasm_bindgen(method, catch)]
    fn sha256(this: &Host, bytes: &[u8]) -> Result<String, JsValue>;
}

/// Milliseconds since 1970, the same in every thread.
fn now_ms() -> f64 {
    TIME_ORIGIN.with(|origin| origin + now())
}

/// A loaded model: its spec and its labels.
#[wasm_bindgen]
pub struct Model(model::Model);

#[wasm_bindgen]
impl Model {
    /// `spec_json` is the `ModelSpec` that the engine answered, `labels` the bytes of the label file, `confidence_json` a
    /// `Confidence`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        spec_json: &str,
        #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | null")] labels: Option<Vec<u8>>,
        #[wasm_bindgen(unchecked_optional_param_type = "number | null")] label_offset: Option<i32>,
        #[wasm_bindgen(unchecked_optional_param_type = "string | null")] confidence_json: Option<String>,
    ) -> Result<Self, JsError> {
        let spec: ModelSpec = from_json("the model spec", spec_json).map_err(thrown)?;
        let confidence: Option<Confidence> =
            confidence_json.map(|json| from_json("the confidence", &json)).transpose().map_err(thrown)?;
        let model = model::Model::new(spec, labels.as_deref(), label_offset, confidence.unwrap_or_default());
        model.map(Self).map_err(thrown)
    }

    /// The labels of every class that it can answer, in their order, as a JSON list.
    #[wasm_bindgen(js_name = labelsJson)]
    #[must_use]
    pub fn labels_json(&self) -> String {
        to_json(&calibrate::labels_of(&self.0))
    }

    /// What its confidence is worth, a `Calibration` as JSON: of probabilities that were not tempered, photo by photo one of
    /// each class, and the class of each photo. `about_json` has the fields that are not measured: `data`, `date`,
    /// `unsure_below`.
    pub fn calibrate(&self, probabilities: &[f32], truths: &[u32], about_json: &str) -> Result<String, JsError> {
        let about: calibrate::About = from_json("what is measured", about_json).map_err(thrown)?;
        Ok(to_json(&calibrate::measure(&self.0, probabilities, truths, about).map_err(thrown)?))
    }

    /// The spec as JSON, with the labels filled in.
    #[wasm_bindgen(js_name = specJson)]
    #[must_use]
    pub fn spec_json(&self) -> String {
        to_json(&self.0.spec)
    }
}

/// Image bytes to the infer frame for an engine, and what `answer` has to be given beside the reply. `options_json` is an
/// `InferOptions`. The frame is written into `room` where that has its length, so that a host can use memory again.
#[wasm_bindgen(unchecked_return_type = "{ frame: Uint8Array; seenJson: string }")]
pub fn prepare(
    model: &Model,
    image: &[u8],
    options_json: &str,
    host: &Host,
    room: Uint8Array,
) -> Result<Object, JsError> {
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let prepared = pipeline::prepare(&model.0, image, &options, now_ms, |bytes| hashed(host, bytes));
    let (frame, seen) = prepared.map_err(thrown)?;
    Ok(framed(&frame, room, &seen))
}

fn hashed(host: &Host, bytes: &[u8]) -> Result<String, Error> {
    host.sha256(bytes).map_err(|_| Error::Internal("the host cannot hash".into()))
}

fn framed(bytes: &[u8], room: Uint8Array, seen: &pipeline::Seen) -> Object {
    let has_room = room.length() as usize == bytes.len();
    let frame = if has_room { room } else { Uint8Array::new_with_length(bytes.len() as u32) };
    frame.copy_from(bytes);
    object(&[("frame", frame.into()), ("seenJson", to_json(seen).into())])
}

/// As `prepare`, of a tensor that a client made: `tensor_json` is its `ClientTensor`.
#[wasm_bindgen(js_name = prepareTensor, unchecked_return_type = "{ frame: Uint8Array; seenJson: string }")]
pub fn prepare_tensor(
    model: &Model,
    tensor: &[u8],
    tensor_json: &str,
    options_json: &str,
    host: &Host,
    room: Uint8Array,
) -> Result<Object, JsError> {
    let about: ClientTensor = from_json("the tensor", tensor_json).map_err(thrown)?;
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let prepared = tensor::prepare_tensor(&model.0, &about, tensor, &options, now_ms, |bytes| hashed(host, bytes));
    let (frame, seen) = prepared.map_err(thrown)?;
    Ok(framed(&frame, room, &seen))
}

/// As `prepare`, of a photo that `decodePhoto` gave, which took `decode_ms` of this request's time.
#[wasm_bindgen(js_name = preparePhoto, unchecked_return_type = "{ frame: Uint8Array; seenJson: string }")]
pub fn prepare_photo(
    model: &Model,
    photo_json: &str,
    rgb: Vec<u8>,
    options_json: &str,
    decode_ms: f64,
    host: &Host,
    room: Uint8Array,
) -> Result<Object, JsError> {
    let photo: decode::Photo = from_json("the photo", photo_json).map_err(thrown)?;
    let photo = photo.with_pixels(rgb).map_err(thrown)?;
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let hashed = |bytes: &[u8]| host.sha256(bytes).map_err(|_| Error::Internal("the host cannot hash".into()));
    let prepared = pipeline::prepare_photo(&model.0, &photo, &options, decode_ms, now_ms, hashed);
    let (bytes, seen) = prepared.map_err(thrown)?;
    let has_room = room.length() as usize == bytes.len();
    let frame = if has_room { room } else { Uint8Array::new_with_length(bytes.len() as u32) };
    frame.copy_from(&bytes);
    Ok(object(&[("frame", frame.into()), ("seenJson", to_json(&seen).into())]))
}

/// Decodes an image for `preparePhoto`, shrunk by what `shrinkOf` gives for its use; without that as for a whole photo and
/// most models. `shrink` is what it was asked for, `imageJson` an `ImageFacts`.
#[wasm_bindgen(
    js_name = decodePhoto,
    unchecked_return_type = "{ rgb: Uint8Array; photoJson: string; imageJson: string; shrink: number }"
)]
pub fn decode_photo(
    image: &[u8],
    options_json: &str,
    #[wasm_bindgen(unchecked_optional_param_type = "number | null")] shrink: Option<u32>,
) -> Result<Object, JsError> {
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let (photo, shrink) = pipeline::decode_photo(image, &options, shrink).map_err(thrown)?;
    Ok(object(&[
        ("rgb", Uint8Array::from(photo.stored_rgb.as_slice()).into()),
        ("photoJson", to_json(&photo).into()),
        ("imageJson", to_json(&pipeline::image_facts(&photo)).into()),
        ("shrink", shrink.into()),
    ]))
}

/// By what `prepare` shrinks the image of this photo for a model with this `InputSpec`.
#[wasm_bindgen(js_name = shrinkOf)]
pub fn shrink_of(photo_json: &str, input_spec_json: &str, options_json: &str) -> Result<u32, JsError> {
    let photo: decode::Photo = from_json("the photo", photo_json).map_err(thrown)?;
    let input: InputSpec = from_json("the input spec", input_spec_json).map_err(thrown)?;
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    pipeline::shrink_of(&photo, &input, &options).map_err(thrown)
}

/// An engine's reply to the frame of `prepare`, which gave `seen_json`, as `Answer` JSON. The reply's request id is not
/// looked at.
#[wasm_bindgen]
pub fn answer(model: &Model, seen_json: &str, options_json: &str, reply: &[u8]) -> Result<String, JsError> {
    let seen: pipeline::Seen = from_json("what was seen", seen_json).map_err(thrown)?;
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    Ok(to_json(&pipeline::answer(&model.0, seen, &options, reply, now_ms).map_err(thrown)?))
}

/// The reply for `answer` of whoever ran one image without an engine: the values that the graph gave, and how long it took.
#[wasm_bindgen(js_name = scoresReply)]
pub fn scores_reply(values: Vec<f32>, run_ms: f64) -> Result<Vec<u8>, JsError> {
    Scores::reply(values, 1, run_ms).map_err(thrown)
}

/// The values of an engine's reply to one image, as the graph gave them: one for each class, or the class number alone.
#[wasm_bindgen]
pub fn scores(model: &Model, reply: &[u8]) -> Result<Vec<f32>, JsError> {
    Scores::read(reply, &model.0.spec.output).map(|scores| scores.values).map_err(thrown)
}

/// The frame with the photos under the masks from number `from` on, `count_max` of them at most, and the number of masks
/// in all. `frame` is that of `prepare`, `explain_json` an `ExplainOptions`.
#[wasm_bindgen(unchecked_return_type = "{ frame: Uint8Array; maskCount: number }")]
pub fn masked(model: &Model, frame: &[u8], explain_json: &str, from: u32, count_max: u32) -> Result<Object, JsError> {
    let options: ExplainOptions = from_json("the options", explain_json).map_err(thrown)?;
    let (frame, count) = explain::masked(&model.0, frame, &options, from, count_max).map_err(thrown)?;
    Ok(object(&[("frame", Uint8Array::from(frame.as_slice()).into()), ("maskCount", count.into())]))
}

/// What an answer hangs on, as `Explanation` JSON. `frame` and `seen_json` are those of `prepare`, `replies` the replies to
/// that frame and to those of `masked`, one after the other.
#[wasm_bindgen]
pub fn explain(
    model: &Model,
    frame: &[u8],
    seen_json: &str,
    options_json: &str,
    explain_json: &str,
    replies: &[u8],
) -> Result<String, JsError> {
    let seen: pipeline::Seen = from_json("what was seen", seen_json).map_err(thrown)?;
    let infer: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let options: ExplainOptions = from_json("the options", explain_json).map_err(thrown)?;
    Ok(to_json(&explain::explain(&model.0, frame, &seen, &infer, &options, replies).map_err(thrown)?))
}

/// The views of a photo, whose label is checked where it has one, one after the other, and which of them each way of fitting gives.
#[wasm_bindgen(js_name = exampleViews, unchecked_return_type = "{ pixels: Uint8Array; views: Uint32Array }")]
pub fn example_views(
    model: &Model,
    image: &[u8],
    label: Option<String>,
    options_json: &str,
) -> Result<Object, JsError> {
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let (pixels, views) = examples::views(&model.0, image, label.as_deref(), &options.limits).map_err(thrown)?;
    Ok(object(&[
        ("pixels", Uint8Array::from(pixels.as_slice()).into()),
        ("views", Uint32Array::from(views.as_slice()).into()),
    ]))
}

/// The frame with these views of a photo, each in its way of scaling.
#[wasm_bindgen(js_name = exampleFrame)]
pub fn example_frame(model: &Model, pixels: &[u8], scalings: &[u32]) -> Result<Vec<u8>, JsError> {
    examples::feed(&model.0, pixels, scalings).map_err(thrown)
}

/// What a label, where there is one, got in each answer of a reply to `exampleFrame`, a JSON list of `Try`.
#[wasm_bindgen(js_name = exampleTries)]
pub fn example_tries(
    model: &Model,
    reply: &[u8],
    label: Option<String>,
    scalings: &[u32],
    views: &[u32],
) -> Result<String, JsError> {
    Ok(to_json(&examples::judge(&model.0, reply, label.as_deref(), scalings, views).map_err(thrown)?))
}

/// What is to be run next, a `NextStep` as JSON, after what a JSON list of `Example` has.
#[wasm_bindgen(js_name = exampleStep)]
pub fn example_step(model: &Model, examples_json: &str) -> Result<String, JsError> {
    let tried: Vec<Example> = from_json("the examples", examples_json).map_err(thrown)?;
    Ok(to_json(&examples::next_step(&model.0, &tried)))
}

/// Image bytes to the pixels that a model with this `InputSpec` sees, on the same path as `prepare`.
#[wasm_bindgen(unchecked_return_type = "{ pixels: Uint8Array; imageJson: string }")]
pub fn preprocess(image: &[u8], input_spec_json: &str, options_json: &str) -> Result<Object, JsError> {
    let input: InputSpec = from_json("the input spec", input_spec_json).map_err(thrown)?;
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let (photo, pixels, _) = pipeline::preprocess(image, &input, &options, &now_ms).map_err(thrown)?;
    Ok(object(&[
        ("pixels", Uint8Array::from(pixels.bytes.as_slice()).into()),
        ("imageJson", to_json(&pipeline::image_facts(&photo)).into()),
    ]))
}

/// How answers agree with what was said of them, an `Agreement` as JSON: of each its best probability, its class and the
/// class that was said, both places in a JSON list of labels.
#[wasm_bindgen]
pub fn agree(probabilities: &[f32], answered: &[u32], truths: &[u32], labels_json: &str) -> Result<String, JsError> {
    let labels: Vec<String> = from_json("the labels", labels_json).map_err(thrown)?;
    Ok(to_json(&calibrate::agree(probabilities, answered, truths, &labels).map_err(thrown)?))
}

/// Bytes of memory that this instance holds. It grows with the largest image and never shrinks; only a fresh instance
/// is small again.
#[wasm_bindgen(js_name = memoryBytes)]
#[must_use]
pub fn memory_bytes() -> usize {
    const PAGE_BYTES: usize = 65536;
    core::arch::wasm32::memory_size(0) * PAGE_BYTES
}

/// Width times height as the header of an image declares them, with nothing decoded; 0 where no header can be read.
#[wasm_bindgen(js_name = declaredPixels)]
#[must_use]
pub fn declared_pixels(image: &[u8]) -> f64 {
    decode::declared_pixels(image).unwrap_or(0) as f64
}

/// What a label file holds, as JSON `{"count", "format"}`.
#[wasm_bindgen(js_name = describeLabels)]
pub fn describe_labels(labels: &[u8]) -> Result<String, JsError> {
    let (count, format) = labels::describe(labels).map_err(thrown)?;
    Ok(json!({ "count": count, "format": format }).to_string())
}

/// How a graph is read, before it is sent anywhere: a `ModelSpec` as JSON. `labels` are the bytes of its label file.
#[wasm_bindgen]
pub fn inspect(
    graph: &[u8],
    #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | null")] labels: Option<Vec<u8>>,
) -> Result<String, JsError> {
    let spec = inspect_files(graph, labels.as_deref(), &GraphLimits::default());
    Ok(to_json(&spec.map_err(|problem| thrown(Error::Graph(problem)))?))
}

/// A manifest as JSON `{"manifest", "overrides", "confidence"}`, or `{"complaints"}`: one text for each field that is wrong.
/// `overrides_json`, where it is there, are the `SpecOverrides` of a request that go before what the manifest says.
#[wasm_bindgen(js_name = readManifest)]
pub fn read_manifest(
    manifest_json: &str,
    #[wasm_bindgen(unchecked_optional_param_type = "string | null")] overrides_json: Option<String>,
) -> Result<String, JsError> {
    let json: Value = from_json("the manifest", manifest_json).map_err(thrown)?;
    let overrides: Option<SpecOverrides> =
        overrides_json.map(|json| from_json("the settings", &json)).transpose().map_err(thrown)?;
    Ok(match Manifest::read(json) {
        Ok(manifest) => {
            let manifest = manifest.overridden(overrides.unwrap_or_default());
            to_json(&ManifestRead { overrides: manifest.overrides(), confidence: manifest.confidence(), manifest })
        }
        Err(complaints) => json!({ "complaints": complaints }).to_string(),
    })
}

#[derive(serde::Serialize)]
struct ManifestRead {
    manifest: Manifest,
    overrides: SpecOverrides,
    /// Null where the manifest says nothing of it.
    confidence: Option<Confidence>,
}

/// What is wrong with a part of a manifest, as a JSON list of one text for each field.
#[wasm_bindgen(js_name = complaintsOfPart)]
pub fn complaints_of_part(part_json: &str) -> Result<String, JsError> {
    let json: Value = from_json("the manifest", part_json).map_err(thrown)?;
    Ok(to_json(&manifest::complaints_of_part(&json)))
}

/// Everything that keeps a manifest out of the zoo, as far as it alone tells: a JSON list of `Finding`. `place_json` is a
/// `Place`.
#[wasm_bindgen(js_name = judgeManifest)]
pub fn judge_manifest(manifest_json: &str, place_json: &str) -> Result<String, JsError> {
    let json: Value = from_json("the manifest", manifest_json).map_err(thrown)?;
    let place: manifest::Place = from_json("its place", place_json).map_err(thrown)?;
    Ok(to_json(&manifest::judge(&json, &place)))
}

/// Everything of a load frame that stands before the graph. `load_request_json` is a `LoadRequest`.
#[wasm_bindgen(js_name = encodeLoadHead)]
pub fn encode_load_head(request_id: u32, load_request_json: &str, graph_bytes: usize) -> Result<Vec<u8>, JsError> {
    let request: LoadRequest = from_json("the load request", load_request_json).map_err(thrown)?;
    frame::encode_load_head(request_id, &request, graph_bytes).map_err(|error| thrown(error.into()))
}

/// A reply of the engine as JSON: `{"kind", "requestId"}` and, by kind, `hello`, `loaded`, `problem` (error), nothing
/// (pong), or `imageCount`, `classCount`, `queueUs` and `runUs` (scores).
#[wasm_bindgen(js_name = decodeReply)]
pub fn decode_reply(reply: &[u8]) -> Result<String, JsError> {
    let (request_id, frame) = Frame::decode(reply).map_err(|error| thrown(error.into()))?;
    let reply: Value = match frame {
        Frame::Hello(hello) => json!({ "kind": "hello", "requestId": request_id, "hello": hello }),
        Frame::Loaded(loaded) => {
            loaded.check().map_err(|wrong| thrown(Error::Engine(wrong)))?;
            json!({ "kind": "loaded", "requestId": request_id, "loaded": loaded })
        }
        Frame::Error(problem) => json!({ "kind": "error", "requestId": request_id, "problem": problem }),
        Frame::Scores(scores) => json!({
            "kind": "scores", "requestId": request_id, "imageCount": scores.image_count,
            "classCount": scores.class_count, "queueUs": scores.queue_us, "runUs": scores.run_us,
        }),
        Frame::Pong => json!({ "kind": "pong", "requestId": request_id }),
        Frame::Load { .. } | Frame::Infer { .. } | Frame::Tensors { .. } | Frame::Ping => {
            return Err(thrown(Error::Engine("the engine sent a frame that only the host may send".into())));
        }
    };
    Ok(reply.to_string())
}

fn from_json<'a, T: serde::Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(|error| Error::Internal(format!("{what} cannot be read: {error}")))
}

fn to_json(value: &impl serde::Serialize) -> String {
    // These are plain types without maps of odd keys: serialising them cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn thrown(error: Error) -> JsError {
    let thrown = JsError::new(&error.to_string());
    set(&thrown, "code", &error.code().as_str().into());
    thrown
}

fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        set(&object, name, value);
    }
    object
}

fn set(target: &JsValue, name: &str, value: &JsValue) {
    // Setting a field of a fresh object fails only for frozen ones.
    let _: Result<bool, JsValue> = Reflect::set(target, &name.into(), value);
}
