//! The scaling as a continuous fit to the moments of the first batch normalisation, where the way there is linear.
//!
//! A tensor channel that holds `factor * pixel + addend` has a spread that `factor` tells and a level, its value on the
//! mean pixel, that the addend tells. Both are fitted for each channel, so that synthetic photos give every live channel
//! of the batch normalisation its stored mean and variance: least squares over means (in stored standard deviations) and
//! logarithms of standard deviations, by Levenberg's and Marquardt's method, with the weights of Student's distribution.

use menagerie_contract::ChannelOrder;

use super::{
    candidates::Candidate,
    features::live_channels,
    images::Windows,
    linear::{Forms, Linear},
    matrix::Cholesky,
    norm::Norm,
    probe::LUMA,
};

/// Relative error of a moment that another set of photos than the synthetic one brings about.
const NOISE: f64 = 0.12;
/// The same of a standard deviation that hangs on fine detail alone, which photos differ most in.
const NOISE_DETAIL: f64 = 0.5;
/// Degrees of freedom of Student's distribution: a channel that is far off counts little.
const FREEDOM: f64 = 4.0;
/// Standard deviations of what is expected beforehand: logarithm of the factor around that of the median channel, and
/// how much colours differ in that, and in level (in standard deviations of photos).
const FACTOR_WIDTH: f64 = 30.0;
const FACTOR_DIFFERENCE: f64 = 0.3;
const LEVEL_WIDTH: f64 = 1e4;
const LEVEL_DIFFERENCE: f64 = 0.6;
const ROUNDS: usize = 4;
const STEPS_MAX: usize = 15;

/// Photos as a tensor channel shows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixels {
    /// On 0–255.
    pub mean: f64,
    /// On 0–255.
    pub std: f64,
}

/// The photos as the channels of the first layer show them.
#[derive(Clone, Debug, PartialEq)]
pub struct Photos {
    /// By channel.
    pub pixels: Vec<Pixels>,
    /// Of the channels, row by row.
    pub covariance: Vec<f64>,
}

impl Photos {
    /// `windows` in `order`, for the channels of the first layer that read `tensor_channels`; absent for other counts
    /// than one, which is grey, and three.
    #[must_use]
    pub fn new(windows: &Windows, order: ChannelOrder, tensor_channels: &[usize]) -> Option<Self> {
        let is_grey = tensor_channels.len() == 1;
        let colours: Vec<usize> = tensor_channels.iter().map(|channel| Candidate::colour_in(order, *channel)).collect();
        if !matches!(colours.len(), 1 | 3) || colours.iter().any(|colour| *colour > 2) {
            return None;
        }
        let luma = |rgb: &[f32]| rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum::<f32>();
        let (mean, covariance) =
            windows.statistics(|rgb| if is_grey { [luma(rgb); 3] } else { [rgb[0], rgb[1], rgb[2]] });
        let std = |colour: usize| covariance[colour * 4].max(1e-6).sqrt();
        let pixels = colours.iter().map(|colour| Pixels { mean: mean[*colour], std: std(*colour) }).collect();
        let rows = colours.iter().flat_map(|row| colours.iter().map(move |column| covariance[row * 3 + column]));
        Some(Self { pixels, covariance: rows.collect() })
    }
}

/// The fitted scaling in one channel order.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The order.
    pub order: ChannelOrder,
    /// By channel of the first layer: the synthetic photos there.
    pub pixels: Vec<Pixels>,
    /// By channel of the first layer the natural logarithm of the factor, then by channel the level.
    pub values: Vec<f64>,
    /// Covariance of `values`, row by row.
    pub covariance: Vec<f64>,
    /// Minus twice the logarithm of the likelihood of the moments at the best fit, up to a constant.
    pub cost: f64,
    /// Number of moments that were fitted.
    pub moments: usize,
    /// How poor the fit is: the mean cost of a moment, weighed as in the fit, over the mean weight. Channels that nothing
    /// explains, as those are that died after training had seen them live, count by their number alone.
    pub cost_per_moment: f64,
}

