//! What can go wrong in the engine, by whose fault.

use std::path::PathBuf;

use menagerie_contract::{ErrorCode, Problem};

/// A failure of the engine. [`Problem`] is its form on the way to a client.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// libtensorflow is in none of the places where it may be.
    #[error(
        "libtensorflow was not found; looked for {names} in: {places}. Set LIBTENSORFLOW_PATH to the folder that \
         holds it, or run `npm start`, which fetches it",
        names = names.join(", "),
        places = if tried.is_empty() { "no place".into() } else { tried.join("; ") }
    )]
    LibraryNotFound {
        /// File names tried in each place.
        names: Vec<&'static str>,
        /// Every place, with what was found wrong there.
        tried: Vec<String>,
    },
    /// A libtensorflow was found, and cannot be used.
    #[error("libtensorflow at {} cannot be loaded: {detail}", path.display())]
    LibraryUnusable {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        detail: String,
    },
    /// libtensorflow refuses the graph.
    #[error("libtensorflow refuses the graph: {0}")]
    GraphRefused(String),
    /// The graph does not give the output that its spec promises.
    #[error("the graph does not answer as its spec says: {0}")]
    OutputShape(String),
    /// The graph cannot be resolved: not a classifier, a forbidden op, ambiguous, too large.
    #[error(transparent)]
    Graph(#[from] menagerie_graph::GraphError),
    /// The images do not fit the model.
    #[error("{bytes} bytes came for {image_count} images; this model takes {expected} for each, at least one image")]
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
            Self::Graph(error) => error.code(),
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
