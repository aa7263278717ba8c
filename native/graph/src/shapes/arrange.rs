//! Shapes of ops that only move values or drop axes.

use super::{Fact, positive_axis};
use crate::{
    data::{graph::Node, tensor::Extents},
    ops::Shape,
};

/// The fact of an arranging op; absent for other ops.
pub(super) fn infer(node: &Node<'_>, inputs: &[&Fact]) -> Result<Option<Fact>, String> {
    let fact = match (node.kind.shape, inputs) {
        (Shape::Reshape, [value, target, ..]) => reshape(value, target)?,
        (Shape::Squeeze, [value]) => squeeze(node, value)?,
        (Shape::ExpandDims, [value, axis]) => expand(value, axis)?,
        (Shape::Transpose, [value, order]) => transpose(value, order)?,
        (Shape::Join, [parts @ .., axis]) | (Shape::JoinAxisFirst, [axis, parts @ ..]) => concat(parts, axis)?,
        (Shape::JoinQuantized, [axis, rest @ ..]) => concat(&rest[..rest.len() / 3], axis)?,
        (Shape::Split, [axis, value]) => split(node, value, axis)?,
        (Shape::SplitSizes, [value, _, axis]) => open_axis(value, axis)?,
        (Shape::Pack, parts) => pack(node, parts)?,
        (Shape::Unpack, [value]) => unpack(node, value)?,
        (Shape::Reduce, [value, axes]) => reduce(node, value, axes)?,
        (Shape::DropAxis, [value, axis]) => drop_axis(value, axis)?,
        (Shape::StridedSlice, [value, begin, end, strides]) => strided_slice(node, value, begin, end, strides)?,
        (Shape::Slice, [value, begin, size]) => slice(value, begin, size),
        (Shape::FromFirst, [extents, _]) | (Shape::FromSecond, [_, extents]) => from_values(extents),
        (Shape::Tile, [value, times]) => tile(value, times),
        (Shape::Gather, [value, indices, rest @ ..]) => gather(node, value, indices, rest.first())?,
        _ => return Ok(None),
    };
    Ok(Some(fact))
}

fn from_values(target: &Fact) -> Fact {
    match &target.ints {
        Some(values) => {
            Fact::of(values.iter().map(|value| value.and_then(|value| u64::try_from(value).ok())).collect())
        }
        None => Fact::open(),
    }
}

fn reshape(value: &Fact, target: &Fact) -> Result<Fact, String> {
    let Some(wanted) = &target.ints else { return Ok(Fact::open()) };
    if wanted.iter().filter(|extent| **extent == Some(-1)).count() > 1 {
        return Err("its target shape leaves several extents open".to_owned());
    }
    let mut out: Extents = wanted.iter().map(|extent| extent.and_then(|extent| u64::try_from(extent).ok())).collect();
    let Some(count) = value.closed().map(|extents| crate::data::tensor::element_count(&extents)) else {
        return Ok(Fact::of(out));
    };
    let known = crate::data::tensor::element_count(&out.iter().flatten().copied().collect::<Vec<_>>());
    let open: Vec<usize> = (0..out.len()).filter(|index| out[*index].is_none()).collect();
    match open.as_slice() {
        [] if known != count => Err(format!("it makes {known} values of {count}")),
        [index] if known > 0 && count.is_multiple_of(known) => {
            out[*index] = Some(count / known);
            Ok(Fact::of(out))
        }
        [_] => Err(format!("{count} values cannot be split into rows of {known}")),
        _ => Ok(Fact::of(out)),
    }
}

fn squeeze(node: &Node<'_>, value: &Fact) -> Result<Fact, String> {
    let Some(extents) = &value.extents else { return Ok(Fact::open()) };
    let listed = node.ints("squeeze_dims").or_else(|| node.ints("axis")).unwrap_or_default();
    if listed.is_empty() {
        // Open extents are taken as larger than 1; a batch is never squeezed away by our own feeding.
        return Ok(Fact::of(extents.iter().copied().filter(|extent| *extent != Some(1)).collect()));
    }
    let mut dropped = vec![false; extents.len()];
    for axis in listed {
        let axis = positive_axis(axis, extents.len())?;
        if let Some(extent) = extents[axis].filter(|extent| *extent != 1) {
            return Err(format!("it drops axis {axis}, which has extent {extent}"));
        }
        dropped[axis] = true;
    }
    Ok(Fact::of(extents.iter().zip(dropped).filter(|(_, dropped)| !dropped).map(|(extent, _)| *extent).collect()))
}

