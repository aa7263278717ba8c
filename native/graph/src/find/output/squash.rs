//! Probabilities that a graph spells out: whatever arithmetic turns any number into one of 0 to 1 is a sigmoid in effect.
//!
//! `1 / (1 + exp(-x))`, `(tanh(x / 2) + 1) / 2`, a clipped line and their kin have many forms and one behaviour, so the
//! arithmetic behind a node is run on sample values and judged by what it does.

use std::collections::{BTreeMap, HashSet};

use crate::data::{graph::Graph, node::NodeId};

/// Nodes that are looked at behind one node.
const NODES_MAX: usize = 32;
/// Ops between a named output and where its arithmetic starts.
const STEPS_MAX: usize = 16;
/// What stands for any number, rising.
const SAMPLES: [f64; 9] = [-300.0, -30.0, -8.0, -1.0, 0.0, 1.0, 8.0, 30.0, 300.0];

type Values = [f64; SAMPLES.len()];

/// What the arithmetic behind a node comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Squashed {
    /// One probability for each number.
    Single(NodeId),
    /// A probability and what it lacks to 1, side by side.
    Pair(NodeId),
}

/// The end of the arithmetic behind `start` when that makes probabilities of its numbers, through nodes in `reached`.
pub(super) fn behind(graph: &Graph<'_>, start: NodeId, reached: &HashSet<NodeId>) -> Option<Squashed> {
    let known = run(graph, start, |id| reached.contains(&id));
    if let Some(pair) = known.keys().flat_map(|id| graph.consumers(*id)).find(|id| is_pair(graph, **id, &known)) {
        return reached.contains(pair).then_some(Squashed::Pair(*pair));
    }
    let is_end = |id: NodeId| !graph.consumers(id).iter().any(|next| known.contains_key(next));
    let ends = known.iter().filter(|(id, values)| **id != start && is_end(**id) && are_probabilities(values));
    ends.map(|(id, _)| Squashed::Single(skip_layout(graph, *id))).next()
}

/// What the arithmetic that ends at `end`, which somebody named, comes to.
pub(super) fn ending_at(graph: &Graph<'_>, end: NodeId) -> Option<Squashed> {
    let mut start = end;
    for _ in 0..STEPS_MAX {
        let node = graph.node(start);
        let is_arithmetic = is_layout(graph, start) || arithmetic(node.op).is_some() || joins(node.op);
        let up = node.inputs.iter().map(|input| input.node).find(|up| scalar(graph, *up).is_none());
        match up.filter(|_| is_arithmetic) {
            Some(up) => start = up,
            None => break,
        }
    }
    let known = run(graph, start, |_| true);
    if is_pair(graph, end, &known) {
        return Some(Squashed::Pair(end));
    }
    (end != start && known.get(&end).is_some_and(are_probabilities)).then_some(Squashed::Single(end))
}

/// Values of the nodes behind `start`, where they follow from its own alone.
fn run(graph: &Graph<'_>, start: NodeId, is_reached: impl Fn(NodeId) -> bool) -> BTreeMap<NodeId, Values> {
    let mut known = BTreeMap::from([(start, SAMPLES)]);
    let mut stack = vec![start];
    let mut looked_at = 0;
    while let Some(id) = stack.pop() {
        for next in graph.consumers(id).iter().copied().filter(|next| is_reached(*next)) {
            looked_at += 1;
            if looked_at > NODES_MAX {
                return known;
            }
            if let (false, Some(values)) = (known.contains_key(&next), values(graph, next, &known)) {
                known.insert(next, values);
                stack.push(next);
            }
        }
    }
    known
}

