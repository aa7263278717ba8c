//! From the last layer with weights down to the scores.

use std::collections::HashSet;

use menagerie_contract::OutputKind;

use super::squash::{self, Squashed};
use crate::data::graph::{Graph, Node, NodeId};

/// What a node on the way costs, in steps: its neighbours are looked at too.
const STEPS_PER_NODE: u64 = 64;

/// A possible class output.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The last layer with weights.
    pub layer: NodeId,
    /// The scores of all images of a batch.
    pub scores: NodeId,
    /// The node that people know as the output.
    pub tensor: NodeId,
    /// The softmax or sigmoid, where there is one.
    pub activation: Option<NodeId>,
    /// What the scores are.
    pub kind: OutputKind,
    /// Whether `tensor` holds the first image's scores only.
    pub is_single_row: bool,
    /// Scores for each image, once known.
    pub classes: Option<u32>,
}

impl Candidate {
    pub(super) fn because(&self, graph: &Graph<'_>) -> String {
        let layer = &graph.node(self.layer).name;
        match self.activation {
            Some(activation) => {
                let node = graph.node(activation);
                format!("the {} {:?} behind the last layer {layer:?}", node.op, node.name)
            }
            None => format!("the end of the way behind the last layer {layer:?}"),
        }
    }

    pub(super) fn kind_because(&self, graph: &Graph<'_>) -> String {
        match (self.kind, self.activation) {
            (kind, Some(id)) => {
                let node = graph.node(id);
                let what = match node.op {
                    "Softmax" => "softmax",
                    "Sigmoid" => "sigmoid",
                    _ => "arithmetic that gives probabilities, up to",
                };
                let meaning = match (kind, self.classes) {
                    (OutputKind::Sigmoid, Some(1)) => ": the probability of the second of two classes",
                    (OutputKind::Sigmoid, _) => ": each class on its own",
                    _ => "",
                };
                format!("{what} {:?}{meaning}", node.name)
            }
            (_, None) if self.classes == Some(1) => {
                "one value and no sigmoid behind the last layer: the logit of the second of two classes".to_owned()
            }
            (_, None) => "neither softmax nor sigmoid follows the last layer".to_owned(),
        }
    }

    /// Classes by the last layer's kernel.
    pub(super) fn kernel_classes(&self, graph: &Graph<'_>) -> Option<u32> {
        let node = graph.node(self.layer);
        let shape = graph.constant_shape(graph.input(self.layer, 1)?)?;
        let axis = if node.flag("transpose_b") { 0 } else { shape.len().checked_sub(1)? };
        u32::try_from(*shape.get(axis)?).ok()
    }
}

/// Follows the graph from `layer` to the scores, through nodes in `reached` alone; absent when that comes to a node in
/// `passed`, to which all that are passed are added.
pub(super) fn from_layer(
    graph: &Graph<'_>,
    layer: NodeId,
    reached: &HashSet<NodeId>,
    passed: &mut HashSet<NodeId>,
) -> Option<Candidate> {
    let mut candidate = Candidate {
        layer,
        scores: layer,
        tensor: layer,
        activation: None,
        kind: OutputKind::Logits,
        is_single_row: false,
        classes: None,
    };
    while let Some((next, step)) = next_step(graph, &candidate, reached) {
        if !passed.insert(next) || !graph.steps.spend(STEPS_PER_NODE + graph.consumers(next).len() as u64) {
            return None;
        }
        match step {
            Step::Activation(kind) => {
                candidate.kind = kind;
                candidate.activation = Some(next);
                candidate.scores = next;
                candidate.tensor = next;
            }
            Step::FirstRow => {
                candidate.is_single_row = true;
                candidate.tensor = next;
            }
            Step::Through if candidate.is_single_row => candidate.tensor = next,
            Step::Through => {
                candidate.scores = next;
                candidate.tensor = next;
            }
        }
    }
    Some(candidate)
}

/// The candidate that ends at `id`, which the caller named.
pub(super) fn from_named(graph: &Graph<'_>, id: NodeId) -> Candidate {
    let mut scores = id;
    let mut at = id;
    let mut is_single_row = false;
    let mut activation = None;
    loop {
        let node = graph.node(at);
        match node.op {
            "Softmax" | "Sigmoid" => {
                activation = Some(at);
                break;
            }
            "StridedSlice" if takes_first_row(graph, at) => is_single_row = true,
            "ArgMax" | "Squeeze" | "Reshape" | "ExpandDims" => {}
            _ if node.kind.is_passage() => {}
            _ => break,
        }
        let Some(up) = graph.input(at, 0) else { break };
        if matches!(node.op, "ArgMax" | "StridedSlice") {
            scores = up;
        }
        at = up;
    }
    let (kind, activation) = match (activation.map(|id| graph.node(id).op), squash::ending_at(graph, scores)) {
        (Some("Softmax"), _) => (OutputKind::Softmax, activation),
        (_, Some(Squashed::Pair(end))) => (OutputKind::Softmax, Some(end)),
        (_, Some(Squashed::Single(end))) => (OutputKind::Sigmoid, activation.or(Some(end))),
        (Some(_), None) => (OutputKind::Sigmoid, activation),
        (None, None) => (OutputKind::Logits, None),
    };
    Candidate { layer: scores, scores, tensor: id, activation, kind, is_single_row, classes: None }
}

