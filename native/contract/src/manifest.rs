//! `manifest.json`: what a model of the zoo says of itself.

mod check;
mod judge;

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
#[cfg(feature = "typescript")]
use ts_rs::TS;

pub use judge::{Finding, LICENCES, Place, Severity, judge};

use crate::calibration::{BandLimits, Calibration, Confidence};
use crate::spec::{ChannelOrder, Dtype, Evidence, Layout, OutputKind, Resize, ResizeFilter, SpecOverrides};
#[cfg(feature = "typescript")]
use crate::spec::{LABEL_OFFSET_MAX, SIDE_PIXELS_MAX};

/// The version of the manifest's form that this crate reads.
pub const MANIFEST_SCHEMA: u32 = 1;

/// Fields that may be null: what is not known yet of a file.
pub const NULLABLE: [&str; 2] = ["bytes", "sha256"];

/// A model of the zoo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Where its JSON Schema lies, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<String>,
    /// Always [`MANIFEST_SCHEMA`].
    #[cfg_attr(feature = "typescript", schemars(extend("const" = MANIFEST_SCHEMA)))]
    pub schema: u32,
    /// Folder name: lower-case letters, digits, `.`, `_` and `-`.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[a-z0-9][a-z0-9._-]*$")))]
    pub id: String,
    /// Version, free text without `/` and `@`.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[^/@]+$")))]
    pub version: String,
    /// One line for people.
    #[cfg_attr(feature = "typescript", schemars(length(min = 1)))]
    pub title: String,
    /// What it tells apart.
    pub description: String,
    /// SPDX identifier of the weights' licence.
    #[cfg_attr(feature = "typescript", schemars(length(min = 1)))]
    pub licence: String,
    /// Whether requests that name no model get this one.
    #[serde(default)]
    pub default: bool,
    /// The program that runs the model in place of libtensorflow. Of the operator's zoo alone: clients name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Program>,
    /// The graph file. A manifest with `engine` may leave it out: the program's own file stands here then.
    pub graph: GraphFile,
    /// Where the graph is fetched from when it is not in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<GraphSource>,
    /// The label file; absent where the classes are numbered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelsFile>,
    /// How pixels become the tensor.
    pub input: ManifestInput,
    /// What the scores are.
    pub output: ManifestOutput,
    /// The pooled vector before the class layer, where the graph names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<FeaturesTensor>,
    /// Measured accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Where bands begin; absent where they begin at 0.2, 0.5 and 0.75.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<BandLimits>,
    /// What its confidence is worth, as `menagerie calibrate` measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// How settings of `input` were found that nobody stated, such as those that labelled photos decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<Evidence>>,
}

/// A program that serves a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Executable file in the model's folder.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")))]
    pub program: String,
    /// What it is started with, at most 64 texts; in the one-shot form what stands before the form's own arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(length(max = 64)))]
    pub arguments: Option<Vec<String>>,
    /// How it is spoken to; `frames` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<ProgramProtocol>,
}

/// How a program is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum ProgramProtocol {
    /// The frames of [`crate::frame`], on stdin and stdout of a process that stays.
    Frames,
    /// A process for each image. Arguments: length of the model, input tensor, output tensor, width, height; stdin: the
    /// model's bytes, then those of the pixels; stdout: the scores as a JSON array.
    Once,
}

/// The graph file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct GraphFile {
    /// File name in the model's folder.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")))]
    pub file: String,
    /// Size, where known.
    #[cfg_attr(feature = "typescript", ts(type = "number | null"), schemars(range(max = u32::MAX)))]
    pub bytes: Option<u64>,
    /// SHA-256 in lower-case hex, where known.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[0-9a-f]{64}$")))]
    pub sha256: Option<String>,
}

/// Where a graph and its labels are fetched from: gzipped tar archives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct GraphSource {
    /// Address of the archive with the graph.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^https?://[\p{L}\p{N}\[][^\s\p{Cc}]*$")))]
    pub url: String,
    /// Name of the graph inside it.
    #[cfg_attr(feature = "typescript", schemars(length(min = 1)))]
    pub member: String,
    /// Address of the archive with the labels, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^https?://[\p{L}\p{N}\[][^\s\p{Cc}]*$")))]
    pub labels_url: Option<String>,
    /// Name of the labels inside it; without it the labels have to be put into the folder by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(length(min = 1)))]
    pub labels_member: Option<String>,
}

/// The label file of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct LabelsFile {
    /// File name in the model's folder.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")))]
    pub file: String,
    /// SHA-256 in lower-case hex, where known.
    #[cfg_attr(feature = "typescript", ts(optional = false), schemars(regex(pattern = r"^[0-9a-f]{64}$")))]
    pub sha256: Option<String>,
    /// The label of class `i` is entry `i - offset`; absent where that is detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(range(min = -LABEL_OFFSET_MAX, max = LABEL_OFFSET_MAX)))]
    pub offset: Option<i32>,
}

