//! Everything that can go wrong between image bytes and answer, grouped by whose fault it is.

use menagerie_contract::{ErrorCode, FrameError, Problem};
use menagerie_teach::TeachError;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The caller sent no bytes.
    #[error("the image is empty (0 bytes); send the bytes of a JPEG, PNG, WebP, GIF or BMP file")]
    ImageEmpty,
    /// The caller sent something else than one of the five formats.
    #[error("this is {looks_like}; {advice}")]
    ImageUnsupported {
        /// What the bytes look like, with an article.
        looks_like: String,
        /// What the caller can do.
        advice: &'static str,
    },
    /// The image is damaged or cut off.
    #[error("the {format} cannot be decoded: {detail}; send the whole, undamaged file")]
    ImageUndecodable {
        /// `JPEG`, `PNG` and so on.
        format: &'static str,
        /// What the decoder met.
        detail: String,
    },
    /// The header declares more than the limits allow.
    #[error("the image is {width}x{height} pixels; {limit}; send a smaller one")]
    ImageTooLarge {
        /// Declared pixels across.
        width: u64,
        /// Declared pixels down.
        height: u64,
        /// The limit that it passes, in words.
        limit: String,
    },
    /// A field of the request is out of its range; the message names field, value and range.
    #[error("{0}")]
    FieldInvalid(String),
    /// The label file cannot be used with this model.
    #[error("{message}")]
    Labels {
        /// `labels_invalid` or `labels_mismatch`.
        code: ErrorCode,
        /// What is wrong with it.
        message: String,
    },
    /// The engine answered something that is no answer.
    #[error("{0}")]
    Engine(String),
    /// The graph, or the label file beside it, cannot be used.
    #[error("{}", .0.message)]
    Graph(Problem),
    /// The engine refused the request.
    #[error("{}", .0.message)]
    Exchange(Problem),
    /// No head can be trained on these photos.
    #[error(transparent)]
    Teach(#[from] TeachError),
    /// The host called with something that the contract does not allow.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The code that clients see.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::ImageEmpty => ErrorCode::ImageMissing,
            Self::ImageUnsupported { .. } => ErrorCode::ImageUnsupported,
            Self::ImageUndecodable { .. } => ErrorCode::ImageUndecodable,
            Self::ImageTooLarge { .. } => ErrorCode::ImageTooLarge,
            Self::FieldInvalid(_) | Self::Teach(_) => ErrorCode::FieldInvalid,
            Self::Labels { code, .. } => *code,
            Self::Engine(_) => ErrorCode::EngineFailed,
            Self::Graph(problem) | Self::Exchange(problem) => problem.code,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        Self::Engine(format!("the engine lost step with the service: {error}"))
    }
}
