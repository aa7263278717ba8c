//! What moves, joins and parts tensors without changing values.

use super::{
    super::{
        proto::Attribute,
        values::{indices, turn_axes},
        writer::{BACK, Refusal, TURNED, Writer},
    },
    Rows,
    Rule::Written,
};
use crate::data::{
    graph::{Endpoint, NodeId},
    tensor::Extents,
};

pub(super) const ROWS: Rows = &[
    ("Reshape", Written(reshape)),
    ("Squeeze", Written(reshape)),
    ("ExpandDims", Written(reshape)),
    ("Transpose", Written(transpose)),
    ("Concat", Written(concat)),
    ("ConcatV2", Written(concat)),
    ("Pack", Written(pack)),
    ("Unpack", Written(unpack)),
    ("Split", Written(split)),
    ("SplitV", Written(split)),
    ("Tile", Written(tile)),
    ("BroadcastTo", Written(broadcast)),
    ("Gather", Written(gather)),
    ("GatherV2", Written(gather)),
    ("DepthToSpace", Written(depth_to_space)),
    ("SpaceToDepth", Written(space_to_depth)),
];

/// Whether the values of an image stand in one row in both orders of its axes.
fn is_either_way(extents: &Extents) -> bool {
    let is_one = |axis: usize| extents.get(axis) == Some(&Some(1));
    extents.len() == 4 && (is_one(3) || is_one(1) && is_one(2))
}

/// The same values in a row, with other extents: those that follow from the shapes, at most one of which is open.
fn reshape(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let input = writer.input(id, 0)?;
    let is_free = |extents: &Extents| extents.iter().filter(|extent| extent.is_none()).count() <= 1;
    let extents = writer.extents(Endpoint { node: id, port: 0 }).filter(is_free);
    let extents = extents.filter(|extents| !extents.contains(&Some(0)));
    let extents = extents.ok_or_else(|| writer.refusal(id, "the shape that it makes is not known"))?;
    let mut target: Vec<i64> = extents.iter().map(|extent| extent.map_or(-1, |extent| extent as i64)).collect();
    let is_turned = is_either_way(&extents);
    if is_turned {
        target = TURNED.iter().map(|axis| target[*axis]).collect();
    }
    let comes_either_way = writer.extents(input).is_some_and(|extents| is_either_way(&extents));
    let value = if comes_either_way { writer.own(input)?.0 } else { writer.plain(input)? };
    let target = writer.int64s(&target)?;
    writer.put(id, "Reshape", vec![value, target], Vec::new(), is_turned)
}

/// Nothing at all where it makes of one order of an image the other.
fn transpose(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let input = writer.input(id, 0)?;
    let stated = writer.ints(id, 1)?;
    let order = writer.axes(id, &stated, stated.len())?;
    let (own, is_turned) = writer.own(input)?;
    if is_turned && order == TURNED {
        return writer.alias(id, 0, own, false);
    }
    if !is_turned && order == BACK && writer.value(input)?.is_some() {
        return writer.alias(id, 0, own, true);
    }
    if is_turned && order.len() == 4 {
        let turned: Vec<usize> = TURNED.iter().map(|axis| BACK[order[*axis]]).collect();
        return writer.put(id, "Transpose", vec![own], vec![("perm", indices(&turned))], true);
    }
    writer.put(id, "Transpose", vec![own], vec![("perm", indices(&order))], false)
}

/// All of `inputs` in one order, and where `axis` is in it.
fn joined(writer: &mut Writer<'_>, inputs: &[Endpoint], axis: usize) -> Result<(Vec<String>, usize, bool), Refusal> {
    let mut is_turned = false;
    for input in inputs {
        is_turned |= writer.is_turned(*input)?;
    }
    let mut names = Vec::with_capacity(inputs.len());
    for input in inputs {
        names.push(if is_turned { writer.image(*input)? } else { writer.plain(*input)? });
    }
    Ok((names, if is_turned { BACK[axis] } else { axis }, is_turned))
}

fn concat(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    let (parts, axis_at) = match (node.op, node.inputs.as_slice()) {
        ("Concat", [_, parts @ ..]) => (parts.to_vec(), 0),
        (_, [parts @ .., _]) => (parts.to_vec(), parts.len()),
        _ => return Err(writer.refusal(id, "it has no inputs")),
    };
    let Some(rank) = parts.iter().find_map(|part| writer.extents(*part)).map(|extents| extents.len()) else {
        return Err(writer.refusal(id, "the rank of its input is not known"));
    };
    let axis = writer.axis(id, axis_at, rank)?;
    let (inputs, axis, is_turned) = joined(writer, &parts, axis)?;
    writer.put(id, "Concat", inputs, vec![("axis", Attribute::Int(axis as i64))], is_turned)
}

fn pack(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let rank = writer.rank(id, 0)? + 1;
    let node = writer.graph.node(id);
    let axis = writer.axes(id, &[node.int("axis").unwrap_or(0)], rank)?[0] as i64;
    let parts = node.inputs.clone();
    let at = writer.int64s(&[axis])?;
    let mut inputs = Vec::new();
    for part in parts {
        let part = writer.plain(part)?;
        inputs.push(writer.step(id, "Unsqueeze", vec![part, at.clone()], Vec::new()));
    }
    writer.put(id, "Concat", inputs, vec![("axis", Attribute::Int(axis))], false)
}

