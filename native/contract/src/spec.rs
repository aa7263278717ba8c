//! A model's resolved settings: how pixels become its tensor and what its scores mean.

use std::collections::BTreeMap;

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

/// Everything known of a loaded model. `GET /api/models/{id}` answers this object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct ModelSpec {
    /// The image input.
    pub input: InputSpec,
    /// The class output.
    pub output: OutputSpec,
    /// How the labels fit the classes; absent while no labels are known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub labels: Option<LabelsSpec>,
    /// The graph in numbers.
    pub graph: GraphFacts,
    /// Where each detected field comes from.
    pub evidence: Vec<Evidence>,
    /// Ways of scaling pixels that the graph leaves possible, the most probable first; labelled photos decide between them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<Scaling>>"))]
    pub scalings: Vec<Scaling>,
    /// What mean, std and channel order rest on; absent as an engine answers it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub settings: Option<Grounds>,
    /// What the allow-list of ops says.
    pub verdict: Verdict,
    /// Things the caller should know, such as an assumed size.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// The tensor is `(pixel - mean) / std` on 0–255 pixels, per channel in `channel_order`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct InputSpec {
    /// Name of the fed tensor, without `:0`.
    pub tensor: String,
    /// Element type of the fed tensor.
    pub dtype: Dtype,
    /// Order of its axes.
    pub layout: Layout,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// 1 (grey) or 3.
    pub channels: u32,
    /// Order of the channels in the tensor.
    pub channel_order: ChannelOrder,
    /// Subtracted from each channel, on the 0–255 scale; `channels` values.
    pub mean: Vec<f32>,
    /// Divides each channel, on the 0–255 scale; `channels` values, none zero.
    pub std: Vec<f32>,
    /// How a photo is fitted to `width` x `height`.
    pub resize: Resize,
    /// Share of each side of the largest centred rectangle that `center-crop` keeps, [`CROP_FRACTION_MIN`] to 1.
    #[serde(default = "whole")]
    pub crop_fraction: f32,
    /// How pixels are averaged on the way.
    #[serde(default)]
    pub resize_filter: ResizeFilter,
    /// The batch that the graph is fixed at; absent when any batch is accepted. Missing images are filled up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batch: Option<u32>,
}

/// One way to make the tensor's values of pixels, as [`InputSpec`] has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Scaling {
    /// Subtracted from each channel; one value for each.
    pub mean: Vec<f32>,
    /// Divides each channel; one value for each.
    pub std: Vec<f32>,
    /// Order of the channels.
    pub channel_order: ChannelOrder,
    /// How probable the graph makes it, 0–1.
    pub probability: f32,
}

/// What the settings rest on that decide what a graph sees: mean, std and channel order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Grounds {
    /// Whether each of them is right with a probability of at least [`CERTAIN_MIN`].
    pub certain: bool,
    /// How the least sure of them was found.
    pub by: Source,
}

/// The least probability of settings that are certain.
pub const CERTAIN_MIN: f32 = 0.9;
/// The fields that [`Grounds`] tells of.
pub const SETTINGS_FIELDS: [&str; 3] = ["input.mean", "input.std", "input.channel_order"];

impl ModelSpec {
    /// What mean, std and channel order rest on. What an engine states without evidence stands in its model.
    #[must_use]
    pub fn rests_on(&self) -> Grounds {
        let told = self.evidence.iter().filter(|entry| SETTINGS_FIELDS.contains(&entry.field.as_str()));
        let least = told.min_by(|a, b| a.confidence.total_cmp(&b.confidence).then(a.source.cmp(&b.source)));
        least.map_or(Grounds { certain: true, by: Source::Read }, |entry| Grounds {
            certain: entry.confidence >= CERTAIN_MIN,
            by: entry.source,
        })
    }
}

/// Element types that an image input may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit float.
    Float32,
    /// Bytes 0–255: fed as they are; `mean` is 0 and `std` 1.
    Uint8,
}

/// Order of the axes of the image input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "UPPERCASE")]
pub enum Layout {
    /// Batch, rows, columns, channels.
    Nhwc,
    /// Batch, channels, rows, columns.
    Nchw,
    /// Batch, rows, columns; grey without a channel axis.
    Nhw,
    /// Batch, then all values of NHWC in one axis.
    Flat,
}

/// Order of the colour channels in the tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "UPPERCASE")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Grey: one channel, or three that are equal.
    Gray,
}

/// How a photo is fitted to the model's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// The whole photo, each axis scaled on its own.
    Stretch,
    /// The largest centred rectangle of the model's aspect ratio.
    CenterCrop,
    /// The whole photo, aspect kept, centred on mid grey (128).
    Pad,
}

/// The least that [`InputSpec::crop_fraction`] may be.
pub const CROP_FRACTION_MIN: f32 = 0.1;

/// Longest side of the image that a graph may want.
pub const SIDE_PIXELS_MAX: u32 = 4096;
/// How far labels may be shifted, either way.
pub const LABEL_OFFSET_MAX: i32 = 100;

