//! What the WebAssembly function is asked for and what it answers.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::{
    calibration::BandAccuracy,
    spec::{Dtype, Grounds},
};

/// What one call of `infer` wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct InferOptions {
    /// Number of answers, 1–100.
    pub top_k: u32,
    /// Answers below this probability are left out of `top`, 0–1.
    pub score_threshold: f32,
    /// Part of the upright photo to classify, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// Whether the answer carries the pixels that the model saw, as a PNG data URL.
    #[serde(default)]
    pub picture: bool,
    /// Whether `top` has every class, whatever `top_k` and `score_threshold` say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "boolean"))]
    pub every_class: bool,
    /// What an image may cost.
    pub limits: ImageLimits,
}

/// A tensor that a client made, in place of an image.
///
/// `uint8`: pixels of the model's size, `[height, width, channels]`, in the order R, G, B, or grey. `float32`: what the graph
/// is fed, in the order of its own axes, without the one of the batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct ClientTensor {
    /// What its values are; those of `float32` are little-endian.
    pub dtype: Dtype,
    /// Values along each axis, for one image.
    #[cfg_attr(feature = "typescript", ts(type = "Array<number>"))]
    pub shape: Vec<u64>,
}

/// A part of the upright photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "snake_case", deny_unknown_fields, tag = "kind")]
pub enum Crop {
    /// A rectangle that lies inside the photo.
    Rectangle {
        /// Left edge.
        x: u32,
        /// Top edge.
        y: u32,
        /// Pixels across, at least 1.
        width: u32,
        /// Pixels down, at least 1.
        height: u32,
    },
    /// A square around a point, moved inside the photo where it reaches out.
    Point {
        /// Column of the point.
        x: u32,
        /// Row of the point.
        y: u32,
        /// Side of the square; half of the photo's shorter side when absent.
        side: Option<u32>,
    },
}

/// What an image may cost, judged from its header before anything is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct ImageLimits {
    /// Width times height.
    #[cfg_attr(feature = "typescript", ts(type = "number"))]
    pub pixels_max: u64,
    /// Longer side.
    pub side_pixels_max: u32,
}

/// The answer for one image and one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
pub struct Answer {
    /// The image as it came.
    pub image: ImageFacts,
    /// The label with the highest probability; ties go to the lower index.
    pub label: String,
    /// Its class, 0-based.
    pub index: u32,
    /// Its probability.
    pub probability: f32,
    /// The probability in words.
    pub band: Band,
    /// How often answers of this band were right when that was measured; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band_accuracy: Option<BandAccuracy>,
    /// Whether that was less often than the model's threshold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "boolean"))]
    pub unsure: bool,
    /// What mean, std and channel order of the model rest on.
    pub settings: Grounds,
    /// Whether the classes are independent, so that the probabilities need not sum to 1.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "typescript", ts(optional, type = "boolean"))]
    pub independent: bool,
    /// The best answers, best first.
    pub top: Vec<TopEntry>,
    /// What the model saw.
    pub input: InputFacts,
    /// Where the time went.
    pub timings_ms: Timings,
}

/// One class of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct TopEntry {
    /// The label.
    pub label: String,
    /// The class, 0-based.
    pub index: u32,
    /// The probability.
    pub probability: f32,
}

/// An image as it came: upright size and format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct ImageFacts {
    /// Pixels across, after EXIF orientation.
    pub width: u32,
    /// Pixels down, after EXIF orientation.
    pub height: u32,
    /// `jpeg`, `png`, `webp`, `gif` or `bmp`; `pixels` or `tensor` where that came in place of an image.
    pub format: String,
}

/// The pixels that went to the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
pub struct InputFacts {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// SHA-256 of the u8 pixels, rows of interleaved channels (RGB, or one grey), in lower-case hex. Of a `float32` tensor that
    /// a client made, of its bytes.
    pub sha256: String,
    /// The pixels as a PNG data URL, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Timings {
    /// Bytes to upright RGB photo.
    pub decode: f32,
    /// Photo to pixels.
    pub resize: f32,
    /// Waiting in the engine.
    pub queue: f32,
    /// The session run.
    pub run: f32,
    /// From bytes to answer.
    pub total: f32,
}

/// A probability in words. Where each begins is said by [`crate::calibration::BandLimits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub enum Band {
    /// As long as a model states no other limits: at most 0.2.
    #[serde(rename = "low")]
    Low,
    /// Above 0.2.
    #[serde(rename = "medium")]
    Medium,
    /// Above 0.5.
    #[serde(rename = "high")]
    High,
    /// Above 0.75.
    #[serde(rename = "very high")]
    VeryHigh,
}

impl Band {
    /// All of them, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::VeryHigh];

    /// The band as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::VeryHigh => "very high",
        }
    }
}
