//! Parts of tensors, and tensors with a border.

use super::{
    super::{
        proto::Attribute,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::Written,
    arrange::placed,
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[
    ("Slice", Written(slice)),
    ("StridedSlice", Written(strided_slice)),
    ("Pad", Written(pad)),
    ("PadV2", Written(pad)),
    ("MirrorPad", Written(mirror_pad)),
];

/// What is taken of one axis.
struct Cut {
    axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

fn slice(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (begin, size) = (writer.ints(id, 1)?, writer.ints(id, 2)?);
    let rank = writer.rank(id, 0)?;
    if begin.len() != rank || size.len() != rank || begin.iter().any(|begin| *begin < 0) {
        return Err(writer.refusal(id, "its ranges do not fit its input"));
    }
    let ranges = begin.into_iter().zip(size).enumerate();
    let cuts: Vec<Cut> = ranges
        .filter(|(_, (begin, size))| (*begin, *size) != (0, -1))
        .map(|(axis, (start, size))| {
            let end = if size < 0 { i64::MAX } else { start.saturating_add(size) };
            Cut { axis, start, end, step: 1 }
        })
        .collect();
    let (value, is_turned) = writer.own(writer.input(id, 0)?)?;
    let inputs = cut_inputs(writer, value, &cuts, is_turned)?;
    writer.put(id, "Slice", inputs, Vec::new(), is_turned)
}

/// Inputs of `Slice`: the value, and for each axis that is cut where that begins, where it ends, which it is, and the step.
fn cut_inputs(writer: &mut Writer<'_>, value: String, cuts: &[Cut], is_turned: bool) -> Result<Vec<String>, Refusal> {
    let axes: Vec<usize> = cuts.iter().map(|cut| cut.axis).collect();
    let axes: Vec<i64> = placed(&axes, is_turned).into_iter().map(|axis| axis as i64).collect();
    let starts: Vec<i64> = cuts.iter().map(|cut| cut.start).collect();
    let ends: Vec<i64> = cuts.iter().map(|cut| cut.end).collect();
    let steps: Vec<i64> = cuts.iter().map(|cut| cut.step).collect();
    Ok(vec![value, writer.int64s(&starts)?, writer.int64s(&ends)?, writer.int64s(&axes)?, writer.int64s(&steps)?])
}

/// Ranges of Python (`tensorflow/core/util/strided_slice_op.cc`); both take what lies outside as the border.
fn strided_slice(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (begin, end, steps) = (writer.ints(id, 1)?, writer.ints(id, 2)?, writer.ints(id, 3)?);
    let rank = writer.rank(id, 0)?;
    let mask = |name: &str| writer.graph.node(id).int(name).unwrap_or(0);
    if mask("ellipsis_mask") != 0 || mask("new_axis_mask") != 0 {
        return Err(writer.refusal(id, "it has an ellipsis or a new axis"));
    }
    if begin.len() > rank || end.len() != begin.len() || steps.len() != begin.len() || steps.contains(&0) {
        return Err(writer.refusal(id, "its ranges do not fit its input"));
    }
    let is_set = |name: &str, axis: usize| mask(name) >> axis & 1 == 1;
    let (mut cuts, mut dropped) = (Vec::new(), Vec::new());
    for axis in 0..begin.len() {
        let mut cut = Cut { axis, start: begin[axis], end: end[axis], step: steps[axis] };
        if is_set("shrink_axis_mask", axis) {
            dropped.push(axis as i64);
            cut.end = if cut.start == -1 { i64::MAX } else { cut.start.saturating_add(1) };
            cut.step = 1;
        } else {
            if is_set("begin_mask", axis) {
                cut.start = if cut.step > 0 { 0 } else { i64::MAX };
            }
            if is_set("end_mask", axis) {
                cut.end = if cut.step > 0 { i64::MAX } else { i64::MIN };
            }
        }
        cuts.push(cut);
    }
    let input = writer.input(id, 0)?;
    let (value, is_turned) = if dropped.is_empty() { writer.own(input)? } else { (writer.plain(input)?, false) };
    let inputs = cut_inputs(writer, value, &cuts, is_turned)?;
    if dropped.is_empty() {
        return writer.put(id, "Slice", inputs, Vec::new(), is_turned);
    }
    let part = writer.step(id, "Slice", inputs, Vec::new());
    let dropped = writer.int64s(&dropped)?;
    writer.put(id, "Squeeze", vec![part, dropped], Vec::new(), false)
}

fn pad(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (mut inputs, is_turned) = padded(writer, id)?;
    if writer.graph.node(id).op == "PadV2" {
        inputs.push(writer.plain(writer.input(id, 2)?)?);
    }
    writer.put(id, "Pad", inputs, Vec::new(), is_turned)
}

fn mirror_pad(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    if writer.graph.node(id).text("mode") != Some("REFLECT") {
        return Err(writer.refusal(id, "it repeats the border"));
    }
    let (inputs, is_turned) = padded(writer, id)?;
    writer.put(id, "Pad", inputs, vec![("mode", Attribute::Text("reflect".to_owned()))], is_turned)
}

/// The value, and what stands before all of its axes, then behind.
fn padded(writer: &mut Writer<'_>, id: NodeId) -> Result<(Vec<String>, bool), Refusal> {
    let sides = writer.ints(id, 1)?;
    let rank = writer.rank(id, 0)?;
    let (pairs, rest) = sides.as_chunks::<2>();
    if pairs.len() != rank || !rest.is_empty() || sides.iter().any(|side| *side < 0) {
        return Err(writer.refusal(id, format!("its paddings are {sides:?}")));
    }
    let (value, is_turned) = writer.own(writer.input(id, 0)?)?;
    let mut paddings = vec![0; 2 * rank];
    let places = placed(&(0..rank).collect::<Vec<_>>(), is_turned);
    for (place, [before, behind]) in places.into_iter().zip(pairs) {
        paddings[place] = *before;
        paddings[rank + place] = *behind;
    }
    Ok((vec![value, writer.int64s(&paddings)?], is_turned))
}
