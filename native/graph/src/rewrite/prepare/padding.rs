//! Zeros around an image, left to the convolution that reads them.
//!
//! A `Pad` and then a `VALID` convolution is one `SAME` convolution where the `Pad` adds what `SAME` does, as the layers
//! of Keras with stride 2 have it. The padded copy is then neither written nor read.

use std::collections::HashMap;

use super::Plan;
use crate::{
    data::graph::{Endpoint, NodeId},
    ops::Layer,
    shapes::{Shapes, same_paddings},
};

/// What each convolution reads instead of a `Pad`, with the padding `SAME`.
pub(super) fn find(plan: &Plan<'_, '_>, shapes: &Shapes) -> HashMap<NodeId, Endpoint> {
    plan.needed.iter().filter_map(|id| Some((*id, unpadded(plan, shapes, *id)?))).collect()
}

fn unpadded(plan: &Plan<'_, '_>, shapes: &Shapes, id: NodeId) -> Option<Endpoint> {
    let graph = plan.graph;
    let node = graph.node(id);
    let is_window = matches!(node.kind.plain_layer(), Some(Layer::Convolution | Layer::Depthwise));
    if !is_window || node.text("padding") != Some("VALID") {
        return None;
    }
    let pad = plan.source(*node.inputs.first()?).node;
    if graph.node(pad).op != "Pad" {
        return None;
    }
    let image = plan.source(*graph.node(pad).inputs.first()?);
    let extents = shapes.fact(graph.input(pad, 0)?).closed()?;
    let kernel = shapes.fact(graph.input(id, 1)?).closed()?;
    let paddings = shapes.fact(graph.input(pad, 1)?).closed_ints()?;
    (same_paddings(node, &extents, &kernel)? == paddings).then_some(image)
}
