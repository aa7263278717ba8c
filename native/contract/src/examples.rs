//! What photos say of settings that a graph leaves open, most of all photos whose labels are known.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::spec::{Evidence, SpecOverrides};

/// A photo, mostly with its label, and what was tried on it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What the photo shows, as the client says it; absent where nobody does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub label: Option<String>,
    /// For each way of fitting the photo to the input, which of its views that gives: several ways may give the same pixels.
    pub views: Vec<u32>,
    /// What was answered.
    pub tries: Vec<Try>,
}

/// One way of feeding a photo, with what its label got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// Place among the ways of scaling that are tried.
    pub scaling: u32,
    /// View of the photo.
    pub view: u32,
    /// Probability of the photo's label; without one, of the answer.
    pub probability: f32,
    /// Of a photo without a label, the likelier classes with their shares of all probabilities.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "typescript", ts(optional, as = "Option<Vec<(u32, f32)>>"))]
    pub classes: Vec<(u32, f32)>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum NextStep {
    /// The graph is to be run on one of the photos.
    Run {
        /// Place of the photo.
        photo: u32,
        /// Ways of scaling, one for each run.
        scalings: Vec<u32>,
        /// Views of the photo, one for each run.
        views: Vec<u32>,
    },
    /// Nothing: enough is known.
    Decided {
        /// What is known.
        decision: Decision,
    },
}

/// What photos decided of a model's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The settings; empty where the labels fit none.
    pub overrides: SpecOverrides,
    /// Why each of them was taken.
    pub evidence: Vec<Evidence>,
    /// What the caller should know of the photos.
    pub warnings: Vec<String>,
    /// Natural logarithm of how well the labels fit the best settings; 0 where there are none.
    pub labels_log: f64,
}
