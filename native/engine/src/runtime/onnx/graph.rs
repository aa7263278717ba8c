//! A graph in ONNX Runtime.

use menagerie_graph::onnx::OnnxModel;
use ort::environment::Environment;

use super::session::{OnnxSession, Threads};
use crate::{
    EngineError,
    runtime::{Graph, Input, Output},
};

/// A graph with its session, which is optimised as it is opened: that takes ONNX Runtime less time than libtensorflow's
/// import.
pub struct OnnxGraph {
    session: OnnxSession,
    /// Threads of a run beside others.
    threads: u32,
}

impl OnnxGraph {
    /// Loads a model; `threads` share each run, or, where it is 0, `cores` share a run that goes on alone and each of several
    /// has one.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with ONNX Runtime's reason.
    pub fn open(environment: &Environment, model: &OnnxModel, threads: u32, cores: u32) -> Result<Self, EngineError> {
        let made_by = if threads == 0 { Threads::All(cores) } else { Threads::Each(threads) };
        Ok(Self { session: OnnxSession::open(environment, model, made_by)?, threads: threads.max(1) })
    }
}

impl Graph for OnnxGraph {
    fn run(&self, input: &Input<'_>) -> Result<Output, EngineError> {
        self.session.run(input)
    }

    fn optimize(&self, _: &Input<'_>) -> Result<(), EngineError> {
        Ok(())
    }

    fn threads(&self) -> u32 {
        self.threads
    }
}
