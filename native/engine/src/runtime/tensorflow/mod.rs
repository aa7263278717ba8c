//! libtensorflow, through its C API.
//!
//! The bindings are our own (`ffi`), about thirty functions of TensorFlow's stable C API. The crate `tensorflow` 0.21
//! was tried first: at run time it takes the library's folder from `TENSORFLOW_DIR` alone, panics on a missing
//! function, and brings protobuf 2.27 (RUSTSEC-2024-0437).

mod ffi;
mod graph;
mod probe;
mod session;
mod tensor;
mod weights;

use std::{ffi::CStr, path::Path};

use menagerie_contract::message::LIBTENSORFLOW;
use menagerie_graph::Resolved;

use self::{ffi::Functions, graph::TensorflowGraph, session::SessionPlan};
use super::{Kernels, Opened, Runtime};
use crate::EngineError;

/// libtensorflow's functions.
pub struct Tensorflow {
    functions: &'static Functions,
}

impl Tensorflow {
    /// Loads the library at `path`; `framework`, which it needs, is loaded before it.
    ///
    /// # Errors
    /// [`EngineError::LibraryUnusable`] with what the loader said.
    pub fn load(path: &Path, framework: Option<&Path>) -> Result<Self, EngineError> {
        // SAFETY: the files carry libtensorflow's names and lie where the operator keeps them.
        let functions = unsafe { Functions::load(path, framework) }.map_err(|error| EngineError::LibraryUnusable {
            name: LIBTENSORFLOW,
            path: path.into(),
            detail: error.to_string(),
        })?;
        Ok(Self { functions: Box::leak(Box::new(functions)) })
    }
}

impl Runtime for Tensorflow {
    fn version(&self) -> String {
        // SAFETY: TF_Version returns a static string.
        unsafe { CStr::from_ptr((self.functions.version)()) }.to_string_lossy().into_owned()
    }

    /// It is tried, for whether libtensorflow has oneDNN and lets it run depends on how it was built, on the processor and
    /// on the environment.
    fn kernels(&self) -> Kernels {
        if probe::pools_channels_first(self.functions) { Kernels::OneDnn } else { Kernels::Eigen }
    }

    fn warm(&self) -> Result<(), EngineError> {
        probe::run(self.functions, SessionPlan { threads: 1, optimize: true })
    }

    /// One thread a run and a run for each core: on the `MobileNet`s of the zoo this beats shared runs in throughput and,
    /// but for the largest, in latency.
    fn open(&self, resolved: Resolved, threads: u32, _cores: u32) -> Result<Opened, EngineError> {
        let input_layout = resolved.input_layout;
        let graph = Box::new(TensorflowGraph::open(self.functions, resolved, threads.max(1))?);
        Ok(Opened { graph, input_layout })
    }
}
