//! Values of small integer tensors, as far as they are known: the arithmetic that graphs do on shapes.

use super::{Fact, INTS_MAX, arrange::bounds};
use crate::{
    data::{
        dtype::DataType,
        graph::{Graph, Node, NodeId},
        tensor::element_count,
    },
    ops::Shape,
};

type Ints = Vec<Option<i64>>;

/// The fact of a `Const`.
pub(super) fn constant(graph: &Graph<'_>, id: NodeId) -> Fact {
    let Some(tensor) = graph.tensor(id) else { return Fact::open() };
    let ints = if tensor.element_count() <= INTS_MAX as u64 { tensor.to_i64() } else { None };
    Fact {
        extents: Some(tensor.shape.into_iter().map(Some).collect()),
        ints: ints.map(|values| values.into_iter().map(Some).collect()),
    }
}

/// The fact of an op on integers whose values are known in part; absent for other ops and unknown values.
pub(super) fn infer(node: &Node<'_>, inputs: &[&Fact]) -> Option<Fact> {
    let ints = |index: usize| inputs.get(index).and_then(|fact| fact.ints.as_ref());
    let vector = |values: Ints| Fact { extents: Some(vec![Some(values.len() as u64)]), ints: Some(values) };
    let scalar = |value: Option<i64>| Fact { extents: Some(Vec::new()), ints: Some(vec![value]) };
    let like = |values: Ints, index: usize| Fact { extents: inputs[index].extents.clone(), ints: Some(values) };
    let first = inputs.first().copied();
    match node.op {
        "Shape" => {
            let extents = first?.extents.as_ref()?;
            Some(vector(extents.iter().map(|extent| extent.and_then(|extent| i64::try_from(extent).ok())).collect()))
        }
        "Rank" => Some(scalar(Some(first?.extents.as_ref()?.len() as i64))),
        "Size" => Some(scalar(i64::try_from(element_count(&first?.closed()?)).ok())),
        _ if node.kind.is_passage() => Some(like(ints(0)?.clone(), 0)),
        "Cast" if node.dtype("DstT").is_some_and(is_integer) => Some(like(ints(0)?.clone(), 0)),
        "Neg" => Some(like(ints(0)?.iter().map(|value| value.and_then(i64::checked_neg)).collect(), 0)),
        "Pack" => {
            let parts: Option<Vec<&Ints>> = (0..inputs.len()).map(ints).collect();
            let values = parts?.into_iter().map(|part| if part.len() == 1 { Some(part[0]) } else { None });
            Some(vector(values.collect::<Option<_>>()?))
        }
        "ConcatV2" => {
            let parts: Option<Vec<&Ints>> = (0..inputs.len().checked_sub(1)?).map(ints).collect();
            let joined: Ints = parts?.into_iter().flatten().copied().collect();
            (joined.len() <= INTS_MAX).then(|| vector(joined))
        }
        "ExpandDims" => match ints(0)?.as_slice() {
            [value] => Some(vector(vec![*value])),
            _ => None,
        },
        "Squeeze" => match ints(0)?.as_slice() {
            [value] => Some(scalar(*value)),
            values => Some(vector(values.to_vec())),
        },
        "Reshape" => match (ints(0)?, ints(1)?.len()) {
            (values, 0) => Some(scalar(values.first().copied().flatten())),
            (values, 1) => Some(vector(values.clone())),
            _ => None,
        },
        "StridedSlice" => strided_slice(node, ints(0)?, inputs),
        "Slice" => {
            let (begin, size) = (closed(inputs, 1)?, closed(inputs, 2)?);
            let begin = usize::try_from(*begin.first()?).ok()?;
            let values = ints(0)?.get(begin..)?;
            let count = usize::try_from(*size.first()?).unwrap_or(values.len());
            Some(vector(values.get(..count)?.to_vec()))
        }
        "GatherV2" | "Gather" => {
            let from = ints(0)?;
            let picked = ints(1)?.iter().map(|at| from.get(usize::try_from((*at)?).ok()?).copied());
            Some(like(picked.collect::<Option<_>>()?, 1))
        }
        "Prod" | "Sum" | "Max" | "Min" => {
            let values = closed(inputs, 0)?;
            if first?.extents.as_ref()?.len() > 1 {
                return None;
            }
            let reduced = match node.op {
                "Prod" => values.iter().try_fold(1_i64, |left, right| left.checked_mul(*right)),
                "Sum" => values.iter().try_fold(0_i64, |left, right| left.checked_add(*right)),
                "Max" => values.into_iter().max(),
                _ => values.into_iter().min(),
            };
            Some(scalar(reduced))
        }
        "Range" => {
            let bound = |index: usize| closed(inputs, index)?.first().copied();
            let (start, limit, step) = (bound(0)?, bound(1)?, bound(2)?);
            let span = i128::from(limit) - i128::from(start);
            if step == 0 || span / i128::from(step) > INTS_MAX as i128 {
                return None;
            }
            let mut values = Vec::new();
            let mut at = start;
            while if step > 0 { at < limit } else { at > limit } {
                values.push(Some(at));
                at = at.checked_add(step)?;
            }
            Some(vector(values))
        }
        "Where" => {
            let hits = closed(inputs, 0)?.into_iter().enumerate().filter(|(_, value)| *value != 0);
            let values: Ints = hits.map(|(index, _)| Some(index as i64)).collect();
            Some(Fact { extents: Some(vec![Some(values.len() as u64), Some(1)]), ints: Some(values) })
        }
        "SparseToDense" => {
            let (at, count, values) = (closed(inputs, 0)?, *closed(inputs, 1)?.first()?, ints(2)?);
            let count = usize::try_from(count).ok().filter(|count| *count <= INTS_MAX)?;
            let mut dense = vec![*ints(3)?.first()?; count];
            for (index, at) in at.iter().enumerate() {
                *dense.get_mut(usize::try_from(*at).ok()?)? = *values.get(index).or_else(|| values.first())?;
            }
            Some(vector(dense))
        }
        _ if node.kind.shape == Shape::Broadcast => arithmetic(node.op, ints(0)?, ints(1)?, inputs),
        _ => None,
    }
}

