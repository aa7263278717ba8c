//! `BatchNorm` that was not folded into a layer, and normalisation across channels.

use super::{
    super::{
        proto::Attribute,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::Written,
    arithmetic::need_floats,
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[
    ("FusedBatchNorm", Written(fused)),
    ("FusedBatchNormV2", Written(fused)),
    ("FusedBatchNormV3", Written(fused)),
    ("BatchNormWithGlobalNormalization", Written(global)),
    ("LRN", Written(local_response)),
];

/// TensorFlow's epsilon is 0.0001 where the node states none (`tensorflow/core/ops/nn_ops.cc`).
fn fused(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    if node.flag("is_training") {
        return Err(writer.refusal(id, "it normalises by the moments of each batch (is_training)"));
    }
    let epsilon = node.float("epsilon").unwrap_or(0.0001);
    batch_norm(writer, id, [1, 2, 3, 4], epsilon)
}

/// The old form: its moments stand before shift and scale.
fn global(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    let Some(epsilon) = node.float("variance_epsilon").filter(|_| node.flag("scale_after_normalization")) else {
        return Err(writer.refusal(id, "it does not scale after normalising"));
    };
    batch_norm(writer, id, [4, 3, 1, 2], epsilon)
}

/// `indices` are the inputs that hold scale, shift, mean and variance.
fn batch_norm(writer: &mut Writer<'_>, id: NodeId, indices: [usize; 4], epsilon: f32) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    writer.extents_of_rank(id, 0, 4)?;
    let is_first = writer.graph.node(id).is_channels_first();
    let image = writer.input(id, 0)?;
    let mut inputs = vec![if is_first { writer.plain(image)? } else { writer.image(image)? }];
    for index in indices {
        inputs.push(writer.plain(writer.input(id, index)?)?);
    }
    writer.put(id, "BatchNormalization", inputs, vec![("epsilon", Attribute::Float(epsilon))], !is_first)
}

/// TensorFlow multiplies the sum of squares by `alpha`, ONNX their mean over the window.
fn local_response(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    writer.extents_of_rank(id, 0, 4)?;
    let node = writer.graph.node(id);
    // Defaults of `tensorflow/core/ops/nn_ops.cc`.
    let radius = node.int("depth_radius").unwrap_or(5);
    let (bias, alpha, beta) =
        (node.float("bias").unwrap_or(1.0), node.float("alpha").unwrap_or(1.0), node.float("beta").unwrap_or(0.5));
    let size = radius.checked_mul(2).and_then(|size| size.checked_add(1)).filter(|size| *size > 0);
    let size = size.ok_or_else(|| writer.refusal(id, format!("its depth_radius is {radius}")))?;
    let image = writer.image(writer.input(id, 0)?)?;
    let attributes = vec![
        ("size", Attribute::Int(size)),
        ("alpha", Attribute::Float(alpha * size as f32)),
        ("beta", Attribute::Float(beta)),
        ("bias", Attribute::Float(bias)),
    ];
    writer.put(id, "LRN", vec![image], attributes, true)
}
