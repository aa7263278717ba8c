//! A graph in ONNX Runtime.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use menagerie_graph::onnx::OnnxModel;
use ort::environment::Environment;

use super::session::{Model, OnnxSession};
use crate::{
    EngineError,
    runtime::{Graph, Input, Output},
};

/// A graph with two sessions, unless the caller has settled the threads of a run: a run that goes on alone is shared by all
/// cores, runs beside others have one thread each. Threads of a session are settled when it is opened, and runs that share
/// their threads wait for each other at every layer.
///
/// The first session is optimised as it is opened, which takes ONNX Runtime less time than libtensorflow's import.
pub struct OnnxGraph {
    environment: Environment,
    /// Of all runs, or of those that go on alone.
    alone: OnnxSession,
    /// Of those that go on beside others.
    beside: OnceLock<OnnxSession>,
    /// What [`OnnxGraph::beside`] is made of, until it is.
    model: Mutex<Option<Model>>,
    /// Runs that go on.
    running: AtomicU32,
    /// Threads of a run beside others.
    threads: u32,
}

impl OnnxGraph {
    /// Loads a model; `threads` share one run, or, where it is 0, all `cores` or one as said above.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with ONNX Runtime's reason.
    pub fn open(environment: &Environment, model: OnnxModel, threads: u32, cores: u32) -> Result<Self, EngineError> {
        let OnnxModel { bytes, input, output, .. } = model;
        let model = Model { bytes, input, output };
        let alone = OnnxSession::open(environment, &model, if threads == 0 { cores } else { threads })?;
        Ok(Self {
            environment: environment.clone(),
            alone,
            beside: OnceLock::new(),
            model: Mutex::new((threads == 0 && cores > 1).then_some(model)),
            running: AtomicU32::new(0),
            threads: threads.max(1),
        })
    }

    fn session(&self, running: u32) -> &OnnxSession {
        if running == 0 { &self.alone } else { self.beside.get().unwrap_or(&self.alone) }
    }
}

impl Graph for OnnxGraph {
    fn run(&self, input: &Input<'_>) -> Result<Output, EngineError> {
        let running = self.running.fetch_add(1, Ordering::Relaxed);
        let output = self.session(running).run(input);
        self.running.fetch_sub(1, Ordering::Relaxed);
        output
    }

    /// Opens the session for runs beside others.
    fn optimize(&self, input: &Input<'_>) -> Result<(), EngineError> {
        let Some(model) = self.model.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let session = OnnxSession::open(&self.environment, &model, self.threads)?;
        drop(model);
        session.run(input)?;
        self.beside.get_or_init(|| session);
        Ok(())
    }

    fn threads(&self) -> u32 {
        self.threads
    }
}
