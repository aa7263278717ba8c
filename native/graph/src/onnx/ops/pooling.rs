//! The largest or the mean of what a window sees.

use super::{
    super::{
        proto::Attribute,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::Written,
    arithmetic::need_floats,
    convolution::Window,
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[("MaxPool", Written(largest)), ("AvgPool", Written(mean))];

fn largest(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    pool(writer, id, "MaxPool", Vec::new())
}

/// What is padded does not count.
fn mean(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    pool(writer, id, "AveragePool", vec![("count_include_pad", Attribute::Int(0))])
}

fn pool(
    writer: &mut Writer<'_>,
    id: NodeId,
    op: &'static str,
    mut attributes: Vec<(&'static str, Attribute)>,
) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let node = writer.graph.node(id);
    let is_first = node.is_channels_first();
    let (spatial, deep) = if is_first { ([2, 3], 1) } else { ([1, 2], 3) };
    let sizes = node.ints("ksize").unwrap_or_default();
    let size = |axis: usize| sizes.get(axis).and_then(|size| u64::try_from(*size).ok()).filter(|size| *size > 0);
    let (Some(rows), Some(columns), Some(1), Some(1)) = (size(spatial[0]), size(spatial[1]), size(0), size(deep))
    else {
        return Err(writer.refusal(id, format!("its ksize is {sizes:?}")));
    };
    attributes.extend(Window::of(writer, id, [rows, columns])?.attributes());
    let image = writer.input(id, 0)?;
    let image = if is_first { writer.plain(image)? } else { writer.image(image)? };
    writer.put(id, op, vec![image], attributes, !is_first)
}
