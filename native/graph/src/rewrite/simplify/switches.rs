//! Placeholders that only say whether the graph is trained (`keep_prob`, `learning_phase`, `is_training`) get the value
//! for answering; branches that their value rules out are left.

use std::collections::HashMap;

use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, Node, NodeId},
        known,
    },
    encode,
    ops::Role,
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
    let name = node.name.to_ascii_lowercase();
    let dtype = node.dtype("dtype")?;
    if node.op == "PlaceholderWithDefault" {
        return is_phase(&node.name, dtype).then(|| (dtype, vec![0]));
    }
    if !node.kind.is_placeholder() {
        return None;
    }
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

/// Whether a placeholder says if the graph is trained. What others default to is what the graph does unless it is told.
pub(in crate::rewrite) fn is_phase(name: &str, dtype: DataType) -> bool {
    let name = name.to_ascii_lowercase();
    dtype == DataType::Bool && ["train", "phase"].iter().any(|word| name.contains(word))
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

/// Follows `Switch`, `Merge` and `Select` where the condition is known before the graph runs.
pub(super) fn take_known_branches(mut graph: Graph<'_>) -> Graph<'_> {
    if !graph.iter().any(|(_, node)| node.kind.role == Role::Switch || selects(node)) {
        return graph;
    }
    let mut known: HashMap<NodeId, i64> = HashMap::new();
    let mut dead: Vec<bool> = vec![false; graph.len()];
    let mut redirects: HashMap<Endpoint, Endpoint> = HashMap::new();
    for &id in graph.order() {
        let node = graph.node(id);
        if let Some(value) = value(&graph, id, &known) {
            known.insert(id, value);
        }
        let taken = |id: NodeId, condition: usize| {
            graph.input(id, condition).and_then(|condition| known.get(&condition)).map(|value| *value != 0)
        };
        let is_dead = |endpoint: &Endpoint| {
            let is_left_branch = graph.node(endpoint.node).kind.role == Role::Switch
                && taken(endpoint.node, 1).is_some_and(|taken| u32::from(taken) != endpoint.port);
            is_left_branch || dead[endpoint.node.0 as usize]
        };
        if node.kind.role == Role::Merge {
            let alive: Vec<&Endpoint> = node.inputs.iter().filter(|endpoint| !is_dead(endpoint)).collect();
            if let ([taken], true) = (alive.as_slice(), node.inputs.len() > alive.len()) {
                redirects.insert(Endpoint { node: id, port: 0 }, **taken);
            }
            dead[id.0 as usize] = alive.is_empty() && !node.inputs.is_empty();
        } else {
            let by_control = node.controls.iter().any(|control| dead[control.0 as usize]);
            dead[id.0 as usize] = by_control || node.inputs.iter().any(is_dead);
        }
        match (node.kind.role, node.inputs.as_slice()) {
            (Role::Switch, [data, ..]) => {
                if let Some(taken) = taken(id, 1) {
                    redirects.insert(Endpoint { node: id, port: u32::from(taken) }, *data);
                }
            }
            (_, [_, then, otherwise]) if selects(node) => {
                if let Some(taken) = taken(id, 0) {
                    redirects.insert(Endpoint { node: id, port: 0 }, if taken { *then } else { *otherwise });
                }
            }
            _ => {}
        }
    }
    graph.rewire(&redirects);
    graph.refreshed()
}

fn selects(node: &Node<'_>) -> bool {
    matches!(node.op, "Select" | "SelectV2")
}

/// The single number or truth value that `id` has in every run, where it is known before.
fn value(graph: &Graph<'_>, id: NodeId, known: &HashMap<NodeId, i64>) -> Option<i64> {
    let node = graph.node(id);
    let input = |index: usize| graph.input(id, index).and_then(|input| known.get(&input)).copied();
    match node.op {
        "Const" => {
            let tensor = graph.tensor(id).filter(|tensor| tensor.shape.is_empty())?;
            tensor.to_i64()?.first().copied()
        }
        // A switch hands its own condition on through both of its branches (`cond/switch_t`).
        _ if node.kind.role == Role::Switch || node.kind.is_passage() => input(0),
        op => known::computed(op, node.dtype("DstT"), input),
    }
}
