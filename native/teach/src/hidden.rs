//! A layer between the features and the classes.

use crate::{
    TeachError, basis::Basis, choose::HIDDEN_STEPS, fit::fit, loss::Loss, net::Net, random::Random, rows::Rows,
};

/// Its values, and the directions of features that it takes, at most.
pub const HIDDEN: usize = 64;

/// Random weights from which a fit begins, as large as leaves values as large (K. He et al., Delving deep into rectifiers, 2015).
pub fn start(net: &Net, seed: u32) -> Vec<f64> {
    let mut random = Random::new(u64::from(seed) | 1 << 32);
    let mut parameters = vec![0.0; net.parameter_count()];
    // A uniform number from -a to a has the variance a² / 3.
    for (range, inputs) in net.weights().into_iter().zip([net.size, net.hidden]) {
        let most = (6.0 / inputs as f64).sqrt();
        parameters[range].iter_mut().for_each(|weight| *weight = 2.0 * most * random.centred());
    }
    parameters
}

/// Fits rows in so many stages of [`HIDDEN_STEPS`].
pub fn fit_hidden(
    net: Net,
    rows: Rows<'_>,
    places: &[usize],
    (l2, stages): (f64, usize),
    seed: u32,
) -> Result<Vec<f64>, TeachError> {
    let mut parameters = start(&net, seed);
    for steps in HIDDEN_STEPS.into_iter().take(stages) {
        parameters = fit(Loss::new(net, rows, places, l2), parameters, steps)?;
    }
    Ok(parameters)
}

/// The first layer for features in place of their shares of the directions: row-major, a row for each feature.
pub fn unprojected(basis: &Basis, weights: &[f64], size: usize) -> Vec<f64> {
    let along = basis.directions.len();
    let hidden = weights.len() / along;
    let mut out = vec![0.0; size * hidden];
    for (unit, weights) in weights.chunks_exact(along).enumerate() {
        for (direction, weight) in basis.directions.iter().zip(weights) {
            for (feature, value) in direction.iter().enumerate() {
                out[unit * size + feature] += weight * value;
            }
        }
    }
    out
}
