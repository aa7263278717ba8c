//! What photos nets are trained on: how likely a fitted scaling is when training photos went through a given one.
//!
//! A fit tells what the net saw of its training photos; under a scaling that means a mean and a standard deviation of
//! their pixels. Sets of photos differ in both, which limits how well any scaling can be told, however well the fit.

use super::{
    candidates::{Candidate, Scaling},
    fit::{CONTRASTS, Fitted, contrasts},
    images::{MEAN, STD},
    matrix::Cholesky,
    probe::Inside,
};

/// Sets of photos of one kind.
struct Kind {
    /// Share of all sets.
    share: f64,
    /// Mean and deviation over sets of the mean pixel, as what it differs from that of photos at large.
    mean: [f64; 2],
    /// The same of the logarithm of the standard deviation of pixels.
    std: [f64; 2],
    /// The same of how the colours of the mean pixel differ from each other ([`CONTRASTS`]).
    colours: [[f64; 2]; 2],
}

/// Photos as people take them; sets of another light or contrast; objects in front of white; drawings, digits and scans on
/// black. Of 12 published sets of photos the mean pixels lie 105 to 121 and the deviations 50 to 73.
const KINDS: [Kind; 4] = [
    Kind { share: 0.8, mean: [-3.0, 12.0], std: [0.0, 0.15], colours: [[4.0, 11.0], [0.0, 5.0]] },
    Kind { share: 0.1, mean: [0.0, 35.0], std: [-0.2, 0.35], colours: COLOURS },
    Kind { share: 0.08, mean: [55.0, 25.0], std: [-0.25, 0.3], colours: COLOURS },
    Kind { share: 0.02, mean: [-75.0, 35.0], std: [0.0, 0.35], colours: COLOURS },
];
const COLOURS: [[f64; 2]; 2] = [[6.0, 25.0], [0.0, 10.0]];
/// Deviations over sets of the contrasts of the logarithm of the standard deviation.
const STD_CONTRASTS: [f64; 2] = [0.08, 0.06];
/// Deviation of the logarithm of a fitted standard deviation, beside what is possible.
const EXCESS: f64 = 0.15;
/// Range of the logarithm of a factor and of a mean input, in standard deviations, over all scalings that nobody listed.
const ANY_FACTOR: f64 = 16.0;
const ANY_LEVEL: f64 = 8.0;
/// Deviations of the contrasts there.
const ANY_CONTRASTS: [f64; 4] = [0.1, 0.08, 0.4, 0.15];
/// A common value stands for all channels, and 0 for a small mean, within this many deviations.
const TELLING: f64 = 2.0;

/// What the training set's pixels were like under a scaling that is `affine` in each channel: means, then natural
/// logarithms of standard deviations, and the derivative of each by the fitted level or logarithm of the factor.
fn implied(fitted: &Fitted, affine: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    let count = affine.len();
    let (logs, levels) = fitted.values.split_at(count);
    let stds = (0..count).map(|at| logs[at] + (fitted.pixels[at].std / affine[at].0.abs()).ln());
    let means = (0..count).map(|at| (levels[at] - affine[at].1) / affine[at].0);
    let slopes = (0..2 * count).map(|at| if at < count { 1.0 } else { affine[at - count].0.recip() });
    (stds.chain(means).collect(), slopes.collect())
}

/// Natural logarithm of the density of the fitted values for nets whose tensor channels were `factor * pixel + addend`,
/// by channel of the first layer as `affine` has them and with red, green or blue as `colours` has them.
#[must_use]
pub fn log_likelihood(fitted: &Fitted, affine: &[(f64, f64)], colours: &[usize]) -> f64 {
    let count = affine.len();
    let (values, slopes) = implied(fitted, affine);
    let (typical_mean, typical_std) = typical(colours);
    let differences: Vec<f64> = (0..2 * count)
        .map(|at| values[at] - if at < count { typical_std[at].ln() } else { typical_mean[at - count] })
        .collect();
    let rows = contrasts(count);
    let covariance = transformed(fitted, &rows, &slopes);
    let distance: Vec<f64> = rows.iter().map(|row| dot(row, &differences)).collect();
    let of = |kind: &Kind| {
        let (mut deviations, mut means) = (vec![kind.std[1]], vec![0.0; 2 * count]);
        if count > 1 {
            deviations.extend(STD_CONTRASTS);
        }
        deviations.push(kind.mean[1]);
        if count > 1 {
            deviations.extend(kind.colours.map(|[_, deviation]| deviation));
            means[count + 1..].copy_from_slice(&kind.colours.map(|[mean, _]| mean));
        }
        (means[0], means[count]) = (kind.std[0], kind.mean[0]);
        let distance: Vec<f64> = distance.iter().zip(&means).map(|(found, mean)| found - mean).collect();
        let density = widened(&covariance, &deviations).map(|matrix| matrix.log_density(&distance));
        kind.share.ln() + density.unwrap_or(f64::NEG_INFINITY)
    };
    let densities = KINDS.map(|kind| of(&kind));
    let largest = densities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Densities are over levels in standard deviations of the channel, the same for every scaling.
    let unit: f64 = values[..count].iter().sum();
    let density = largest + densities.iter().map(|density| (density - largest).exp()).sum::<f64>().ln();
    density + unit + log_possible(&values)
}

/// Pixels of 0 to 255 with mean `m` have a variance of at most `m * (255 - m)` (Bhatia and Davis 2000): the logarithm of
/// how possible standard deviations above that are, given that they were measured.
fn log_possible(values: &[f64]) -> f64 {
    let count = values.len() / 2;
    let average = |values: &[f64]| values.iter().sum::<f64>() / count as f64;
    let (deviation, mean) = (average(&values[..count]), average(&values[count..]).clamp(1.0, 254.0));
    let excess = deviation - 0.5 * (mean * (255.0 - mean)).ln();
    -0.5 * (excess.max(0.0) / EXCESS).powi(2)
}

