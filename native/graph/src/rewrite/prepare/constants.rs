//! The value of small expressions of constants, such as `rsqrt(variance + epsilon) * gamma`.

use std::collections::HashMap;

use crate::data::{
    constant::Constant,
    graph::{Graph, NodeId},
};

/// Longer tensors are no per-channel numbers.
const VALUES_MAX: u64 = 1 << 16;
/// Nodes looked at for one expression.
const NODES_MAX: usize = 64;

/// The value of `id` when it is a small expression of constants alone.
pub(super) fn evaluate(graph: &Graph<'_>, id: NodeId) -> Option<Constant> {
    Evaluation { graph, known: HashMap::new() }.value(id, 0)
}

struct Evaluation<'g, 'a> {
    graph: &'g Graph<'a>,
    known: HashMap<NodeId, Option<Constant>>,
}

impl Evaluation<'_, '_> {
    fn value(&mut self, id: NodeId, depth: u32) -> Option<Constant> {
        const DEPTH_MAX: u32 = 16;
        if let Some(known) = self.known.get(&id) {
            let values = known.as_ref().map_or(0, |known| known.values.len());
            return if self.graph.steps.spend(values as u64) { known.clone() } else { None };
        }
        if depth > DEPTH_MAX || self.known.len() >= NODES_MAX {
            return None;
        }
        let value = self.compute(id, depth);
        self.known.insert(id, value.clone());
        value
    }

    fn compute(&mut self, id: NodeId, depth: u32) -> Option<Constant> {
        let id = self.graph.skip_passages(id);
        let node = self.graph.node(id);
        if !self.graph.steps.spend(1) {
            return None;
        }
        if let Some(extents) = self.graph.constant_shape(id) {
            return if crate::data::tensor::element_count(&extents) <= VALUES_MAX {
                self.graph.constant(id)
            } else {
                None
            };
        }
        let unary: Option<fn(f32) -> f32> = match node.op {
            "Rsqrt" => Some(|value| 1.0 / value.sqrt()),
            "Sqrt" => Some(f32::sqrt),
            "Neg" => Some(|value| -value),
            "Square" => Some(|value| value * value),
            "Abs" => Some(f32::abs),
            "Reciprocal" | "Inv" => Some(|value| 1.0 / value),
            _ => None,
        };
        if let Some(unary) = unary {
            let mut value = self.value(self.graph.input(id, 0)?, depth + 1)?;
            value.values.iter_mut().for_each(|number| *number = unary(*number));
            return Some(value);
        }
        let binary: fn(f32, f32) -> f32 = match node.op {
            "Add" | "AddV2" => |left, right| left + right,
            "Sub" => |left, right| left - right,
            "Mul" => |left, right| left * right,
            "Div" | "RealDiv" => |left, right| left / right,
            "Maximum" => f32::max,
            "Minimum" => f32::min,
            "Reshape" => return self.reshaped(id, depth),
            "Squeeze" => return self.squeezed(id, depth),
            _ => return None,
        };
        let left = self.value(self.graph.input(id, 0)?, depth + 1)?;
        let right = self.value(self.graph.input(id, 1)?, depth + 1)?;
        combine(left, right, binary)
    }

    fn reshaped(&mut self, id: NodeId, depth: u32) -> Option<Constant> {
        let value = self.value(self.graph.input(id, 0)?, depth + 1)?;
        let target = self.graph.constant_ints(self.graph.input(id, 1)?)?;
        let count = value.values.len() as u64;
        let known: Vec<u64> = target.iter().filter_map(|extent| u64::try_from(*extent).ok()).collect();
        let open = count.checked_div(crate::data::tensor::element_count(&known))?;
        let shape: Vec<u64> = target.iter().map(|extent| u64::try_from(*extent).unwrap_or(open)).collect();
        (crate::data::tensor::element_count(&shape) == count).then_some(Constant { shape, values: value.values })
    }

    /// Without its axes of extent 1. Which of them is all the same to values for each channel.
    fn squeezed(&mut self, id: NodeId, depth: u32) -> Option<Constant> {
        let mut value = self.value(self.graph.input(id, 0)?, depth + 1)?;
        value.shape.retain(|extent| *extent != 1);
        Some(value)
    }
}

/// Elementwise, for equal shapes or one side of a single value.
fn combine(left: Constant, right: Constant, apply: fn(f32, f32) -> f32) -> Option<Constant> {
    match (left.values.as_slice(), right.values.as_slice()) {
        (values, [single]) if left.shape.len() >= right.shape.len() => {
            let values = values.iter().map(|value| apply(*value, *single)).collect();
            Some(Constant { shape: left.shape, values })
        }
        ([single], values) if right.shape.len() >= left.shape.len() => {
            let values = values.iter().map(|value| apply(*single, *value)).collect();
            Some(Constant { shape: right.shape, values })
        }
        (lefts, rights) if left.shape == right.shape => {
            let values = lefts.iter().zip(rights).map(|(left, right)| apply(*left, *right)).collect();
            Some(Constant { shape: left.shape, values })
        }
        _ => None,
    }
}
