//! Batch normalisation with stored moments, in every form that graphs have it.

use super::constants::evaluate;
use crate::{
    data::graph::{Graph, NodeId},
    ops::Role,
};

/// Nodes that are searched in one constant expression.
const EXPRESSION_NODES_MAX: usize = 24;

/// A batch normalisation: what training saw in front of it, and where it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// Moving mean of each channel.
    pub mean: Vec<f32>,
    /// Moving variance of each channel.
    pub variance: Vec<f32>,
    /// What the node does as `x * scale + offset`.
    pub scale: Vec<f32>,
    /// See `scale`.
    pub offset: Vec<f32>,
    /// The node that takes the normalised tensor's place.
    pub end: NodeId,
    /// The form, for the evidence: an op or `unfused`.
    pub form: String,
}

impl Norm {
    fn new(moments: [Vec<f32>; 2], affine: [Vec<f32>; 2], end: NodeId, form: &str) -> Option<Self> {
        let [mean, variance] = moments;
        let [scale, offset] = affine;
        let sound = mean.len() == variance.len()
            && mean.iter().chain(&scale).chain(&offset).all(|value| value.is_finite())
            && variance.iter().all(|value| value.is_finite() && *value >= 0.0);
        (sound && !mean.is_empty()).then(|| Self { mean, variance, scale, offset, end, form: form.to_owned() })
    }
}

/// The batch normalisation that reads `tensor`.
#[must_use]
pub fn norm_behind(graph: &Graph<'_>, tensor: NodeId) -> Option<Norm> {
    graph.consumers(tensor).iter().find_map(|consumer| {
        let node = graph.node(*consumer);
        if node.kind.role == Role::BatchNorm {
            return fused(graph, tensor, *consumer);
        }
        match node.op {
            "BatchNormWithGlobalNormalization" => with_global_normalization(graph, *consumer),
            "Mul" => scaled(graph, tensor, *consumer),
            "Sub" => centred(graph, tensor, *consumer),
            _ => None,
        }
    })
}

fn values(graph: &Graph<'_>, node: NodeId, index: usize) -> Option<Vec<f32>> {
    Some(evaluate(graph, graph.input(node, index)?)?.values)
}

fn fused(graph: &Graph<'_>, tensor: NodeId, id: NodeId) -> Option<Norm> {
    let node = graph.node(id);
    if graph.input(id, 0) != Some(tensor) {
        return None;
    }
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|index| values(graph, id, index));
    let affine = affine_of(&gamma?, &beta?, mean.as_ref()?, variance.as_ref()?, node.float("epsilon").unwrap_or(1e-4))?;
    Norm::new([mean?, variance?], affine, id, node.op)
}

fn with_global_normalization(graph: &Graph<'_>, id: NodeId) -> Option<Norm> {
    let node = graph.node(id);
    let [mean, variance, beta, gamma] = [1, 2, 3, 4].map(|index| values(graph, id, index));
    let (mean, variance) = (mean?, variance?);
    let gamma = if node.flag("scale_after_normalization") { gamma? } else { vec![1.0; mean.len()] };
    let epsilon = node.float("variance_epsilon").unwrap_or(1e-3);
    let affine = affine_of(&gamma, &beta?, &mean, &variance, epsilon)?;
    Norm::new([mean, variance], affine, id, node.op)
}

