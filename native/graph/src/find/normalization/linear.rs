//! What stands in front of the first batch normalisation as a function of the scaling, where the way there is linear.
//!
//! Every output channel is then a sum of maps, one for each tensor channel with its colour, one for each tensor channel
//! that is 1 everywhere, and one for an input of zeros (biases). Their means and covariances are taken once; mean and
//! variance under any scaling are a linear and a quadratic form of them.

use std::ops::Range;

use menagerie_contract::ChannelOrder;

use super::{
    candidates::Candidate,
    layers::{Activation, Moments},
    probe::{COST_MAX, Probe},
};

/// Mean and covariance of the maps of one output channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Forms {
    /// One value a map: the tensor channels with their colours, the tensor channels that are 1, and zeros.
    pub mean: Vec<f64>,
    /// Row by row.
    pub covariance: Vec<f64>,
}

/// Moments in front of the first batch normalisation for every scaling in one order of the channels.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The order.
    pub order: ChannelOrder,
    /// By output channel.
    pub outputs: Vec<Forms>,
}

impl Linear {
    /// Runs each map of `probe` up to the batch normalisation, for each of `orders`; absent where that costs too much or
    /// does not fit.
    #[must_use]
    pub fn of_orders(probe: &Probe<'_>, orders: &[ChannelOrder]) -> Option<Vec<Self>> {
        let still = probe.still_maps()?;
        let of = |order: &ChannelOrder| {
            let moving = probe.moving_maps(*order, still.last()?)?;
            Some(Self { order: *order, outputs: forms(&moving, &still)? })
        };
        orders.iter().map(of).collect()
    }

    /// The same for grey photos in each of three channels, as of a net of one; absent likewise.
    #[must_use]
    pub fn of_grey(probe: &Probe<'_>) -> Option<Self> {
        let mut still = probe.still_maps()?;
        let nothing = still.pop()?;
        let moving = probe.carried_in(0..still.len(), probe.grey.as_ref()?, Some(&nothing))?;
        let ones = still.into_iter().reduce(|mut sum, map| {
            sum.values.iter_mut().zip(&map.values).for_each(|(sum, value)| *sum += value);
            sum
        })?;
        Some(Self { order: ChannelOrder::Gray, outputs: forms(&[moving], &[ones, nothing])? })
    }

    /// Mean and variance of every output channel for given weights of the maps.
    #[must_use]
    pub fn moments(&self, weights: &[f64]) -> Vec<Moments> {
        let of = |forms: &Forms| {
            let (mean, variance) = forms.moments(weights);
            Moments { mean: mean as f32, variance: variance as f32 }
        };
        self.outputs.iter().map(of).collect()
    }
}

impl Probe<'_> {
    /// A map of one tensor channel, carried through the layers behind the first; `nothing` is what an input of zeros
    /// gives there.
    fn carried(&self, channel: usize, map: &Activation, nothing: Option<&Activation>) -> Option<Activation> {
        self.carried_in(channel..channel + 1, map, nothing)
    }

    /// The same of a map that stands in several tensor channels.
    fn carried_in(&self, taken: Range<usize>, map: &Activation, nothing: Option<&Activation>) -> Option<Activation> {
        let channels = self.front.inside.scale.len();
        let mut activation = if self.front.first.is_some() {
            map.clone()
        } else {
            let mut values = vec![0.0; map.values.len() * channels];
            for channel in taken {
                values.iter_mut().skip(channel).step_by(channels).zip(&map.values).for_each(|(to, value)| *to = *value);
            }
            Activation { channels, values, ..map.without_values() }
        };
        for layer in &self.front.rest {
            if layer.cost(&activation).saturating_mul(3 * channels) > COST_MAX {
                return None;
            }
            activation = layer.apply(&activation)?;
        }
        if let Some(nothing) = nothing {
            for image in activation.values.chunks_exact_mut(nothing.values.len().max(1)) {
                image.iter_mut().zip(&nothing.values).for_each(|(value, nothing)| *value -= nothing);
            }
        }
        Some(activation)
    }

    /// In front of the first batch normalisation, where the way there is linear: what each tensor channel adds that is 1
    /// everywhere, and last what an input of zeros gives. Of one image.
    fn still_maps(&self) -> Option<Vec<Activation>> {
        let first = self.ones.first()?;
        let blank = Activation { values: vec![0.0; first.values.len()], ..first.without_values() };
        let nothing = self.carried(0, &blank, None)?;
        let ones = self.ones.iter().enumerate().map(|(channel, map)| self.carried(channel, map, Some(&nothing)));
        let mut maps = ones.collect::<Option<Vec<_>>>()?;
        maps.push(nothing);
        Some(maps)
    }

    /// There too: what each tensor channel adds that holds its colour of the photos on 0–255.
    fn moving_maps(&self, order: ChannelOrder, nothing: &Activation) -> Option<Vec<Activation>> {
        let inside = &self.front.inside;
        let map = |channel: usize| {
            let map = self.maps[channel][Candidate::colour_in(order, inside.channel[channel])].as_ref()?;
            self.carried(channel, map, Some(nothing))
        };
        (0..inside.scale.len()).map(map).collect()
    }
}

