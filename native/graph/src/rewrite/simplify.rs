//! Rewrites before anything is looked for: what the graph does only while it is trained, or to decode a file, goes.
//!
//! Afterwards the image input is a plain placeholder with a batch axis, and no switch decides about the way to the
//! scores.

mod dropout;
mod heads;
mod switches;

use std::collections::HashMap;

use crate::data::graph::{Endpoint, Graph};

/// Cuts decoders off, settles training switches, removes dropout. Linear in the size of the graph.
#[must_use]
pub fn simplify(graph: Graph<'_>) -> Graph<'_> {
    let graph = pass_through_lists(graph);
    let graph = heads::cut_decoders(graph);
    let graph = heads::add_batch_axis(graph);
    let graph = switches::settle_placeholders(graph);
    let graph = switches::take_known_branches(graph);
    dropout::remove(graph)
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
