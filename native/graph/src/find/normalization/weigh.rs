//! From clues to probabilities.
//!
//! The probability of a candidate is proportional to its rate among makers, times what the graph says:
//!
//! - where moments are stored, the likelihood of the fitted scaling ([`super::sets`]), or behind an activation function
//!   `disagreement ^ -BEHIND_ACTIVATION`;
//! - else how typical the values in front of the first activation function and the scores look (Gaussians, for nets
//!   whose batch normalisation was folded away and for nets that never had one);
//! - for the channel order there, how far off 0 the values in front of the first activation function lie;
//! - the weight energy of the first kernels, which on natural photos is least for blue.
//!
//! All numbers here are fitted on the tune part of the family by `models/training/family/fit.py`, but for those of
//! [`ENERGY`], whose strong side is from published nets (docs/detection.md).

use menagerie_contract::ChannelOrder;

use super::{
    clues::{Clue, Clues, MISFIT_USUAL},
    features::Look,
    priors::Family,
    probe::Front,
    read::{self, Fed},
    sets::MEASURED,
};

/// Weight of the logarithm of the disagreement where an activation function lies in front of the batch normalisation:
/// synthetic photos have the first two moments of photos, which is not all that counts there. The scaling still shows,
/// the channel order does not.
const BEHIND_ACTIVATION: f32 = 4.0;
/// Disagreement that training on other photos alone brings about; it is added before logarithms are taken.
const DISAGREEMENT_NOISE: f32 = 0.02;
/// Weight of the logarithm of how much further off 0 the first values lie in the other channel order, and the most that
/// it counts.
const ORDER_SHIFT: f32 = 4.5;
const ORDER_SHIFT_MAX: f32 = 0.5;
/// What it counts more behind a batch normalisation that was folded away: there the first values are normalised.
const ORDER_SHIFT_FOLDED: f32 = 6.0;
/// No probability is shown as more than this: what was never met cannot be weighed.
const CONFIDENCE_MAX: f32 = 0.99;
/// The same where no scaling was fitted to stored moments: what nets look like rests on few nets, and among them the
/// surest errors were as sure as most right answers.
const LOOKS_MAX: f32 = 0.89;
/// [`Clues::unexplained`] up to which a fit makes the channel order surer than that.
const UNEXPLAINED_MAX: f64 = 2.0 * MISFIT_USUAL;
/// The same for fitted values, which are as exact as sets of photos are alike.
const MEASURED_MAX: f32 = 0.7;

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

/// How the first values of one kind of net look. What is absent is about as likely under every candidate.
struct Kind {
    /// Share of the nets without stored moments.
    share: f32,
    /// See [`Look::spread`], in front of the first activation function.
    spread: Option<Normal>,
    /// See [`Look::unevenness`].
    unevenness: Normal,
    /// See [`Look::shift`].
    shift: Option<Normal>,
    /// Spread in front of the second activation function.
    second: Option<Normal>,
    /// See [`Clues::bias_ratio`], for divisors over 1 and for raw values.
    bias: Option<[Normal; 2]>,
}