impl Fitted {
    /// Natural logarithm of the volume of fitted values that the moments leave open, with levels in standard deviations of
    /// the channel: what makes likelihoods of fits of different numbers of values comparable.
    #[must_use]
    pub fn log_volume(&self) -> f64 {
        let count = self.pixels.len();
        let units: f64 = (0..count).map(|at| self.values[at] + self.pixels[at].std.ln()).sum();
        let root = Cholesky::new(&self.covariance, 2 * count).map_or(0.0, |matrix| matrix.log_root());
        root + count as f64 * std::f64::consts::TAU.ln() - units
    }
}

/// Sums, differences and curvature over the colours, so that each can be expected apart from the others.
pub const CONTRASTS: [[f64; 3]; 3] = [[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0], [-1.0, 0.0, 1.0], [-0.5, 1.0, -0.5]];

/// `contrasts * values` for the first and for the second half of `values`; of one channel the values themselves.
#[must_use]
pub fn contrasts(channels: usize) -> Vec<Vec<f64>> {
    if channels == 1 {
        return vec![vec![1.0, 0.0], vec![0.0, 1.0]];
    }
    let wide = |row: &[f64; 3], half: usize| {
        let mut wide = vec![0.0; 6];
        wide[3 * half..3 * half + 3].copy_from_slice(row);
        wide
    };
    [0, 1].into_iter().flat_map(|half| CONTRASTS.iter().map(move |row| wide(row, half))).collect()
}

/// One live channel of the batch normalisation.
struct Channel<'f> {
    forms: &'f Forms,
    mean: f64,
    variance: f64,
}

struct Problem<'f> {
    channels: Vec<Channel<'f>>,
    photos: &'f Photos,
    /// What is expected beforehand: rows of weights, each with what it should give and how exactly.
    expected: Vec<(Vec<f64>, f64, f64)>,
}

/// Fits the scaling to `norm`, of whose inputs `linear` knows the moments, for photos of which the channels of the first
/// layer show `photos`; absent where no channel lives.
#[must_use]
pub fn fit(linear: &Linear, norm: &Norm, photos: &Photos) -> Option<Fitted> {
    if linear.outputs.len() != norm.mean.len() {
        return None;
    }
    let live = live_channels(norm).into_iter().map(|at| Channel {
        forms: &linear.outputs[at],
        mean: f64::from(norm.mean[at]),
        variance: f64::from(norm.variance[at]),
    });
    let channels: Vec<Channel<'_>> = live.collect();
    let start = start(&channels, photos.pixels.len())?;
    let mut problem = Problem { channels, photos, expected: Vec::new() };
    problem.expect(start);
    problem.solve(linear.order, start)
}

