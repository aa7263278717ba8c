//! Dropout left in a graph: values times a random mask. When the graph answers, nothing is dropped.

use std::collections::{HashMap, HashSet};

use crate::data::graph::{Endpoint, Graph, NodeId};

/// Takes every masked value from before its mask.
pub(super) fn remove(mut graph: Graph<'_>) -> Graph<'_> {
    let random: Vec<NodeId> =
        graph.iter().filter(|(_, node)| node.op.starts_with("Random")).map(|(id, _)| id).collect();
    if random.is_empty() {
        return graph;
    }
    let masks = graph.descendants(random);
    let values = image_values(&graph);
    let redirects: HashMap<Endpoint, Endpoint> = graph
        .iter()
        .filter(|(id, _)| masks.contains(id))
        .filter_map(|(id, node)| {
            let is_value = |endpoint: &&Endpoint| values.contains(&endpoint.node);
            let is_mask = |endpoint: &&Endpoint| masks.contains(&endpoint.node) && !values.contains(&endpoint.node);
            let kept = match (node.op, node.inputs.as_slice()) {
                ("Mul", [left, right]) => match (is_value(&left), is_mask(&right), is_mask(&left), is_value(&right)) {
                    (true, true, ..) => left,
                    (_, _, true, true) => right,
                    _ => return None,
                },
                ("Select" | "SelectV2", [mask, kept, _]) if is_mask(&mask) && is_value(&kept) => kept,
                _ => return None,
            };
            Some((Endpoint { node: id, port: 0 }, before_scaling(&graph, *kept, &values)))
        })
        .collect();
    graph.rewire(&redirects);
    graph.refreshed()
}

/// Nodes whose values, not only their shapes, depend on a placeholder.
fn image_values(graph: &Graph<'_>) -> HashSet<NodeId> {
    let mut values = HashSet::new();
    let mut stack: Vec<NodeId> =
        graph.iter().filter(|(_, node)| node.kind.is_placeholder()).map(|(id, _)| id).collect();
    while let Some(id) = stack.pop() {
        if matches!(graph.node(id).op, "Shape" | "ShapeN" | "Rank" | "Size") || !values.insert(id) {
            continue;
        }
        stack.extend(graph.consumers(id));
    }
    values
}

/// The value before it was divided by the share of kept values.
fn before_scaling(graph: &Graph<'_>, kept: Endpoint, values: &HashSet<NodeId>) -> Endpoint {
    let node = graph.node(kept.node);
    match (node.op, node.inputs.as_slice()) {
        ("Div" | "RealDiv", [value, _]) => *value,
        ("Mul", [left, right]) if values.contains(&left.node) && !values.contains(&right.node) => *left,
        ("Mul", [left, right]) if values.contains(&right.node) && !values.contains(&left.node) => *right,
        _ => kept,
    }
}