fn single(fact: &Fact) -> Option<i64> {
    match fact.ints.as_deref() {
        Some([value]) => *value,
        _ => None,
    }
}

fn expand(value: &Fact, axis: &Fact) -> Result<Fact, String> {
    let (Some(extents), Some(axis)) = (&value.extents, single(axis)) else { return Ok(Fact::open()) };
    let axis = positive_axis(axis, extents.len() + 1)?;
    let mut out = extents.clone();
    out.insert(axis, Some(1));
    Ok(Fact::of(out))
}

fn transpose(value: &Fact, order: &Fact) -> Result<Fact, String> {
    let Some(extents) = &value.extents else { return Ok(Fact::open()) };
    let Some(order) = order.closed_ints() else { return Ok(Fact::of(vec![None; extents.len()])) };
    if order.len() != extents.len() {
        return Err(format!("it orders {} axes of a tensor of rank {}", order.len(), extents.len()));
    }
    let moved = order.into_iter().map(|axis| positive_axis(axis, extents.len()).map(|axis| extents[axis]));
    Ok(Fact::of(moved.collect::<Result<_, _>>()?))
}

fn concat(parts: &[&Fact], axis: &Fact) -> Result<Fact, String> {
    let Some(first) = parts.first().and_then(|part| part.extents.as_ref()) else { return Ok(Fact::open()) };
    let Some(axis) = single(axis) else { return Ok(Fact::of(vec![None; first.len()])) };
    let axis = positive_axis(axis, first.len())?;
    let mut out = first.clone();
    for part in parts.iter().skip(1) {
        let Some(extents) = part.extents.as_ref().filter(|extents| extents.len() == out.len()) else {
            out[axis] = None;
            continue;
        };
        for (index, extent) in extents.iter().enumerate() {
            if index == axis {
                out[index] = out[index].zip(*extent).map(|(left, right)| left.saturating_add(right));
            } else {
                match (out[index], *extent) {
                    (Some(left), Some(right)) if left != right => {
                        return Err(format!("it joins extents {left} and {right} on axis {index}"));
                    }
                    (None, other) => out[index] = other,
                    _ => {}
                }
            }
        }
    }
    Ok(Fact::of(out))
}

fn split(node: &Node<'_>, value: &Fact, axis: &Fact) -> Result<Fact, String> {
    let parts = node.int("num_split").and_then(|parts| u64::try_from(parts).ok()).filter(|parts| *parts > 0);
    let (Some(extents), Some(axis), Some(parts)) = (&value.extents, single(axis), parts) else {
        return Ok(Fact::open());
    };
    let axis = positive_axis(axis, extents.len())?;
    let mut out = extents.clone();
    out[axis] = out[axis].map(|extent| extent / parts);
    Ok(Fact::of(out))
}

fn open_axis(value: &Fact, axis: &Fact) -> Result<Fact, String> {
    let (Some(extents), Some(axis)) = (&value.extents, single(axis)) else { return Ok(Fact::open()) };
    let mut out = extents.clone();
    let axis = positive_axis(axis, extents.len())?;
    out[axis] = None;
    Ok(Fact::of(out))
}

fn pack(node: &Node<'_>, parts: &[&Fact]) -> Result<Fact, String> {
    let Some(first) = parts.first().and_then(|part| part.extents.as_ref()) else { return Ok(Fact::open()) };
    let axis = positive_axis(node.int("axis").unwrap_or(0), first.len() + 1)?;
    let mut out = first.clone();
    out.insert(axis, Some(parts.len() as u64));
    Ok(Fact::of(out))
}

fn unpack(node: &Node<'_>, value: &Fact) -> Result<Fact, String> {
    let Some(extents) = &value.extents else { return Ok(Fact::open()) };
    let axis = positive_axis(node.int("axis").unwrap_or(0), extents.len())?;
    let mut out = extents.clone();
    out.remove(axis);
    Ok(Fact::of(out))
}

fn reduce(node: &Node<'_>, value: &Fact, axes: &Fact) -> Result<Fact, String> {
    let Some(extents) = &value.extents else { return Ok(Fact::open()) };
    let Some(axes) = axes.closed_ints() else { return Ok(Fact::open()) };
    let keeps = node.flag("keep_dims") || node.flag("keepdims");
    let mut reduced = vec![false; extents.len()];
    for axis in axes {
        reduced[positive_axis(axis, extents.len())?] = true;
    }
    let mut out = Vec::with_capacity(extents.len());
    for (extent, reduced) in extents.iter().zip(reduced) {
        if !reduced {
            out.push(*extent);
        } else if keeps {
            out.push(Some(1));
        }
    }
    Ok(Fact::of(out))
}