fn values(graph: &Graph<'_>, id: NodeId, known: &BTreeMap<NodeId, Values>) -> Option<Values> {
    let node = graph.node(id);
    let operand = |index: usize| {
        let up = graph.input(id, index)?;
        known.get(&up).copied().or_else(|| Some([scalar(graph, up)?; SAMPLES.len()]))
    };
    if is_layout(graph, id) {
        return graph.input(id, 0).and_then(|up| known.get(&up)).copied();
    }
    let apply = arithmetic(node.op)?;
    let inputs: Vec<Values> = (0..node.inputs.len()).map(operand).collect::<Option<_>>()?;
    let mut out = SAMPLES;
    for (index, value) in out.iter_mut().enumerate() {
        let at = |input: usize| inputs.get(input).map_or(f64::NAN, |values| values[index]);
        *value = apply([at(0), at(1), at(2)]);
    }
    Some(out)
}

/// Ops that change how values lie, and none of them.
fn is_layout(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.kind.is_passage() || matches!(node.op, "Squeeze" | "Reshape" | "ExpandDims" | "Cast")
}

fn skip_layout(graph: &Graph<'_>, mut id: NodeId) -> NodeId {
    while let (true, Some(up)) = (is_layout(graph, id), graph.input(id, 0)) {
        id = up;
    }
    id
}

fn scalar(graph: &Graph<'_>, id: NodeId) -> Option<f64> {
    let shape = graph.constant_shape(id)?;
    if shape.iter().any(|extent| *extent != 1) {
        return None;
    }
    graph.constant(id)?.values.first().map(|value| f64::from(*value))
}

/// What an elementwise op does to one to three numbers.
fn arithmetic(op: &str) -> Option<fn([f64; 3]) -> f64> {
    Some(match op {
        "Neg" => |[x, ..]| -x,
        "Exp" => |[x, ..]| x.exp(),
        "Reciprocal" | "Inv" => |[x, ..]| x.recip(),
        "Tanh" => |[x, ..]| x.tanh(),
        "Sigmoid" => |[x, ..]| 1.0 / (1.0 + (-x).exp()),
        "Relu" => |[x, ..]| x.max(0.0),
        "Relu6" => |[x, ..]| x.clamp(0.0, 6.0),
        "Add" | "AddV2" => |[x, y, _]| x + y,
        "Sub" => |[x, y, _]| x - y,
        "Mul" => |[x, y, _]| x * y,
        "Div" | "RealDiv" => |[x, y, _]| x / y,
        "Maximum" => |[x, y, _]| x.max(y),
        "Minimum" => |[x, y, _]| x.min(y),
        "ClipByValue" => |[x, low, high]| x.max(low).min(high),
        _ => return None,
    })
}

/// Whether `values` are those of a probability: within 0 to 1, from one end to the other, without turning back. What
/// overflows on the way, as `exp(x) / (1 + exp(x))` does, does not count.
fn are_probabilities(values: &Values) -> bool {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let (first, last) = match finite.as_slice() {
        [first, .., last] => (*first, *last),
        _ => return false,
    };
    finite.len() + 1 >= values.len()
        && finite.iter().all(|value| (0.0..=1.0).contains(value))
        && (first - last).abs() > 0.99
        && (finite.is_sorted() || finite.iter().rev().is_sorted())
}

fn joins(op: &str) -> bool {
    matches!(op, "ConcatV2" | "Pack")
}

/// Whether `id` puts a probability and what it lacks to 1 side by side.
fn is_pair(graph: &Graph<'_>, id: NodeId, known: &BTreeMap<NodeId, Values>) -> bool {
    let node = graph.node(id);
    if !joins(node.op) {
        return false;
    }
    let part = |index: usize| graph.input(id, index).and_then(|up| known.get(&up));
    let (Some(first), Some(second)) = (part(0), part(1)) else { return false };
    let is_whole = node.op == "Pack" && node.inputs.len() == 2 || node.op == "ConcatV2" && node.inputs.len() == 3;
    is_whole
        && are_probabilities(first)
        && are_probabilities(second)
        && first.iter().zip(second).all(|(first, second)| (first + second - 1.0).abs() < 1e-6)
}
