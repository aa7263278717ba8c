//! What the search for input and output found, before it becomes a `ModelSpec`.

use menagerie_contract::{
    ChannelOrder, Dtype, Evidence, Layout, OutputKind, Resize, ResizeFilter, Scaling, Source, spec::Alternative,
};
use serde::Serialize;

use crate::data::graph::NodeId;

/// The image input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFound {
    /// The node that is fed.
    pub node: NodeId,
    /// Its name.
    pub tensor: String,
    /// Element type that pixels are fed as.
    pub dtype: Dtype,
    /// Order of its axes.
    pub layout: Layout,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// 1 or 3.
    pub channels: u32,
    /// The batch that the graph states, where it is not open.
    pub batch: Option<u32>,
    /// The first `Conv2D`, `DepthwiseConv2dNative` or `MatMul` behind it.
    pub first_layer: Option<NodeId>,
    /// Where each field comes from.
    pub evidence: Vec<Evidence>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// The class output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputFound {
    /// The node that people know as the output.
    pub node: NodeId,
    /// Its name.
    pub tensor: String,
    /// The node that is fetched: the scores of the whole batch, one row an image.
    pub scores: NodeId,
    /// What the scores are.
    pub kind: OutputKind,
    /// Scores for each image.
    pub classes: u32,
    /// Other class outputs.
    pub heads: Vec<String>,
    /// Where each field comes from.
    pub evidence: Vec<Evidence>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// How 0–255 pixels become the input's values: `(pixel - mean) / std` per channel, in `channel_order`.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalization {
    /// Subtracted; one value a channel.
    pub mean: Vec<f32>,
    /// Divides; one value a channel, none zero.
    pub std: Vec<f32>,
    /// Order of the channels in the tensor.
    pub channel_order: ChannelOrder,
    /// How photos are fitted.
    pub resize: Resize,
    /// Share of each side that a centre crop keeps.
    pub crop_fraction: f32,
    /// How pixels are averaged.
    pub resize_filter: ResizeFilter,
    /// Where each field comes from: `input.mean`, `input.std`, `input.channel_order`, `input.resize`,
    /// `input.crop_fraction` (of a centre crop), `input.resize_filter`.
    pub evidence: Vec<Evidence>,
    /// As [`menagerie_contract::ModelSpec::scalings`].
    pub scalings: Vec<Scaling>,
}

/// An [`Evidence`] without alternatives.
pub fn evidence(
    field: &str,
    value: impl Serialize,
    source: Source,
    confidence: f32,
    because: impl Into<String>,
) -> Evidence {
    Evidence {
        field: field.to_owned(),
        value: json(value),
        source,
        because: because.into(),
        confidence,
        alternatives: Vec::new(),
    }
}

/// A value that was not taken, with its score.
pub fn alternative(value: impl Serialize, score: f32) -> Alternative {
    Alternative { value: json(value), score }
}

fn json(value: impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
