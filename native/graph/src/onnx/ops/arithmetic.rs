//! Value by value: arithmetic, comparisons, choice, casts.

use super::{
    super::{
        proto::{Attribute, Element},
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::{Binary, Unary, Written},
};
use crate::data::graph::{Endpoint, NodeId};

pub(super) const ROWS: Rows = &[
    ("Identity", Written(identity)),
    ("IdentityN", Written(identity)),
    ("Snapshot", Written(identity)),
    ("StopGradient", Written(identity)),
    ("PreventGradient", Written(identity)),
    ("CheckNumerics", Written(identity)),
    ("EnsureShape", Written(identity)),
    ("PlaceholderWithDefault", Written(identity)),
    ("Cast", Written(cast)),
    ("Neg", Unary("Neg")),
    ("Abs", Unary("Abs")),
    ("Sign", Unary("Sign")),
    ("Exp", Unary("Exp")),
    ("Log", Unary("Log")),
    ("Sqrt", Unary("Sqrt")),
    ("Floor", Unary("Floor")),
    ("Ceil", Unary("Ceil")),
    // Both round halves to the even neighbour.
    ("Round", Unary("Round")),
    ("Rint", Unary("Round")),
    ("Sin", Unary("Sin")),
    ("Cos", Unary("Cos")),
    ("Erf", Unary("Erf")),
    ("Reciprocal", Unary("Reciprocal")),
    ("Inv", Unary("Reciprocal")),
    ("LogicalNot", Unary("Not")),
    ("IsNan", Unary("IsNaN")),
    ("IsInf", Unary("IsInf")),
    ("Rsqrt", Written(rsqrt)),
    ("Square", Written(square)),
    ("Expm1", Written(expm1)),
    ("Log1p", Written(log1p)),
    ("Erfc", Written(erfc)),
    ("Add", Binary("Add")),
    ("AddV2", Binary("Add")),
    ("Sub", Binary("Sub")),
    ("Mul", Binary("Mul")),
    ("Div", Written(divide)),
    ("RealDiv", Written(divide)),
    ("DivNoNan", Written(divide_no_nan)),
    ("FloorDiv", Written(floor_divide)),
    ("Pow", Binary("Pow")),
    ("Maximum", Binary("Max")),
    ("Minimum", Binary("Min")),
    ("Equal", Binary("Equal")),
    ("Less", Binary("Less")),
    ("LessEqual", Binary("LessOrEqual")),
    ("Greater", Binary("Greater")),
    ("GreaterEqual", Binary("GreaterOrEqual")),
    ("NotEqual", Written(not_equal)),
    ("LogicalAnd", Binary("And")),
    ("LogicalOr", Binary("Or")),
    ("SquaredDifference", Written(squared_difference)),
    ("AddN", Written(add_n)),
    ("SelectV2", Written(select)),
    ("Select", Written(select)),
    ("ClipByValue", Written(clip)),
];

/// The ONNX op `op` of the first input, in the order in which it is computed.
pub(super) fn unary(writer: &mut Writer<'_>, id: NodeId, op: &'static str) -> Result<(), Refusal> {
    let (value, is_turned) = writer.own(writer.input(id, 0)?)?;
    writer.put(id, op, vec![value], Vec::new(), is_turned)
}

/// The ONNX op `op` of the first two inputs. What is added to a layer becomes its bias where it can.
pub(super) fn binary(writer: &mut Writer<'_>, id: NodeId, op: &'static str) -> Result<(), Refusal> {
    let (left, right) = (writer.input(id, 0)?, writer.input(id, 1)?);
    if op == "Add" {
        for (layer, bias) in [(left, right), (right, left)] {
            if add_bias(writer, id, layer, bias)? {
                return Ok(());
            }
        }
    }
    let (inputs, is_turned) = writer.together(&[left, right])?;
    writer.put(id, op, inputs, Vec::new(), is_turned)
}

/// Lets the layer that computes `layer` add `bias`, a constant with a value for each of its outputs, where it can.
pub(super) fn add_bias(writer: &mut Writer<'_>, id: NodeId, layer: Endpoint, bias: Endpoint) -> Result<bool, Refusal> {
    let is_constant = writer.value(bias)?.is_none();
    let outputs = writer.extents(layer).and_then(|extents| extents.last().copied().flatten());
    let values = writer.extents(bias);
    let fits = outputs.is_some() && values == Some(vec![outputs]);
    let is_last = !writer.graph.node(layer.node).is_channels_first();
    if !(is_constant && fits && is_last && writer.takes_bias(layer)) {
        return Ok(false);
    }
    let bias = writer.plain(bias)?;
    writer.put_bias(id, layer, bias)?;
    Ok(true)
}

fn identity(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    let count = if node.op == "IdentityN" { node.inputs.len() } else { 1 };
    for index in 0..count {
        let (value, is_turned) = writer.own(writer.input(id, index)?)?;
        writer.alias(id, index as u32, value, is_turned)?;
    }
    Ok(())
}

/// Both cut fractions off where they go to integers.
fn cast(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let input = writer.input(id, 0)?;
    let (from, to) = (writer.element(input)?, writer.element(Endpoint { node: id, port: 0 })?);
    let (value, is_turned) = writer.own(input)?;
    if from == to {
        return writer.alias(id, 0, value, is_turned);
    }
    writer.put(id, "Cast", vec![value], vec![("to", Attribute::Int(to as i64))], is_turned)
}

fn rsqrt(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, is_turned) = writer.own(writer.input(id, 0)?)?;
    let root = writer.step(id, "Sqrt", vec![value], Vec::new());
    writer.put(id, "Reciprocal", vec![root], Vec::new(), is_turned)
}