/// Nets whose batch normalisation was folded into the first convolution: every channel comes out normalised.
const FOLDED: Kind = Kind {
    share: 0.2,
    spread: Some(Normal { mean: 0.0, deviation: 0.22 }),
    unevenness: Normal { mean: 0.2, deviation: 0.08 },
    shift: Some(Normal { mean: 0.25, deviation: 0.15 }),
    second: Some(Normal { mean: 0.05, deviation: 0.25 }),
    bias: Some([Normal { mean: -2.2, deviation: 1.0 }, Normal { mean: 3.0, deviation: 1.2 }]),
};
/// The same with ReLU6 after long training: values in the middle of 0..6, not around 0, and as wide as the factors that
/// were learnt. Of seven published nets the logarithms of the factors are -0.5 to 0.3 on average, and differ by 0.5 to 1.4
/// between channels.
const FOLDED_LONG: Kind = Kind {
    share: 0.07,
    spread: Some(Normal { mean: -0.1, deviation: 0.3 }),
    unevenness: Normal { mean: 0.75, deviation: 0.35 },
    shift: Some(Normal { mean: 2.2, deviation: 1.4 }),
    second: Some(Normal { mean: -0.2, deviation: 0.8 }),
    bias: Some([Normal { mean: 0.0, deviation: 1.5 }, Normal { mean: 4.5, deviation: 1.5 }]),
};
/// The same where the first layer was made smaller or larger afterwards.
const FOLDED_LONG_ODD: Kind = Kind { share: 0.03, spread: Some(Normal { mean: -0.2, deviation: 0.8 }), ..FOLDED_LONG };
/// Nets with a batch normalisation further behind, folded into the second convolution.
const FOLDED_LATER: Kind = Kind {
    share: 0.1,
    spread: None,
    unevenness: Normal { mean: 0.4, deviation: 0.25 },
    shift: None,
    second: Some(Normal { mean: 0.2, deviation: 0.25 }),
    bias: Some(PLAIN_BIAS),
};
/// Nets that never had one: spread and shift are those of kernels and input.
const PLAIN: Kind = Kind {
    share: 0.6,
    spread: None,
    unevenness: Normal { mean: 0.43, deviation: 0.25 },
    shift: None,
    second: None,
    bias: Some(PLAIN_BIAS),
};
const KINDS: [Kind; 5] = [FOLDED, FOLDED_LONG, FOLDED_LONG_ODD, FOLDED_LATER, PLAIN];
/// Biases grow as kernels do, so they stay small beside large inputs.
const PLAIN_BIAS: [Normal; 2] = [Normal { mean: -2.8, deviation: 0.8 }, Normal { mean: -4.2, deviation: 1.3 }];
/// Densities of a spread, shift and bias that tell nothing, over their usual ranges.
const ANY_SPREAD: f32 = 0.1;
const ANY_SHIFT: f32 = 0.4;
const ANY_BIAS: f32 = 0.12;
/// The scores after short and after long training: long-trained nets answer wider, and what they answer hangs more on
/// the photo than on the class.
struct Scores {
    share: f32,
    spread: Normal,
    shift: Normal,
}

const SCORES: [Scores; 2] = [
    Scores { share: 0.6, spread: Normal { mean: -0.4, deviation: 0.45 }, shift: Normal { mean: 2.5, deviation: 0.9 } },
    Scores { share: 0.4, spread: Normal { mean: 0.6, deviation: 0.9 }, shift: Normal { mean: 1.2, deviation: 0.6 } },
];
/// Share of first values that a ReLU6 cuts.
const CUT: Normal = Normal { mean: 0.0, deviation: 0.15 };
/// Under one common scaling at least, the logarithm of the standard deviation in front of the first activation function is
/// below this in every net of the family that was trained on a common one. Where it is not, nothing that is known here fits,
/// and all logarithms count half.
const SPREAD_USUAL: f32 = 0.6;
const TRUST_WHERE_ODD: f32 = 0.5;
/// Natural logarithm of a ratio of likelihoods beyond which what is read is not believed: far beyond what sets of photos make.
const CONTRADICTION: f32 = 15.0;
/// Likewise of the standard deviation in front of the first activation function, where the graph itself multiplies pixels with
/// no more than this.
const SPREAD_HUGE: f32 = 3.0;
const SCALE_SMALL: f32 = 0.05;
/// Densities do not fall below this, so that one odd value does not decide alone.
const FLOOR: f32 = 1e-7;
/// Logarithm of red over blue weight energy: strong in well-trained nets, noise in small ones.
const ENERGY: [(f32, Normal); 3] = [
    (0.4, Normal { mean: 0.9, deviation: 0.4 }),
    (0.45, Normal { mean: 0.0, deviation: 0.2 }),
    (0.15, Normal { mean: 0.0, deviation: 0.8 }),
];

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
    let spreads = clues.candidates.iter().filter_map(|clue| Some(clue.first?.spread));
    let least = spreads.reduce(f32::min);
    let trust = if least.is_some_and(|least| least > SPREAD_USUAL) { TRUST_WHERE_ODD } else { 1.0 };
    let scores: Vec<f32> = scores.into_iter().map(|score| trust * score).collect();
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = scores.iter().map(|score| (score - best).exp()).sum();
    scores.iter().map(|score| (score - best).exp() / total).collect()
}

