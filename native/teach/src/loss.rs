//! The loss of a multinomial logistic regression, with its gradient.
//!
//! Parameters are the weights class by class, then one bias a class. The loss is the weighted mean of `-ln p(class)` over
//! rows, plus `l2 / 2` times the sum of squared weights; biases are free.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Gradient};

use crate::rows::Rows;

/// Sums that run side by side, so that their order is the same whatever the processor adds at once.
const LANES: usize = 8;

/// Rows to be fitted.
pub struct Loss<'a> {
    rows: Rows<'a>,
    /// Row and its weight; the weights sum to 1.
    taken: Vec<(usize, f64)>,
    l2: f64,
    /// Where the loss was computed last: optimisers ask for its value and its gradient one after the other.
    last: RefCell<(Vec<f64>, f64, Vec<f64>)>,
}

impl<'a> Loss<'a> {
    /// The loss of the rows at `places`. Classes weigh the same, however many rows each has.
    pub fn new(rows: Rows<'a>, places: &[usize], l2: f64) -> Self {
        let mut counts = vec![0_u32; rows.class_count];
        for place in places {
            counts[rows.class(*place)] += 1;
        }
        let class_count = counts.iter().filter(|count| **count > 0).count() as f64;
        let weight = |place: usize| 1.0 / (class_count * f64::from(counts[rows.class(place)]));
        let taken = places.iter().map(|place| (*place, weight(*place))).collect();
        Self { rows, taken, l2, last: RefCell::default() }
    }

    /// How many parameters there are.
    pub fn parameter_count(rows: &Rows<'_>) -> usize {
        rows.class_count * (rows.size + 1)
    }

    fn at<T>(&self, parameters: &[f64], read: impl Fn(f64, &[f64]) -> T) -> T {
        let mut last = self.last.borrow_mut();
        if last.0 != parameters {
            let (loss, gradient) = self.compute(parameters);
            *last = (parameters.to_vec(), loss, gradient);
        }
        read(last.1, &last.2)
    }

    fn compute(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        let Rows { size, class_count, .. } = self.rows;
        let mut gradient = vec![0.0; parameters.len()];
        let mut loss = 0.0;
        let (weights, _) = parameters.split_at(class_count * size);
        let mut probabilities = vec![0.0; class_count];
        let (of_weights, of_biases) = gradient.split_at_mut(class_count * size);
        for (place, weight) in &self.taken {
            let row = self.rows.row(*place);
            let class = self.rows.class(*place);
            loss += weight * log_loss(&self.rows, parameters, row, class, &mut probabilities);
            for (other, probability) in probabilities.iter().enumerate() {
                let off = weight * (probability - f64::from(u8::from(other == class)));
                of_biases[other] += off;
                let slopes = &mut of_weights[other * size..][..size];
                slopes.iter_mut().zip(row).for_each(|(slope, value)| *slope += off * f64::from(*value));
            }
        }
        for (slope, weight) in of_weights.iter_mut().zip(weights) {
            *slope += self.l2 * weight;
            loss += self.l2 / 2.0 * weight * weight;
        }
        (loss, gradient)
    }
}

impl CostFunction for Loss<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, parameters: &Vec<f64>) -> Result<f64, Error> {
        Ok(self.at(parameters, |loss, _| loss))
    }
}

impl Gradient for Loss<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, parameters: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.at(parameters, |_, gradient| gradient.to_vec()))
    }
}

/// `-ln` of the probability of `class`, and the probabilities of all.
pub fn log_loss(rows: &Rows<'_>, parameters: &[f64], row: &[f32], class: usize, probabilities: &mut [f64]) -> f64 {
    let (weights, biases) = parameters.split_at(rows.class_count * rows.size);
    for ((logit, weights), bias) in probabilities.iter_mut().zip(weights.chunks_exact(rows.size)).zip(biases) {
        *logit = bias + dot(weights, row);
    }
    let most = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let own = probabilities[class] - most;
    let mut sum = 0.0;
    for value in probabilities.iter_mut() {
        *value = libm::exp(*value - most);
        sum += *value;
    }
    for value in probabilities.iter_mut() {
        *value /= sum;
    }
    libm::log(sum) - own
}

fn dot(weights: &[f64], row: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = weights.as_chunks::<LANES>();
    let (row_blocks, row_rest) = row.as_chunks::<LANES>();
    for (weights, values) in blocks.iter().zip(row_blocks) {
        for lane in 0..LANES {
            sums[lane] += weights[lane] * f64::from(values[lane]);
        }
    }
    let tail: f64 = rest.iter().zip(row_rest).map(|(weight, value)| weight * f64::from(*value)).sum();
    sums.iter().sum::<f64>() + tail
}
