//! Numbers that tell a right pre-processing from a wrong one.

use super::{
    layers::{Activation, Moments},
    norm::Norm,
    probe::Stage,
};

/// Channels whose variance is below this share of the median are dead.
const DEAD_SHARE: f32 = 1e-3;

/// Disagreement of what stands in front of a batch normalisation with its stored moments: the mean over live channels
/// of `log(1 + KL(found || stored))` of two Gaussians. 0 is perfect. Absent when channels do not fit.
#[must_use]
pub fn disagreement(found: &[Moments], norm: &Norm) -> Option<f32> {
    if found.len() != norm.mean.len() {
        return None;
    }
    let live = live_channels(norm);
    let divergence = |at: &usize| {
        let (found, mean, variance) = (found[*at], norm.mean[*at], norm.variance[*at]);
        let ratio = (found.variance / variance).max(1e-9);
        let divergence = 0.5 * (ratio - 1.0 - ratio.ln() + (found.mean - mean).powi(2) / variance);
        divergence.max(0.0).ln_1p()
    };
    (!live.is_empty()).then(|| live.iter().map(divergence).sum::<f32>() / live.len() as f32)
}

/// The channels of a batch normalisation that vary at all.
#[must_use]
pub fn live_channels(norm: &Norm) -> Vec<usize> {
    let mut variances = norm.variance.clone();
    variances.sort_unstable_by(f32::total_cmp);
    let floor = variances[variances.len() / 2] * DEAD_SHARE;
    let is_live = |at: &usize| norm.variance[*at] > floor && norm.variance[*at] > 0.0;
    (0..norm.variance.len()).filter(is_live).collect()
}

/// What one stage looks like, over its live channels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// Mean over channels of the natural logarithm of the standard deviation.
    pub spread: f32,
    /// Standard deviation of the same.
    pub unevenness: f32,
    /// Mean over channels of |mean| / standard deviation, each at most 5.
    pub shift: f32,
    /// Share of the channels that are above 0 in less than 2 % or more than 98 % of places.
    pub stuck: f32,
    /// Share of values above the cut of the activation function.
    pub cut: f32,
}

/// Looks at a stage. A channel lives when its standard deviation is over a hundredth of the largest.
#[must_use]
pub fn look(stage: &Stage) -> Look {
    let moments = stage.activation.moments();
    let deviation = |moments: &Moments| moments.variance.sqrt().max(1e-9);
    let largest = moments.iter().map(deviation).fold(0.0, f32::max);
    let (above, cut, places) = count_above(&stage.activation, stage.ceiling);
    let live: Vec<(&Moments, f32)> = moments
        .iter()
        .zip(above.iter().map(|above| *above as f32 / places))
        .filter(|(moments, _)| deviation(moments) > 0.01 * largest)
        .collect();
    let channels = live.len().max(1) as f32;
    let mean = |of: &dyn Fn(&Moments, f32) -> f32| {
        live.iter().map(|(moments, above)| of(moments, *above)).sum::<f32>() / channels
    };
    let spread = mean(&|moments, _| deviation(moments).ln());
    Look {
        spread,
        unevenness: mean(&|moments, _| (deviation(moments).ln() - spread).powi(2)).sqrt(),
        shift: mean(&|moments, _| (moments.mean.abs() / deviation(moments)).min(5.0)),
        stuck: mean(&|_, above| if (0.02..=0.98).contains(&above) { 0.0 } else { 1.0 }),
        cut: cut as f32 / (places * moments.len().max(1) as f32),
    }
}

/// How often each channel is above 0, how often any is above `ceiling`, and the number of places.
fn count_above(activation: &Activation, ceiling: f32) -> (Vec<u32>, u32, f32) {
    let mut above = vec![0_u32; activation.channels];
    let (mut cut, mut places) = (0, 0.0_f32);
    for pixel in activation.inner() {
        places += 1.0;
        for (above, value) in above.iter_mut().zip(pixel) {
            *above += u32::from(*value > 0.0);
            cut += u32::from(*value > ceiling);
        }
    }
    (above, cut, places.max(1.0))
}