/// How sure anything can be that rests on what is known of `best`, which is shown as the most probable candidate.
#[must_use]
pub fn confidence_max(best: &Clue, is_read: bool) -> f32 {
    if best.candidate.scaling.name == MEASURED {
        MEASURED_MAX
    } else if is_read || best.likelihood.is_some() {
        CONFIDENCE_MAX
    } else {
        LOOKS_MAX
    }
}

/// Whether what the graph's own constants say is fed cannot be: moments are stored that something else explains far better,
/// or a first layer that is given small values answers with huge ones. Whoever feeds such a net divides as the graph does, once
/// more.
#[must_use]
pub fn is_contradicted(clues: &Clues) -> bool {
    let is_read = |clue: &&Clue| is_possible(clues, clue);
    let any = clues.candidates.iter().filter_map(|clue| clue.likelihood).reduce(f32::max);
    let read = clues.candidates.iter().filter(is_read).filter_map(|clue| clue.likelihood).reduce(f32::max);
    let spreads = clues.candidates.iter().filter(is_read).filter_map(|clue| Some(clue.first?.spread));
    let is_small = |front: &Front| front.inside.scale.iter().all(|scale| scale.abs() <= SCALE_SMALL);
    clues.fed.is_some()
        && (any.zip(read).is_some_and(|(any, read)| any - read > CONTRADICTION)
            || clues.front.as_ref().is_some_and(is_small)
                && spreads.reduce(f32::min).is_some_and(|least| least > SPREAD_HUGE))
}

/// The same of a mean that is not 0 throughout: the mean pixels of sets of photos differ by a dozen, so that moments do not
/// tell a usual mean from any other near it.
#[must_use]
pub fn mean_confidence_max(mean: &[f32]) -> f32 {
    if mean.iter().all(|mean| *mean == 0.0) { 1.0 } else { LOOKS_MAX }
}

/// The same of the channel order, which no fit makes certain that leaves many moments unexplained: training photos had other
/// colours than any that are known here, or none.
#[must_use]
pub fn order_confidence_max(clues: &Clues) -> f32 {
    if clues.unexplained.is_some_and(|cost| cost > UNEXPLAINED_MAX) { LOOKS_MAX } else { 1.0 }
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
    if let Some(likelihood) = clue.likelihood {
        return likelihood;
    }
    if clue.disagreement.is_some() {
        return behind_activation(clues, clue);
    }
    let scores = clue.scores.map_or(1.0, |look| {
        let density = |kind: &Scores| kind.share * kind.spread.density(look.spread) * kind.shift.density(look.shift);
        SCORES.iter().map(density).sum()
    });
    let Some(first) = clue.first else { return scores.max(FLOOR).ln() };
    let looks: f32 = KINDS.iter().map(|kind| kind.density(clues, clue, first)).sum();
    (scores * CUT.density(first.cut) * looks).max(FLOOR).ln()
}

impl Kind {
    fn density(&self, clues: &Clues, clue: &Clue, first: Look) -> f32 {
        let is_raw = clue.candidate.scaling.std[0].abs() <= 1.0 && clues.fed.is_none();
        let bias = self.bias.map(|normals| normals[usize::from(is_raw)]);
        self.share
            * of(self.spread, Some(first.spread), ANY_SPREAD)
            * self.unevenness.density(first.unevenness)
            * of(self.shift, Some(first.shift), ANY_SHIFT)
            * of(self.second, clue.second.map(|second| second.spread), ANY_SPREAD)
            * of(bias, clues.bias_ratio, ANY_BIAS)
    }
}

