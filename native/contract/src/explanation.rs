//! What is asked and answered of why a class was named: a map of the photo.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::answer::TopEntry;

/// Fewest cells along a side of a map.
pub const DETAIL_MIN: u32 = 3;
/// Most cells along a side of a map.
pub const DETAIL_MAX: u32 = 32;

/// How a map is made. Both hide parts of the photo from the model and watch the probability of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum ExplainMethod {
    /// A window moves over the photo (Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", 2014,
    /// arXiv:1311.2901, section 4.2).
    Occlusion,
    /// Random masks (Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", 2018,
    /// arXiv:1806.07421).
    Rise,
}

/// What a map is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
#[serde(deny_unknown_fields)]
pub struct ExplainOptions {
    /// The class that is explained, by its 0-based number or its label; the best one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// How the map is made.
    pub method: ExplainMethod,
    /// Cells along a side, [`DETAIL_MIN`] to [`DETAIL_MAX`], and at most the pixels of the input's shorter side.
    pub detail: u32,
    /// Random masks, for [`ExplainMethod::Rise`]; what `detail` asks for when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<u32>,
    /// Most masks of one map.
    pub masks_max: u32,
}

/// What an answer hangs on, as a map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
pub struct Explanation {
    /// The class that is explained, with its probability for the whole photo.
    pub class: TopEntry,
    /// How the map was made.
    pub method: ExplainMethod,
    /// Photos that the model was given: the whole one, and one for each mask.
    pub runs: u32,
    /// Rows of the map from the top, each from the left: by how much the probability of the class is higher while this cell
    /// is seen than while it is hidden, -1 to 1. Below 0 the cell speaks against the class.
    pub grid: Vec<Vec<f32>>,
    /// The part of the upright photo that the map covers, in pixels; it reaches out of it where the photo is padded.
    pub region: MapRegion,
    /// The photo as the model saw it with the map over it, as a PNG data URL, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// A rectangle in pixels of the upright photo; edges may lie between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct MapRegion {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Pixels across.
    pub width: f64,
    /// Pixels down.
    pub height: f64,
}
