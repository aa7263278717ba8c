//! Weights stored as 8-bit numbers with a range, as `Dequantize` expands them
//! (`tensorflow/core/kernels/dequantize_op.cc`).

use crate::data::{dtype::DataType, node::Node, tensor::Tensor};

/// The floats that `node`, a `Dequantize`, makes of `stored` between `minimum` and `maximum`; absent in other forms than
/// one range for all values.
pub(super) fn expand(node: &Node<'_>, stored: &Tensor<'_>, minimum: f32, maximum: f32) -> Option<Vec<f32>> {
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
    Some(stored.to_f32()?.into_iter().map(|code| code * scale + offset).collect())
}
