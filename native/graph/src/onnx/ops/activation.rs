//! What stands between layers, and what makes probabilities of scores.

use super::{
    super::{
        proto::Attribute,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::{Unary, Written},
    arithmetic::float,
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[
    ("Relu", Unary("Relu")),
    ("Elu", Unary("Elu")),
    ("Selu", Unary("Selu")),
    ("Sigmoid", Unary("Sigmoid")),
    ("Tanh", Unary("Tanh")),
    ("Softplus", Unary("Softplus")),
    ("Softsign", Unary("Softsign")),
    ("Relu6", Written(relu6)),
    ("LeakyRelu", Written(leaky_relu)),
    ("Softmax", Written(softmax)),
    ("LogSoftmax", Written(log_softmax)),
];

fn relu6(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, is_turned) = float(writer, id)?;
    let (zero, six) = (writer.float(0.0)?, writer.float(6.0)?);
    writer.put(id, "Clip", vec![value, zero, six], Vec::new(), is_turned)
}

/// TensorFlow's slope is 0.2 where the node states none (`tensorflow/core/ops/nn_ops.cc`).
fn leaky_relu(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let slope = writer.graph.node(id).float("alpha").unwrap_or(0.2);
    let (value, is_turned) = float(writer, id)?;
    writer.put(id, "LeakyRelu", vec![value], vec![("alpha", Attribute::Float(slope))], is_turned)
}

fn softmax(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    over_classes(writer, id, "Softmax")
}

fn log_softmax(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    over_classes(writer, id, "LogSoftmax")
}

/// The op over TensorFlow's last axis.
fn over_classes(writer: &mut Writer<'_>, id: NodeId, op: &'static str) -> Result<(), Refusal> {
    let (value, is_turned) = float(writer, id)?;
    let axis = if is_turned { 1 } else { -1 };
    writer.put(id, op, vec![value], vec![("axis", Attribute::Int(axis))], is_turned)
}