fn affine_of(gamma: &[f32], beta: &[f32], mean: &[f32], variance: &[f32], epsilon: f32) -> Option<[Vec<f32>; 2]> {
    let count = mean.len();
    if gamma.len() != count || beta.len() != count || variance.len() != count {
        return None;
    }
    let scale: Vec<f32> =
        gamma.iter().zip(variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
    let offset = (0..count).map(|index| beta[index] - mean[index] * scale[index]).collect();
    Some([scale, offset])
}

/// `x * (gamma * rsqrt(variance + e)) + (beta - mean * gamma * rsqrt(variance + e))`.
fn scaled(graph: &Graph<'_>, tensor: NodeId, product: NodeId) -> Option<Norm> {
    let factor = other_operand(graph, product, tensor)?;
    let scale = evaluate(graph, factor)?.values;
    let variance = variance_in(graph, factor)?;
    let [sum] = graph.consumers(product) else { return None };
    let sign = match graph.node(*sum).op {
        "Add" | "AddV2" | "BiasAdd" => 1.0,
        "Sub" if graph.input(*sum, 0) == Some(product) => -1.0,
        _ => return None,
    };
    let shift = other_operand(graph, *sum, product)?;
    let offset: Vec<f32> = evaluate(graph, shift)?.values.iter().map(|value| sign * value).collect();
    let mean = mean_in(graph, shift, sign, factor, 0)?;
    Norm::new([mean, variance], [scale, offset], *sum, "unfused")
}

/// `(x - mean) * rsqrt(variance + e)` or `(x - mean) / sqrt(variance + e)`.
fn centred(graph: &Graph<'_>, tensor: NodeId, difference: NodeId) -> Option<Norm> {
    if graph.input(difference, 0) != Some(tensor) {
        return None;
    }
    let mean = values(graph, difference, 1)?;
    let [product] = graph.consumers(difference) else { return None };
    let factor = other_operand(graph, *product, difference)?;
    let variance = variance_in(graph, factor)?;
    let scale: Vec<f32> = match graph.node(*product).op {
        "Mul" => evaluate(graph, factor)?.values,
        "RealDiv" | "Div" => evaluate(graph, factor)?.values.into_iter().map(f32::recip).collect(),
        _ => return None,
    };
    if mean.len() != scale.len() {
        return None;
    }
    let offset = mean.iter().zip(&scale).map(|(mean, scale)| -mean * scale).collect();
    Norm::new([mean, variance], [scale, offset], *product, "unfused")
}

/// The operand of a binary node that is not `tensor`.
pub(super) fn other_operand(graph: &Graph<'_>, id: NodeId, tensor: NodeId) -> Option<NodeId> {
    let (first, second) = (graph.input(id, 0)?, graph.input(id, 1)?);
    match (first == tensor, second == tensor) {
        (true, false) => Some(second),
        (false, true) => Some(first),
        _ => None,
    }
}

/// The variance under the square root of a constant expression.
fn variance_in(graph: &Graph<'_>, expression: NodeId) -> Option<Vec<f32>> {
    let mut stack = vec![expression];
    for _ in 0..EXPRESSION_NODES_MAX {
        let id = stack.pop()?;
        let node = graph.node(id);
        if matches!(node.op, "Rsqrt" | "Sqrt") {
            let radicand = graph.skip_passages(graph.input(id, 0)?);
            if !matches!(graph.node(radicand).op, "Add" | "AddV2") {
                return Some(evaluate(graph, radicand)?.values);
            }
            let terms = [values(graph, radicand, 0)?, values(graph, radicand, 1)?];
            return terms.into_iter().max_by_key(Vec::len);
        }
        stack.extend(node.inputs.iter().map(|endpoint| endpoint.node));
    }
    None
}

/// The mean in `expression`, which stands in the sum with `sign` and holds `-mean * factor`.
fn mean_in(graph: &Graph<'_>, expression: NodeId, sign: f32, factor: NodeId, depth: u32) -> Option<Vec<f32>> {
    let id = graph.skip_passages(expression);
    let node = graph.node(id);
    if depth > 6 {
        return None;
    }
    let below = |index: usize, sign: f32| mean_in(graph, graph.input(id, index)?, sign, factor, depth + 1);
    match node.op {
        "Add" | "AddV2" => below(0, sign).or_else(|| below(1, sign)),
        "Sub" => below(0, sign).or_else(|| below(1, -sign)),
        "Neg" => below(0, -sign),
        "Mul" => {
            let is_factor = |id: NodeId| {
                let id = graph.skip_passages(id);
                id == graph.skip_passages(factor) || matches!(graph.node(id).op, "Rsqrt")
            };
            let (first, second) = (graph.input(id, 0)?, graph.input(id, 1)?);
            let mean = match (is_factor(first), is_factor(second)) {
                (true, false) => second,
                (false, true) => first,
                _ => return None,
            };
            Some(evaluate(graph, mean)?.values.into_iter().map(|value| -sign * value).collect())
        }
        _ => None,
    }
}
