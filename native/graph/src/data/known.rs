//! Arithmetic of single numbers and truth values that are known before a graph runs.

use super::dtype::DataType;

/// What `op` makes of single values, of which `input` tells those that are known; `cast_to` is the type that a `Cast` makes.
/// Truth values are 0 and 1. `None` where it is not known, or `op` is another one.
pub(crate) fn computed(op: &str, cast_to: Option<DataType>, input: impl Fn(usize) -> Option<i64>) -> Option<i64> {
    let pair = || input(0).zip(input(1));
    match op {
        "LogicalNot" => input(0).map(|value| i64::from(value == 0)),
        "LogicalAnd" => pair().map(|(left, right)| i64::from(left != 0 && right != 0)),
        "LogicalOr" => pair().map(|(left, right)| i64::from(left != 0 || right != 0)),
        "Equal" => pair().map(|(left, right)| i64::from(left == right)),
        "NotEqual" => pair().map(|(left, right)| i64::from(left != right)),
        "Greater" => pair().map(|(left, right)| i64::from(left > right)),
        "GreaterEqual" => pair().map(|(left, right)| i64::from(left >= right)),
        "Less" => pair().map(|(left, right)| i64::from(left < right)),
        "LessEqual" => pair().map(|(left, right)| i64::from(left <= right)),
        // To a number of another type; a truth value of any number but 0.
        "Cast" => match cast_to? {
            DataType::Bool => input(0).map(|value| i64::from(value != 0)),
            DataType::Int32 | DataType::Int64 | DataType::Int8 | DataType::Uint8 => input(0),
            _ => None,
        },
        _ => None,
    }
}
