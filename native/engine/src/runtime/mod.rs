//! What runs graphs: a library that is loaded at run time, and graphs in it. Everything else in this crate knows neither
//! which library that is nor how it keeps its tensors.

mod environment;
mod library;
mod onnx;
mod tensorflow;

use menagerie_contract::{Dtype, Layout};
use menagerie_graph::Resolved;

pub use self::{
    environment::{ENVIRONMENT, LOG_LEVEL, is_of_runtime, set_environment},
    library::{Library, RuntimeKind},
};
use crate::EngineError;

/// What computes a graph's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// oneDNN, which libtensorflow has built in for most processors.
    OneDnn,
    /// TensorFlow's own code on Eigen, which knows images with channels last alone.
    Eigen,
    /// ONNX Runtime's own code.
    Mlas,
}

impl Kernels {
    /// Its name, as its makers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneDnn => "oneDNN",
            Self::Eigen => "Eigen",
            Self::Mlas => "MLAS",
        }
    }
}

/// A library that runs graphs, loaded for as long as the process lives.
pub trait Runtime: Sync {
    /// Its version, as it says itself.
    fn version(&self) -> String;

    /// What computes layers in this process.
    fn kernels(&self) -> Kernels;

    /// As [`Library::warm`].
    fn warm(&self) -> Result<(), EngineError>;

    /// Loads a graph, to be run with `threads` threads; 0 lets the library choose. `cores` is how many there are.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with the library's reason.
    fn open(&self, resolved: Resolved, threads: u32, cores: u32) -> Result<Opened, EngineError>;
}

/// A graph that was loaded.
pub struct Opened {
    /// The graph.
    pub graph: Box<dyn Graph>,
    /// Order of the axes of what it is fed.
    pub input_layout: Layout,
}

/// A graph in a library, with one input and one output. Runs may go on side by side, from any thread.
pub trait Graph: Send + Sync {
    /// Runs the graph.
    ///
    /// # Errors
    /// [`EngineError::Run`] with the library's reason, or where there is no memory for the input;
    /// [`EngineError::OutputShape`] where the output holds no numbers.
    fn run(&self, input: &Input<'_>) -> Result<Output, EngineError>;

    /// Does what makes later runs faster and was left out of loading, `input` being what it is tried with; runs meanwhile are
    /// not held up. The second call does nothing.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] and [`EngineError::Run`] when the faster graph does not run; later runs are then as
    /// before.
    fn optimize(&self, input: &Input<'_>) -> Result<(), EngineError>;

    /// Threads that share one run where others go on beside it, at least 1.
    fn threads(&self) -> u32;
}

/// What a run is fed: a tensor that is yet to be written, in the library's own memory.
pub struct Input<'a> {
    /// Values along each axis.
    pub shape: Vec<i64>,
    /// Type of its values.
    pub dtype: Dtype,
    /// Writes all of them.
    pub fill: &'a dyn Fn(Values<'_>),
}

/// Memory of a tensor, row by row; its values are 0 before they are written.
pub enum Values<'a> {
    /// Of [`Dtype::Float32`].
    Float32(&'a mut [f32]),
    /// Of [`Dtype::Uint8`].
    Uint8(&'a mut [u8]),
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Values along each axis.
    pub shape: Vec<i64>,
    /// All of them, row by row.
    pub values: Vec<f32>,
}
