//! A runtime, libtensorflow or ONNX Runtime, that is loaded at run time, and a model on it.
//!
//! [`Library`] finds and loads the runtime, [`Model`] resolves a frozen graph (`menagerie_graph`), has the runtime import
//! what is left of it and turns pixels into scores. [`exchange`] is the
//! same in frames. Nothing here knows of processes, pipes or Node.
//!
//! ```no_run
//! // It needs libtensorflow, in `LIBTENSORFLOW_PATH` or the system's folders.
//! use menagerie_contract::{LoadRequest, Source, SpecOverrides};
//! use menagerie_engine::{Library, Model, RuntimeKind, probe_graph};
//! use menagerie_graph::GraphLimits;
//!
//! let library = Library::load(RuntimeKind::Tensorflow, None)?;
//! let request = LoadRequest::new(Source::Request, SpecOverrides::default());
//! let model = Model::load(&library, probe_graph(), &request, &GraphLimits::default())?;
//! let scores = model.run(&[128; 16 * 16 * 3], 1)?;
//! assert_eq!(scores.values.len(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
pub mod exchange;
pub mod graphdef;
pub mod memory;
mod model;
mod normalize;
mod probe;
mod runtime;
mod scores;

pub use error::EngineError;
pub use model::{Model, RunScores};
pub use probe::probe_graph;
pub use runtime::{ENVIRONMENT, Kernels, LOG_LEVEL, Library, RuntimeKind, is_of_runtime, set_environment};
