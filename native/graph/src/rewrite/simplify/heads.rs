//! Heads that stand before the image tensor: decoders of files, and a batch axis that the graph adds itself.

use std::collections::HashMap;

use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, NodeId},
        tensor::Extents,
    },
    encode,
    limits::GraphLimits,
    ops::Role,
    shapes::Shapes,
};

/// Makes `input`, which the caller named, the start of the graph. What is known of its shape is what its place in the graph
/// tells.
pub(super) fn cut_at<'a>(mut graph: Graph<'a>, input: NodeId, limits: &GraphLimits) -> Graph<'a> {
    let node = graph.node(input);
    if node.kind.is_placeholder() || node.inputs.is_empty() {
        return graph;
    }
    let above = graph.ancestors([input], false);
    let scope = graph.ordered(&above);
    let computed = || Shapes::stated(&graph, &scope, limits).ok()?.extents(input).cloned();
    let extents = graph.stated_shape(input).or_else(computed);
    let dtype = match (node.kind.role, node.op) {
        (Role::Decoder, _) => DataType::Uint8,
        (_, "ResizeBilinear" | "ResizeBicubic" | "ResizeArea" | "Dequantize") => DataType::Float,
        _ => node.dtype("dtype").or(node.dtype("DstT")).or(node.dtype("T")).unwrap_or(DataType::Float),
    };
    let mut attributes = vec![("dtype", encode::dtype_attr(dtype))];
    attributes.extend(extents.map(|extents| ("shape", encode::shape_attr(&extents))));
    graph.replace(input, "Placeholder", attributes);
    graph.refreshed()
}

/// Puts a placeholder in the place of a decoder and of the resize behind it.
pub(super) fn cut_decoders(mut graph: Graph<'_>) -> Graph<'_> {
    let decoders: Vec<NodeId> =
        graph.iter().filter(|(_, node)| node.kind.role == Role::Decoder).map(|(id, _)| id).collect();
    let [decoder] = decoders.as_slice() else { return graph };
    let channels = graph.node(*decoder).int("channels").and_then(|channels| u64::try_from(channels).ok());
    let colours = channels.filter(|channels| *channels > 0).unwrap_or(3);
    let mut cut = *decoder;
    let mut extents: Extents = vec![None, None, Some(colours)];
    let mut dtype = DataType::Uint8;
    while let [next] = graph.consumers(cut) {
        let node = graph.node(*next);
        match node.op {
            "Cast" => dtype = node.dtype("DstT").unwrap_or(DataType::Float),
            "ExpandDims" if extents.len() == 3 => extents.insert(0, None),
            "ResizeBilinear" | "ResizeNearestNeighbor" | "ResizeBicubic" | "ResizeArea" if extents.len() == 4 => {
                if node.op != "ResizeNearestNeighbor" {
                    dtype = DataType::Float;
                }
                let target = graph.input(*next, 1).and_then(|size| graph.constant_ints(size)).unwrap_or_default();
                let side = |index: usize| target.get(index).and_then(|side| u64::try_from(*side).ok());
                extents = vec![None, side(0), side(1), Some(colours)];
            }
            _ if node.kind.is_passage() => {}
            _ => break,
        }
        cut = *next;
    }
    make_placeholder(&mut graph, cut, dtype, &extents);
    graph.refreshed()
}

/// Gives a placeholder of one image without a batch axis that axis, and leaves the op out that adds it later.
pub(super) fn add_batch_axis(mut graph: Graph<'_>) -> Graph<'_> {
    let unbatched = graph.iter().find_map(|(id, node)| {
        let extents = graph.stated_shape(id).filter(|_| node.kind.is_placeholder())?;
        let is_image = matches!(extents.as_slice(), [height, width, Some(1 | 3)]
            if !matches!(height, Some(1 | 3)) && !matches!(width, Some(1 | 3)));
        let adder = if is_image { batch_adder(&graph, id)? } else { return None };
        Some((id, adder, extents, node.dtype("dtype").unwrap_or(DataType::Float)))
    });
    let Some((id, adder, mut extents, dtype)) = unbatched else { return graph };
    let Some(before) = graph.node(adder).inputs.first().copied() else { return graph };
    extents.insert(0, None);
    make_placeholder(&mut graph, id, dtype, &extents);
    graph.rewire(&HashMap::from([(Endpoint { node: adder, port: 0 }, before)]));
    graph.refreshed()
}

/// The `ExpandDims` that adds a first axis, behind elementwise ops with constants alone.
fn batch_adder(graph: &Graph<'_>, from: NodeId) -> Option<NodeId> {
    let mut at = from;
    while let [next] = graph.consumers(at) {
        let node = graph.node(*next);
        let others_are_small = || {
            node.inputs
                .iter()
                .filter(|endpoint| endpoint.node != at)
                .all(|endpoint| graph.constant_shape(endpoint.node).is_some_and(|extents| extents.len() <= 1))
        };
        match node.op {
            "ExpandDims" => {
                let axis = graph.input(*next, 1).and_then(|axis| graph.constant_ints(axis))?;
                return (axis == [0]).then_some(*next);
            }
            "Cast" => {}
            "Add" | "AddV2" | "Sub" | "Mul" | "Div" | "RealDiv" if others_are_small() => {}
            _ if node.kind.is_passage() => {}
            _ => return None,
        }
        at = *next;
    }
    None
}

fn make_placeholder(graph: &mut Graph<'_>, id: NodeId, dtype: DataType, extents: &Extents) {
    graph.replace(
        id,
        "Placeholder",
        vec![("dtype", encode::dtype_attr(dtype)), ("shape", encode::shape_attr(extents))],
    );
}
