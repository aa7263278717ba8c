//! What the WebAssembly function is asked for and what it answers.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

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
    /// What an image may cost.
    pub limits: ImageLimits,
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
    /// `jpeg`, `png`, `webp`, `gif` or `bmp`.
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
    /// SHA-256 of the u8 pixels, rows of interleaved channels (RGB, or one grey), in lower-case hex.
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

/// A probability in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub enum Band {
    /// At most 0.2.
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
    /// The band of a probability: > 0.75 very high, > 0.5 high, > 0.2 medium, else low.
    #[must_use]
    pub fn of(probability: f32) -> Self {
        if probability > 0.75 {
            Self::VeryHigh
        } else if probability > 0.5 {
            Self::High
        } else if probability > 0.2 {
            Self::Medium
        } else {
            Self::Low
        }
    }

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

#[cfg(test)]
mod tests {
    use super::Band;

    #[test]
    fn a_band_begins_above_its_threshold_and_not_at_it() {
        let expected = [
            (1.0, Band::VeryHigh),
            (0.750_1, Band::VeryHigh),
            (0.75, Band::High),
            (0.5, Band::Medium),
            (0.2, Band::Low),
            (0.0, Band::Low),
        ];
        for (probability, band) in expected {
            assert_eq!(Band::of(probability), band, "{probability}");
        }
    }
}
