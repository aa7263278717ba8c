//! What is known of each op, in one table: whether it may run, how its output's shape follows from its inputs', and what
//! it stands for in a classifier. What an op computes stands where that is needed.
//!
//! A graph is a program that strangers upload. What is not allowed here is refused, known dangers with their own reason.

mod refused;
mod table;

use std::{collections::HashMap, sync::LazyLock};

pub use self::refused::{REFUSED, Refusal};

/// Why an op that nothing here names is refused.
pub const UNKNOWN: &str = "it is not on the list of ops for inference; custom ops cannot run here";

/// One row of the table.
#[derive(Debug)]
pub struct Op {
    /// Its name; empty for the row of all ops that have none of their own.
    pub name: &'static str,
    /// Whether it may run.
    pub verdict: Verdict,
    /// What it stands for.
    pub role: Role,
    /// How the shape of its first output follows.
    pub shape: Shape,
    /// Whether scores stay the same classes behind it, so that they may be read there.
    pub carries_scores: bool,
    /// Names of its outputs, where it has several of one tensor each: functions name outputs so.
    pub outputs: &'static [&'static str],
}

/// Whether an op may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The arithmetic of inference.
    Allowed,
    /// It only checks, and is left out of what is served.
    LeftOut,
    /// Anything else; [`reason`] says why.
    Refused,
}

/// What an op stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is fed from outside and has no value of its own.
    Placeholder,
    /// It hands its first input on unchanged when the graph answers.
    Passage,
    /// It multiplies by trained weights.
    Layer(Layer, Kernel),
    /// It normalises by stored moments: image, scale, offset, mean, variance.
    BatchNorm,
    /// It bends its input, between layers.
    Activation,
    /// It turns the bytes of an image file into pixels.
    Decoder,
    /// It hands its first input to one of two outputs, by the truth of the second.
    Switch,
    /// It hands on the one input that comes.
    Merge,
    /// It tells of its input's shape alone.
    Measure,
    /// Anything else.
    Other,
}

/// How a layer joins values and weights; multiply-adds follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Each output value is a sum over rows, columns and channels of the kernel.
    Convolution,
    /// The same for each channel on its own.
    Depthwise,
    /// Each output value is a sum over the kernel's rows.
    Product,
    /// A product of two tensors that both may be computed.
    BatchProduct,
}

/// What a layer's second input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Weights that oneDNN may take for constant; TensorFlow computes the layer in float64 too.
    Weights,
    /// The same, fused or quantised, for which there is no float64.
    Bound,
    /// A value like the first.
    Operand,
}

/// How the shape of an op's first output follows from its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the rule of the op that its name says")]
pub enum Shape {
    /// Nothing is known of it.
    Open,
    /// A constant's own.
    Constant,
    /// The first input's.
    Same,
    /// The first input's, with its values.
    First,
    /// Two inputs' that are broadcast to each other.
    Broadcast,
    /// The second and third input's, broadcast.
    Select,
    /// The values of the first input.
    FromFirst,
    /// The values of the second input.
    FromSecond,
    Convolution,
    Depthwise,
    /// Rows, columns and the channels that the node states.
    Picture,
    Pool,
    Product,
    BatchProduct,
    /// As its equation says.
    Einsum,
    Pad,
    Resize,
    SpaceToBatch,
    BatchToSpace,
    DepthToSpace,
    SpaceToDepth,
    Reshape,
    Squeeze,
    ExpandDims,
    Transpose,
    /// The axis comes last.
    Join,
    /// The axis comes first.
    JoinAxisFirst,
    /// The axis comes first, ranges come behind the values.
    JoinQuantized,
    Split,
    SplitSizes,
    Pack,
    Unpack,
    Reduce,
    DropAxis,
    StridedSlice,
    Slice,
    Tile,
    Gather,
}

/// The row of all ops that the table does not name.
static OTHER: Op = op("", Shape::Open).verdict(Verdict::Refused);

