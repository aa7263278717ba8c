//! The nodes that may hold the class scores: the ends of all ways from last layers, or the one that the caller names.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use super::walk::{self, Candidate};
use crate::{
    data::{graph::Graph, node::NodeId},
    error::GraphError,
    find::found::InputFound,
};

/// The ends of all paths from a last layer with weights.
pub(super) fn at_ends(graph: &Graph<'_>, input: &InputFound, reached: &HashSet<NodeId>) -> Vec<Candidate> {
    let mut leads_to_layer = HashSet::new();
    let mut last_layers = Vec::new();
    for id in graph.order().iter().rev().filter(|id| reached.contains(id)) {
        let below = graph.consumers(*id);
        let leads = below.iter().any(|next| leads_to_layer.contains(next));
        let is_layer = graph.node(*id).kind.is_layer();
        if is_layer && !leads {
            last_layers.push(*id);
        }
        if leads || is_layer {
            leads_to_layer.insert(*id);
        }
    }
    if last_layers.is_empty() {
        last_layers.push(input.node);
    }
    let mut found: Vec<Candidate> = Vec::new();
    let mut passed = HashSet::new();
    let mut by_kernel: HashMap<NodeId, usize> = HashMap::new();
    for layer in last_layers {
        // Where the way joins that of another layer, both end in the same scores.
        let Some(candidate) = walk::from_layer(graph, layer, reached, &mut passed) else { continue };
        if candidate.scores == input.node {
            continue;
        }
        match by_kernel.entry(kernel_of(graph, candidate.layer)) {
            // One of two uses of the same layer may end in an `ArgMax`; the other is the better answer.
            Entry::Occupied(same) => {
                let other = &mut found[*same.get()];
                if graph.consumers(other.tensor).len() > graph.consumers(candidate.tensor).len() {
                    *other = candidate;
                }
            }
            Entry::Vacant(new) => {
                new.insert(found.len());
                found.push(candidate);
            }
        }
    }
    found
}

/// The kernel of `layer`, which a model that is called twice in one graph uses twice; `layer` itself where it has none.
fn kernel_of(graph: &Graph<'_>, layer: NodeId) -> NodeId {
    let kernel = graph.input(layer, 1).filter(|_| graph.node(layer).kind.is_layer());
    kernel.map_or(layer, |kernel| graph.skip_passages(kernel))
}

/// The candidate that ends at the node `name`.
pub(super) fn named(
    graph: &Graph<'_>,
    name: &str,
    reached: &HashSet<NodeId>,
    input: &InputFound,
) -> Result<Candidate, GraphError> {
    let refuse = |reason: String| GraphError::Override { field: "output_tensor", value: format!("{name:?}"), reason };
    let id = graph.find(name).ok_or_else(|| refuse("the graph has no such node".to_owned()))?;
    if !reached.contains(&id) {
        return Err(refuse(format!("it does not depend on the image input {:?} alone", input.tensor)));
    }
    Ok(walk::from_named(graph, id))
}
