//! The one number that makes a net's probabilities as high as it is often right.
//!
//! Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, 2017 (arXiv:1706.04599), section 4.2: the
//! logits of every class are divided by one temperature, which is fitted by the log loss. No answer changes, only how sure it
//! is.

use menagerie_contract::calibration::{TEMPERATURE_MAX, TEMPERATURE_MIN};

/// Wrong answers that it takes to make others surer: the share of `n` wrong answers is known to one in `sqrt(n)` of it, and
/// where none is wrong the log loss is least at certainty.
const WRONG_MIN: usize = 3;

/// Halvings of the golden section: from the whole range, as a logarithm, to a ten-thousandth.
const SECTIONS: u32 = 24;

/// Of photos whose classes are known, the probabilities that were answered.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Classes, at least 1.
    pub class_count: usize,
    /// 0–1; photo by photo, `class_count` each, in the order of the classes.
    pub probabilities: &'a [f32],
    /// The class of each photo, below `class_count`.
    pub truths: &'a [u32],
}

impl<'a> Rows<'a> {
    /// Each photo's probabilities and class.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [f32], usize)> + use<'a> {
        self.probabilities.chunks_exact(self.class_count).zip(self.truths.iter().map(|truth| *truth as usize))
    }
}

/// Makes probabilities of classes that exclude each other those that a softmax gives of its logits divided by
/// `temperature`, whatever logits they came from: `p^(1/t)`, normalised, in f64. A temperature of 1 changes no bit.
pub fn temper(probabilities: &mut [f32], temperature: f32) {
    if temperature.total_cmp(&1.0).is_eq() {
        return;
    }
    let max = probabilities.iter().map(|probability| logit(*probability)).fold(f64::NEG_INFINITY, f64::max);
    let raised = |probability: f32| ((logit(probability) - max) / f64::from(temperature)).exp();
    let sum: f64 = probabilities.iter().map(|probability| raised(*probability)).sum();
    for probability in probabilities {
        *probability = (raised(*probability) / sum) as f32;
    }
}

/// The temperature that minimises the log loss of the photos for which `keep` holds, by its place; to three decimals. `None`
/// where none does: where each photo is right, or none tells anything, the best one lies at an end of the range; and where it
/// would make answers surer for want of wrong ones, of which it takes [`WRONG_MIN`].
pub fn fit(rows: Rows, keep: impl Fn(usize) -> bool) -> Option<f32> {
    let kept: Vec<_> = rows.iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, row)| row).collect();
    let loss = |log: f64| kept.iter().map(|(row, truth)| log_loss(row, *truth, log.exp())).sum::<f64>();
    let (least, most) = (f64::from(TEMPERATURE_MIN).ln(), f64::from(TEMPERATURE_MAX).ln());
    // The loss is convex in 1/t, so it has one valley.
    let (mut low, mut high) = (least, most);
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..SECTIONS {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if loss(left) < loss(right) {
            high = right;
        } else {
            low = left;
        }
    }
    let best = f64::midpoint(low, high);
    let margin = (most - least) / 1000.0;
    let is_inside = best > least + margin && best < most - margin;
    let wrong = kept.iter().filter(|(row, truth)| !is_right(row, *truth)).count();
    (is_inside && (best >= 0.0 || wrong >= WRONG_MIN)).then(|| ((best.exp() * 1000.0).round() / 1000.0) as f32)
}

fn is_right(row: &[f32], truth: usize) -> bool {
    row.get(truth).is_some_and(|probability| row.iter().all(|other| other <= probability))
}

/// `-ln` of the probability of the true class at a temperature.
fn log_loss(row: &[f32], truth: usize, temperature: f64) -> f64 {
    let max = row.iter().map(|probability| logit(*probability)).fold(f64::NEG_INFINITY, f64::max);
    let raised = |probability: f32| (logit(probability) - max) / temperature;
    let sum: f64 = row.iter().map(|probability| raised(*probability).exp()).sum();
    sum.ln() - row.get(truth).map_or(0.0, |probability| raised(*probability))
}

