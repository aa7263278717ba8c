//! What host and engine say in JSON inside of their frames.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::spec::{ModelSpec, Source, SpecOverrides};

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
}

/// The library that runs the graphs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Runtime {
    /// Its name, such as [`LIBTENSORFLOW`].
    pub name: String,
    /// Its version, as it says itself.
    pub version: String,
}

/// [`Runtime::name`] of libtensorflow.
pub const LIBTENSORFLOW: &str = "libtensorflow";

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

/// A model that is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Loaded {
    /// As it was resolved.
    pub spec: ModelSpec,
    /// Infer frames that run at once; at least 1. Further ones wait in the engine.
    pub lanes: u32,
}
