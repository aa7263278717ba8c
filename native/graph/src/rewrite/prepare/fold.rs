//! BatchNorm folded into the layer before it.
//!
//! Behind a linear layer, adding and multiplying by constants for each channel is the same layer with other weights:
//! `(w * x) * scale + shift`. A chain of such ops, fused or not, becomes one scaled kernel and one bias.

use std::collections::HashMap;

use super::{Plan, constants::evaluate};
use crate::{
    data::{
        constant::Constant,
        dtype::DataType,
        graph::{Endpoint, NodeId},
    },
    ops,
};

/// A layer with the chain behind it in two vectors.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    /// The last node of the chain; its name stays on the result.
    pub end: NodeId,
    /// The constant that holds the kernel.
    pub kernel: NodeId,
    /// Factor of each channel; absent when all are 1.
    pub scale: Option<Vec<f32>>,
    /// Bias of each channel.
    pub shift: Vec<f32>,
    /// Kernel value `i` belongs to channel `i / stride % channels`.
    pub stride: usize,
    /// Whether channels stand before rows in the layer's output.
    pub is_channels_first: bool,
}

/// A linear layer whose kernel can be scaled.
struct Layer {
    kernel: NodeId,
    channels: usize,
    stride: usize,
    rank: usize,
    is_channels_first: bool,
}

/// All folds of the graph, by their layer.
pub(super) fn find(plan: &Plan<'_, '_>) -> HashMap<NodeId, Fold> {
    let layers: Vec<(NodeId, Layer)> = plan.needed.iter().filter_map(|id| Some((*id, layer(plan, *id)?))).collect();
    let mut uses: HashMap<NodeId, u32> = HashMap::new();
    for (_, layer) in &layers {
        *uses.entry(layer.kernel).or_default() += 1;
    }
    // A kernel that several layers share would be written for each of them.
    let alone = layers.iter().filter(|(_, layer)| uses.get(&layer.kernel) == Some(&1));
    alone.filter_map(|(id, layer)| Some((*id, fold_layer(plan, *id, layer)?))).collect()
}

fn layer(plan: &Plan<'_, '_>, id: NodeId) -> Option<Layer> {
    let graph = plan.graph;
    let node = graph.node(id);
    let kernel = graph.skip_passages(graph.input(id, 1)?);
    let tensor = graph.tensor(kernel)?;
    if tensor.dtype != DataType::Float || tensor.content.is_empty() {
        return None;
    }
    let (channels, stride, rank) = match (node.kind.plain_layer()?, tensor.shape.as_slice()) {
        (ops::Layer::Convolution, [_, _, _, out]) => (*out, 1, 4),
        (ops::Layer::Depthwise, [_, _, deep, times]) => (deep.checked_mul(*times)?, 1, 4),
        (ops::Layer::Product, [inner, out]) => {
            if node.flag("transpose_b") {
                (*inner, *out, 2)
            } else {
                (*out, 1, 2)
            }
        }
        _ => return None,
    };
    (channels > 0).then_some(Layer {
        kernel,
        channels: usize::try_from(channels).ok()?,
        stride: usize::try_from(stride).ok()?,
        rank,
        is_channels_first: node.is_channels_first() && rank == 4,
    })
}

fn fold_layer(plan: &Plan<'_, '_>, id: NodeId, layer: &Layer) -> Option<Fold> {
    let mut end = id;
    let mut scale = vec![1.0_f64; layer.channels];
    let mut shift = vec![0.0_f64; layer.channels];
    let (mut scales, mut shifts) = (0, 0);
    while end != plan.output.scores {
        let consumers = plan.consumers(end);
        let [next] = consumers.as_slice() else { break };
        let Some((factor, addend)) = step(plan, end, *next, layer) else { break };
        if let Some(factor) = factor {
            for ((scale, shift), factor) in scale.iter_mut().zip(&mut shift).zip(factor) {
                *scale *= f64::from(factor);
                *shift *= f64::from(factor);
            }
            scales += 1;
        }
        if let Some(addend) = addend {
            for (shift, addend) in shift.iter_mut().zip(addend) {
                *shift += f64::from(addend);
            }
            shifts += 1;
        }
        end = *next;
    }
    let narrowed = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect::<Vec<f32>>();
    let (scale, shift) = (narrowed(scale), narrowed(shift));
    let is_finite = scale.iter().chain(&shift).all(|value| value.is_finite());
    // A lone bias is what folding would make of it.
    (is_finite && (scales > 0 || shifts > 1)).then(|| Fold {
        end,
        kernel: layer.kernel,
        scale: scale.iter().any(|value| value.to_bits() != 1.0_f32.to_bits()).then_some(scale),
        shift,
        stride: layer.stride,
        is_channels_first: layer.is_channels_first,
    })
}