fn is_integer(dtype: DataType) -> bool {
    matches!(dtype, DataType::Int32 | DataType::Int64)
}

fn closed(inputs: &[&Fact], index: usize) -> Option<Vec<i64>> {
    inputs.get(index)?.closed_ints()
}

fn arithmetic(op: &str, left: &Ints, right: &Ints, inputs: &[&Fact]) -> Option<Fact> {
    let apply = |left: i64, right: i64| match op {
        "Add" | "AddV2" => left.checked_add(right),
        "Sub" => left.checked_sub(right),
        "Mul" => left.checked_mul(right),
        "FloorDiv" | "Div" | "TruncateDiv" | "RealDiv" => left.checked_div_euclid(right),
        "FloorMod" | "Mod" => left.checked_rem_euclid(right),
        "Maximum" => Some(left.max(right)),
        "Minimum" => Some(left.min(right)),
        "Equal" => Some(i64::from(left == right)),
        "NotEqual" => Some(i64::from(left != right)),
        "Less" => Some(i64::from(left < right)),
        "Greater" => Some(i64::from(left > right)),
        "LessEqual" => Some(i64::from(left <= right)),
        "GreaterEqual" => Some(i64::from(left >= right)),
        _ => None,
    };
    let count = match (left.len(), right.len()) {
        (1, count) | (count, 1) => count,
        (left, right) if left == right => left,
        _ => return None,
    };
    let at = |values: &Ints, index: usize| if values.len() == 1 { values[0] } else { values[index] };
    let values = (0..count).map(|index| {
        let (left, right) = (at(left, index)?, at(right, index)?);
        apply(left, right)
    });
    let longer = usize::from(right.len() > left.len());
    Some(Fact { extents: inputs.get(longer)?.extents.clone(), ints: Some(values.collect()) })
}

fn strided_slice(node: &Node<'_>, values: &Ints, inputs: &[&Fact]) -> Option<Fact> {
    if inputs.first()?.extents.as_ref()?.len() != 1 {
        return None;
    }
    let bound = |index: usize| closed(inputs, index)?.first().copied();
    let (begin, end, stride) = (bound(1)?, bound(2)?, bound(3)?);
    let mask = |name: &str| node.int(name).unwrap_or(0) & 1 == 1;
    if mask("shrink_axis_mask") {
        let index = if begin < 0 { begin.checked_add(values.len() as i64)? } else { begin };
        let value = *values.get(usize::try_from(index).ok()?)?;
        return Some(Fact { extents: Some(Vec::new()), ints: Some(vec![value]) });
    }
    let (from, to) = bounds(values.len() as u64, begin, end, stride, [mask("begin_mask"), mask("end_mask")])?;
    let mut picked = Vec::new();
    let mut at = from;
    while if stride > 0 { at < to } else { at > to } {
        picked.push(*values.get(usize::try_from(at).ok()?)?);
        at = at.checked_add(stride)?;
    }
    Some(Fact { extents: Some(vec![Some(picked.len() as u64)]), ints: Some(picked) })
}