fn square(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, is_turned) = writer.own(writer.input(id, 0)?)?;
    writer.put(id, "Mul", vec![value.clone(), value], Vec::new(), is_turned)
}

fn expm1(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, is_turned) = float(writer, id)?;
    let one = writer.float(1.0)?;
    let power = writer.step(id, "Exp", vec![value], Vec::new());
    writer.put(id, "Sub", vec![power, one], Vec::new(), is_turned)
}

fn log1p(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, is_turned) = float(writer, id)?;
    let one = writer.float(1.0)?;
    let sum = writer.step(id, "Add", vec![value, one], Vec::new());
    writer.put(id, "Log", vec![sum], Vec::new(), is_turned)
}

fn erfc(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, is_turned) = float(writer, id)?;
    let one = writer.float(1.0)?;
    let erf = writer.step(id, "Erf", vec![value], Vec::new());
    writer.put(id, "Sub", vec![one, erf], Vec::new(), is_turned)
}

/// The first input, which must be floats, in the order in which it is computed.
pub(super) fn float(writer: &mut Writer<'_>, id: NodeId) -> Result<(String, bool), Refusal> {
    need_floats(writer, id)?;
    writer.own(writer.input(id, 0)?)
}

/// Refuses integers, which the two runtimes may compute differently here.
pub(super) fn need_floats(writer: &Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    if writer.element(writer.input(id, 0)?)? == Element::Float {
        return Ok(());
    }
    Err(writer.refusal(id, "it is written for floats alone"))
}

fn divide(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    binary(writer, id, "Div")
}

/// 0 where the divisor is 0.
fn divide_no_nan(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let (inputs, is_turned) = writer.together(&[writer.input(id, 0)?, writer.input(id, 1)?])?;
    let zero = writer.float(0.0)?;
    let is_zero = writer.step(id, "Equal", vec![inputs[1].clone(), zero.clone()], Vec::new());
    let ratio = writer.step(id, "Div", inputs, Vec::new());
    writer.put(id, "Where", vec![is_zero, zero, ratio], Vec::new(), is_turned)
}

fn floor_divide(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let (inputs, is_turned) = writer.together(&[writer.input(id, 0)?, writer.input(id, 1)?])?;
    let ratio = writer.step(id, "Div", inputs, Vec::new());
    writer.put(id, "Floor", vec![ratio], Vec::new(), is_turned)
}

fn not_equal(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (inputs, is_turned) = writer.together(&[writer.input(id, 0)?, writer.input(id, 1)?])?;
    let equal = writer.step(id, "Equal", inputs, Vec::new());
    writer.put(id, "Not", vec![equal], Vec::new(), is_turned)
}

fn squared_difference(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (inputs, is_turned) = writer.together(&[writer.input(id, 0)?, writer.input(id, 1)?])?;
    let difference = writer.step(id, "Sub", inputs, Vec::new());
    writer.put(id, "Mul", vec![difference.clone(), difference], Vec::new(), is_turned)
}

fn add_n(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let inputs = writer.graph.node(id).inputs.clone();
    need_floats(writer, id)?;
    let (inputs, is_turned) = writer.together(&inputs)?;
    writer.put(id, "Sum", inputs, Vec::new(), is_turned)
}

/// The old `Select` lets a vector choose among the rows of its inputs, which ONNX does not.
fn select(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let inputs = [writer.input(id, 0)?, writer.input(id, 1)?, writer.input(id, 2)?];
    if writer.graph.node(id).op == "Select" && writer.rank(id, 0)? != writer.rank(id, 1)? && writer.rank(id, 0)? != 0 {
        return Err(writer.refusal(id, "its condition is a vector"));
    }
    let (inputs, is_turned) = writer.together(&inputs)?;
    writer.put(id, "Where", inputs, Vec::new(), is_turned)
}

fn clip(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let inputs = [writer.input(id, 0)?, writer.input(id, 1)?, writer.input(id, 2)?];
    let (mut inputs, is_turned) = writer.together(&inputs)?;
    let highest = inputs.pop().unwrap_or_default();
    let bounded = writer.step(id, "Max", inputs, Vec::new());
    writer.put(id, "Min", vec![bounded, highest], Vec::new(), is_turned)
}
