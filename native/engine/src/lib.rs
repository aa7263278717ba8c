//! libtensorflow loaded at run time, and a model on it.
//!
//! [`Library`] finds and loads libtensorflow, [`Model`] resolves a frozen graph (`menagerie_graph`), imports what
//! is left of it and turns pixels into scores. [`exchange`] is the
//! same in frames. Nothing here knows of processes, pipes or Node.
//!
//! ```no_run
//! // It needs libtensorflow, in `LIBTENSORFLOW_PATH` or the system's folders.
//! use menagerie_contract::{LoadRequest, Source, SpecOverrides};
//! use menagerie_engine::{Library, Model, probe_graph};
//! use menagerie_graph::GraphLimits;
//!
//! let library = Library::load(None)?;
//! let request = LoadRequest::new(Source::Request, SpecOverrides::default());
//! let model = Model::load(&library, probe_graph(), &request, &GraphLimits::default())?;
//! let scores = model.run(&[128; 16 * 16 * 3], 1)?;
//! assert_eq!(scores.values.len(), 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The bindings are our own (`ffi`), about thirty functions of TensorFlow's stable C API. The crate `tensorflow` 0.21
//! was tried first: at run time it takes the library's folder from `TENSORFLOW_DIR` alone, panics on a missing
//! function, and brings protobuf 2.27 (RUSTSEC-2024-0437).

mod error;
pub mod exchange;
mod ffi;
pub mod graphdef;
mod library;
pub mod memory;
mod model;
mod normalize;
mod probe;
mod scores;
mod session;
mod tensor;
mod weights;

pub use error::EngineError;
pub use library::{ENVIRONMENT, Kernels, LOG_LEVEL, Library, set_environment};
pub use model::{Model, RunScores};
pub use probe::probe_graph;
