//! From clues to probabilities.
//!
//! The probability of a candidate is proportional to its rate among makers, times what the graph says:
//!
//! - where moments are stored, `disagreement ^ -AT_NORM`;
//! - else how typical the values in front of the first activation function and the scores look (Gaussians, for nets
//!   whose batch normalisation was folded away and for nets that never had one);
//! - the weight energy of the first kernels, which on natural photos is least for blue.
//!
//! All numbers here are fitted on the tune part of the family by `models/training/family/fit.py`, but for those of
//! [`ENERGY`], whose strong side is from published nets (docs/detection.md).

use menagerie_contract::ChannelOrder;

use super::{
    clues::{Clue, Clues},
    features::Look,
    priors::Family,
    read::{self, Fed},
};

/// Weight of the logarithm of the disagreement.
const AT_NORM: f32 = 11.0;
/// Weight of the logarithm of how typical a look is.
const LOOKS: f32 = 1.0;
/// Confidence is the logistic function of `CALIBRATION.0 + CALIBRATION.1 * logit(probability)`.
const CALIBRATION: (f32, f32) = (0.0, 1.0);

/// A normal distribution.
#[derive(Clone, Copy)]
struct Normal {
    mean: f32,
    deviation: f32,
}

impl Normal {
    fn density(self, value: f32) -> f32 {
        let distance = (value - self.mean) / self.deviation;
        (-0.5 * distance * distance).exp() / (self.deviation * (2.0 * std::f32::consts::PI).sqrt())
    }
}

/// In front of the first activation function, where batch normalisation was folded away.
const FOLDED_SPREAD: Normal = Normal { mean: -0.08, deviation: 0.25 };
const FOLDED_SHIFT: Normal = Normal { mean: 0.55, deviation: 0.25 };
/// The same where there never was one: the spread is that of the kernels and tells nothing.
const PLAIN_SPREAD_DENSITY: f32 = 0.1;
const PLAIN_SHIFT: Normal = Normal { mean: 0.9, deviation: 0.45 };
/// The scores, in both.
const SCORES_SPREAD: Normal = Normal { mean: -0.45, deviation: 0.45 };
/// Share of first values that a ReLU6 cuts.
const CUT: Normal = Normal { mean: 0.0, deviation: 0.15 };
/// Densities do not fall below this, so that one odd value does not decide alone.
const FLOOR: f32 = 1e-4;
/// Logarithm of red over blue weight energy: strong in well-trained nets, noise in small ones.
const ENERGY: [Normal; 2] = [Normal { mean: 0.9, deviation: 0.4 }, Normal { mean: 0.0, deviation: 0.2 }];

/// Probability of each candidate, in the order of `clues.candidates`.
#[must_use]
pub fn weigh(clues: &Clues, family: Family) -> Vec<f32> {
    let scores: Vec<f32> = clues
        .candidates
        .iter()
        .map(|clue| {
            if !is_possible(clues, clue) {
                return f32::NEG_INFINITY;
            }
            let order = order_log_odds(clues, clue.candidate.order);
            family.log_rate(&clue.candidate) + support(clue) + order
        })
        .collect();
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = scores.iter().map(|score| (score - best).exp()).sum();
    scores.iter().map(|score| (score - best).exp() / total).collect()
}

/// A probability as the confidence that is shown.
#[must_use]
pub fn calibrate(probability: f32) -> f32 {
    let bounded = probability.clamp(1e-4, 1.0 - 1e-4);
    let logit = (bounded / (1.0 - bounded)).ln();
    1.0 / (1.0 + (-(CALIBRATION.0 + CALIBRATION.1 * logit)).exp())
}

/// What the graph's own constants leave possible.
fn is_possible(clues: &Clues, clue: &Clue) -> bool {
    let Some(fed) = clues.fed else { return true };
    let name = clue.candidate.scaling.name;
    let wanted = match fed {
        Fed::Raw => "raw 0..255",
        Fed::Unit => "0..1",
    };
    let order = clues.front.as_ref().and_then(|front| read::order(&read::means(&front.inside, fed)));
    name == wanted && order.is_none_or(|order| order == clue.candidate.order)
}

/// Logarithm of what the measurement says for a candidate.
#[must_use]
pub fn support(clue: &Clue) -> f32 {
    if let Some(disagreement) = clue.disagreement {
        return -AT_NORM * disagreement.max(1e-6).ln();
    }
    let Some(first) = clue.first else { return 0.0 };
    let scores = clue.scores.map_or(1.0, |scores| SCORES_SPREAD.density(scores.spread));
    let typical = 0.5 * scores * CUT.density(first.cut) * (folded(first) + PLAIN_SPREAD_DENSITY * PLAIN_SHIFT.density(first.shift));
    LOOKS * typical.max(FLOOR).ln()
}

fn folded(first: Look) -> f32 {
    // Nets with ReLU6 learn to sit in the middle of 0..6, others around 0.
    let shift = FOLDED_SHIFT.density(first.shift);
    FOLDED_SPREAD.density(first.spread) * if first.is_capped { shift.max(0.2) } else { shift }
}

/// Half the logarithm of the odds of red-first, with its sign by `order`.
fn order_log_odds(clues: &Clues, order: ChannelOrder) -> f32 {
    let likelihood = |ratio: f32| ENERGY.iter().map(|normal| 0.5 * normal.density(ratio)).sum::<f32>();
    let odds = (likelihood(clues.energy_ratio) / likelihood(-clues.energy_ratio)).ln();
    match order {
        ChannelOrder::Rgb => 0.5 * odds,
        ChannelOrder::Bgr => -0.5 * odds,
        ChannelOrder::Gray => 0.0,
    }
}
