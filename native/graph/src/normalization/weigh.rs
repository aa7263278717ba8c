//! From clues to probabilities.
//!
//! The probability of a candidate is proportional to its rate among makers, times what the graph says:
//!
//! - where moments are stored, `disagreement ^ -AT_NORM`;
//! - else how typical the values in front of the first activation function and the scores look (Gaussians, for nets
//!   whose batch normalisation was folded away and for nets that never had one);
//! - for the channel order there, how far off 0 the values in front of the first activation function lie;
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
const AT_NORM: f32 = 9.0;
/// Weight of the logarithm of how much further off 0 the first values lie in the other channel order, and the most that
/// it counts.
const ORDER_SHIFT: f32 = 4.5;
const ORDER_SHIFT_MAX: f32 = 0.5;
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

/// What stands in front of the first activation function, where batch normalisation was folded away.
struct Folded {
    spread: Normal,
    unevenness: Normal,
    shift: Normal,
}

const FOLDED: Folded = Folded {
    spread: Normal { mean: -0.02, deviation: 0.25 },
    unevenness: Normal { mean: 0.18, deviation: 0.1 },
    shift: Normal { mean: 0.2, deviation: 0.15 },
};
/// The same with ReLU6 after long training: values in the middle of 0..6, not around 0.
const FOLDED_CAPPED: Folded = Folded {
    spread: Normal { mean: 0.0, deviation: 0.3 },
    unevenness: Normal { mean: 0.4, deviation: 0.25 },
    shift: Normal { mean: 1.5, deviation: 1.5 },
};
/// Share of nets without stored moments that had a batch normalisation.
const FOLDED_SHARE: f32 = 0.25;
/// Nets that never had one: their spread is that of the kernels, their shift that of the input, and neither tells
/// anything; but biases grow with the kernels, so they stay small where the input is large.
const PLAIN_UNEVENNESS: Normal = Normal { mean: 0.43, deviation: 0.25 };
const PLAIN_BIAS: Normal = Normal { mean: -3.0, deviation: 0.6 };
const PLAIN_BIAS_RAW: Normal = Normal { mean: -4.2, deviation: 1.3 };
/// Densities of a spread, shift and bias that tell nothing, over their usual ranges.
const ANY_SPREAD: f32 = 0.1;
const ANY_SHIFT: f32 = 0.4;
const ANY_BIAS: f32 = 0.12;
/// The scores, in all kinds: of most nets, and of some after long training.
const SCORES_SPREAD: [(f32, Normal); 2] =
    [(0.75, Normal { mean: -0.35, deviation: 0.5 }), (0.25, Normal { mean: 0.8, deviation: 1.0 })];
/// Share of first values that a ReLU6 cuts.
const CUT: Normal = Normal { mean: 0.0, deviation: 0.15 };
/// Densities do not fall below this, so that one odd value does not decide alone.
const FLOOR: f32 = 1e-7;
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
            family.log_rate(&clue.candidate) + support(clues, clue) + order_log_odds(clues, clue)
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
pub fn support(clues: &Clues, clue: &Clue) -> f32 {
    if let Some(disagreement) = clue.disagreement {
        return -AT_NORM * disagreement.max(1e-6).ln();
    }
    let scores = clue
        .scores
        .map_or(1.0, |scores| SCORES_SPREAD.iter().map(|(share, normal)| share * normal.density(scores.spread)).sum());
    let first = clue.first.map_or(1.0, |first| {
        let bias = clues.bias_ratio.map_or(ANY_BIAS, |ratio| {
            let is_raw = clue.candidate.scaling.std[0] <= 1.0 && clues.fed.is_none();
            if is_raw { PLAIN_BIAS_RAW } else { PLAIN_BIAS }.density(ratio)
        });
        let plain = ANY_SPREAD * ANY_SHIFT * bias * PLAIN_UNEVENNESS.density(first.unevenness);
        CUT.density(first.cut) * (FOLDED_SHARE * folded(first) + (1.0 - FOLDED_SHARE) * plain)
    });
    (scores * first).max(FLOOR).ln()
}

fn folded(first: Look) -> f32 {
    let of = |kind: &Folded| {
        kind.spread.density(first.spread) * kind.unevenness.density(first.unevenness) * kind.shift.density(first.shift)
    };
    ANY_BIAS * if first.is_capped { 0.5 * (of(&FOLDED) + of(&FOLDED_CAPPED)) } else { of(&FOLDED) }
}

/// Half the logarithm of the odds of red-first that do not hang on stored moments, with its sign by the order of `clue`.
fn order_log_odds(clues: &Clues, clue: &Clue) -> f32 {
    let sign = match clue.candidate.order {
        ChannelOrder::Rgb => 0.5,
        ChannelOrder::Bgr => -0.5,
        ChannelOrder::Gray => return 0.0,
    };
    let likelihood = |ratio: f32| ENERGY.iter().map(|normal| 0.5 * normal.density(ratio)).sum::<f32>();
    let energy = (likelihood(clues.energy_ratio) / likelihood(-clues.energy_ratio)).ln();
    sign * (energy + ORDER_SHIFT * shift_odds(clues, clue).clamp(-ORDER_SHIFT_MAX, ORDER_SHIFT_MAX))
}

/// Logarithm of how much further off 0, in standard deviations, the first values lie as BGR than as RGB. A net learns to
/// balance its first values on the photos that it is shown.
#[must_use]
pub fn shift_odds(clues: &Clues, clue: &Clue) -> f32 {
    let shift = |order: ChannelOrder| {
        let is_same =
            |other: &&Clue| other.candidate.scaling == clue.candidate.scaling && other.candidate.order == order;
        clues.candidates.iter().find(is_same)?.first.map(|first| first.shift.max(0.02))
    };
    match (shift(ChannelOrder::Bgr), shift(ChannelOrder::Rgb)) {
        (Some(bgr), Some(rgb)) => (bgr / rgb).ln(),
        _ => 0.0,
    }
}