fn drop_axis(value: &Fact, axis: &Fact) -> Result<Fact, String> {
    let (Some(extents), Some(axis)) = (&value.extents, single(axis)) else { return Ok(Fact::open()) };
    let mut out = extents.clone();
    out.remove(positive_axis(axis, extents.len())?);
    Ok(Fact::of(out))
}

fn strided_slice(node: &Node<'_>, value: &Fact, begin: &Fact, end: &Fact, strides: &Fact) -> Result<Fact, String> {
    let (Some(extents), Some(begin), Some(end), Some(strides)) =
        (&value.extents, begin.closed_ints(), end.closed_ints(), strides.closed_ints())
    else {
        return Ok(Fact::open());
    };
    let mask = |name: &str, index: usize| node.int(name).unwrap_or(0) >> index.min(62) & 1 == 1;
    if node.int("ellipsis_mask").unwrap_or(0) != 0 || node.int("new_axis_mask").unwrap_or(0) != 0 {
        return Ok(Fact::open());
    }
    if begin.len() > extents.len() || begin.len() != end.len() || begin.len() != strides.len() {
        return Err("its bounds do not fit its input".to_owned());
    }
    let mut out = Vec::with_capacity(extents.len());
    for (index, extent) in extents.iter().enumerate() {
        let Some(&stride) = strides.get(index) else {
            out.push(*extent);
            continue;
        };
        if mask("shrink_axis_mask", index) {
            continue;
        }
        out.push(extent.and_then(|extent| {
            let (from, to) =
                bounds(extent, begin[index], end[index], stride, [mask("begin_mask", index), mask("end_mask", index)])?;
            Some(from.abs_diff(to).div_ceil(stride.unsigned_abs()))
        }));
    }
    Ok(Fact::of(out))
}

/// First position and the one behind the last of a slice along one axis; absent for stride 0.
pub(super) fn bounds(extent: u64, begin: i64, end: i64, stride: i64, open: [bool; 2]) -> Option<(i64, i64)> {
    let extent = i64::try_from(extent).ok()?;
    let place = |at: i64| if at < 0 { at.saturating_add(extent) } else { at };
    match stride {
        0 => None,
        1.. => {
            let from = if open[0] { 0 } else { place(begin).clamp(0, extent) };
            let to = if open[1] { extent } else { place(end).clamp(0, extent) };
            Some((from, to.max(from)))
        }
        _ => {
            let from = if open[0] { extent - 1 } else { place(begin).clamp(-1, extent - 1) };
            let to = if open[1] { -1 } else { place(end).clamp(-1, extent - 1) };
            Some((from, to.min(from)))
        }
    }
}

fn slice(value: &Fact, begin: &Fact, size: &Fact) -> Fact {
    let (Some(extents), Some(sizes)) = (&value.extents, &size.ints) else { return Fact::open() };
    let begin = begin.closed_ints().unwrap_or_default();
    Fact::of(
        extents
            .iter()
            .enumerate()
            .map(|(index, extent)| match sizes.get(index).copied().flatten() {
                Some(-1) => {
                    let start = begin.get(index).and_then(|start| u64::try_from(*start).ok())?;
                    extent.map(|extent| extent.saturating_sub(start))
                }
                Some(size) => u64::try_from(size).ok(),
                None => None,
            })
            .collect(),
    )
}

fn tile(value: &Fact, times: &Fact) -> Fact {
    let (Some(extents), Some(times)) = (&value.extents, times.closed_ints()) else { return Fact::open() };
    Fact::of(
        extents
            .iter()
            .zip(times)
            .map(|(extent, times)| extent.map(|extent| extent.saturating_mul(times.max(0) as u64)))
            .collect(),
    )
}

/// What is picked stands in the place of the axis; `GatherV2` names it.
fn gather(node: &Node<'_>, value: &Fact, indices: &Fact, axis: Option<&&Fact>) -> Result<Fact, String> {
    let is_batched = node.int("batch_dims").is_some_and(|count| count != 0);
    let axis = match axis {
        Some(axis) => axis.closed_ints().and_then(|axes| axes.first().copied()),
        None => Some(0),
    };
    match (&value.extents, &indices.extents, axis) {
        (Some(values), Some(indices), Some(axis)) if !values.is_empty() && !is_batched => {
            let (before, behind) = values.split_at(positive_axis(axis, values.len())?);
            Ok(Fact::of(before.iter().chain(indices).chain(&behind[1..]).copied().collect()))
        }
        _ => Ok(Fact::open()),
    }
}
