//! What host and engine say in JSON inside of their frames.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::{
    frame::REPLY_BYTES_MAX,
    spec::{CROP_FRACTION_MIN, ModelSpec, SIDE_PIXELS_MAX, Source, SpecOverrides},
};

/// Most classes of a model: the scores of one image have to fit a frame.
pub const CLASSES_MAX: u32 = (REPLY_BYTES_MAX - 64) / 4;
/// Most infer frames that an engine may be given at once.
pub const LANES_MAX: u32 = 1024;

/// The executable's first words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Hello {
    /// [`crate::frame::PROTOCOL`].
    pub protocol: u32,
    /// Name and version of the executable.
    pub engine: String,
    /// What runs the graphs.
    pub runtime: Runtime,
    /// What computes layers, such as `oneDNN` or `Eigen`.
    pub kernels: String,
    /// Largest length field that it accepts, in bytes.
    pub frame_bytes_max: u32,
    /// Most images in one infer frame.
    pub images_max: u32,
    /// What confines it.
    pub sandbox: Sandbox,
    /// Whether it takes frames of kind [`crate::FrameKind::Tensors`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "boolean"))]
    pub tensors: bool,
}

/// The library that runs the graphs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Runtime {
    /// Its name, such as [`LIBTENSORFLOW`] or [`ONNXRUNTIME`].
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
}

/// [`Runtime::name`] of libtensorflow.
pub const LIBTENSORFLOW: &str = "libtensorflow";
/// [`Runtime::name`] of ONNX Runtime.
pub const ONNXRUNTIME: &str = "onnxruntime";

/// What confines an engine process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Sandbox {
    /// Measures that hold, such as `seccomp`.
    pub held: Vec<String>,
    /// Measures that this system does not offer, each with the reason.
    pub missing: Vec<String>,
}

/// How to load a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
pub struct LoadRequest {
    /// Whose graph it is.
    pub origin: Origin,
    /// What the file is.
    pub format: GraphFormat,
    /// What the caller sets.
    pub overrides: SpecOverrides,
    /// Who set it: `manifest` or `request`.
    pub source: Source,
    /// Labels that will be used, where known: chooses between several heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_count: Option<u32>,
    /// SHA-256 of the graph file in lower-case hex, where the host knows it; the engine computes it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_sha256: Option<String>,
    /// Threads for one run; 0 lets the engine choose.
    #[serde(default)]
    pub threads: u32,
}

impl LoadRequest {
    /// A stranger's file, of which nothing more is known than what the caller sets.
    #[must_use]
    pub fn new(source: Source, overrides: SpecOverrides) -> Self {
        Self {
            origin: Origin::Stranger,
            format: GraphFormat::Auto,
            overrides,
            source,
            label_count: None,
            graph_sha256: None,
            threads: 0,
        }
    }
}

/// Whose graph is loaded: it decides how the process is confined and what it yields to, whoever set its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The operator's own.
    Zoo,
    /// A client brought it, with this request or to be registered.
    Stranger,
}

/// What a graph's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "snake_case")]
pub enum GraphFormat {
    /// Judged by its bytes.
    Auto,
    /// A `GraphDef` whose weights are constants.
    FrozenGraph,
    /// The folder of a `SavedModel`, packed as .zip or .tar.gz.
    SavedModel,
    /// A word that this version does not know: refused by whoever would have to read the file.
    #[serde(other)]
    Unknown,
}

/// A model as a file for other programs. It is read on stdin of `menagerie-engine export`, as a `u32` length
/// (little-endian), this as JSON, the labels and the graph; the file comes on stdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
pub struct ExportRequest {
    /// How the graph would be loaded.
    pub load: LoadRequest,
    /// What is written.
    pub form: ExportForm,
    /// Whether the file takes pixels and gives probabilities; else it takes the graph's tensor and gives its scores.
    pub preprocess: bool,
    /// Bytes of the label file; 0 where there is none.
    pub labels_bytes: u32,
    /// As [`crate::LabelsSpec::offset`], where it does not follow from the counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_offset: Option<i32>,
    /// As [`crate::Calibration::temperature`]; 1 where it was not measured.
    pub temperature: f32,
}

/// What a model is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum ExportForm {
    /// An ONNX model (.onnx).
    Onnx,
    /// The graph that is served, a `GraphDef` (.pb).
    Frozen,
    /// The same as a `SavedModel` folder in an archive (.zip).
    SavedModel,
}

/// A model that is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Loaded {
    /// As it was resolved.
    pub spec: ModelSpec,
    /// Infer frames that run at once; at least 1. Further ones wait in the engine.
    pub lanes: u32,
}

impl Loaded {
    /// Whether photos can be made for this model and its scores be read, whoever says so.
    ///
    /// # Errors
    /// The first field that is out of its range, with its value and the range.
    pub fn check(&self) -> Result<(), String> {
        let (input, output) = (&self.spec.input, &self.spec.output);
        let within = |name: &str, value: u32, min: u32, max: u32| {
            if (min..=max).contains(&value) {
                Ok(())
            } else {
                Err(format!("{name} is {value}; it must be {min} to {max}"))
            }
        };
        within("input.width", input.width, 1, SIDE_PIXELS_MAX)?;
        within("input.height", input.height, 1, SIDE_PIXELS_MAX)?;
        within("output.classes", output.classes, 1, CLASSES_MAX)?;
        within("lanes", self.lanes, 1, LANES_MAX)?;
        if !matches!(input.channels, 1 | 3) {
            return Err(format!("input.channels is {}; it must be 1 or 3", input.channels));
        }
        if !(CROP_FRACTION_MIN..=1.0).contains(&input.crop_fraction) {
            let fraction = input.crop_fraction;
            return Err(format!("input.crop_fraction is {fraction}; it must be {CROP_FRACTION_MIN} to 1"));
        }
        for (name, values) in [("input.mean", &input.mean), ("input.std", &input.std)] {
            if values.len() != input.channels as usize {
                return Err(format!("{name} has {} values; it must have {}", values.len(), input.channels));
            }
        }
        Ok(())
    }
}