type Step = (Option<Vec<f32>>, Option<Vec<f32>>);

/// What `next` multiplies and adds to each channel of `at`, its only input that is not constant.
fn step(plan: &Plan<'_, '_>, at: NodeId, next: NodeId, layer: &Layer) -> Option<Step> {
    let graph = plan.graph;
    let node = graph.node(next);
    let here = Endpoint { node: at, port: 0 };
    let is_here = |index: usize| node.inputs.get(index).is_some_and(|endpoint| plan.source(*endpoint) == here);
    let constant =
        |index: usize| evaluate(graph, graph.input(next, index)?).and_then(|value| per_channel(value, layer));
    // Moments are one value for each channel in every layout.
    let moment = |index: usize| {
        let values = evaluate(graph, graph.input(next, index)?)?.values;
        (values.len() == layer.channels).then_some(values)
    };
    match node.op {
        "BiasAdd" | "BiasAddV1" if is_here(0) => {
            let bias = evaluate(graph, graph.input(next, 1)?)?.values;
            (bias.len() == layer.channels && node.is_channels_first() == layer.is_channels_first)
                .then_some((None, Some(bias)))
        }
        "Add" | "AddV2" if is_here(0) != is_here(1) => Some((None, Some(constant(usize::from(is_here(0)))?))),
        "Mul" if is_here(0) != is_here(1) => Some((Some(constant(usize::from(is_here(0)))?), None)),
        "Sub" if is_here(0) && !is_here(1) => {
            Some((None, Some(constant(1)?.into_iter().map(|value| -value).collect())))
        }
        "Div" | "RealDiv" if is_here(0) && !is_here(1) => {
            Some((Some(constant(1)?.into_iter().map(|value| 1.0 / value).collect()), None))
        }
        _ if node.kind.role == ops::Role::BatchNorm && is_here(0) => {
            if node.is_channels_first() != layer.is_channels_first || uses_other_ports(plan, next) {
                return None;
            }
            let epsilon = node.float("epsilon").unwrap_or(0.0001);
            Some(batch_norm([moment(3)?, moment(4)?, moment(1)?, moment(2)?], epsilon))
        }
        "BatchNormWithGlobalNormalization" if is_here(0) => {
            let epsilon = node.float("variance_epsilon")?;
            let gamma = if node.flag("scale_after_normalization") { moment(4)? } else { vec![1.0; layer.channels] };
            Some(batch_norm([moment(1)?, moment(2)?, gamma, moment(3)?], epsilon))
        }
        _ => None,
    }
}

/// Scale and shift of `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.
fn batch_norm([mean, variance, gamma, beta]: [Vec<f32>; 4], epsilon: f32) -> Step {
    let scale: Vec<f32> =
        gamma.iter().zip(&variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
    let shift = beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
    (Some(scale), Some(shift))
}

fn uses_other_ports(plan: &Plan<'_, '_>, id: NodeId) -> bool {
    plan.graph
        .consumers(id)
        .iter()
        .filter(|next| plan.is_needed.contains(next))
        .any(|next| plan.graph.node(*next).inputs.iter().any(|endpoint| endpoint.node == id && endpoint.port != 0))
}

/// One value for each channel of the layer's output; absent when the constant varies over rows or columns.
fn per_channel(constant: Constant, layer: &Layer) -> Option<Vec<f32>> {
    if constant.shape.len() > layer.rank {
        return None;
    }
    if constant.values.len() == 1 {
        return Some(vec![constant.values[0]; layer.channels]);
    }
    let axis_from_end = if layer.is_channels_first { 3 } else { 1 };
    let axis = constant.shape.len().checked_sub(axis_from_end)?;
    (constant.values.len() == layer.channels && constant.shape[axis] == layer.channels as u64)
        .then_some(constant.values)
}
