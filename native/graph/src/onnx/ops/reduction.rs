//! One value for many.

use super::{
    super::{
        proto::{Attribute, Element},
        values::{indices, turn_axes},
        writer::{Refusal, TURNED, Writer},
    },
    Rows,
    Rule::Written,
    arithmetic::need_floats,
};
use crate::data::graph::{Endpoint, NodeId};

pub(super) const ROWS: Rows = &[
    ("Mean", Written(mean)),
    ("Sum", Written(|writer, id| reduce(writer, id, "ReduceSum"))),
    ("Max", Written(|writer, id| reduce(writer, id, "ReduceMax"))),
    ("Min", Written(|writer, id| reduce(writer, id, "ReduceMin"))),
    ("Prod", Written(|writer, id| reduce(writer, id, "ReduceProd"))),
    ("EuclideanNorm", Written(|writer, id| reduce(writer, id, "ReduceL2"))),
    ("ArgMax", Written(|writer, id| place(writer, id, "ArgMax"))),
    ("ArgMin", Written(|writer, id| place(writer, id, "ArgMin"))),
];

/// Over rows and columns of an image a pooling, which runtimes compute in the order in which they have the image.
fn mean(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let input = writer.input(id, 0)?;
    let rank = writer.rank(id, 0)?;
    let mut axes = writer.axes(id, &writer.ints(id, 1)?, rank)?;
    axes.sort_unstable();
    if !writer.is_turned(input)? || axes != [1, 2] {
        return reduce(writer, id, "ReduceMean");
    }
    need_floats(writer, id)?;
    let image = writer.image(input)?;
    if writer.graph.node(id).flag("keep_dims") {
        return writer.put(id, "GlobalAveragePool", vec![image], Vec::new(), true);
    }
    let pooled = writer.step(id, "GlobalAveragePool", vec![image], Vec::new());
    let dropped = writer.int64s(&[2, 3])?;
    writer.put(id, "Squeeze", vec![pooled, dropped], Vec::new(), false)
}

fn reduce(writer: &mut Writer<'_>, id: NodeId, op: &'static str) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let input = writer.input(id, 0)?;
    let rank = writer.rank(id, 0)?;
    let mut axes = writer.axes(id, &writer.ints(id, 1)?, rank)?;
    axes.sort_unstable();
    axes.dedup();
    let is_kept = writer.graph.node(id).flag("keep_dims");
    let (mut value, mut is_turned) = writer.own(input)?;
    if axes.is_empty() {
        // To ONNX no axes are all axes.
        return writer.alias(id, 0, value, is_turned);
    }
    if is_turned {
        let turned = turn_axes(&axes);
        let mut kept = TURNED.iter().enumerate().filter(|(place, _)| !turned.contains(place)).map(|(_, axis)| axis);
        if is_kept || kept.by_ref().is_sorted() {
            axes = turned;
            is_turned = is_kept;
        } else {
            value = writer.plain(input)?;
            is_turned = false;
        }
    }
    let mut attributes = vec![("keepdims", Attribute::Int(i64::from(is_kept)))];
    let mut inputs = vec![value];
    if op == "ReduceSum" {
        let axes: Vec<i64> = axes.iter().map(|axis| *axis as i64).collect();
        inputs.push(writer.int64s(&axes)?);
    } else {
        attributes.push(("axes", indices(&axes)));
    }
    writer.put(id, op, inputs, attributes, is_turned)
}

/// Where the largest or smallest value is; the first of several.
fn place(writer: &mut Writer<'_>, id: NodeId, op: &'static str) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let rank = writer.rank(id, 0)?;
    let axis = writer.axis(id, 1, rank)?;
    let value = writer.plain(writer.input(id, 0)?)?;
    let attributes = vec![("axis", Attribute::Int(axis as i64)), ("keepdims", Attribute::Int(0))];
    let wanted = writer.element(Endpoint { node: id, port: 0 })?;
    if wanted == Element::Int64 {
        return writer.put(id, op, vec![value], attributes, false);
    }
    let found = writer.step(id, op, vec![value], attributes);
    writer.put(id, "Cast", vec![found], vec![("to", Attribute::Int(wanted as i64))], false)
}