/// The row of the op named `name`.
#[must_use]
pub fn of(name: &str) -> &'static Op {
    static BY_NAME: LazyLock<HashMap<&str, &Op>> =
        LazyLock::new(|| table::OPS.iter().map(|op| (op.name, op)).collect());
    BY_NAME.get(name).copied().unwrap_or(&OTHER)
}

/// Why the op named `name` is refused, when it is not allowed.
#[must_use]
pub fn reason(name: &str) -> &'static str {
    let names = |refusal: &&Refusal| refusal.ops.iter().any(|pattern| matches(pattern, name));
    REFUSED.iter().find(names).map_or(UNKNOWN, |refusal| refusal.reason)
}

fn matches(pattern: &str, op: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => op.contains(rest.trim_end_matches('*')),
        (Some(ending), None) => op.ends_with(ending),
        (None, Some(beginning)) => op.starts_with(beginning),
        (None, None) => op == pattern,
    }
}

/// An allowed op without a part of its own.
const fn op(name: &'static str, shape: Shape) -> Op {
    Op { name, verdict: Verdict::Allowed, role: Role::Other, shape, carries_scores: false, outputs: &[] }
}

impl Op {
    const fn verdict(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }

    const fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    const fn layer(self, layer: Layer, kernel: Kernel) -> Self {
        self.role(Role::Layer(layer, kernel))
    }

    const fn carries_scores(self) -> Self {
        Self { carries_scores: true, ..self }
    }

    const fn outputs(self, outputs: &'static [&'static str]) -> Self {
        Self { outputs, ..self }
    }

    /// Whether it may run.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// Whether it may stand between input and scores: it runs, or is left out.
    #[must_use]
    pub fn is_bearable(&self) -> bool {
        self.verdict != Verdict::Refused
    }

    /// Whether it hands its first input on unchanged when the graph answers.
    #[must_use]
    pub fn is_passage(&self) -> bool {
        self.role == Role::Passage
    }

    /// Whether it is fed from outside and has no value of its own.
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        self.role == Role::Placeholder
    }

    /// Whether it multiplies by trained weights.
    #[must_use]
    pub fn is_layer(&self) -> bool {
        self.layer_kind().is_some()
    }

    /// How it joins values and weights, when it is a layer.
    #[must_use]
    pub const fn layer_kind(&self) -> Option<Layer> {
        match self.role {
            Role::Layer(layer, _) => Some(layer),
            _ => None,
        }
    }

    /// Whether it is a matrix product.
    #[must_use]
    pub fn is_product(&self) -> bool {
        matches!(self.layer_kind(), Some(Layer::Product | Layer::BatchProduct))
    }

    /// How it joins values and weights, when it is a layer on plain weights.
    #[must_use]
    pub fn plain_layer(&self) -> Option<Layer> {
        match self.role {
            Role::Layer(layer, Kernel::Weights) => Some(layer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_op_has_two_rows_and_none_is_both_allowed_and_a_known_danger() {
        let mut names: Vec<&str> = table::OPS.iter().map(|op| op.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for op in table::OPS.iter().filter(|op| op.is_allowed()) {
            // `Scatter*` are writes to variables; `ScatterNd` makes a new tensor.
            if op.name != "ScatterNd" {
                assert_eq!(reason(op.name), UNKNOWN, "{}", op.name);
            }
        }
    }

    #[test]
    fn known_dangers_have_their_own_reason() {
        for (name, word) in [
            ("WriteFile", "files"),
            ("SaveV2", "files"),
            ("PyFunc", "Python"),
            ("Print", "prints"),
            ("VarHandleOp", "variable"),
            ("While", "for ever"),
            ("FIFOQueueV2", "queue"),
            ("RandomUniform", "random"),
            ("TRTEngineOp", "TensorRT"),
            ("DecodeJpeg", "decodes"),
            ("_Recv", "machines"),
            ("ZooNoSuchOp", "list"),
        ] {
            assert!(!of(name).is_allowed());
            assert!(reason(name).contains(word), "{name}: {}", reason(name));
        }
    }
}
