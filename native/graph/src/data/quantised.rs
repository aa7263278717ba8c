//! Weights stored as 8-bit numbers with a range, as `Dequantize` expands them
//! (`tensorflow/core/kernels/dequantize_op.cc`).

use crate::data::{
    dtype::DataType,
    graph::{Constant, Graph, NodeId},
};

/// The floats that the `Dequantize` node `id` makes, when all its inputs are constants.
#[must_use]
pub fn dequantize(graph: &Graph<'_>, id: NodeId) -> Option<Constant> {
    let node = graph.node(id);
    let stored = graph.tensor(graph.skip_passages(graph.input(id, 0)?))?;
    let minimum = *graph.constant(graph.input(id, 1)?)?.values.first()?;
    let maximum = *graph.constant(graph.input(id, 2)?)?.values.first()?;
    if node.int("axis").is_some_and(|axis| axis != -1) {
        return None;
    }
    let (lowest, highest) = match stored.dtype {
        DataType::Quint8 => (0.0, 255.0),
        DataType::Qint8 => (-128.0, 127.0),
        DataType::Quint16 => (0.0, 65_535.0),
        DataType::Qint16 => (-32_768.0, 32_767.0),
        _ => return None,
    };
    let (scale, offset): (f32, f32) = match node.text("mode").unwrap_or("MIN_COMBINED") {
        "MIN_COMBINED" => {
            let scale = (maximum - minimum) / (highest - lowest);
            (scale, minimum - lowest * scale)
        }
        "MIN_FIRST" => {
            let scale = (maximum - minimum) / (highest - lowest);
            let lowest_code = if scale == 0.0 { 0.0 } else { (minimum / scale).round() };
            (scale, (lowest_code - lowest) * scale)
        }
        "SCALED" if lowest == 0.0 => (maximum / highest, 0.0),
        "SCALED" => {
            let lowest = if node.flag("narrow_range") { lowest + 1.0 } else { lowest };
            ((minimum / lowest).max(maximum / highest), 0.0)
        }
        _ => return None,
    };
    let values = stored.to_f32()?.into_iter().map(|code| code * scale + offset).collect();
    Some(Constant { shape: stored.shape, values })
}
