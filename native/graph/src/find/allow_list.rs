//! The ops between input and output that may not run, by the table of [`crate::ops`].

use std::collections::HashSet;

use menagerie_contract::ForbiddenOp;

use crate::{
    data::{
        attr::Attr,
        dtype::DataType,
        graph::{Graph, Node, NodeId},
    },
    ops::{UNKNOWN, reason},
};

/// Whether this build has an allow-list. The tests of the cell switch it off, to show that the cell holds alone.
pub const IS_ON: bool = !cfg!(feature = "test-no-allow-list");
#[cfg(all(feature = "test-no-allow-list", not(debug_assertions)))]
compile_error!("test-no-allow-list is for tests; an engine without its allow-list is never released");

/// The nodes of `needed` that may not run: forbidden ops first, then allowed ones with forbidden attributes. Each op is
/// named once, with the first node that uses it.
#[must_use]
pub fn audit(graph: &Graph<'_>, needed: &[NodeId]) -> Vec<ForbiddenOp> {
    if !IS_ON {
        return Vec::new();
    }
    let mut forbidden: Vec<ForbiddenOp> = Vec::new();
    let by_op = needed.iter().filter_map(|id| {
        let node = graph.node(*id);
        (!node.kind.is_bearable()).then(|| (*id, reason(node.op).to_owned()))
    });
    let by_attribute = needed.iter().filter_map(|id| {
        let node = graph.node(*id);
        node.kind.is_allowed().then(|| forbidden_attribute(node)).flatten().map(|reason| (*id, reason))
    });
    let mut named = HashSet::new();
    for (id, reason) in by_op.chain(by_attribute) {
        let node = graph.node(id);
        if named.insert(node.op) {
            forbidden.push(ForbiddenOp { op: node.op.to_owned(), node: node.name.to_string(), reason });
        }
    }
    forbidden
}

/// Custom ops that take the scores further: what the graph truly answers cannot be known then. Known ops behind the
/// scores, such as summaries and accuracies, are left out and do not count.
#[must_use]
pub fn audit_tail(graph: &Graph<'_>, input: NodeId, scores: NodeId) -> Vec<ForbiddenOp> {
    if !IS_ON {
        return Vec::new();
    }
    let others = graph.iter().filter(|(id, node)| node.kind.is_placeholder() && *id != input).map(|(id, _)| id);
    let tainted = graph.descendants(others);
    let tail = graph.descendants([scores]);
    let custom = graph.order().iter().filter(|id| tail.contains(id) && !tainted.contains(id)).filter_map(|id| {
        let node = graph.node(*id);
        (!node.kind.is_allowed() && reason(node.op) == UNKNOWN).then(|| ForbiddenOp {
            op: node.op.to_owned(),
            node: node.name.to_string(),
            reason: UNKNOWN.to_owned(),
        })
    });
    custom.take(1).collect()
}

/// What is wrong with an allowed op's attributes.
fn forbidden_attribute(node: &Node<'_>) -> Option<String> {
    if node.op.contains("BatchNorm") && matches!(node.attr("is_training"), Some(Attr::Bool(true))) {
        return Some(
            "it normalises by the moments of the batch at hand (is_training); export the graph for inference"
                .to_owned(),
        );
    }
    node.attributes.iter().find_map(|(name, body)| match Attr::parse(body) {
        Ok(Attr::Type(dtype)) if is_handle(dtype) => Some(format!("its attribute {name} is of type {}", dtype.name())),
        Ok(Attr::Types(types)) if types.iter().any(|dtype| is_handle(*dtype)) => {
            Some(format!("its attribute {name} holds a type that is no number"))
        }
        Ok(Attr::Tensor(tensor)) if is_handle(tensor.dtype) => {
            Some(format!("its attribute {name} holds values of type {}", tensor.dtype.name()))
        }
        Ok(Attr::Function(function)) => Some(format!("its attribute {name} calls function {function:?}")),
        _ => None,
    })
}

fn is_handle(dtype: DataType) -> bool {
    matches!(dtype, DataType::String | DataType::Resource | DataType::Variant)
}
