//! The image size of a graph, also where its placeholder leaves it open.

use menagerie_contract::{LoadRequest, Source};

use super::{Draft, layout::Plan};
use crate::{
    data::{
        graph::{Graph, NodeId},
        tensor::Extents,
    },
    error::GraphError,
    find::found::{alternative, evidence},
    limits::GraphLimits,
    shapes::Shapes,
};

/// The size that most public nets for photos take.
const USUAL_SIDE: u64 = 224;
/// Sides tried when a graph does not say its size.
const SIDES_TRIED: std::ops::RangeInclusive<u64> = 8..=640;
/// Graphs that take more steps to try one side, about 2000 nodes before their first matrix product, are tried with known
/// sides alone.
const STEPS_FOR_ALL_SIDES: u64 = 40_000;
/// Sides that nets are made for, beside multiples of 32.
const KNOWN_SIDES: [u64; 10] = [28, 50, 80, 100, 150, 200, 227, 299, 300, 331];

/// Width and height in pixels.
pub(super) fn find(
    graph: &Graph<'_>,
    input: NodeId,
    first_layer: Option<NodeId>,
    plan: &Plan,
    request: &LoadRequest,
    limits: &GraphLimits,
    found: &mut Draft,
) -> Result<(u64, u64), GraphError> {
    let asked = (request.overrides.width.map(u64::from), request.overrides.height.map(u64::from));
    for (stated, asked, field) in [(plan.width, asked.0, "width"), (plan.height, asked.1, "height")] {
        if let (Some(stated), Some(asked)) = (stated, asked)
            && stated != asked
            && plan.values.is_none()
        {
            return Err(GraphError::Override {
                field,
                value: asked.to_string(),
                reason: format!("the input takes {stated}"),
            });
        }
    }
    if let (Some(width), Some(height)) = asked {
        let channels = u64::from(plan.channels);
        if let Some(values) = plan.values.filter(|values| *values != width.saturating_mul(height) * channels) {
            return Err(GraphError::Override {
                field: "width",
                value: format!("{width} and height = {height}"),
                reason: format!("the input takes {values} values"),
            });
        }
        push(found, width, height, request.source, 1.0, "set by the caller");
        return Ok((width, height));
    }
    if let (Some(width), Some(height)) = (plan.width.or(asked.0), plan.height.or(asked.1)) {
        let because = "the graph states it";
        push(found, width, height, Source::Read, 0.99, because);
        return Ok((width, height));
    }
    if let Some((width, height, node)) = resized_inside(graph, input) {
        push(found, width, height, Source::Read, 0.97, &format!("the graph resizes to it in node {node:?}"));
        return Ok((width, height));
    }
    Ok(solve(graph, input, first_layer, plan, limits, found))
}

fn push(found: &mut Draft, width: u64, height: u64, source: Source, confidence: f32, because: &str) {
    found.evidence.push(evidence("input.width", width, source, confidence, because));
    found.evidence.push(evidence("input.height", height, source, confidence, because));
}

/// Target of a resize op that the image passes before any layer.
fn resized_inside<'g>(graph: &'g Graph<'_>, input: NodeId) -> Option<(u64, u64, &'g str)> {
    let mut stack = vec![input];
    let mut seen = std::collections::HashSet::new();
    while let Some(id) = stack.pop() {
        let node = graph.node(id);
        if !seen.insert(id) || node.kind.is_layer() {
            continue;
        }
        if node.op.starts_with("Resize") {
            if let [height, width] = graph.constant_ints(graph.input(id, 1)?)?.as_slice() {
                return Some((u64::try_from(*width).ok()?, u64::try_from(*height).ok()?, &node.name));
            }
            return None;
        }
        stack.extend(graph.consumers(id));
    }
    None
}

