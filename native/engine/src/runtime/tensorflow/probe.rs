//! What libtensorflow is tried with: whether it runs at all, and on what.

use std::sync::Arc;

use super::{
    ffi::Functions,
    session::{Session, SessionPlan},
    tensor::Tensor,
};
use crate::{
    EngineError,
    graphdef::{Attribute, GraphBuilder},
    probe::{CLASSES, SIDE, probe_graph},
};

/// Whether a picture with its channels first is pooled, which oneDNN does and Eigen refuses
/// (`MaxPoolingOp` in `tensorflow/core/kernels/maxpooling_op.cc`).
pub fn pools_channels_first(functions: &'static Functions) -> bool {
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
    let pooled = Session::open(functions, &graph, "input", "pooled", Arc::default(), plan).and_then(|session| {
        let picture = Tensor::build(functions, &[1, 1, 2, 2], |values: &mut [f32]| values.fill(0.5))
            .ok_or_else(|| EngineError::Run("there is no memory for the probe".into()))?;
        session.run(&picture)
    });
    pooled.is_ok()
}

/// Runs the probe on one picture, optimised as models are, on every thread.
pub fn run(functions: &'static Functions, plan: SessionPlan) -> Result<(), EngineError> {
    let session = Session::open(functions, &probe_graph(), "input", "probabilities", Arc::default(), plan)?;
    let picture = Tensor::build(functions, &[1, SIDE, SIDE, 3], |values: &mut [f32]| values.fill(0.5))
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
