//! Products of matrices.

use super::{
    super::{
        proto::Attribute,
        values::indices,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::Written,
    arithmetic::need_floats,
    convolution::fused,
};
use crate::data::graph::{Endpoint, NodeId};

pub(super) const ROWS: Rows = &[
    ("MatMul", Written(product)),
    ("_FusedMatMul", Written(fused_product)),
    ("BatchMatMul", Written(batch_product)),
    ("BatchMatMulV2", Written(batch_product)),
    ("BatchMatMulV3", Written(batch_product)),
    ("Einsum", Written(einsum)),
];

fn product(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let node = writer.graph.node(id);
    let flags = ["transpose_a", "transpose_b"].map(|name| i64::from(node.flag(name)));
    let inputs = vec![writer.plain(writer.input(id, 0)?)?, writer.plain(writer.input(id, 1)?)?];
    let attributes = vec![("transA", Attribute::Int(flags[0])), ("transB", Attribute::Int(flags[1]))];
    writer.put_layer(id, "Gemm", inputs, attributes, false)
}

fn fused_product(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    let flags = ["transpose_a", "transpose_b"].map(|name| i64::from(node.flag(name)));
    let mut inputs = vec![writer.plain(writer.input(id, 0)?)?, writer.plain(writer.input(id, 1)?)?];
    let attributes = vec![("transA", Attribute::Int(flags[0])), ("transB", Attribute::Int(flags[1]))];
    let activation = fused(writer, id, &mut inputs)?;
    activation.put(writer, id, "Gemm", inputs, attributes, false)
}

/// Products of the last two axes, each of which may be turned before.
fn batch_product(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let mut inputs = Vec::new();
    for (index, name) in ["adj_x", "adj_y"].into_iter().enumerate() {
        let value = writer.plain(writer.input(id, index)?)?;
        if !writer.graph.node(id).flag(name) {
            inputs.push(value);
            continue;
        }
        let rank = writer.rank(id, index)?;
        let mut order: Vec<usize> = (0..rank).collect();
        let Some(inner) = rank.checked_sub(2) else { return Err(writer.refusal(id, "it has no two axes")) };
        order.swap(inner, inner + 1);
        inputs.push(writer.step(id, "Transpose", vec![value], vec![("perm", indices(&order))]));
    }
    writer.put(id, "MatMul", inputs, Vec::new(), false)
}

fn einsum(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let node = writer.graph.node(id);
    let equation = node.text("equation").unwrap_or_default().to_owned();
    let endpoints: Vec<Endpoint> = node.inputs.clone();
    let inputs = endpoints.into_iter().map(|input| writer.plain(input)).collect::<Result<Vec<_>, _>>()?;
    writer.put(id, "Einsum", inputs, vec![("equation", Attribute::Text(equation))], false)
}