/// The input as the model's author states it; absent fields are detected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct ManifestInput {
    /// Name of the image input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// Element type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<Dtype>,
    /// Order of the axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Pixels across.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(range(min = 1, max = SIDE_PIXELS_MAX)))]
    pub width: Option<u32>,
    /// Pixels down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(range(min = 1, max = SIDE_PIXELS_MAX)))]
    pub height: Option<u32>,
    /// 1 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(extend("enum" = [1, 3])))]
    pub channels: Option<u32>,
    /// Order of the channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_order: Option<ChannelOrder>,
    /// Subtracted from 0–255 pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(length(min = 1, max = 3)))]
    pub mean: Option<Vec<f32>>,
    /// Divides 0–255 pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(length(min = 1, max = 3), extend("items" = { "type": "number", "not": { "const": 0 } })))]
    pub std: Option<Vec<f32>>,
    /// How photos are fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resize>,
    /// Share of each side that `center-crop` keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(range(min = 0.1, max = 1)))]
    pub crop_fraction: Option<f32>,
    /// How pixels are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_filter: Option<ResizeFilter>,
}

/// The output as the model's author states it; absent fields are detected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct ManifestOutput {
    /// Name of the class output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// What the scores are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<OutputKind>,
    /// Number of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", schemars(range(min = 1)))]
    pub classes: Option<u32>,
}

/// A named feature vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct FeaturesTensor {
    /// Name of the tensor.
    pub tensor: String,
    /// Values for each image.
    #[cfg_attr(feature = "typescript", schemars(range(min = 1)))]
    pub size: u32,
}

/// A measured accuracy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Share of photos whose best answer is right, 0–1.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub top1: f64,
    /// Photos measured.
    #[cfg_attr(feature = "typescript", schemars(range(min = 1)))]
    pub photos: u32,
    /// Split, such as `test`.
    pub split: String,
    /// Data set.
    pub data: String,
}

/// A manifest that names a program and no graph has the program's own file as its graph.
fn with_graph(mut json: Value) -> Value {
    if let Some(program) = json.pointer("/engine/program").filter(|program| program.is_string()).cloned()
        && let Some(fields) = json.as_object_mut()
    {
        fields.entry("graph").or_insert_with(|| json!({ "file": program }));
    }
    json
}

impl Manifest {
    /// Reads a whole manifest.
    ///
    /// ```
    /// use menagerie_contract::Manifest;
    /// let complaints = Manifest::read(serde_json::json!({ "schema": 1, "id": "Birds" })).unwrap_err();
    /// assert!(complaints[0].starts_with("id=Birds: must be lower-case letters"));
    /// ```
    ///
    /// # Errors
    /// `field=value: what it must be`, for each field that is wrong.
    pub fn read(json: Value) -> Result<Self, Vec<String>> {
        let json = with_graph(json);
        let complaints = check::complaints(&json, check::MANIFEST);
        if complaints.is_empty() {
            serde_json::from_value(json).map_err(|error| vec![error.to_string()])
        } else {
            Err(texts(complaints))
        }
    }

    /// Its fields, in their order.
    pub fn fields() -> impl Iterator<Item = &'static str> {
        check::MANIFEST.iter().map(|field| field.name)
    }

    /// What the manifest fixes, for the resolver. The label offset goes with the labels, not with the graph.
    #[must_use]
    pub fn overrides(&self) -> SpecOverrides {
        SpecOverrides {
            input_tensor: self.input.tensor.clone(),
            output_tensor: self.output.tensor.clone(),
            width: self.input.width,
            height: self.input.height,
            layout: self.input.layout,
            channel_order: self.input.channel_order,
            mean: self.input.mean.clone(),
            std: self.input.std.clone(),
            resize: self.input.resize,
            crop_fraction: self.input.crop_fraction,
            resize_filter: self.input.resize_filter,
            output_kind: self.output.kind,
            label_offset: None,
        }
    }

    /// What an answer needs to put its probabilities in words; `None` where the manifest says nothing of that.
    #[must_use]
    pub fn confidence(&self) -> Option<Confidence> {
        let Self { bands, calibration, .. } = self;
        let says = bands.is_some() || calibration.is_some();
        says.then(|| Confidence::new(bands.unwrap_or_default(), calibration.as_ref()))
    }

    /// The same with what a request says in place of it: the inverse of [`Manifest::overrides`].
    #[must_use]
    pub fn overridden(self, overrides: SpecOverrides) -> Self {
        let Self { input, output, .. } = self;
        Self {
            input: ManifestInput {
                tensor: overrides.input_tensor.or(input.tensor),
                width: overrides.width.or(input.width),
                height: overrides.height.or(input.height),
                layout: overrides.layout.or(input.layout),
                channel_order: overrides.channel_order.or(input.channel_order),
                mean: overrides.mean.or(input.mean),
                std: overrides.std.or(input.std),
                resize: overrides.resize.or(input.resize),
                crop_fraction: overrides.crop_fraction.or(input.crop_fraction),
                resize_filter: overrides.resize_filter.or(input.resize_filter),
                ..input
            },
            output: ManifestOutput {
                tensor: overrides.output_tensor.or(output.tensor),
                kind: overrides.output_kind.or(output.kind),
                ..output
            },
            ..self
        }
    }
}

/// What is wrong with a part of a manifest, as a client may send one of a model that it registers: `field=value: what it
/// must be`, for each field that is wrong. Of `graph` and `labels` only what describes the files that came is looked at.
#[must_use]
pub fn complaints_of_part(json: &Value) -> Vec<String> {
    texts(check::complaints(json, check::PART))
}

fn texts(complaints: Vec<check::Complaint>) -> Vec<String> {
    complaints.into_iter().map(|complaint| complaint.text).collect()
}