/// Density of `value`, or `any` where nothing is known of it.
fn of(normal: Option<Normal>, value: Option<f32>, any: f32) -> f32 {
    normal.zip(value).map_or(any, |(normal, value)| normal.density(value))
}

fn behind_activation(clues: &Clues, clue: &Clue) -> f32 {
    let in_any_order = clues.candidates.iter().filter(|other| other.candidate.scaling == clue.candidate.scaling);
    let least = in_any_order.filter_map(|other| other.disagreement).fold(f32::INFINITY, f32::min);
    -BEHIND_ACTIVATION * (least + DISAGREEMENT_NOISE).ln()
}

/// Half the logarithm of the odds of red-first that do not hang on stored moments, with its sign by the order of `clue`.
fn order_log_odds(clues: &Clues, clue: &Clue) -> f32 {
    let sign = match clue.candidate.order {
        ChannelOrder::Rgb => 0.5,
        ChannelOrder::Bgr => -0.5,
        ChannelOrder::Gray => return 0.0,
    };
    if clue.likelihood.is_some() {
        return 0.0;
    }
    let likelihood = |ratio: f32| ENERGY.iter().map(|(share, normal)| share * normal.density(ratio)).sum::<f32>();
    let energy = (likelihood(clues.energy_ratio) / likelihood(-clues.energy_ratio)).ln();
    let weight = ORDER_SHIFT + ORDER_SHIFT_FOLDED * folded_share(clues, clue);
    sign * (energy + weight * shift_odds(clues, clue).clamp(-ORDER_SHIFT_MAX, ORDER_SHIFT_MAX))
}

/// How likely a net was normalised right behind its first layer.
fn folded_share(clues: &Clues, clue: &Clue) -> f32 {
    let Some(first) = clue.first else { return 0.0 };
    let [folded, others @ ..] = KINDS.map(|kind| kind.density(clues, clue, first));
    folded / (folded + others.iter().sum::<f32>()).max(FLOOR)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find::normalization::{candidates::Candidate, domains::NATURAL};

    /// What a net of ReLU6 whose first batch normalisation was folded away after long training shows: as wide as usual under
    /// `std`, with channels that differ much.
    fn published(std: f32) -> Clues {
        let look = |spread, unevenness, shift| Some(Look { spread, unevenness, shift, stuck: 0.0, cut: 0.0 });
        let clue = |candidate: Candidate| Clue {
            candidate,
            likelihood: None,
            disagreement: None,
            domain: NATURAL,
            first: look((std / candidate.scaling.std[1]).ln(), 1.2, 2.5),
            second: look(-0.3, 0.6, 2.5),
            scores: None,
        };
        let candidates = Candidate::all(3).into_iter().map(clue).collect();
        Clues { candidates, bias_ratio: Some(1.3), ..Clues::default() }
    }

    #[test]
    fn the_width_behind_a_folded_normalisation_tells_the_divisor_of_published_nets() {
        for std in [255.0, 127.5, 1.0] {
            let clues = published(std);
            let mut family = Family::default();
            family.is_mobile = true;
            let mut shares = std::collections::BTreeMap::new();
            for (clue, probability) in clues.candidates.iter().zip(weigh(&clues, family)) {
                *shares.entry(clue.candidate.scaling.std[1].to_bits()).or_insert(0.0) += probability;
            }
            let best = shares.iter().max_by(|one, other| one.1.total_cmp(other.1));
            assert_eq!(best.map(|(std, _)| f32::from_bits(*std)), Some(std), "{shares:?}");
        }
    }
}