/// The logarithm of the factor with which all channels together have the median stored variance.
fn start(channels: &[Channel<'_>], count: usize) -> Option<f64> {
    let ratio = |channel: &Channel<'_>| {
        let maps = 2 * count + 1;
        let variance: f64 = (0..count).map(|at| channel.forms.covariance[at * maps + at]).sum();
        0.5 * (channel.variance / variance.max(1e-30)).ln()
    };
    let mut ratios: Vec<f64> = channels.iter().map(ratio).filter(|ratio| ratio.is_finite()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied()
}

impl Problem<'_> {
    fn expect(&mut self, start: f64) {
        let count = self.photos.pixels.len();
        let std = self.photos.pixels.iter().map(|pixels| pixels.std).sum::<f64>() / count as f64;
        let unit = start.exp() * std;
        let rows = contrasts(count);
        let widths = if count == 1 {
            vec![FACTOR_WIDTH, LEVEL_WIDTH * unit]
        } else {
            let level = LEVEL_DIFFERENCE * unit;
            vec![FACTOR_WIDTH, FACTOR_DIFFERENCE, FACTOR_DIFFERENCE, LEVEL_WIDTH * unit, level, level]
        };
        let is_factor = |index: usize| index == 0;
        let wanted = (0..widths.len()).map(|index| if is_factor(index) { start } else { 0.0 });
        self.expected =
            rows.into_iter().zip(wanted).zip(widths).map(|((row, wanted), width)| (row, wanted, width)).collect();
    }

    /// Weights of the maps: factors, addends and 1.
    fn weights(&self, values: &[f64]) -> Vec<f64> {
        let (factors, levels) = values.split_at(self.photos.pixels.len());
        let factors: Vec<f64> = factors.iter().map(|factor| factor.exp()).collect();
        let addends = factors
            .iter()
            .zip(levels)
            .zip(&self.photos.pixels)
            .map(|((factor, level), pixels)| level - factor * pixels.mean);
        factors.iter().copied().chain(addends).chain([1.0]).collect()
    }

    /// How exactly each mean and each standard deviation is known: fine detail, which a kernel that sums to 0 sees alone,
    /// differs most between photos.
    fn noise(&self, values: &[f64]) -> Vec<[f64; 2]> {
        let weights = self.weights(values);
        let count = self.photos.pixels.len();
        let of = |channel: &Channel<'_>| {
            let flat: Vec<f64> = (0..count).map(|at| channel.forms.mean[count + at] * weights[at]).collect();
            let rows = self.photos.covariance.chunks_exact(count).zip(&flat);
            let coarse: f64 =
                rows.map(|(row, value)| value * row.iter().zip(&flat).map(|(a, b)| a * b).sum::<f64>()).sum();
            let (_, variance) = channel.forms.moments(&weights);
            let detail = 1.0 - (coarse / variance.max(1e-30)).clamp(0.0, 1.0);
            [NOISE, NOISE.hypot(NOISE_DETAIL * detail)]
        };
        self.channels.iter().map(of).collect()
    }

    /// Residuals and their derivatives by the values.
    fn residuals(&self, values: &[f64], noise: &[[f64; 2]]) -> Vec<(f64, Vec<f64>)> {
        let weights = self.weights(values);
        let count = self.photos.pixels.len();
        let mut rows = Vec::with_capacity(2 * self.channels.len());
        for (channel, [mean_noise, deviation_noise]) in self.channels.iter().zip(noise) {
            let (mean, variance) = channel.forms.moments(&weights);
            let slopes = channel.forms.variance_slopes(&weights);
            let by = |slope: &[f64], scale: f64| -> Vec<f64> {
                let factors =
                    (0..count).map(|at| weights[at] * (slope[at] - self.photos.pixels[at].mean * slope[count + at]));
                factors.chain((0..count).map(|at| slope[count + at])).map(|slope| slope / scale).collect()
            };
            let unit = channel.variance.sqrt() * mean_noise;
            rows.push(((mean - channel.mean) / unit, by(&channel.forms.mean, unit)));
            let variance = variance.max(1e-30);
            let ratio = 0.5 * (variance / channel.variance).ln() / deviation_noise;
            rows.push((ratio, by(&slopes, 2.0 * variance * deviation_noise)));
        }
        rows
    }

    fn prior(&self, values: &[f64]) -> impl Iterator<Item = (f64, &Vec<f64>, f64)> {
        self.expected.iter().map(move |(row, wanted, width)| {
            let found: f64 = row.iter().zip(values).map(|(weight, value)| weight * value).sum();
            ((found - wanted) / width, row, *width)
        })
    }

    fn cost(&self, values: &[f64], noise: &[[f64; 2]], freedom: f64) -> f64 {
        let moments: f64 = self
            .residuals(values, noise)
            .iter()
            .map(|(residual, _)| freedom * (residual * residual / freedom).ln_1p())
            .sum();
        moments + self.prior(values).map(|(residual, ..)| residual * residual).sum::<f64>()
    }

    fn cost_per_moment(&self, values: &[f64], noise: &[[f64; 2]]) -> f64 {
        let residuals = self.residuals(values, noise);
        let count = residuals.len() as f64;
        let (weights, costs) = residuals.iter().fold((0.0, 0.0), |(weights, costs), (residual, _)| {
            let excess = residual * residual / FREEDOM;
            let weight = 1.0 / (1.0 + excess);
            (weights + weight, costs + weight * FREEDOM * excess.ln_1p())
        });
        count * costs / (weights * weights)
    }

    /// The matrix and the right side of the normal equations.
    fn normal_equations(&self, values: &[f64], noise: &[[f64; 2]], freedom: f64) -> (Vec<f64>, Vec<f64>) {
        let count = values.len();
        let (mut matrix, mut right) = (vec![0.0; count * count], vec![0.0; count]);
        let mut add = |residual: f64, slopes: &dyn Fn(usize) -> f64, weight: f64| {
            for row in 0..count {
                right[row] -= weight * residual * slopes(row);
                for column in 0..count {
                    matrix[row * count + column] += weight * slopes(row) * slopes(column);
                }
            }
        };
        for (residual, slopes) in self.residuals(values, noise) {
            add(residual, &|at| slopes[at], 1.0 / (1.0 + residual * residual / freedom));
        }
        for (residual, row, width) in self.prior(values) {
            add(residual, &|at| row[at] / width, 1.0);
        }
        (matrix, right)
    }

    fn solve(&self, order: ChannelOrder, start: f64) -> Option<Fitted> {
        let count = self.photos.pixels.len();
        let mut values: Vec<f64> = (0..2 * count).map(|at| if at < count { start } else { 0.0 }).collect();
        let mut noise = vec![[NOISE, NOISE.hypot(0.5 * NOISE_DETAIL)]; self.channels.len()];
        for round in 0..ROUNDS {
            // Plain least squares first: from afar every channel looks like one that does not fit.
            let freedom = if round == 0 { 1e6 } else { FREEDOM };
            self.descend(&mut values, &noise, freedom);
            noise = self.noise(&values);
        }
        let (matrix, _) = self.normal_equations(&values, &noise, FREEDOM);
        let covariance = Cholesky::new(&matrix, values.len())?.inverse();
        let cost = self.cost(&values, &noise, FREEDOM);
        let cost_per_moment = self.cost_per_moment(&values, &noise);
        let is_sound = values.iter().chain(&covariance).all(|value| value.is_finite()) && cost.is_finite();
        is_sound.then(|| Fitted {
            order,
            pixels: self.photos.pixels.clone(),
            values,
            covariance,
            cost,
            moments: 2 * self.channels.len(),
            cost_per_moment,
        })
    }

    fn descend(&self, values: &mut Vec<f64>, noise: &[[f64; 2]], freedom: f64) {
        let count = values.len();
        let mut damping = 1e-2;
        let mut cost = self.cost(values, noise, freedom);
        for _ in 0..STEPS_MAX {
            let (mut matrix, right) = self.normal_equations(values, noise, freedom);
            (0..count).for_each(|at| matrix[at * count + at] *= 1.0 + damping);
            let Some(step) = Cholesky::new(&matrix, count).map(|matrix| matrix.solve(&right)) else { return };
            let factors = count / 2;
            let moved: Vec<f64> = values
                .iter()
                .zip(step)
                .enumerate()
                .map(|(at, (value, step))| value + if at < factors { step.clamp(-2.0, 2.0) } else { step })
                .collect();
            let next = self.cost(&moved, noise, freedom);
            if next < cost {
                let is_done = cost - next < 1e-4;
                (*values, cost, damping) = (moved, next, damping / 5.0);
                if is_done {
                    return;
                }
            } else {
                damping *= 8.0;
                if damping > 1e6 {
                    return;
                }
            }
        }
    }
}
