//! A tiny `MobileNet` built in code: what libtensorflow is started with before it meets a stranger's graph.

use std::sync::Arc;

use crate::{
    EngineError, Library,
    graphdef::{Attribute, GraphBuilder},
    session::{Session, SessionPlan},
    tensor::Tensor,
};

/// Side of its pictures, in pixels.
const SIDE: i64 = 16;
/// Number of its classes.
const CLASSES: i64 = 4;

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

/// Whether a picture with its channels first is pooled, which oneDNN does and Eigen refuses
/// (`MaxPoolingOp` in `tensorflow/core/kernels/maxpooling_op.cc`).
pub(crate) fn pools_channels_first(library: &Library) -> bool {
    let window = Attribute::Ints(&[1, 1, 2, 2]);
    let attributes = [
        ("ksize", window),
        ("strides", window),
        ("padding", Attribute::Text("VALID")),
        ("data_format", Attribute::Text("NCHW")),
    ];
    let graph = GraphBuilder::new()
        .placeholder("input", &[1, 1, 2, 2])
        .float_node("pooled", "MaxPool", &["input"], &attributes)
        .finish();
    let plan = SessionPlan { threads: 1, optimize: false };
    let pooled = Session::open(library, &graph, "input", "pooled", Arc::default(), plan).and_then(|session| {
        let picture = Tensor::build(library.functions(), &[1, 1, 2, 2], |values: &mut [f32]| values.fill(0.5))
            .ok_or_else(|| EngineError::Run("there is no memory for the probe".into()))?;
        session.run(&picture)
    });
    pooled.is_ok()
}

/// Runs the probe on one picture, optimised as models are, on every thread.
pub(crate) fn run(library: &Library, plan: SessionPlan) -> Result<(), EngineError> {
    let session = Session::open(library, &probe_graph(), "input", "probabilities", Arc::default(), plan)?;
    let picture = Tensor::build(library.functions(), &[1, SIDE, SIDE, 3], |values: &mut [f32]| values.fill(0.5))
        .ok_or_else(|| EngineError::Run("there is no memory for the probe".into()))?;
    let probabilities = session.run(&picture)?.to_f32().unwrap_or_default();
    let sum: f32 = probabilities.iter().sum();
    if probabilities.len() != CLASSES as usize || (sum - 1.0).abs() > 1e-3 {
        return Err(EngineError::Run(format!(
            "the probe answered {probabilities:?} instead of {CLASSES} probabilities"
        )));
    }
    Ok(())
}
