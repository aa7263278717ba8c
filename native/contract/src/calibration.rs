//! What a model's confidence is worth: the limits of its bands, and how often answers of each were right when that was
//! measured.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::answer::Band;

/// The least that [`Calibration::temperature`] may be.
pub const TEMPERATURE_MIN: f32 = 0.1;
/// The most that [`Calibration::temperature`] may be.
pub const TEMPERATURE_MAX: f32 = 10.0;

/// The probabilities above which bands begin, 0–1, each above the one before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct BandLimits {
    /// Where `medium` begins.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub medium: f32,
    /// Where `high` begins.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub high: f32,
    /// Where `very high` begins.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub very_high: f32,
}

impl Default for BandLimits {
    fn default() -> Self {
        Self { medium: 0.2, high: 0.5, very_high: 0.75 }
    }
}

impl BandLimits {
    /// The band of a probability: the highest one whose limit it is above.
    #[must_use]
    pub fn band_of(&self, probability: f32) -> Band {
        let mut bands = [Band::VeryHigh, Band::High, Band::Medium].into_iter();
        bands.find(|band| probability > self.above(*band)).unwrap_or(Band::Low)
    }

    /// Where a band begins; `low` begins at 0.
    #[must_use]
    pub const fn above(&self, band: Band) -> f32 {
        match band {
            Band::Low => 0.0,
            Band::Medium => self.medium,
            Band::High => self.high,
            Band::VeryHigh => self.very_high,
        }
    }

    /// Whether each limit is above the one before.
    #[must_use]
    pub fn rise(&self) -> bool {
        self.medium < self.high && self.high < self.very_high
    }
}

/// How often answers of one band were right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct BandAccuracy {
    /// Of them, those that were right.
    pub right: u32,
    /// Answers of this band, at least 1.
    pub n: u32,
}

/// A model's confidence as it was measured on photos whose labels are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The photos, such as `flowers5/test`.
    pub data: String,
    /// The day of the measurement, `YYYY-MM-DD`.
    #[cfg_attr(feature = "typescript", schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")))]
    pub date: String,
    /// Photos measured.
    #[cfg_attr(feature = "typescript", schemars(range(min = 1)))]
    pub n: u32,
    /// Share of photos whose best answer is right, 0–1.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub top1: f64,
    /// Share of photos whose right answer is among the best five, 0–1.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub top5: f64,
    /// What logits are divided by before their softmax, [`TEMPERATURE_MIN`] to [`TEMPERATURE_MAX`]; 1 changes nothing. The
    /// one that minimises the log loss on all photos: Guo et al., On Calibration of Modern Neural Networks, 2017, 4.2.
    #[cfg_attr(feature = "typescript", schemars(range(min = TEMPERATURE_MIN, max = TEMPERATURE_MAX)))]
    pub temperature: f32,
    /// Parts into which the photos were dealt. Whatever is said below of probabilities is said of those that a temperature
    /// gave that was fitted on the other parts.
    #[cfg_attr(feature = "typescript", schemars(range(min = 2)))]
    pub folds: u32,
    /// Expected calibration error: how far the mean best probability of each row of `reliability` is from the share that was
    /// right, on average over the photos; before and after the temperature.
    pub calibration_error: CalibrationError,
    /// Answers of a band that was right less often than this share are `unsure`, 0–1.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub unsure_below: f32,
    /// What each band meant; those without an answer too.
    pub bands: Vec<MeasuredBand>,
    /// Answers by their best probability, in ten equal steps; those without an answer are left out.
    pub reliability: Vec<ReliabilityBin>,
    /// Every class that a photo shows or that was answered.
    pub classes: Vec<MeasuredClass>,
    /// The most frequent wrong answers, the worst first.
    pub confusions: Vec<Confusion>,
}

/// Expected calibration error, 0–1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct CalibrationError {
    /// Of the probabilities as the graph gives them.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub before: f64,
    /// Of those that the temperature of the other folds gives.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub after: f64,
}

/// What a band meant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct MeasuredBand {
    /// The band.
    pub band: Band,
    /// Where it began then; what was measured holds while it begins there.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub above: f32,
    /// Answers of it that were right.
    pub right: u32,
    /// Answers of it.
    pub n: u32,
}

/// One row of a reliability table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct ReliabilityBin {
    /// Best probabilities above this, and at most 0.1 more, 0–1.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub above: f64,
    /// Their mean, 0–1.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub probability: f64,
    /// Answers that were right.
    pub right: u32,
    /// Answers.
    pub n: u32,
}

