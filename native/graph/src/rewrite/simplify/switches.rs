//! Placeholders that only say whether the graph is trained (`keep_prob`, `learning_phase`, `is_training`) get the value
//! for answering; branches that their value rules out are left.

use std::collections::HashMap;

use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, Node, NodeId},
    },
    encode,
};

/// Turns switch placeholders into constants.
pub(super) fn settle_placeholders(mut graph: Graph<'_>) -> Graph<'_> {
    let settled: Vec<(NodeId, DataType, Vec<u8>)> = graph
        .iter()
        .filter_map(|(id, node)| answering_value(&graph, id, node).map(|(dtype, value)| (id, dtype, value)))
        .collect();
    if settled.is_empty() {
        return graph;
    }
    for (id, dtype, value) in settled {
        graph.replace(
            id,
            "Const",
            vec![("dtype", encode::dtype_attr(dtype)), ("value", encode::tensor_attr(dtype, &[], &value))],
        );
    }
    graph.refreshed()
}

/// Type and little-endian value of a switch when the graph answers; absent for other nodes.
fn answering_value(graph: &Graph<'_>, id: NodeId, node: &Node<'_>) -> Option<(DataType, Vec<u8>)> {
    if !node.kind.is_placeholder() {
        return None;
    }
    let name = node.name.to_ascii_lowercase();
    let dtype = node.dtype("dtype")?;
    match dtype {
        DataType::Bool => Some((dtype, vec![0])),
        DataType::Int32 if name.contains("learning_phase") => Some((dtype, vec![0; 4])),
        DataType::Float if graph.stated_shape(id).is_none_or(|extents| extents.is_empty()) => {
            let is_named = ["keep", "drop", "rate", "prob"].iter().any(|word| name.contains(word));
            let value: f32 = if divides(graph, id) {
                1.0
            } else if is_named && is_taken_from_one(graph, id) {
                0.0
            } else if name.contains("keep") {
                1.0
            } else {
                return None;
            };
            Some((dtype, value.to_le_bytes().to_vec()))
        }
        _ => None,
    }
}

/// Whether `id` divides a tensor and is added to random numbers: a dropout's share of kept values.
fn divides(graph: &Graph<'_>, id: NodeId) -> bool {
    let uses = graph.consumers(id);
    uses.iter().any(|next| matches!(graph.node(*next).op, "Div" | "RealDiv") && graph.input(*next, 1) == Some(id))
        && uses.iter().all(|next| matches!(graph.node(*next).op, "Div" | "RealDiv" | "Add" | "AddV2" | "Shape"))
}

/// Whether `id` is used as `1 - id`: a dropout's share of dropped values.
fn is_taken_from_one(graph: &Graph<'_>, id: NodeId) -> bool {
    graph.consumers(id).iter().any(|next| graph.node(*next).op == "Sub" && graph.input(*next, 1) == Some(id))
}

/// Follows `Switch` and `Merge` where the condition is a constant.
pub(super) fn take_known_branches(mut graph: Graph<'_>) -> Graph<'_> {
    if !graph.iter().any(|(_, node)| node.op == "Switch") {
        return graph;
    }
    let mut known: HashMap<NodeId, bool> = HashMap::new();
    let mut dead: Vec<bool> = vec![false; graph.len()];
    let mut redirects: HashMap<Endpoint, Endpoint> = HashMap::new();
    for &id in graph.order() {
        let node = graph.node(id);
        if let Some(value) = truth(&graph, id, &known) {
            known.insert(id, value);
        }
        let is_dead = |endpoint: &Endpoint| {
            let from = graph.node(endpoint.node);
            let is_left_branch = from.op == "Switch"
                && graph
                    .input(endpoint.node, 1)
                    .and_then(|condition| known.get(&condition))
                    .is_some_and(|taken| u32::from(*taken) != endpoint.port);
            is_left_branch || dead[endpoint.node.0 as usize]
        };
        if node.op == "Merge" {
            let alive: Vec<&Endpoint> = node.inputs.iter().filter(|endpoint| !is_dead(endpoint)).collect();
            if let ([taken], true) = (alive.as_slice(), node.inputs.len() > alive.len()) {
                redirects.insert(Endpoint { node: id, port: 0 }, **taken);
            }
            dead[id.0 as usize] = alive.is_empty() && !node.inputs.is_empty();
        } else {
            let by_control = node.controls.iter().any(|control| dead[control.0 as usize]);
            dead[id.0 as usize] = by_control || node.inputs.iter().any(is_dead);
        }
        if node.op == "Switch"
            && let (Some(data), Some(taken)) =
                (node.inputs.first(), graph.input(id, 1).and_then(|condition| known.get(&condition)))
        {
            redirects.insert(Endpoint { node: id, port: u32::from(*taken) }, *data);
        }
    }
    graph.rewire(&redirects);
    graph.refreshed()
}

/// The truth value of `id` when it is known before the graph runs.
fn truth(graph: &Graph<'_>, id: NodeId, known: &HashMap<NodeId, bool>) -> Option<bool> {
    let node = graph.node(id);
    let input = |index: usize| graph.input(id, index).and_then(|input| known.get(&input)).copied();
    match node.op {
        "Const" if node.dtype("dtype") == Some(DataType::Bool) => {
            graph.tensor(id)?.to_i64()?.first().map(|value| *value != 0)
        }
        "LogicalNot" => input(0).map(|value| !value),
        "LogicalAnd" => input(0).zip(input(1)).map(|(left, right)| left && right),
        "LogicalOr" => input(0).zip(input(1)).map(|(left, right)| left || right),
        // A switch hands its own condition on through both of its branches (`cond/switch_t`).
        "Switch" => input(0),
        _ if node.kind.is_passage() => input(0),
        _ => None,
    }
}
