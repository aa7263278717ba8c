//! The graph in numbers.

use std::collections::{BTreeMap, HashMap};

use menagerie_contract::GraphFacts;
use sha2::{Digest, Sha256};

use crate::{
    data::{
        graph::{Graph, NodeId},
        tensor::element_count,
    },
    ops::Layer,
    shapes::Shapes,
};

/// Counts what lies between input and output: `needed` in topological order, with the shapes of one image. `sha256` is
/// that of `file` where it is known.
#[must_use]
pub fn count(
    file: &[u8],
    sha256: Option<&str>,
    graph: &Graph<'_>,
    needed: &[NodeId],
    input: NodeId,
    shapes: &Shapes,
) -> GraphFacts {
    let mut ops = BTreeMap::new();
    let mut parameters = 0_u64;
    let mut multiply_adds = 0_u64;
    let mut weight_bytes = 0_u64;
    let fed = graph.descendants([input]);
    for &id in needed {
        let node = graph.node(id);
        *ops.entry(node.op.to_owned()).or_insert(0) += 1;
        if let Some(tensor) = graph.tensor(id) {
            let values = element_count(&tensor.shape);
            if tensor.dtype.may_be_trained() {
                parameters = parameters.saturating_add(values);
            }
            weight_bytes = weight_bytes.saturating_add(values.saturating_mul(tensor.dtype.size_bytes().unwrap_or(1)));
        }
        if fed.contains(&id) {
            multiply_adds = multiply_adds.saturating_add(layer_multiply_adds(graph, id, shapes));
        }
    }
    GraphFacts {
        sha256: sha256.map_or_else(|| hex(&Sha256::digest(file)), str::to_owned),
        bytes: file.len() as u64,
        nodes: graph.len() as u64,
        parameters,
        multiply_adds,
        memory_bytes_estimate: weight_bytes.saturating_add(activation_bytes_max(graph, needed, shapes)),
        ops,
    }
}

/// The most that tensors hold at once when the nodes run in this order and a tensor is freed behind its last use.
/// Passages share their input's memory, constants are no activations, and open shapes count as nothing.
fn activation_bytes_max(graph: &Graph<'_>, needed: &[NodeId], shapes: &Shapes) -> u64 {
    const BYTES_PER_VALUE: u64 = 4;
    let inputs = |id: NodeId| graph.node(id).inputs.iter().map(|input| graph.skip_passages(input.node));
    let mut last_uses = HashMap::new();
    for (position, &id) in needed.iter().enumerate() {
        last_uses.extend(inputs(id).map(|owner| (owner, position)));
    }
    let mut held = HashMap::new();
    let (mut now, mut most) = (0_u64, 0);
    for (position, &id) in needed.iter().enumerate() {
        if graph.skip_passages(id) == id && graph.node(id).op != "Const" {
            let values = shapes.fact(id).closed().map_or(0, |extents| element_count(&extents));
            let bytes = values.saturating_mul(BYTES_PER_VALUE);
            held.insert(id, bytes);
            now = now.saturating_add(bytes);
            most = most.max(now);
        }
        for owner in inputs(id).filter(|owner| last_uses.get(owner) == Some(&position)) {
            now = now.saturating_sub(held.remove(&owner).unwrap_or(0));
        }
    }
    most
}

/// Multiply-adds of one layer: each output value of a convolution or matrix product is a sum over its kernel.
fn layer_multiply_adds(graph: &Graph<'_>, id: NodeId, shapes: &Shapes) -> u64 {
    let out = || shapes.fact(id).closed().map(|extents| element_count(&extents));
    let kernel = || graph.input(id, 1).and_then(|kernel| shapes.fact(kernel).closed());
    let node = graph.node(id);
    let per_value = match (node.kind.layer_kind(), kernel().as_deref()) {
        (Some(Layer::Convolution), Some([rows, columns, deep, _])) => {
            rows.saturating_mul(*columns).saturating_mul(*deep)
        }
        (Some(Layer::Depthwise), Some([rows, columns, ..])) => rows.saturating_mul(*columns),
        (Some(Layer::Product), Some([rows, columns])) => {
            if node.flag("transpose_b") {
                *columns
            } else {
                *rows
            }
        }
        _ => return 0,
    };
    out().unwrap_or(0).saturating_mul(per_value)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