impl Forms {
    /// Mean and variance for given weights of the maps.
    #[must_use]
    pub fn moments(&self, weights: &[f64]) -> (f64, f64) {
        let variance: f64 = self.rows(weights).zip(weights).map(|(row, weight)| weight * row).sum();
        (dot(&self.mean, weights), variance.max(0.0))
    }

    /// The derivative of the variance by each weight.
    #[must_use]
    pub fn variance_slopes(&self, weights: &[f64]) -> Vec<f64> {
        self.rows(weights).map(|row| 2.0 * row).collect()
    }

    /// The covariance times `weights`.
    fn rows(&self, weights: &[f64]) -> impl Iterator<Item = f64> {
        self.covariance.chunks_exact(weights.len().max(1)).map(|row| dot(row, weights))
    }
}

fn dot(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(value, weight)| value * weight).sum()
}

/// `moving` maps have many images, `still` ones are the same for all images and have one.
fn forms(moving: &[Activation], still: &[Activation]) -> Option<Vec<Forms>> {
    let channels = still.last()?.channels;
    let averages: Vec<Activation> = moving.iter().map(Activation::average_image).collect();
    let count = moving.len() + still.len();
    let one_image = |index: usize| averages.get(index).or_else(|| still.get(index - moving.len()));
    let means = (0..count).map(|index| Some(products(one_image(index)?, None))).collect::<Option<Vec<_>>>()?;
    let mut outputs: Vec<Forms> = (0..channels)
        .map(|channel| Forms {
            mean: means.iter().map(|means| means[channel]).collect(),
            covariance: vec![0.0; count * count],
        })
        .collect();
    for row in 0..count {
        for column in 0..=row {
            let found = match (moving.get(row), moving.get(column)) {
                (Some(left), Some(right)) => products(left, Some(right)),
                _ => products(one_image(row)?, Some(one_image(column)?)),
            };
            for (channel, forms) in outputs.iter_mut().enumerate() {
                let covariance = found[channel] - forms.mean[row] * forms.mean[column];
                forms.covariance[row * count + column] = covariance;
                forms.covariance[column * count + row] = covariance;
            }
        }
    }
    Some(outputs)
}

/// Mean over the places off the border of each channel of `left`, times `right` where there is one.
fn products(left: &Activation, right: Option<&Activation>) -> Vec<f64> {
    let mut sums = vec![0.0_f64; left.channels];
    let mut places = 0.0_f64;
    match right {
        None => {
            for pixel in left.inner() {
                places += 1.0;
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        Some(right) => {
            for (left, right) in left.inner().zip(right.inner()) {
                places += 1.0;
                for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
                    *sum += f64::from(left * right);
                }
            }
        }
    }
    sums.iter().map(|sum| sum / places.max(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(count: usize, values: &[f32]) -> Activation {
        let side = 2;
        let channels = values.len() / (count * side * side);
        Activation { count, height: side, width: side, channels, border: None, values: values.to_vec() }
    }

    #[test]
    fn moments_from_forms_are_those_of_the_weighted_sum() {
        let pixels: Vec<f32> = (0..16).map(|at| ((at * 7) % 11) as f32 - 3.0).collect();
        let moving = activation(2, &pixels);
        let ones = activation(1, &[1.0, 2.0, 1.0, 0.5, 1.0, 2.0, 3.0, 1.0]);
        let nothing = activation(1, &[0.1, 0.0, -0.2, 0.3, 0.0, 0.4, 0.1, 0.1]);
        let outputs = forms(std::slice::from_ref(&moving), &[ones.clone(), nothing.clone()]).unwrap();
        let weights = [0.5, -2.0, 1.0];
        let sum = |at: usize| 0.5 * moving.values[at] - 2.0 * ones.values[at % 8] + nothing.values[at % 8];
        let expected = activation(2, &(0..16).map(sum).collect::<Vec<_>>()).moments();
        for (forms, expected) in outputs.iter().zip(expected) {
            let (mean, variance) = forms.moments(&weights);
            assert!((mean - f64::from(expected.mean)).abs() < 1e-4, "{mean} {expected:?}");
            assert!((variance - f64::from(expected.variance)).abs() < 1e-3, "{variance} {expected:?}");
        }
    }

    #[test]
    fn slopes_of_the_variance_are_what_a_small_step_gives() {
        let forms = Forms { mean: vec![0.0; 2], covariance: vec![2.0, 0.5, 0.5, 1.0] };
        let variance = |weights: &[f64]| forms.moments(weights).1;
        let slopes = forms.variance_slopes(&[0.3, -0.7]);
        assert!((slopes[0] - (variance(&[0.3001, -0.7]) - variance(&[0.2999, -0.7])) / 2e-4).abs() < 1e-6);
        assert!((slopes[1] - (variance(&[0.3, -0.6999]) - variance(&[0.3, -0.7001])) / 2e-4).abs() < 1e-6);
    }
}