fn unpack(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let input = writer.input(id, 0)?;
    let rank = writer.rank(id, 0)?;
    let axis = writer.axes(id, &[writer.graph.node(id).int("axis").unwrap_or(0)], rank)?[0];
    let count = writer.extents(input).and_then(|extents| extents[axis]).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| (1..=PARTS_MAX).contains(count));
    let count = count.ok_or_else(|| writer.refusal(id, "the number of its outputs is not known"))?;
    let value = writer.plain(input)?;
    let parts = writer.steps(id, count, "Split", vec![value], vec![("axis", Attribute::Int(axis as i64))]);
    let at = writer.int64s(&[axis as i64])?;
    for (port, part) in parts.into_iter().enumerate() {
        let dropped = writer.step(id, "Squeeze", vec![part, at.clone()], Vec::new());
        writer.alias(id, port as u32, dropped, false)?;
    }
    Ok(())
}

/// Outputs of one node; more are no classifier's.
const PARTS_MAX: usize = 4096;

fn split(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let is_even = writer.graph.node(id).op == "Split";
    let (value_at, axis_at) = if is_even { (1, 0) } else { (0, 2) };
    let input = writer.input(id, value_at)?;
    let rank = writer.rank(id, value_at)?;
    let axis = writer.axis(id, axis_at, rank)?;
    let extent = writer.extents(input).and_then(|extents| extents[axis]);
    let node = writer.graph.node(id);
    let (count, sizes) = if is_even {
        (node.int("num_split").and_then(|count| usize::try_from(count).ok()).unwrap_or(0), None)
    } else {
        let mut sizes = writer.ints(id, 1)?;
        let stated: i64 = sizes.iter().filter(|size| **size >= 0).fold(0, |sum, size| sum.saturating_add(*size));
        let rest = extent.and_then(|extent| i64::try_from(extent).ok()).map(|extent| extent.saturating_sub(stated));
        for size in sizes.iter_mut().filter(|size| **size < 0) {
            *size = rest.filter(|rest| *rest >= 0).ok_or_else(|| writer.refusal(id, "its sizes are not known"))?;
        }
        (sizes.len(), Some(sizes))
    };
    let fits = extent.is_some_and(|extent| extent.is_multiple_of(count as u64) || sizes.is_some());
    if count == 0 || count > PARTS_MAX || !fits {
        return Err(writer.refusal(id, format!("it makes {count} parts")));
    }
    let (value, is_turned) = writer.own(input)?;
    if count == 1 {
        return writer.alias(id, 0, value, is_turned);
    }
    let axis = if is_turned { BACK[axis] } else { axis };
    let mut inputs = vec![value];
    if let Some(sizes) = sizes {
        inputs.push(writer.int64s(&sizes)?);
    }
    writer.put_all(id, count as u32, "Split", inputs, vec![("axis", Attribute::Int(axis as i64))], is_turned)
}

fn tile(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let repeats = writer.ints(id, 1)?;
    let (value, is_turned) = writer.own(writer.input(id, 0)?)?;
    let repeats = match repeats.as_slice() {
        &[batch, rows, columns, channels] if is_turned => vec![batch, channels, rows, columns],
        _ => repeats,
    };
    let repeats = writer.int64s(&repeats)?;
    writer.put(id, "Tile", vec![value, repeats], Vec::new(), is_turned)
}

/// An axis of extent 1 in the target keeps that of the input.
fn broadcast(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let extents = writer.extents(Endpoint { node: id, port: 0 });
    let extents = extents.filter(|extents| extents.iter().skip(1).all(Option::is_some));
    let extents = extents.ok_or_else(|| writer.refusal(id, "the shape that it makes is not known"))?;
    if extents.first() == Some(&None) && writer.rank(id, 0)? != extents.len() {
        return Err(writer.refusal(id, "it makes batches of what is none"));
    }
    let target: Vec<i64> = extents.iter().map(|extent| extent.map_or(1, |extent| extent as i64)).collect();
    let value = writer.plain(writer.input(id, 0)?)?;
    let target = writer.int64s(&target)?;
    writer.put(id, "Expand", vec![value, target], Vec::new(), false)
}

fn gather(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    if node.int("batch_dims").is_some_and(|count| count != 0) {
        return Err(writer.refusal(id, "it has batch_dims"));
    }
    let rank = writer.rank(id, 0)?;
    let axis = if node.op == "GatherV2" { writer.axis(id, 2, rank)? } else { 0 };
    let inputs = vec![writer.plain(writer.input(id, 0)?)?, writer.plain(writer.input(id, 1)?)?];
    writer.put(id, "Gather", inputs, vec![("axis", Attribute::Int(axis as i64))], false)
}

fn depth_to_space(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    blocks(writer, id, "DepthToSpace", vec![("mode", Attribute::Text("DCR".to_owned()))])
}

fn space_to_depth(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    blocks(writer, id, "SpaceToDepth", Vec::new())
}

fn blocks(
    writer: &mut Writer<'_>,
    id: NodeId,
    op: &'static str,
    mut attributes: Vec<(&'static str, Attribute)>,
) -> Result<(), Refusal> {
    writer.extents_of_rank(id, 0, 4)?;
    let node = writer.graph.node(id);
    let side = node.int("block_size").filter(|side| *side > 0);
    attributes.push(("blocksize", Attribute::Int(side.ok_or_else(|| writer.refusal(id, "it has no block_size"))?)));
    let is_first = node.is_channels_first();
    let image = writer.input(id, 0)?;
    let image = if is_first { writer.plain(image)? } else { writer.image(image)? };
    writer.put(id, op, vec![image], attributes, !is_first)
}

/// Where the `axes` of a tensor stand in the order in which it is computed.
pub(super) fn placed(axes: &[usize], is_turned: bool) -> Vec<usize> {
    if is_turned { turn_axes(axes) } else { axes.to_vec() }
}
