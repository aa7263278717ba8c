//! Ops that move an image's values, or join, cut and border images.

use super::super::{
    Turning,
    order::{self, FIRST, LAST},
};
use crate::{data::graph::NodeId, encode};

pub(super) fn concat(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let (parts, axis) = match (node.op, node.inputs.as_slice()) {
        ("Concat", [axis, parts @ ..]) | (_, [parts @ .., axis]) => (parts, *axis),
        _ => return None,
    };
    let axis = order::turn_axis(turning.value(axis)?)? as i64;
    let mut inputs = parts.iter().map(|part| turning.image(*part)).collect::<Option<Vec<_>>>()?;
    let axis = turning.integers(id, &[], &[axis]);
    inputs.insert(if node.op == "Concat" { 0 } else { inputs.len() }, axis);
    let written = turning.as_it_is(id).reading(inputs);
    let written = if node.op == "Concat" { written } else { written.indexed("Tidx") };
    turning.put(id, written, true);
    Some(())
}

pub(super) fn split(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let at = |index: usize| node.inputs.get(index).copied();
    let is_even = node.op == "Split";
    let (image, axis) = if is_even { (at(1)?, at(0)?) } else { (at(0)?, at(2)?) };
    let axis = order::turn_axis(turning.value(axis)?)? as i64;
    let axis = turning.integers(id, &[], &[axis]);
    let image = turning.image(image)?;
    let inputs = if is_even { vec![axis, image] } else { vec![image, turning.first(at(1)?), axis] };
    let written = turning.as_it_is(id).reading(inputs);
    turning.put(id, written, true);
    let readers = turning.graph.consumers(id).iter().flat_map(|reader| &turning.graph.node(*reader).inputs);
    turning.turned.extend(readers.filter(|input| input.node == id));
    Some(())
}

pub(super) fn pad(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let paddings = order::turn_pairs(&turning.values(*node.inputs.get(1)?)?)?;
    let paddings = turning.integers(id, &[4, 2], &paddings);
    let mut inputs = turning.with_image(node)?;
    inputs[1] = paddings;
    let written = turning.as_it_is(id).reading(inputs).indexed("Tpaddings");
    turning.put(id, written, true);
    Some(())
}

pub(super) fn slice(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    lists(turning, id, "Index")
}

pub(super) fn tile(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    lists(turning, id, "Tmultiples")
}

/// An op whose inputs behind the image have an entry for each axis; attribute `index` names their type.
fn lists(turning: &mut Turning<'_, '_>, id: NodeId, index: &'static str) -> Option<()> {
    let node = turning.graph.node(id);
    let mut inputs = vec![turning.image(*node.inputs.first()?)?];
    for list in &node.inputs[1..] {
        let list = order::turn(&turning.values(*list)?)?;
        inputs.push(turning.integers(id, &[4], &list));
    }
    let written = turning.as_it_is(id).reading(inputs).indexed(index);
    turning.put(id, written, true);
    Some(())
}

pub(super) fn strided_slice(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let &[image, begin, end, strides] = node.inputs.as_slice() else { return None };
    let mask = |name: &str| node.int(name).unwrap_or(0);
    if mask("ellipsis_mask") != 0 || mask("new_axis_mask") != 0 {
        return None;
    }
    let stated = turning.values(begin)?.len();
    if stated > 4 {
        return None;
    }
    // Axes that are not named are taken whole.
    let all = !0_i64 << stated;
    let mut written = turning.as_it_is(id);
    for (name, implied) in [("begin_mask", all), ("end_mask", all), ("shrink_axis_mask", 0)] {
        let bits = mask(name) | implied;
        let turned = LAST.iter().enumerate().map(|(place, axis)| (bits >> axis & 1) << place).sum();
        written = written.with(name, encode::int_attr(turned));
    }
    let dropped: Vec<i64> = (0..4).filter(|axis| mask("shrink_axis_mask") >> axis & 1 == 1).collect();
    order::turn_dropped(&dropped)?;
    let mut inputs = vec![turning.image(image)?];
    for (list, implied) in [(begin, 0), (end, 0), (strides, 1)] {
        let mut list = turning.values(list)?;
        if list.len() != stated {
            return None;
        }
        list.resize(4, implied);
        inputs.push(turning.integers(id, &[4], &order::turn(&list)?));
    }
    turning.put(id, written.reading(inputs).indexed("Index"), dropped.is_empty());
    Some(())
}

pub(super) fn squeeze(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let image = *node.inputs.first()?;
    let name = if node.ints("squeeze_dims").is_some() { "squeeze_dims" } else { "axis" };
    let listed = node.ints(name).unwrap_or_default();
    let mut written = turning.as_it_is(id);
    if listed.is_empty() {
        let extents = turning.extents(image)?;
        let ones: Vec<i64> = (0..4).filter(|axis| extents.get(*axis as usize) == Some(&Some(1))).collect();
        order::turn_dropped(&ones)?;
    } else {
        written = written.with(name, encode::ints_attr(&order::turn_dropped(&listed)?));
    }
    let image = turning.image(image)?;
    turning.put(id, written.reading(vec![image]), false);
    Some(())
}

/// A transposition of the file's own: often the very turn, which then is none.
pub(super) fn transpose(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let &[image, order] = node.inputs.as_slice() else { return None };
    let order = turning.values(order)?;
    if !turning.turned.contains(&image) {
        let own = turning.own(image);
        return (order == FIRST.map(|axis| axis as i64)).then(|| turning.alias(id, own, true))?;
    }
    let order: Vec<usize> = order.iter().map(|axis| order::turn_axis(*axis)).collect::<Option<_>>()?;
    let own = turning.own(image);
    if order == [0, 1, 2, 3] || order == FIRST {
        return turning.alias(id, own, order == FIRST);
    }
    let order: [usize; 4] = order.try_into().ok()?;
    let written = turning.transposed(node.name.as_ref().into(), own, &order, turning.dtype(image));
    turning.put(id, written, false);
    Some(())
}

/// Rows and columns cut into blocks that go into the batch, as dilated layers have it.
pub(super) fn blocks(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let &[image, block, sides] = node.inputs.as_slice() else { return None };
    let (block, sides) = (turning.values(block)?, turning.values(sides)?);
    let (&[1, rows, columns], [0, 0, sides @ ..]) = (block.as_slice(), sides.as_slice()) else { return None };
    if sides.len() != 4 {
        return None;
    }
    let block = turning.integers(id, &[2], &[rows, columns]);
    let sides = turning.integers(id, &[2, 2], sides);
    let image = turning.image(image)?;
    let name = if node.op == "SpaceToBatchND" { "Tpaddings" } else { "Tcrops" };
    let written = turning.as_it_is(id).reading(vec![image, block, sides]).indexed("Tblock_shape").indexed(name);
    turning.put(id, written, true);
    Some(())
}
