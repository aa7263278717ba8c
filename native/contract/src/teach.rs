//! What a head that was trained on somebody's photos is worth.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

/// How a head was trained, and what it answered for the photos that were set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct TeachReport {
    /// Photos that it was trained on.
    pub trained: u32,
    /// Photos that were set aside.
    pub held_out: u32,
    /// Those of them that it is right for.
    pub right: u32,
    /// Strength of the penalty on squared weights.
    pub l2: f64,
    /// Parts that the trained photos were dealt into to choose it; 0 where there were too few.
    pub folds: u32,
    /// Values of the layer between the features and the class layer; 0 where there is none.
    #[serde(default)]
    pub hidden: u32,
    /// What cross-validation said of such a layer. Absent where there are too few photos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_tried: Option<HiddenTried>,
    /// What right answers of `held_out` were with fewer photos, and with all; the fewest first.
    pub curve: Vec<CurvePoint>,
    /// The share of right answers that twice the photos would give, if errors went on shrinking as they did: 0–1. Absent
    /// where they did not shrink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_twice: Option<f64>,
    /// Photos that were set aside and answered wrong, the surest answer first.
    pub wrong: Vec<WrongPhoto>,
}

/// Mean log losses of photos that heads were not fitted to, each class weighed alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct HiddenTried {
    /// With a hidden layer.
    pub with: f64,
    /// Without one.
    pub without: f64,
    /// Standard error of their difference: the layer is taken where it is better by more.
    pub error: f64,
}

/// A head that was trained on a part of the photos.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Photos that it was trained on.
    pub trained: u32,
    /// Photos that were set aside and it is right for.
    pub right: u32,
}

/// A photo that is answered with another class than its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct WrongPhoto {
    /// Its place.
    pub photo: u32,
    /// The class that it is answered with.
    pub answered: u32,
    /// How sure that is, before any temperature: 0–1.
    pub probability: f64,
}
