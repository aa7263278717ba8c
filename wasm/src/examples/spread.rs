//! What photos without labels say: a net that is fed as it was trained tells photos apart, so that its answers spread over the
//! classes; fed otherwise it often answers one class. How sure the answers are, and how much the ways agree, says nothing
//! (docs/detection.md).

use std::collections::BTreeMap;

use menagerie_contract::{Example, Try};

use super::posterior::tried;

/// Fewer photos may be of one class, and say nothing.
pub const PHOTOS_MIN: usize = 8;
/// Logarithm of odds of answers that spread evenly against those of one class.
pub const WEIGHT: f64 = 1.5;
/// Classes of a smaller share stand together.
pub const LIKELY_MIN: f32 = 0.05;
/// Without labels no setting gets surer than this.
pub const CONFIDENCE_MAX: f64 = 0.75;

/// Whether so many photos say anything.
pub fn tells(photo_count: usize) -> bool {
    photo_count >= PHOTOS_MIN
}

/// What the answers of photos without labels add to the logarithms of ways of scaling.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    pub photo_count: usize,
    /// Of those that were run, the best one first; empty where nothing was, or too little.
    pub logs: Vec<(u32, f64)>,
}

impl Spread {
    /// Of these ways of scaling, each of which was run on each photo, fitted as usual.
    pub fn of(scalings: &[u32], photos: &[Example], classes: usize) -> Self {
        let photo_count = photos.len();
        if !tells(photo_count) || scalings.len() < 2 {
            return Self { photo_count, logs: vec![] };
        }
        let log_of = |scaling: u32| {
            let answers = photos.iter().filter_map(|photo| tried(photo, scaling, photo.views.first().copied()?));
            WEIGHT * evenness(&answers.collect::<Vec<_>>(), classes)
        };
        Self { photo_count, logs: scalings.iter().map(|scaling| (*scaling, log_of(*scaling))).collect() }
    }
}

/// Entropy of the mean answer, as a share of the most that so many photos can have: 0–1.
fn evenness(answers: &[&Try], classes: usize) -> f64 {
    let most = (classes.min(answers.len()) as f64).ln();
    if most <= 0.0 {
        return 0.0;
    }
    let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
    for (class, share) in answers.iter().flat_map(|answer| &answer.classes) {
        *shares.entry(*class).or_default() += f64::from(*share) / answers.len() as f64;
    }
    // What no class has of its own is spread over all.
    let rest = (1.0 - shares.values().sum::<f64>()).max(0.0) / classes as f64;
    let term = |share: f64| if share > 0.0 { -share * share.ln() } else { 0.0 };
    let others = classes.saturating_sub(shares.len()) as f64;
    let entropy = shares.values().map(|share| term(share + rest)).sum::<f64>() + others * term(rest);
    (entropy / most).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(classes: &[(u32, f32)]) -> Try {
        Try { scaling: 0, view: 0, probability: classes[0].1, classes: classes.to_vec() }
    }

    #[test]
    fn answers_of_one_class_are_not_spread_and_those_of_each_are_evenly() {
        let one: Vec<Try> = (0..8).map(|_| answer(&[(2, 1.0)])).collect();
        let each: Vec<Try> = (0..8).map(|photo| answer(&[(photo % 4, 0.9)])).collect();
        let of = |answers: &[Try]| evenness(&answers.iter().collect::<Vec<_>>(), 4);
        assert!(of(&one) < 1e-9, "{}", of(&one));
        assert!(of(&each) > 0.999, "{}", of(&each));
        let unsure: Vec<Try> = (0..8).map(|_| answer(&[(2, 0.5), (3, 0.5)])).collect();
        assert!((of(&unsure) - 0.5).abs() < 1e-6, "{}", of(&unsure));
    }
}
