//! The graph in numbers.

use std::collections::BTreeMap;

use menagerie_contract::GraphFacts;
use sha2::{Digest, Sha256};

use crate::{
    graph::{Graph, NodeId},
    shapes::Shapes,
    tensor::element_count,
};

/// Counts what lies between input and output: `needed` in topological order, with the shapes of one image.
#[must_use]
pub fn count(file: &[u8], graph: &Graph<'_>, needed: &[NodeId], input: NodeId, shapes: &Shapes) -> GraphFacts {
    let mut ops = BTreeMap::new();
    let mut parameters = 0_u64;
    let mut multiply_adds = 0_u64;
    let mut weight_bytes = 0_u64;
    let mut activations: Vec<u64> = Vec::new();
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
            if let Some(values) = shapes.fact(id).closed().map(|extents| element_count(&extents)) {
                activations.push(values.saturating_mul(4));
            }
        }
    }
    let largest_pair = activations.windows(2).map(|pair| pair[0].saturating_add(pair[1])).max().unwrap_or(0);
    GraphFacts {
        sha256: hex(&Sha256::digest(file)),
        bytes: file.len() as u64,
        nodes: graph.len() as u64,
        parameters,
        multiply_adds,
        memory_bytes_estimate: weight_bytes.saturating_add(largest_pair),
        ops,
    }
}

/// Multiply-adds of one layer: each output value of a convolution or matrix product is a sum over its kernel.
fn layer_multiply_adds(graph: &Graph<'_>, id: NodeId, shapes: &Shapes) -> u64 {
    let out = || shapes.fact(id).closed().map(|extents| element_count(&extents));
    let kernel = || graph.input(id, 1).and_then(|kernel| shapes.fact(kernel).closed());
    let node = graph.node(id);
    let per_value = match (node.op, kernel().as_deref()) {
        ("Conv2D" | "QuantizedConv2D", Some([rows, columns, deep, _])) => {
            rows.saturating_mul(*columns).saturating_mul(*deep)
        }
        ("DepthwiseConv2dNative", Some([rows, columns, ..])) => rows.saturating_mul(*columns),
        ("MatMul" | "QuantizedMatMul", Some([rows, columns])) => {
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