/// The same for a scaling that nobody listed.
#[must_use]
pub fn log_likelihood_of_any(fitted: &Fitted) -> f64 {
    let count = fitted.pixels.len();
    let common = -(ANY_FACTOR * ANY_LEVEL).ln();
    if count == 1 {
        return common;
    }
    // Levels in standard deviations of the channel.
    let slopes: Vec<f64> =
        (0..2 * count)
            .map(|at| {
                if at < count { 1.0 } else { (fitted.values[at - count].exp() * fitted.pixels[at - count].std).recip() }
            })
            .collect();
    let values: Vec<f64> = fitted.values.iter().zip(&slopes).map(|(value, slope)| value * slope).collect();
    let rows: Vec<Vec<f64>> =
        contrasts(count).into_iter().enumerate().filter(|(at, _)| at % count != 0).map(|it| it.1).collect();
    let covariance = transformed(fitted, &rows, &slopes);
    let distance: Vec<f64> = rows.iter().map(|row| dot(row, &values)).collect();
    common + widened(&covariance, &ANY_CONTRASTS).map_or(f64::NEG_INFINITY, |matrix| matrix.log_density(&distance))
}

/// The fitted scaling itself, for photos at large: one mean and one divisor where the colours do not clearly differ.
#[must_use]
pub fn measured(fitted: &Fitted, inside: &Inside) -> Candidate {
    let count = fitted.pixels.len();
    let colours: Vec<usize> =
        inside.channel.iter().map(|channel| Candidate::colour_in(fitted.order, *channel)).collect();
    let (typical_mean, typical_std) = typical(&colours);
    let deviation =
        |at: usize, unit: f64, own: f64| (fitted.covariance[at * 2 * count + at] * unit * unit + own * own).sqrt();
    let factor = |at: usize| fitted.values[at].exp() * fitted.pixels[at].std / typical_std[at];
    let stds: Vec<f64> = (0..count).map(|at| f64::from(inside.scale[at]).abs() / factor(at)).collect();
    let means: Vec<f64> = (0..count)
        .map(|at| typical_mean[at] - (fitted.values[count + at] - f64::from(inside.offset[at])) / factor(at))
        .collect();
    let logs: Vec<f64> = stds.iter().map(|std| std.ln()).collect();
    let std_deviation = (0..count).map(|at| deviation(at, 1.0, STD_CONTRASTS[0])).fold(0.0, f64::max);
    let mean_deviation =
        (0..count).map(|at| deviation(count + at, factor(at).recip(), COLOURS[0][1])).fold(0.0, f64::max);
    let differ = |values: &[f64], deviation: f64| {
        values.len() == 3
            && CONTRASTS[1..].iter().any(|row| dot(row, values).abs() > TELLING * deviation * 2_f64.sqrt())
    };
    let stds =
        if differ(&logs, std_deviation) { stds } else { vec![(logs.iter().sum::<f64>() / count as f64).exp(); count] };
    let average = means.iter().sum::<f64>() / count as f64;
    let means = if differ(&means, mean_deviation) {
        means
    } else if average.abs() < TELLING * mean_deviation.hypot(KINDS[0].mean[1]) {
        vec![0.0; count]
    } else {
        vec![average; count]
    };
    let mut scaling = Scaling { name: MEASURED, mean: [0.0; 3], std: [1.0; 3] };
    for colour in 0..3 {
        let at = colours.iter().position(|other| *other == colour).unwrap_or(0);
        (scaling.mean[colour], scaling.std[colour]) = (rounded(means[at]), rounded(stds[at]));
    }
    Candidate { scaling, order: fitted.order }
}

/// Name of the scaling of [`measured`].
pub const MEASURED: &str = "measured";

/// To three digits.
fn rounded(value: f64) -> f32 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powf(value.abs().log10().floor() - 2.0);
    ((value / unit).round() * unit) as f32
}

/// Mean and standard deviation of the pixels of photos at large, by channel.
fn typical(colours: &[usize]) -> (Vec<f64>, Vec<f64>) {
    if colours.len() == 1 {
        // Luma of the colours' means, and of their covariance.
        return (vec![118.8], vec![62.6]);
    }
    colours.iter().map(|colour| (f64::from(MEAN[*colour]), f64::from(STD[*colour]))).unzip()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The covariance of `rows` of the fitted values, each value times its slope.
fn transformed(fitted: &Fitted, rows: &[Vec<f64>], slopes: &[f64]) -> Vec<f64> {
    let count = slopes.len();
    let scaled: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().zip(slopes).map(|(weight, slope)| weight * slope).collect()).collect();
    let mut matrix = Vec::with_capacity(rows.len() * rows.len());
    for row in &scaled {
        let product: Vec<f64> = fitted.covariance.chunks_exact(count).map(|covariance| dot(covariance, row)).collect();
        matrix.extend(scaled.iter().map(|column| dot(column, &product)));
    }
    matrix
}

/// `covariance` with the squares of `deviations` added to its diagonal.
fn widened(covariance: &[f64], deviations: &[f64]) -> Option<Cholesky> {
    let rows = deviations.len();
    let mut matrix = covariance.to_vec();
    for (at, deviation) in deviations.iter().enumerate() {
        matrix[at * rows + at] += deviation * deviation;
    }
    Cholesky::new(&matrix, rows)
}