enum Step {
    Activation(OutputKind),
    Through,
    FirstRow,
}

/// The best way on from the candidate's end.
fn next_step(graph: &Graph<'_>, candidate: &Candidate, reached: &HashSet<NodeId>) -> Option<(NodeId, Step)> {
    let at = candidate.tensor;
    if candidate.activation.is_some() && is_authors_name(graph.node(at)) {
        return None;
    }
    if candidate.activation.is_none() && !candidate.is_single_row {
        if let Some(end) = spelled_out_softmax(graph, at).filter(|end| reached.contains(end)) {
            return Some((end, Step::Activation(OutputKind::Softmax)));
        }
        match squash::behind(graph, at, reached) {
            Some(Squashed::Single(end)) if !is_gate(graph, end, reached) => {
                return Some((end, Step::Activation(OutputKind::Sigmoid)));
            }
            Some(Squashed::Pair(end)) => return Some((end, Step::Activation(OutputKind::Softmax))),
            _ => {}
        }
    }
    let consumers = graph.consumers(at).iter().copied().filter(|id| reached.contains(id));
    consumers
        .filter_map(|id| {
            let (rank, step) = step(graph, id, candidate, reached)?;
            Some((rank, id, step))
        })
        .min_by_key(|(rank, id, _)| (*rank, *id))
        .map(|(_, id, step)| (id, step))
}

fn step(graph: &Graph<'_>, id: NodeId, candidate: &Candidate, reached: &HashSet<NodeId>) -> Option<(u32, Step)> {
    let node = graph.node(id);
    let kind = node.kind;
    let is_after = candidate.activation.is_some() || candidate.is_single_row;
    match node.op {
        "Softmax" if !is_after => Some((0, Step::Activation(OutputKind::Softmax))),
        "Sigmoid" if !is_after && !is_gate(graph, id, reached) => Some((1, Step::Activation(OutputKind::Sigmoid))),
        "Squeeze" | "Reshape" => Some((2, Step::Through)),
        "StridedSlice" if takes_first_row(graph, id) => Some((4, Step::FirstRow)),
        _ if kind.is_passage() => Some((3, Step::Through)),
        _ if !is_after && kind.carries_scores => Some((5, Step::Through)),
        // What may not run stands on the way all the same; the audit refuses it by name.
        op if !is_after && !kind.is_bearable() && !op.ends_with("Summary") => Some((9, Step::Through)),
        _ => None,
    }
}

/// Whether an author named `node` to mark an end: no scope, and not the name that TensorFlow makes of its op.
fn is_authors_name(node: &Node<'_>) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    !node.name.contains('/') && letters(&node.name) != letters(node.op)
}

/// Whether the values of `id` only scale other values of the image, as in `x * sigmoid(x)`.
fn is_gate(graph: &Graph<'_>, id: NodeId, reached: &HashSet<NodeId>) -> bool {
    graph.consumers(id).iter().any(|next| {
        let node = graph.node(*next);
        node.op == "Mul" && node.inputs.iter().all(|input| reached.contains(&input.node))
    })
}

/// Whether the slice `id` takes row 0 and drops the batch axis.
fn takes_first_row(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    let begin = graph.input(id, 1).and_then(|begin| graph.constant_ints(begin));
    node.op == "StridedSlice" && node.int("shrink_axis_mask") == Some(1) && begin.as_deref() == Some(&[0])
}

/// The end of `exp(x) / sum(exp(x))` with or without `x - max(x)`, as Keras writes a softmax over other axes.
fn spelled_out_softmax(graph: &Graph<'_>, at: NodeId) -> Option<NodeId> {
    let consumer_with = |id: NodeId, op: &str| {
        graph.consumers(id).iter().copied().find(|next| graph.node(*next).op == op && graph.input(*next, 0) == Some(id))
    };
    let start = consumer_with(at, "Sub").filter(|sub| {
        graph.input(*sub, 1).is_some_and(|max| graph.node(max).op == "Max" && graph.input(max, 0) == Some(at))
    });
    let exp = consumer_with(start.unwrap_or(at), "Exp")?;
    let quotient = consumer_with(exp, "RealDiv").or_else(|| consumer_with(exp, "Div"))?;
    let sum = graph.input(quotient, 1)?;
    (graph.node(sum).op == "Sum" && graph.input(sum, 0) == Some(exp)).then_some(quotient)
}
