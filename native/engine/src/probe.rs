//! A tiny `MobileNet` built in code: what a runtime is started with before it meets a stranger's graph.

use crate::graphdef::{Attribute, GraphBuilder};

/// Side of its pictures, in pixels.
pub(crate) const SIDE: i64 = 16;
/// Number of its classes.
pub(crate) const CLASSES: i64 = 4;

/// A frozen graph of a few hundred numbers with the kernels of a `MobileNet`: `input` \[-1, 16, 16, 3\] to `probabilities`
/// \[-1, 4\].
#[must_use]
pub fn probe_graph() -> Vec<u8> {
    let window = [("strides", Attribute::Ints(&[1, 1, 1, 1])), ("padding", Attribute::Text("SAME"))];
    let half = [("strides", Attribute::Ints(&[1, 2, 2, 1])), ("padding", Attribute::Text("SAME"))];
    GraphBuilder::new()
        .placeholder("input", &[-1, SIDE, SIDE, 3])
        .constant("conv/weights", &[3, 3, 3, 8], &weights(3 * 3 * 3 * 8))
        .constant("conv/bias", &[8], &weights(8))
        .float_node("conv", "Conv2D", &["input", "conv/weights"], &half)
        .float_node("conv/biased", "BiasAdd", &["conv", "conv/bias"], &[])
        .float_node("conv/relu", "Relu6", &["conv/biased"], &[])
        .constant("depthwise/weights", &[3, 3, 8, 1], &weights(3 * 3 * 8))
        .constant("depthwise/bias", &[8], &weights(8))
        .float_node("depthwise", "DepthwiseConv2dNative", &["conv/relu", "depthwise/weights"], &window)
        .float_node("depthwise/biased", "BiasAdd", &["depthwise", "depthwise/bias"], &[])
        .float_node("depthwise/relu", "Relu6", &["depthwise/biased"], &[])
        .constant("pointwise/weights", &[1, 1, 8, 8], &weights(8 * 8))
        .float_node("pointwise", "Conv2D", &["depthwise/relu", "pointwise/weights"], &window)
        .float_node("residual", "AddV2", &["pointwise", "depthwise/relu"], &[])
        .indices("axes", &[1, 2])
        .float_node("pooled", "Mean", &["residual", "axes"], &[("Tidx", Attribute::Type(3))])
        .constant("classes/weights", &[8, CLASSES], &weights(8 * CLASSES))
        .constant("classes/bias", &[CLASSES], &weights(CLASSES))
        .float_node("classes", "MatMul", &["pooled", "classes/weights"], &[])
        .float_node("logits", "BiasAdd", &["classes", "classes/bias"], &[])
        .float_node("probabilities", "Softmax", &["logits"], &[])
        .finish()
}

/// Numbers between -0.5 and 0.5 that are the same every time (a linear congruential generator; constants of Numerical
/// Recipes).
fn weights(count: i64) -> Vec<f32> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}
