//! Values of the small constant expressions that stand behind an input or make up an unfused `BatchNorm`.

use crate::data::{
    constant::Constant,
    graph::{Graph, NodeId},
};

/// Nodes between an expression and its constants.
const DEPTH_MAX: u32 = 9;
/// Values of an operand of arithmetic: one a channel.
const OPERAND_VALUES_MAX: usize = 1 << 16;
/// Values of a constant that is still worth reading.
const VALUES_MAX: u64 = 4 << 20;

/// The value of `id` when it follows from constants alone by arithmetic, transposing or reshaping.
#[must_use]
pub fn evaluate(graph: &Graph<'_>, id: NodeId) -> Option<Constant> {
    evaluate_to(graph, id, DEPTH_MAX)
}

fn evaluate_to(graph: &Graph<'_>, id: NodeId, depth: u32) -> Option<Constant> {
    if depth == 0 {
        return None;
    }
    if let Some(shape) = graph.constant_shape(id) {
        let fits = crate::data::tensor::element_count(&shape) <= VALUES_MAX;
        return if fits { graph.constant(id) } else { None };
    }
    let node = graph.node(id);
    if !graph.steps.spend(1) {
        return None;
    }
    let any = |index: usize| evaluate_to(graph, graph.input(id, index)?, depth - 1);
    let operand = |index: usize| any(index).filter(|constant| constant.values.len() <= OPERAND_VALUES_MAX);
    match node.op {
        "Neg" => Some(map(operand(0)?, |value| -value)),
        "Rsqrt" => Some(map(operand(0)?, |value| value.sqrt().recip())),
        "Sqrt" => Some(map(operand(0)?, f32::sqrt)),
        "Reciprocal" | "Inv" => Some(map(operand(0)?, f32::recip)),
        "Add" | "AddV2" => broadcast(&operand(0)?, &operand(1)?, |a, b| a + b),
        "Sub" => broadcast(&operand(0)?, &operand(1)?, |a, b| a - b),
        "Mul" => broadcast(&operand(0)?, &operand(1)?, |a, b| a * b),
        "RealDiv" | "Div" => broadcast(&operand(0)?, &operand(1)?, |a, b| a / b),
        "Maximum" => broadcast(&operand(0)?, &operand(1)?, f32::max),
        "Minimum" => broadcast(&operand(0)?, &operand(1)?, f32::min),
        "Transpose" => transpose(&any(0)?, &graph.constant_ints(graph.input(id, 1)?)?),
        "Split" if node.int("num_split") == Some(1) => any(1),
        "Reshape" | "ExpandDims" | "Squeeze" => {
            let mut value = any(0)?;
            // Callers read these as one value a channel, so only the order of the values counts.
            value.shape.retain(|extent| *extent != 1);
            Some(value)
        }
        "FakeQuantWithMinMaxArgs" | "FakeQuantWithMinMaxVars" | "FakeQuantWithMinMaxVarsPerChannel" => any(0),
        _ if node.kind.is_passage() => any(0),
        _ => None,
    }
}

fn map(mut constant: Constant, change: impl Fn(f32) -> f32) -> Constant {
    constant.values.iter_mut().for_each(|value| *value = change(*value));
    constant
}

/// Both operands of one size, or one of them a single value.
fn broadcast(a: &Constant, b: &Constant, combine: impl Fn(f32, f32) -> f32) -> Option<Constant> {
    let (values, shape) = match (a.values.as_slice(), b.values.as_slice()) {
        (left, right) if left.len() == right.len() => {
            (left.iter().zip(right).map(|(x, y)| combine(*x, *y)).collect(), &a.shape)
        }
        (left, [y]) => (left.iter().map(|x| combine(*x, *y)).collect(), &a.shape),
        ([x], right) => (right.iter().map(|y| combine(*x, *y)).collect(), &b.shape),
        _ => return None,
    };
    Some(Constant { shape: shape.clone(), values })
}

fn transpose(constant: &Constant, permutation: &[i64]) -> Option<Constant> {
    let rank = constant.shape.len();
    let axes: Vec<usize> = permutation.iter().map(|axis| usize::try_from(*axis).ok()).collect::<Option<_>>()?;
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return None;
    }
    let extents: Vec<usize> = constant.shape.iter().map(|extent| *extent as usize).collect();
    let mut strides = vec![1; rank];
    for axis in (0..rank.saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * extents[axis + 1];
    }
    let mut values = Vec::with_capacity(constant.values.len());
    let mut index = vec![0; rank];
    for _ in 0..constant.values.len() {
        let from: usize = index.iter().zip(&axes).map(|(position, axis)| position * strides[*axis]).sum();
        values.push(constant.values[from]);
        for place in (0..rank).rev() {
            index[place] += 1;
            if index[place] < extents[axes[place]] {
                break;
            }
            index[place] = 0;
        }
    }
    Some(Constant { shape: axes.iter().map(|axis| constant.shape[*axis]).collect(), values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_moves_every_value() {
        let constant = Constant { shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let turned = transpose(&constant, &[1, 0]).unwrap();
        assert_eq!(turned.shape, [3, 2]);
        assert_eq!(turned.values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(transpose(&constant, &[0, 0]), None);
    }
}
