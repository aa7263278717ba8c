//! Rewrites before anything is looked for: what the graph does only while it is trained, or to decode a file, goes.
//!
//! Afterwards the image input is a plain placeholder with a batch axis, and no switch decides about the way to the
//! scores.

mod dropout;
mod heads;
pub(super) mod switches;

use std::collections::HashMap;

use crate::{
    data::graph::{Endpoint, Graph},
    limits::GraphLimits,
};

/// Cuts off what stands in front of the node `input`, and decoders, settles training switches, removes dropout. Linear in
/// the size of the graph.
#[must_use]
pub fn simplify<'a>(graph: Graph<'a>, input: Option<&str>, limits: &GraphLimits) -> Graph<'a> {
    let graph = pass_through_lists(graph);
    let graph = match input.and_then(|name| graph.find(name)) {
        Some(input) => heads::cut_at(graph, input, limits),
        None => graph,
    };
    let graph = heads::cut_decoders(graph);
    let graph = heads::add_batch_axis(graph);
    let graph = switches::settle_placeholders(graph);
    let graph = switches::take_known_branches(graph);
    let graph = read_constants(graph);
    dropout::remove(graph)
}

/// Variables that were made constants are still read through `ReadVariableOp`, as tf.keras leaves it behind its switches.
fn read_constants(mut graph: Graph<'_>) -> Graph<'_> {
    let redirects: HashMap<Endpoint, Endpoint> = graph
        .iter()
        .filter(|(_, node)| node.op == "ReadVariableOp")
        .filter_map(|(id, node)| {
            let source = *node.inputs.first()?;
            graph.constant_shape(source.node)?;
            Some((Endpoint { node: id, port: 0 }, source))
        })
        .collect();
    if redirects.is_empty() {
        return graph;
    }
    graph.rewire(&redirects);
    graph.refreshed()
}

/// `IdentityN` hands several values on, as gradients of custom activations are written; each is taken from its source.
fn pass_through_lists(mut graph: Graph<'_>) -> Graph<'_> {
    let redirects: HashMap<Endpoint, Endpoint> = graph
        .iter()
        .filter(|(_, node)| node.op == "IdentityN")
        .flat_map(|(id, node)| {
            let ports = node.inputs.iter().enumerate();
            ports.map(move |(port, source)| (Endpoint { node: id, port: port as u32 }, *source))
        })
        .collect();
    if redirects.is_empty() {
        return graph;
    }
    graph.rewire(&redirects);
    graph.refreshed()
}
