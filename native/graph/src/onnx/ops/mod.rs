//! How each op is written: one row an op, one file a family.

mod activation;
mod arithmetic;
mod arrange;
mod convolution;
mod cut;
mod normalisation;
mod pooling;
mod product;
mod quantised;
mod reduction;
mod resize;

use std::{collections::HashMap, sync::LazyLock};

use super::writer::{Refusal, Writer};
use crate::data::graph::NodeId;

/// Writes a node.
type Write = fn(&mut Writer<'_>, NodeId) -> Result<(), Refusal>;

/// How an op is written.
#[derive(Clone, Copy)]
enum Rule {
    /// As the ONNX op of this name, of one tensor, value by value.
    Unary(&'static str),
    /// As the ONNX op of this name, of two tensors that are broadcast to each other.
    Binary(&'static str),
    /// As the function says.
    Written(Write),
}

/// Ops and how they are written.
type Rows = &'static [(&'static str, Rule)];

const FAMILIES: &[Rows] = &[
    activation::ROWS,
    arithmetic::ROWS,
    arrange::ROWS,
    convolution::ROWS,
    cut::ROWS,
    normalisation::ROWS,
    pooling::ROWS,
    product::ROWS,
    quantised::ROWS,
    reduction::ROWS,
    resize::ROWS,
];

static RULES: LazyLock<HashMap<&str, Rule>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|rows| rows.iter().copied()).collect());

/// Names of the ops that have a translation, in alphabetical order.
#[must_use]
pub fn translated() -> Vec<&'static str> {
    let mut names: Vec<&str> = RULES.keys().copied().collect();
    names.sort_unstable();
    names
}

/// Writes `id`, or remembers why not: a node that nothing needs may be one that cannot be written.
pub(super) fn translate(writer: &mut Writer<'_>, id: NodeId) {
    if writer.is_known(id) {
        return;
    }
    let written = match RULES.get(writer.graph.node(id).op) {
        Some(Rule::Unary(op)) => arithmetic::unary(writer, id, op),
        Some(Rule::Binary(op)) => arithmetic::binary(writer, id, op),
        Some(Rule::Written(write)) => write(writer, id),
        None => Err(writer.refusal(id, "")),
    };
    if let Err(refusal) = written {
        writer.refuse(id, refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops;

    #[test]
    fn no_op_has_two_translations_and_each_is_on_the_list_of_allowed_ops() {
        let rows: usize = FAMILIES.iter().map(|rows| rows.len()).sum();
        assert_eq!(rows, RULES.len());
        for name in translated() {
            assert!(ops::of(name).is_allowed(), "{name}");
        }
    }
}