/// The sides for which the graph fits together up to its first matrix product; the roundest is taken.
fn solve(
    graph: &Graph<'_>,
    input: NodeId,
    first_layer: Option<NodeId>,
    plan: &Plan,
    limits: &GraphLimits,
    found: &mut Draft,
) -> (u64, u64) {
    let scope = scope(graph, input, first_layer);
    let batch = plan.batch.unwrap_or(1);
    let mut shapes = Shapes::blank(graph);
    let mut fits_with = |side: u64| {
        let extents = plan.extents(batch, side);
        let fits = shapes.fill(graph, &scope, Some((input, &extents)), limits).is_ok();
        // A larger image may also fit a `Reshape` as several smaller ones.
        let rows = scope.last().and_then(|last| shapes.extents(*last)?.first().copied().flatten());
        fits && rows.is_none_or(|rows| rows == batch)
    };
    let before = graph.steps.taken();
    fits_with(USUAL_SIDE);
    let is_cheap = graph.steps.taken() - before <= STEPS_FOR_ALL_SIDES;
    let tried: Vec<u64> = SIDES_TRIED.filter(|side| is_cheap || roundness(*side) >= 4).collect();
    let fits: Vec<u64> = tried.iter().copied().filter(|side| fits_with(*side)).collect();
    if fits.is_empty() || fits.len() > tried.len() / 4 {
        let because = "the graph leaves the size open and fits many; most public nets take it";
        push(found, USUAL_SIDE, USUAL_SIDE, Source::Prior, 0.5, because);
        found.warnings.push(format!(
            "The graph leaves its image size open; {USUAL_SIDE} x {USUAL_SIDE} is assumed. Set `width` and `height` to \
             change it."
        ));
        return (USUAL_SIDE, USUAL_SIDE);
    }
    let mut ranked = fits.clone();
    ranked.sort_by_key(|side| std::cmp::Reverse(roundness(*side)));
    let side = ranked[0];
    let (because, confidence) = match fits.as_slice() {
        [_] => ("it is the only side for which the layers fit together".to_owned(), 0.95),
        [first, .., last] => {
            (format!("sides from {first} to {last} fit the graph's first matrix product; {side} is the roundest"), 0.8)
        }
        [] => (String::new(), 0.0),
    };
    push(found, side, side, Source::Measured, confidence, &because);
    if let Some(entry) = found.evidence.last_mut() {
        entry.alternatives =
            ranked.iter().skip(1).take(5).map(|side| alternative(side, roundness(*side) as f32)).collect();
    }
    if fits.len() > 1 {
        found.warnings.push(format!(
            "The graph leaves its image size open; {because}. Set `width` and `height` if it is another."
        ));
    }
    (side, side)
}

/// Nodes that decide whether a size fits: what the layers up to the first matrix product need, in order.
fn scope(graph: &Graph<'_>, input: NodeId, first_layer: Option<NodeId>) -> Vec<NodeId> {
    let reached = graph.descendants([input]);
    let product = graph
        .order()
        .iter()
        .find(|id| reached.contains(id) && Some(**id) != first_layer && graph.node(**id).kind.is_product());
    let target = product.or_else(|| graph.order().iter().rev().find(|id| reached.contains(id)));
    let needed = graph.ancestors(target.copied(), false);
    graph.ordered(&needed)
}

fn roundness(side: u64) -> u32 {
    if side.is_multiple_of(32) {
        5
    } else if KNOWN_SIDES.contains(&side) {
        4
    } else if side.is_multiple_of(16) {
        3
    } else if side.is_multiple_of(10) {
        2
    } else {
        u32::from(side.is_multiple_of(4))
    }
}

impl Plan {
    fn extents(&self, batch: u64, side: u64) -> Extents {
        let (height, width) = (Some(self.height.unwrap_or(side)), Some(self.width.unwrap_or(side)));
        let channels = Some(u64::from(self.channels));
        match self.layout {
            menagerie_contract::Layout::Nchw => vec![Some(batch), channels, height, width],
            menagerie_contract::Layout::Nhw => vec![Some(batch), height, width],
            _ => vec![Some(batch), height, width, channels],
        }
    }
}
