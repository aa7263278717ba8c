//! Which ops may run: the arithmetic of inference and nothing else.
//!
//! A graph is a program that strangers upload. What is not on the list is refused, known dangers with their own reason.
//! The lists are data; [`audit`] applies them to what lies between input and output.

mod groups;

use menagerie_contract::ForbiddenOp;

pub use self::groups::{ALLOWED, DROPPED, FORBIDDEN, Group};

use crate::{
    data::{
        attr::Attr,
        dtype::DataType,
        graph::{Graph, Node, NodeId},
    },
    find::input::is_placeholder,
};

/// Why an op that no group names is refused.
const UNKNOWN: &str = "it is not on the list of ops for inference; custom ops cannot run here";

/// Whether this build has an allow-list. The tests of the cell switch it off, to show that the cell holds alone.
pub const IS_ON: bool = !cfg!(feature = "test-no-allow-list");
#[cfg(all(feature = "test-no-allow-list", not(debug_assertions)))]
compile_error!("test-no-allow-list is for tests; an engine without its allow-list is never released");

/// Whether `op` may run.
#[must_use]
pub fn is_allowed(op: &str) -> bool {
    ALLOWED.iter().any(|group| group.ops.contains(&op))
}

/// Why `op` is refused, when it is not allowed.
#[must_use]
pub fn reason(op: &str) -> &'static str {
    let names = |group: &&Group| group.ops.iter().any(|pattern| matches(pattern, op));
    FORBIDDEN.iter().find(names).map_or(UNKNOWN, |group| group.reason)
}

fn matches(pattern: &str, op: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => op.contains(rest.trim_end_matches('*')),
        (Some(ending), None) => op.ends_with(ending),
        (None, Some(beginning)) => op.starts_with(beginning),
        (None, None) => op == pattern,
    }
}

/// The nodes of `needed` that may not run: forbidden ops first, then allowed ones with forbidden attributes. Each op is
/// named once, with the first node that uses it.
#[must_use]
pub fn audit(graph: &Graph<'_>, needed: &[NodeId]) -> Vec<ForbiddenOp> {
    if !IS_ON {
        return Vec::new();
    }
    let mut forbidden: Vec<ForbiddenOp> = Vec::new();
    let by_op = needed.iter().filter_map(|id| {
        let op = graph.node(*id).op;
        (!is_allowed(op) && !DROPPED.ops.contains(&op)).then(|| (*id, reason(op).to_owned()))
    });
    let by_attribute = needed.iter().filter_map(|id| {
        let node = graph.node(*id);
        is_allowed(node.op).then(|| forbidden_attribute(node)).flatten().map(|reason| (*id, reason))
    });
    for (id, reason) in by_op.chain(by_attribute) {
        let node = graph.node(id);
        if !forbidden.iter().any(|other| other.op == node.op) {
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
    let others = graph.iter().filter(|(id, node)| is_placeholder(node.op) && *id != input).map(|(id, _)| id);
    let tainted = graph.descendants(others);
    let tail = graph.descendants([scores]);
    let custom = graph.order().iter().filter(|id| tail.contains(id) && !tainted.contains(id)).filter_map(|id| {
        let node = graph.node(*id);
        (!is_allowed(node.op) && reason(node.op) == UNKNOWN).then(|| ForbiddenOp {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_op_is_both_allowed_and_forbidden() {
        for op in ALLOWED.iter().flat_map(|group| group.ops) {
            // `Scatter*` are writes to variables; `ScatterNd` makes a new tensor.
            if *op != "ScatterNd" {
                assert_eq!(reason(op), UNKNOWN, "{op}");
            }
        }
    }

    #[test]
    fn known_dangers_have_their_own_reason() {
        for (op, word) in [
            ("WriteFile", "files"),
            ("SaveV2", "files"),
            ("PyFunc", "Python"),
            ("Print", "prints"),
            ("VarHandleOp", "variable"),
            ("While", "for ever"),
            ("FIFOQueueV2", "queue"),
            ("RandomUniform", "random"),
            ("TRTEngineOp", "TensorRT"),
            ("DecodeJpeg", "decodes"),
            ("_Recv", "machines"),
            ("ZooNoSuchOp", "list"),
        ] {
            assert!(!is_allowed(op));
            assert!(reason(op).contains(word), "{op}: {}", reason(op));
        }
    }
}
