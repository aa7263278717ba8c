//! Why a graph is refused: one sentence each, with the node, the value and the limit.

use menagerie_contract::{ErrorCode, ForbiddenOp, Problem};

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field ends behind the end of its message.
    #[error("a field reaches beyond the end of the data")]
    Truncated,
    /// A varint of more than ten bytes, field number 0 or an unknown wire type.
    #[error("a field has an impossible header")]
    Malformed,
    /// A field has another type than its number promises.
    #[error("field {0} has an unexpected type")]
    FieldType(u32),
    /// A string is not UTF-8.
    #[error("a name is not UTF-8 text")]
    Text,
}

/// Why a graph cannot be served.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GraphError {
    // The file is not a frozen graph.
    /// The file is of another form, which is named.
    #[error("this is {what}, not a frozen graph: {advice}")]
    OtherForm {
        /// What the file is.
        what: String,
        /// What to do.
        advice: String,
    },
    /// The bytes end in the middle of a message.
    #[error(
        "the graph is damaged: {detail} ({file_bytes} bytes are there); it was probably cut off on its way, so upload it again"
    )]
    Truncated {
        /// What ends too early.
        detail: String,
        /// Size of what came.
        file_bytes: u64,
    },
    /// The bytes are no GraphDef.
    #[error("this is not a TensorFlow GraphDef ({0}); upload the frozen graph (.pb) of a TensorFlow model")]
    NotGraphDef(String),
    /// An archive or `SavedModel` cannot be frozen.
    #[error("the SavedModel cannot be frozen: {0}")]
    SavedModel(String),

    // The graph contradicts itself.
    /// A node's own bytes cannot be read.
    #[error("node {node:?} cannot be read: {reason}")]
    NodeMalformed {
        /// Name of the node, or its position when the name is what is wrong.
        node: String,
        /// What is wrong.
        reason: WireError,
    },
    /// Two nodes have one name.
    #[error("two nodes are named {0:?}")]
    DuplicateName(String),
    /// A node has no name or no op.
    #[error("node {node:?} has no {missing}")]
    NodeIncomplete {
        /// Name or position of the node.
        node: String,
        /// `name` or `op`.
        missing: &'static str,
    },
    /// A node's input does not exist.
    #[error("node {node:?} takes its input from {input:?}, which is not in the graph")]
    DanglingInput {
        /// The node.
        node: String,
        /// The name that it asks for.
        input: String,
    },
    /// Nodes feed each other.
    #[error("node {0:?} depends on itself: the graph has a cycle")]
    Cycle(String),
    /// A constant's bytes do not fill its shape.
    #[error("constant {node:?} says {expected} values and holds {found}")]
    ConstantMismatch {
        /// The constant.
        node: String,
        /// Values that the shape asks for.
        expected: u64,
        /// Values or bytes that are there.
        found: String,
    },
    /// A node's shapes cannot be computed together.
    #[error("node {node:?} ({op}) does not fit its inputs: {reason}")]
    ShapeMismatch {
        /// The node.
        node: String,
        /// Its op.
        op: String,
        /// What does not fit.
        reason: String,
    },

    // The graph is no image classifier.
    /// No placeholder, or none that reaches an answer.
    #[error("the graph has no image input: {0}")]
    NoInput(String),
    /// The image must have one grey or three colour channels.
    #[error("input {tensor:?} takes {channels} channels; images have 1 or 3")]
    Channels {
        /// The input.
        tensor: String,
        /// Its channels.
        channels: u64,
    },
    /// No class scores.
    #[error("the graph is no image classifier: {0}")]
    NoOutput(String),
    /// The answer needs more than the image.
    #[error(
        "layer {layer:?} needs placeholder {placeholder:?} beside the image; only graphs that answer from one image alone \
         can be served"
    )]
    ExtraInput {
        /// The other placeholder.
        placeholder: String,
        /// A layer between both placeholders and the answer.
        layer: String,
    },
    /// Several inputs or outputs are equally good.
    #[error("the graph has several possible {what}s: {}; name one with `{field}`", listed(candidates))]
    Ambiguous {
        /// `image input` or `class output`.
        what: &'static str,
        /// The override that decides.
        field: &'static str,
        /// Names of the candidates.
        candidates: Vec<String>,
    },
    /// An op outside the allow-list.
    #[error("op {} of node {:?} is not allowed: {}", .0.op, .0.node, .0.reason)]
    OpForbidden(ForbiddenOp),

    /// An op, or a form of it, that cannot be written for another runtime.
    #[error("op {op} (node {node:?}) has no ONNX translation{}", because(reason))]
    Untranslated {
        /// The op.
        op: String,
        /// The node.
        node: String,
        /// What of the node is in the way; empty when it is the op itself.
        reason: String,
    },

    /// A new class layer cannot be put on the graph.
    #[error("the graph has no features that a new class layer could take: {0}; name their tensor")]
    NoFeatures(String),

    // A limit is hit.
    /// The file is too large.
    #[error("the graph is {bytes} bytes large, more than the limit of {limit} bytes")]
    FileTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file unpacks to, or spells, far more than it is.
    #[error("the graph grows beyond {limit} bytes {what}, far more than its file is worth")]
    Grown {
        /// How.
        what: &'static str,
        /// What its file may grow to.
        limit: u64,
    },
    /// To look through the graph takes more than it is worth.
    #[error(
        "the graph takes more than {limit} steps to look through, far more than a classifier of its size; it computes its \
         constants in a roundabout way or has its layers tangled"
    )]
    Entangled {
        /// The steps that its bytes are worth.
        limit: u64,
    },
    /// More nodes, inputs or attributes than allowed.
    #[error("the graph has more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A tensor is too large.
    #[error("tensor {node:?} would take {bytes} bytes for one image, more than the limit of {limit} bytes")]
    TensorTooLarge {
        /// The node that makes it.
        node: String,
        /// Its size; `u64::MAX` when it does not fit 64 bits.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The graph as a whole takes too much.
    #[error("the graph would take about {bytes} bytes of memory for one image, more than the limit of {limit} bytes")]
    MemoryTooLarge {
        /// The estimate.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The image is too large.
    #[error("input {tensor:?} wants images of {width} x {height} pixels; sides are limited to {limit} pixels")]
    SideTooLarge {
        /// The input.
        tensor: String,
        /// Pixels across.
        width: u64,
        /// Pixels down.
        height: u64,
        /// The limit.
        limit: u32,
    },

    // The caller asks for what the graph does not have.
    /// An override does not fit the graph.
    #[error("`{field}` = {value} does not fit the graph: {reason}")]
    Override {
        /// The override.
        field: &'static str,
        /// What was asked.
        value: String,
        /// Why not.
        reason: String,
    },
}

impl GraphError {
    /// The stable code that clients see.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Ambiguous { .. } => ErrorCode::GraphAmbiguous,
            Self::OpForbidden(_) => ErrorCode::GraphOpForbidden,
            Self::FileTooLarge { .. }
            | Self::Grown { .. }
            | Self::Entangled { .. }
            | Self::TooMany { .. }
            | Self::TensorTooLarge { .. }
            | Self::MemoryTooLarge { .. }
            | Self::SideTooLarge { .. } => ErrorCode::GraphTooLarge,
            Self::Override { .. } => ErrorCode::FieldInvalid,
            Self::Untranslated { .. } => ErrorCode::GraphUntranslated,
            _ => ErrorCode::GraphInvalid,
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// Names in a row, the first of them where there are many.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    const NAMES_MAX: usize = 16;
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown.join(", "),
        left => format!("{} and {left} more", shown.join(", ")),
    }
}

impl From<GraphError> for Problem {
    fn from(error: GraphError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