/// A logit that gives this probability: its logarithm, where a softmax in f32 that gave 0 is taken for the least f32.
fn logit(probability: f32) -> f64 {
    f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Rows of four classes whose classes are drawn as their logits say, with the logits then multiplied by `scale`: the
    /// temperature that mends them is `scale`.
    #[must_use]
    pub fn drawn(photos: usize, scale: f64) -> (Vec<f32>, Vec<u32>) {
        let mut state = 1_u64;
        let mut random = move || {
            // Knuth's MMIX: the upper bits are random enough for this.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (mut probabilities, mut truths) = (vec![], vec![]);
        for _ in 0..photos {
            let logits: Vec<f64> = (0..4).map(|_| 4.0 * random()).collect();
            let softmax = |factor: f64| {
                let raised: Vec<f64> = logits.iter().map(|logit| (factor * logit).exp()).collect();
                let sum: f64 = raised.iter().sum();
                raised.into_iter().map(move |value| value / sum).collect::<Vec<f64>>()
            };
            let mut left = random();
            let drawn = softmax(1.0).iter().position(|share| {
                left -= share;
                left < 0.0
            });
            truths.push(drawn.unwrap_or(3) as u32);
            probabilities.extend(softmax(scale).iter().map(|share| *share as f32));
        }
        (probabilities, truths)
    }

    #[test]
    fn the_temperature_that_logits_were_multiplied_by_is_found() {
        for scale in [0.5, 1.0, 2.5] {
            let (probabilities, truths) = drawn(20_000, scale);
            let rows = Rows { class_count: 4, probabilities: &probabilities, truths: &truths };
            let found = fit(rows, |_| true).unwrap();
            assert!((f64::from(found) / scale - 1.0).abs() < 0.03, "{found} in place of {scale}");
        }
    }

    #[test]
    fn a_few_photos_that_are_nearly_all_right_make_no_answer_surer() {
        // Nine of ten right at 0.8: the log loss is least where the answers are surer.
        let row = |truth: u32| ([0.8_f32, 0.2], truth);
        for (photos, is_fitted) in [(20, false), (120, true)] {
            let drawn: Vec<_> = (0..photos).map(|place| row(u32::from(place % 10 == 9))).collect();
            let probabilities: Vec<f32> = drawn.iter().flat_map(|(row, _)| *row).collect();
            let truths: Vec<u32> = drawn.iter().map(|(_, truth)| *truth).collect();
            let rows = Rows { class_count: 2, probabilities: &probabilities, truths: &truths };
            let fitted = fit(rows, |_| true);
            assert_eq!(fitted.is_some_and(|temperature| temperature < 1.0), is_fitted, "{fitted:?}");
        }
    }

    #[test]
    fn photos_that_are_all_right_fit_no_temperature() {
        let rows = Rows { class_count: 2, probabilities: &[0.9, 0.1, 0.4, 0.6], truths: &[0, 1] };
        assert_eq!(fit(rows, |_| true), None);
        let even = Rows { class_count: 2, probabilities: &[0.5, 0.5], truths: &[0] };
        assert_eq!(fit(even, |_| true), None);
    }

    #[test]
    fn only_the_photos_that_are_kept_are_looked_at() {
        let (mut probabilities, mut truths) = drawn(5000, 2.0);
        let rows = Rows { class_count: 4, probabilities: &probabilities, truths: &truths };
        let alone = fit(rows, |_| true);
        let (others, their_truths) = drawn(5000, 0.5);
        probabilities.extend(others);
        truths.extend(their_truths);
        let both = Rows { class_count: 4, probabilities: &probabilities, truths: &truths };
        assert_eq!(fit(both, |place| place < 5000), alone);
        assert_ne!(fit(both, |_| true), alone);
    }

    #[test]
    fn a_temperature_of_one_changes_no_bit_and_others_keep_the_sum() {
        let given = [0.3, 0.700_000_1, 0.0];
        let mut probabilities = given;
        temper(&mut probabilities, 1.0);
        assert_eq!(probabilities.map(f32::to_bits), given.map(f32::to_bits));
        for temperature in [0.1, 0.9, 10.0] {
            let mut probabilities = given;
            temper(&mut probabilities, temperature);
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{temperature}");
        }
    }

    #[test]
    fn a_temperature_is_what_logits_are_divided_by() {
        let mut probabilities = [0.8, 0.2];
        temper(&mut probabilities, 2.0);
        // The odds 4:1 become 2:1.
        assert!((probabilities[0] - 2.0 / 3.0).abs() < 1e-6, "{}", probabilities[0]);
    }
}
