//! How 0–255 pixels become the values that the graph was trained on.

pub mod candidates;
pub mod clues;
pub mod constants;
pub mod features;
pub mod images;
pub mod layers;
pub mod norm;
pub mod probe;
pub mod read;
pub mod walk;

use menagerie_contract::{ChannelOrder, Dtype, Resize, Source};

use crate::{
    found::{InputFound, Normalization, OutputFound, evidence},
    graph::Graph,
};

/// Finds mean, divisor and channel order of the input, and how photos are fitted to it.
///
/// `graph` is the graph as it came, with `input` and `output` found in it; the returned vectors have `input.channels`
/// values. An input of type uint8 is fed as it is (mean 0, divisor 1).
#[must_use]
pub fn detect(graph: &Graph<'_>, input: &InputFound, _output: &OutputFound) -> Normalization {
    let channels = input.channels as usize;
    let channel_order = if channels == 1 { ChannelOrder::Gray } else { ChannelOrder::Rgb };
    let (mean, std, because) = if input.dtype == Dtype::Uint8 {
        (0.0, 1.0, "the input takes bytes")
    } else if graph.iter().any(|(_, node)| node.op == "Relu6")
        && graph.iter().any(|(_, node)| node.op == "DepthwiseConv2dNative")
    {
        (127.5, 127.5, "nets of ReLU6 and depthwise convolutions are mostly trained on -1..1")
    } else {
        (0.0, 255.0, "most small nets are trained on 0..1")
    };
    let (mean, std) = (vec![mean; channels], vec![std; channels]);
    Normalization {
        evidence: vec![
            evidence("input.mean", &mean, Source::Prior, 0.5, because),
            evidence("input.std", &std, Source::Prior, 0.5, because),
            evidence("input.channel_order", channel_order, Source::Prior, 0.8, "most nets take red first"),
            evidence("input.resize", Resize::Stretch, Source::Prior, 0.6, "most scripts stretch the whole photo"),
        ],
        mean,
        std,
        channel_order,
        resize: Resize::Stretch,
        warnings: Vec::new(),
    }
}