/// A class as it was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct MeasuredClass {
    /// Its label.
    pub label: String,
    /// Photos of it.
    pub n: u32,
    /// Of them, those that were answered with it.
    pub right: u32,
    /// Photos of any class that were answered with it.
    pub answered: u32,
}

/// A wrong answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// What the photos show.
    pub label: String,
    /// What was answered.
    pub answered: String,
    /// How many of them.
    pub n: u32,
}

/// How answers agree with what their askers said that the photos showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Agreement {
    /// Answers of which that was said.
    pub n: u32,
    /// Of them, those whose best label was the one that was said.
    pub right: u32,
    /// As that of [`Calibration`], of the probabilities that were answered; 0 where there are none.
    #[cfg_attr(feature = "typescript", schemars(range(min = 0, max = 1)))]
    pub calibration_error: f64,
    /// As [`Calibration::reliability`].
    pub reliability: Vec<ReliabilityBin>,
    /// Every label that was said or answered.
    pub classes: Vec<MeasuredClass>,
    /// As [`Calibration::confusions`].
    pub confusions: Vec<Confusion>,
}

/// What an answer needs of a manifest to put its probabilities in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(deny_unknown_fields)]
pub struct Confidence {
    /// Where bands begin.
    pub limits: BandLimits,
    /// As [`Calibration::temperature`].
    pub temperature: f32,
    /// As [`Calibration::unsure_below`].
    pub unsure_below: f32,
    /// As [`Calibration::bands`]; empty where nothing was measured.
    pub bands: Vec<MeasuredBand>,
}

impl Default for Confidence {
    fn default() -> Self {
        Self { limits: BandLimits::default(), temperature: 1.0, unsure_below: 0.0, bands: vec![] }
    }
}

impl Confidence {
    /// With these limits, and what was measured.
    #[must_use]
    pub fn new(limits: BandLimits, calibration: Option<&Calibration>) -> Self {
        match calibration {
            Some(Calibration { temperature, unsure_below, bands, .. }) => {
                Self { limits, temperature: *temperature, unsure_below: *unsure_below, bands: bands.clone() }
            }
            None => Self { limits, ..Self::default() },
        }
    }

    /// How often answers of a band were right; `None` where none was measured, or the band begins elsewhere now.
    #[must_use]
    pub fn accuracy_of(&self, band: Band) -> Option<BandAccuracy> {
        let above = self.limits.above(band);
        let row = self.bands.iter().find(|row| row.band == band && row.n > 0 && row.above.total_cmp(&above).is_eq())?;
        Some(BandAccuracy { right: row.right, n: row.n })
    }

    /// Whether answers that were right so often are unsure.
    #[must_use]
    pub fn is_unsure(&self, BandAccuracy { right, n }: BandAccuracy) -> bool {
        f64::from(right) < f64::from(self.unsure_below) * f64::from(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_begins_above_its_limit_and_not_at_it() {
        let expected = [
            (1.0, Band::VeryHigh),
            (0.750_1, Band::VeryHigh),
            (0.75, Band::High),
            (0.5, Band::Medium),
            (0.2, Band::Low),
            (0.0, Band::Low),
        ];
        for (probability, band) in expected {
            assert_eq!(BandLimits::default().band_of(probability), band, "{probability}");
        }
        let own = BandLimits { medium: 0.5, high: 0.8, very_high: 0.95 };
        assert_eq!([0.95, 0.8, 0.5].map(|limit| own.band_of(limit)), [Band::High, Band::Medium, Band::Low]);
    }

    #[test]
    fn limits_that_do_not_rise_are_seen() {
        assert!(BandLimits::default().rise());
        assert!(!BandLimits { medium: 0.5, high: 0.5, very_high: 0.9 }.rise());
    }

    #[test]
    fn a_measured_band_holds_while_it_begins_where_it_did() {
        let bands = vec![
            MeasuredBand { band: Band::Medium, above: 0.2, right: 13, n: 31 },
            MeasuredBand { band: Band::Low, above: 0.0, right: 0, n: 0 },
        ];
        let limits = BandLimits::default();
        let confidence = Confidence { limits, temperature: 1.0, unsure_below: 0.5, bands };
        let medium = BandAccuracy { right: 13, n: 31 };
        assert_eq!(confidence.accuracy_of(Band::Medium), Some(medium));
        assert_eq!(confidence.accuracy_of(Band::Low), None, "no answer was measured");
        assert_eq!(confidence.accuracy_of(Band::High), None);
        assert!(confidence.is_unsure(medium));
        assert!(!confidence.is_unsure(BandAccuracy { right: 16, n: 32 }), "as often as the threshold is often enough");
        let moved = Confidence { limits: BandLimits { medium: 0.3, ..limits }, ..confidence };
        assert_eq!(moved.accuracy_of(Band::Medium), None);
    }
}
