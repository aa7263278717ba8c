//! A new class layer on a net: photos are set aside, the head is trained, the graph is written.

use js_sys::{Error as JsError, Float32Array, Function, Object, Uint8Array, Uint32Array};
use menagerie_contract::{InferOptions, LoadRequest, Source, SpecOverrides};
use menagerie_graph::{
    GraphLimits,
    base::{Dense, End, Retrained, retrain},
    labels,
};
use menagerie_teach::{Head, LOOK_BYTES, Lesson, Look, split, train};
use serde_json::json;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{from_json, object, thrown, to_json};
use crate::{error::Error, look};

/// The label file of a JSON list of labels, one a line.
#[wasm_bindgen(js_name = labelFile)]
pub fn label_file(labels_json: &str) -> Result<String, JsError> {
    let labels: Vec<String> = from_json("the labels", labels_json).map_err(thrown)?;
    labels::write(&labels).map_err(|error| thrown(Error::Graph(error.into())))
}

/// What a photo looks like from afar, 35 bytes, and the size of the upright photo. `options_json` is an `InferOptions`.
#[wasm_bindgen(
    js_name = photoLook,
    unchecked_return_type = "{ look: Uint8Array; width: number; height: number }"
)]
pub fn photo_look(image: &[u8], options_json: &str) -> Result<Object, JsError> {
    let options: InferOptions = from_json("the options", options_json).map_err(thrown)?;
    let (look, (width, height)) = look::look(image, &options).map_err(thrown)?;
    Ok(object(&[
        ("look", Uint8Array::from(look.to_bytes().as_slice()).into()),
        ("width", width.into()),
        ("height", height.into()),
    ]))
}

/// Which photos are set aside (1) by their looks, one after the other, and by their classes, places in a JSON list of labels;
/// which are nearly the same, as groups and as pairs of places, one after the other. Mirror images are the same photo where `mirror`.
#[wasm_bindgen(
    js_name = splitPhotos,
    unchecked_return_type = "{ heldOut: Uint8Array; groups: Uint32Array; pairs: Uint32Array }"
)]
pub fn split_photos(
    looks: &[u8],
    classes: &[u32],
    labels_json: &str,
    mirror: bool,
    seed: u32,
) -> Result<Object, JsError> {
    let labels: Vec<String> = from_json("the labels", labels_json).map_err(thrown)?;
    let looks = looks.chunks(LOOK_BYTES).filter_map(Look::from_bytes);
    let looks: Vec<Look> = looks.map(|look| if mirror { look } else { look.without_mirror() }).collect();
    let found = split(&looks, classes, &labels, seed).map_err(|error| thrown(error.into()))?;
    let held_out: Vec<u8> = found.held_out.iter().map(|held| u8::from(*held)).collect();
    let pairs: Vec<u32> = found.pairs.iter().flat_map(|(one, other)| [*one, *other]).collect();
    Ok(object(&[
        ("heldOut", Uint8Array::from(held_out.as_slice()).into()),
        ("groups", Uint32Array::from(found.groups.as_slice()).into()),
        ("pairs", Uint32Array::from(pairs.as_slice()).into()),
    ]))
}

/// Trains a head: `features` are `size` values of each photo, then of copies of those that are not set aside, of none or of one
/// or several each, copy by copy. `told` is called with the share that is done. Weights have a row for each value that comes in;
/// those of the hidden layer are empty where there is none. `reportJson` is a `TeachReport`.
#[wasm_bindgen(
    js_name = trainHead,
    unchecked_return_type = "{ hiddenWeights: Float32Array; hiddenBiases: Float32Array; weights: Float32Array; biases: Float32Array; reportJson: string }"
)]
#[allow(clippy::too_many_arguments, reason = "lists of numbers cross the border one by one")]
pub fn train_head(
    features: Vec<f32>,
    size: usize,
    classes: &[u32],
    class_count: usize,
    held_out: &[u8],
    groups: &[u32],
    seed: u32,
    told: &Function,
) -> Result<Object, JsError> {
    let held_out: Vec<bool> = held_out.iter().map(|held| *held != 0).collect();
    let lesson = Lesson { features, size, classes, class_count, held_out: &held_out, groups, seed };
    // A listener that fails is its own affair.
    let told = |share: f64| drop(told.call1(&JsValue::NULL, &share.into()));
    let taught = train(lesson, told).map_err(|error| thrown(error.into()))?;
    let floats = |values: &[f32]| Float32Array::from(values).into();
    let Head { hidden, classes } = &taught.head;
    let hidden = hidden.as_ref().map_or((&[][..], &[][..]), |hidden| (&hidden.weights, &hidden.biases));
    Ok(object(&[
        ("hiddenWeights", floats(hidden.0)),
        ("hiddenBiases", floats(hidden.1)),
        ("weights", floats(&classes.weights)),
        ("biases", floats(&classes.biases)),
        ("reportJson", to_json(&taught.report).into()),
    ]))
}

/// A graph up to its features, or those of its mirror image. `overrides_json` is the `SpecOverrides` by which it is read;
/// `named` their tensor, where that is not to be found. `featuresJson` is `{"tensor", "size", "evidence", "has_mirror"}`.
#[wasm_bindgen(js_name = featuresGraph, unchecked_return_type = "{ graph: Uint8Array; featuresJson: string }")]
pub fn features_graph(
    graph: &[u8],
    overrides_json: &str,
    mirrored: bool,
    #[wasm_bindgen(unchecked_optional_param_type = "string | null")] named: Option<String>,
) -> Result<Object, JsError> {
    let end = if mirrored { End::MirroredFeatures } else { End::Features };
    let Retrained { graph, features, has_mirror } = retrained(graph, overrides_json, named, end)?;
    let about = json!({
        "tensor": features.tensor, "size": features.size, "evidence": features.evidence, "has_mirror": has_mirror,
    });
    Ok(object(&[("graph", Uint8Array::from(graph.as_slice()).into()), ("featuresJson", about.to_string().into())]))
}

/// The same graph with a head of `trainHead` behind its features. What it would not tell of its input is written into it.
#[wasm_bindgen(js_name = taughtGraph)]
pub fn taught_graph(
    graph: &[u8],
    overrides_json: &str,
    hidden_weights: &[f32],
    hidden_biases: &[f32],
    weights: &[f32],
    biases: &[f32],
    #[wasm_bindgen(unchecked_optional_param_type = "string | null")] named: Option<String>,
) -> Result<Vec<u8>, JsError> {
    let hidden = (!hidden_biases.is_empty()).then_some(Dense { weights: hidden_weights, biases: hidden_biases });
    let head = End::Head { hidden, classes: Dense { weights, biases } };
    Ok(retrained(graph, overrides_json, named, head)?.graph)
}

fn retrained(graph: &[u8], overrides_json: &str, named: Option<String>, end: End<'_>) -> Result<Retrained, JsError> {
    let overrides: SpecOverrides = from_json("the settings", overrides_json).map_err(thrown)?;
    let request = LoadRequest::new(Source::Manifest, overrides);
    retrain(graph, &request, named.as_deref(), end, &GraphLimits::default())
        .map_err(|error| thrown(Error::Graph(error.into())))
}