fn whole() -> f32 {
    1.0
}

/// How the pixels of a photo become fewer or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum ResizeFilter {
    /// The triangle filter, widened when shrinking so that every pixel counts: Pillow's `BILINEAR`, TensorFlow's `antialias=True`.
    #[default]
    Antialias,
    /// Four neighbours each, whatever the scale: `tf.image.resize` as it is by default, `INTER_LINEAR` of `OpenCV`.
    Bilinear,
    /// The nearest pixel: Pillow's `NEAREST`, the default of Keras' `load_img`.
    Nearest,
}

/// The class output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct OutputSpec {
    /// Name of the fetched tensor, without `:0`.
    pub tensor: String,
    /// What its values are.
    pub kind: OutputKind,
    /// Number of values for each image.
    pub classes: u32,
    /// Other class outputs of the same graph, by tensor name.
    #[serde(default)]
    pub heads: Vec<String>,
}

/// What the scores of a model are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Probabilities that sum to 1.
    Softmax,
    /// Unbounded scores; the softmax is ours. One alone is the logit of the second of two labels; the sigmoid is ours.
    Logits,
    /// Independent probabilities, or one for the second of two labels.
    Sigmoid,
    /// The class number only.
    Index,
}

impl OutputKind {
    /// Whether so many values are probabilities of classes that do not exclude each other.
    #[must_use]
    pub const fn is_independent(self, value_count: usize) -> bool {
        matches!(self, Self::Sigmoid) && value_count > 1
    }

    /// Whether one value for each image tells two labels apart, of which it scores the second.
    #[must_use]
    pub const fn tells_two_apart(self, classes: u32) -> bool {
        matches!(self, Self::Sigmoid | Self::Logits) && classes == 1
    }
}

/// How a label file fits the classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct LabelsSpec {
    /// Labels in the file.
    pub count: u32,
    /// Label of class `i` is entry `i - offset` of the file: 1 when the graph has a background class that the file lacks, -1 when the file has one that the graph lacks.
    pub offset: i32,
    /// The form of the file, such as `plain`, `index:label`, `json-array`, `csv`.
    pub format: String,
}

/// The graph in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct GraphFacts {
    /// SHA-256 of the file as it came, in lower-case hex.
    pub sha256: String,
    /// Size of the file.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub bytes: u64,
    /// Nodes in the file.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub nodes: u64,
    /// Trained numbers between input and output.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub parameters: u64,
    /// Multiply-adds for one image.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub multiply_adds: u64,
    /// Estimate of the memory that one run holds: weights and the largest pair of activations.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub memory_bytes_estimate: u64,
    /// Histogram of the ops between input and output.
    pub ops: BTreeMap<String, u32>,
}

/// Where one field of a spec comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Evidence {
    /// Path of the field, such as `input.mean`.
    pub field: String,
    /// The value taken.
    #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
    pub value: serde_json::Value,
    /// How it was found.
    pub source: Source,
    /// Why, in words and numbers.
    pub because: String,
    /// Probability that the value is right, 0–1.
    pub confidence: f32,
    /// The values not taken, best first.
    #[serde(default)]
    pub alternatives: Vec<Alternative>,
}

/// A value that was considered and not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Alternative {
    /// The value.
    #[cfg_attr(feature = "typescript", ts(type = "unknown"))]
    pub value: serde_json::Value,
    /// Its score in the measure that `because` names.
    pub score: f32,
}

/// How a field was found; the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Assumed, because most such graphs are so.
    Prior,
    /// Follows from a measurement on the graph.
    Measured,
    /// Follows from photos that came with the graph, of which most have labels.
    Examples,
    /// Stands in the graph.
    Read,
    /// The model's manifest says so.
    Manifest,
    /// The request says so.
    Request,
}

/// What the allow-list of ops says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Verdict {
    /// Whether every op between input and output is allowed.
    pub allowed: bool,
    /// The ops that are not.
    pub forbidden: Vec<ForbiddenOp>,
}

/// An op outside the allow-list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct ForbiddenOp {
    /// The op.
    pub op: String,
    /// The node that uses it.
    pub node: String,
    /// Why it is forbidden.
    pub reason: String,
}

/// Fields of a spec that the caller sets; absent ones are detected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct SpecOverrides {
    /// Name of the image input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tensor: Option<String>,
    /// Name of the class output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tensor: Option<String>,
    /// Pixels across.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Order of the axes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Order of the channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel_order: Option<ChannelOrder>,
    /// Subtracted from 0–255 pixels: one value for all channels or one each, in `channel_order`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// Divides 0–255 pixels; as `mean`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
    /// How photos are fitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resize>,
    /// Share of each side that `center-crop` keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop_fraction: Option<f32>,
    /// How pixels are averaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize_filter: Option<ResizeFilter>,
    /// What the scores are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_kind: Option<OutputKind>,
    /// Entry of the label file for class `i` is `i - label_offset`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_offset: Option<i32>,
}
