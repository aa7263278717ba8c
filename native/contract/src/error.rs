//! The error codes that clients see, and the message that carries one between processes.

use std::fmt::Display;

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A stable code of the HTTP contract. The HTTP status of each lives in the Node service alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the contract's table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

error_codes! {
    /// No image in the request.
    ImageMissing = "image_missing",
    /// A field is malformed or out of its range; the message names field, value and range.
    FieldInvalid = "field_invalid",
    /// The request needs labels and none came with the graph.
    LabelsMissing = "labels_missing",
    /// API keys are on and none, or an unknown one, was sent.
    Unauthorized = "unauthorized",
    /// The key is known but may not do this.
    Forbidden = "forbidden",
    /// No model of that id or SHA-256.
    ModelUnknown = "model_unknown",
    /// The model exists, the version does not.
    VersionUnknown = "version_unknown",
    /// No request of that id is remembered.
    RequestUnknown = "request_unknown",
    /// This caller has no job of that id.
    JobUnknown = "job_unknown",
    /// The job is not in a state that allows this.
    JobBusy = "job_busy",
    /// No such page or call.
    NotFound = "not_found",
    /// The address exists, the method does not.
    MethodNotAllowed = "method_not_allowed",
    /// No image is kept under that id, or lies at that path.
    ImageUnknown = "image_unknown",
    /// Another graph is registered under that id and version.
    ModelExists = "model_exists",
    /// The upload passed a size limit and was stopped while streaming.
    UploadTooLarge = "upload_too_large",
    /// Not one of the image formats, judged by its bytes.
    ImageUnsupported = "image_unsupported",
    /// The image is broken.
    ImageUndecodable = "image_undecodable",
    /// More pixels than allowed, judged from the header before decoding.
    ImageTooLarge = "image_too_large",
    /// More frames than allowed.
    ImageAnimatedLimit = "image_animated_limit",
    /// Not a usable frozen graph.
    GraphInvalid = "graph_invalid",
    /// An op outside the allow-list, named with its node.
    GraphOpForbidden = "graph_op_forbidden",
    /// No single image input or class output; the candidates are listed.
    GraphAmbiguous = "graph_ambiguous",
    /// The graph, or a tensor in it, passes a size limit.
    GraphTooLarge = "graph_too_large",
    /// An op of the graph, named with its node, cannot be written in the form that was asked for.
    GraphUntranslated = "graph_untranslated",
    /// The number of labels does not fit the number of classes; both are named.
    LabelsMismatch = "labels_mismatch",
    /// The label file cannot be read as labels.
    LabelsInvalid = "labels_invalid",
    /// The address is not allowed.
    UrlForbidden = "url_forbidden",
    /// The address did not answer with an image in time.
    UrlUnreachable = "url_unreachable",
    /// Too many requests from this client.
    RateLimited = "rate_limited",
    /// The service is full; try again later.
    Overloaded = "overloaded",
    /// There is no room on the disk for another registered model.
    StorageFull = "storage_full",
    /// The engine failed while it worked on this request.
    EngineFailed = "engine_failed",
    /// The engine cannot be started.
    EngineUnavailable = "engine_unavailable",
    /// The engine did not answer within its deadline.
    EngineTimeout = "engine_timeout",
    /// A bug in the service.
    Internal = "internal",
}

/// An error on its way to a client: the code and one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[error("{}: {message}", code.as_str())]
pub struct Problem {
    /// The stable code.
    pub code: ErrorCode,
    /// What was wrong, with the value and the limit, and what to do. Plain text, not escaped.
    pub message: String,
}

impl Problem {
    /// A problem with `code` and `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// `1 class`, `2 classes`: a count in a sentence.
#[must_use]
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    format!("{count} {}", if count == N::from(1) { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, counted};

    #[test]
    fn one_thing_is_said_in_the_singular() {
        let said = [0_u32, 1, 2].map(|count| counted(count, "class", "classes"));
        assert_eq!(said, ["0 classes", "1 class", "2 classes"]);
    }

    #[test]
    fn json_and_as_str_name_a_code_alike() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.as_str()));
        }
    }
}
