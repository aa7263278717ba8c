//! A graph in libtensorflow.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, RwLock},
    thread,
    time::Duration,
};

use menagerie_contract::Dtype;
use menagerie_graph::{Detached, GraphLimits, Resolved, detach};

use super::{
    ffi::Functions,
    session::{Session, SessionPlan},
    tensor::Tensor,
    weights::Weights,
};
use crate::{
    EngineError,
    runtime::{Graph, Input, Output, Values},
};

/// How often the end of the runs on a replaced session is looked for.
const LAST_RUNS_POLL: Duration = Duration::from_millis(2);

/// A graph that answers first from a session that runs it as it is, for libtensorflow's optimiser takes longer than import
/// and first run together. [`Graph::optimize`] puts an optimised session in its place, which runs about a tenth faster.
pub struct TensorflowGraph {
    functions: &'static Functions,
    session: RwLock<Arc<Session>>,
    /// What an optimised session is made of, until there is one.
    prepared: Mutex<Option<Prepared>>,
    /// Threads of one run.
    threads: u32,
}

/// A graph as libtensorflow imports it.
struct Prepared {
    graph: Vec<u8>,
    weights: Arc<Weights>,
    input: String,
    output: String,
}

impl Prepared {
    fn open(&self, functions: &'static Functions, plan: SessionPlan) -> Result<Session, EngineError> {
        Session::open(functions, &self.graph, &self.input, &self.output, Arc::clone(&self.weights), plan)
    }
}

impl TensorflowGraph {
    /// Imports a graph that is resolved, to be run by `threads` threads.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with libtensorflow's reason.
    pub fn open(functions: &'static Functions, resolved: Resolved, threads: u32) -> Result<Self, EngineError> {
        let Resolved { graph: whole, input_tensor: input, output_tensor: output, .. } = resolved;
        let Detached { graph, weights } = detach(&whole, &GraphLimits::default())?;
        let weights = Arc::new(Weights::copy(functions, &weights)?);
        drop(whole);
        let prepared = Prepared { graph, weights, input, output };
        let session = prepared.open(functions, SessionPlan { threads, optimize: false })?;
        Ok(Self { functions, session: RwLock::new(Arc::new(session)), prepared: Mutex::new(Some(prepared)), threads })
    }

    fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn run_session(&self, session: &Session, input: &Input<'_>) -> Result<Output, EngineError> {
        let Input { shape, dtype, fill } = input;
        let tensor = match dtype {
            Dtype::Float32 => Tensor::build(self.functions, shape, |values| fill(Values::Float32(values))),
            Dtype::Uint8 => Tensor::build(self.functions, shape, |values| fill(Values::Uint8(values))),
        };
        let tensor = tensor.ok_or_else(|| EngineError::no_memory(shape))?;
        let output = session.run(&tensor)?;
        let values = output.to_f32().map_err(|element| {
            EngineError::OutputShape(format!("its output has element type {element}, not numbers"))
        })?;
        Ok(Output { shape: output.shape(), values })
    }
}

impl Graph for TensorflowGraph {
    fn run(&self, input: &Input<'_>) -> Result<Output, EngineError> {
        self.run_session(&self.session(), input)
    }

    fn optimize(&self, input: &Input<'_>) -> Result<(), EngineError> {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(prepared) = prepared else { return Ok(()) };
        let session = prepared.open(self.functions, SessionPlan { threads: self.threads, optimize: true })?;
        drop(prepared);
        self.run_session(&session, input)?;
        let session = Arc::new(session);
        let first = mem::replace(&mut *self.session.write().unwrap_or_else(PoisonError::into_inner), session);
        // Its last run frees the first session; only after that is there something to give back.
        while Arc::strong_count(&first) > 1 {
            thread::sleep(LAST_RUNS_POLL);
        }
        Ok(())
    }

    fn threads(&self) -> u32 {
        self.threads
    }
}
