//! What can go wrong in the engine, by whose fault.

use std::path::PathBuf;

use menagerie_contract::{ErrorCode, Problem, counted};

/// A failure of the engine. [`Problem`] is its form on the way to a client.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The runtime's library is in none of the places where it may be.
    #[error(
        "{name} was not found; looked for {files} in: {places}. Set {variable} to the folder that holds it, or run \
         `npm start`, which fetches it",
        files = files.join(", "),
        places = if tried.is_empty() { "no place".into() } else { tried.join("; ") }
    )]
    LibraryNotFound {
        /// The runtime.
        name: &'static str,
        /// The variable that names its folder.
        variable: &'static str,
        /// File names tried in each place.
        files: Vec<&'static str>,
        /// Every place, with what was found wrong there.
        tried: Vec<String>,
    },
    /// The runtime's library was found, and cannot be used.
    #[error("{name} at {} cannot be loaded: {detail}", path.display())]
    LibraryUnusable {
        /// The runtime.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the loader said.
        detail: String,
    },
    /// The runtime refuses the graph.
    #[error("what runs graphs here refuses this one: {0}")]
    GraphRefused(String),
    /// A graph that ONNX Runtime cannot run, for what the error says.
    #[error("{0}, so ONNX Runtime cannot run it; RUNTIME=auto runs such graphs on libtensorflow")]
    Untranslated(menagerie_graph::GraphError),
    /// The graph does not give the output that its spec promises.
    #[error("the graph does not answer as its spec says: {0}")]
    OutputShape(String),
    /// The graph cannot be resolved: not a classifier, a forbidden op, ambiguous, too large.
    #[error(transparent)]
    Graph(#[from] menagerie_graph::GraphError),
    /// The images do not fit the model.
    #[error(
        "{} came for {}; this model takes {expected} for each, at least one image",
        counted(*.bytes, "byte", "bytes"),
        counted(*.image_count, "image", "images")
    )]
    Images {
        /// Bytes that came.
        bytes: usize,
        /// Images that they should hold.
        image_count: u32,
        /// Bytes for one image.
        expected: usize,
    },
    /// Tensors of floats came for a graph that takes bytes.
    #[error("the graph takes uint8; send pixels in place of a float32 tensor")]
    TensorDtype,
    /// The scores are not numbers.
    #[error("the model answered {value} for class {class} of image {image}: no class can be named")]
    NotFinite {
        /// NaN or an infinity.
        value: f32,
        /// Class, 0-based.
        class: usize,
        /// Image, 0-based.
        image: usize,
    },
    /// The session failed while it ran.
    #[error("the session failed: {0}")]
    Run(String),
}

impl EngineError {
    /// The failure of a run whose input of `shape` finds no memory.
    pub(crate) fn no_memory(shape: &[i64]) -> Self {
        Self::Run(format!("there is no memory for a tensor of {} images", shape.first().unwrap_or(&0)))
    }

    /// The code that clients see.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::LibraryNotFound { .. } | Self::LibraryUnusable { .. } => ErrorCode::EngineUnavailable,
            Self::GraphRefused(_) => ErrorCode::GraphInvalid,
            Self::Graph(error) | Self::Untranslated(error) => error.code(),
            Self::Images { .. } | Self::TensorDtype => ErrorCode::FieldInvalid,
            Self::OutputShape(_) | Self::NotFinite { .. } | Self::Run(_) => ErrorCode::EngineFailed,
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
