//! One layer, or two with a rectifier between them: from a row of features to the probabilities of classes.

/// Sums that run side by side, so that their order is the same whatever the processor adds at once.
const LANES: usize = 8;

/// What parameters stand for: of each layer the weights output by output, then one bias an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    /// Features of a row.
    pub size: usize,
    /// Values between the layers; 0 where there is one layer.
    pub hidden: usize,
    /// Classes in all.
    pub class_count: usize,
}

/// What a row makes of the parts of a net.
pub struct Passed {
    hidden: Vec<f64>,
    /// One for each class.
    pub probabilities: Vec<f64>,
}

impl Net {
    /// Room for what a row makes.
    pub fn passed(&self) -> Passed {
        Passed { hidden: vec![0.0; self.hidden], probabilities: vec![0.0; self.class_count] }
    }

    /// How many parameters there are.
    pub const fn parameter_count(&self) -> usize {
        let (first, last) = self.extents();
        first + last
    }

    /// Weights of the first layer with its biases, those of the last one; the first has none where there is one layer.
    const fn extents(&self) -> (usize, usize) {
        if self.hidden == 0 {
            (0, self.class_count * (self.size + 1))
        } else {
            (self.hidden * (self.size + 1), self.class_count * (self.hidden + 1))
        }
    }

    /// The parameters of the layer in front, then of the one behind.
    pub fn layers<'p>(&self, parameters: &'p [f64]) -> (&'p [f64], &'p [f64]) {
        parameters.split_at(self.extents().0)
    }

    /// Which parameters are weights: the others are biases.
    pub fn weights(&self) -> [std::ops::Range<usize>; 2] {
        let (first, _) = self.extents();
        let inputs = if self.hidden == 0 { self.size } else { self.hidden };
        [0..self.hidden * self.size, first..first + self.class_count * inputs]
    }

    /// `-ln` of the probability of `class`.
    pub fn log_loss(&self, parameters: &[f64], row: &[f32], class: usize, passed: &mut Passed) -> f64 {
        let (front, back) = self.layers(parameters);
        let Passed { hidden, probabilities } = passed;
        if self.hidden == 0 {
            each_output(back, self.size, probabilities, |weights| dot(weights, row));
        } else {
            each_output(front, self.size, hidden, |weights| dot(weights, row));
            for value in hidden.iter_mut() {
                *value = value.max(0.0);
            }
            each_output(back, self.hidden, probabilities, |weights| dot_of(weights, hidden));
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

    /// Adds to `gradient` what `weight` times the loss of a row does, which [`Self::log_loss`] has just passed.
    pub fn add_gradient(
        &self,
        parameters: &[f64],
        (row, class, weight): (&[f32], usize, f64),
        passed: &mut Passed,
        gradient: &mut [f64],
    ) {
        let (_, back) = self.layers(parameters);
        let (of_front, of_back) = gradient.split_at_mut(self.extents().0);
        let Passed { hidden, probabilities } = passed;
        for (other, probability) in probabilities.iter_mut().enumerate() {
            *probability = weight * (*probability - f64::from(u8::from(other == class)));
        }
        if self.hidden == 0 {
            add_layer(of_back, self.size, probabilities, |slopes, off| add(slopes, off, row));
            return;
        }
        add_layer(of_back, self.hidden, probabilities, |slopes, off| add_of(slopes, off, hidden));
        for (place, value) in hidden.iter_mut().enumerate() {
            let weights = back[..self.class_count * self.hidden].iter().skip(place).step_by(self.hidden);
            let off: f64 = weights.zip(probabilities.iter()).map(|(weight, off)| weight * off).sum();
            *value = if *value > 0.0 { off } else { 0.0 };
        }
        add_layer(of_front, self.size, hidden, |slopes, off| add(slopes, off, row));
    }
}

fn each_output(layer: &[f64], inputs: usize, outputs: &mut [f64], sum: impl Fn(&[f64]) -> f64) {
    let (weights, biases) = layer.split_at(inputs * outputs.len());
    for ((output, weights), bias) in outputs.iter_mut().zip(weights.chunks_exact(inputs)).zip(biases) {
        *output = bias + sum(weights);
    }
}

fn add_layer(layer: &mut [f64], inputs: usize, offs: &[f64], add: impl Fn(&mut [f64], f64)) {
    let (weights, biases) = layer.split_at_mut(inputs * offs.len());
    for ((off, slopes), bias) in offs.iter().zip(weights.chunks_exact_mut(inputs)).zip(biases) {
        *bias += off;
        if off.abs() > 0.0 {
            add(slopes, *off);
        }
    }
}

fn add(slopes: &mut [f64], off: f64, row: &[f32]) {
    slopes.iter_mut().zip(row).for_each(|(slope, value)| *slope += off * f64::from(*value));
}

fn add_of(slopes: &mut [f64], off: f64, values: &[f64]) {
    slopes.iter_mut().zip(values).for_each(|(slope, value)| *slope += off * value);
}

/// Of weights and features.
pub fn dot(weights: &[f64], row: &[f32]) -> f64 {
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

fn dot_of(weights: &[f64], values: &[f64]) -> f64 {
    weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        for hidden in [0, 3] {
            let net = Net { size: 5, hidden, class_count: 4 };
            let parameters: Vec<f64> =
                (0..net.parameter_count()).map(|place| (place * 7 % 11) as f64 / 10.0 - 0.5).collect();
            let row = [0.3, -1.2, 0.8, 2.0, -0.4];
            let mut passed = net.passed();
            let mut gradient = vec![0.0; parameters.len()];
            net.log_loss(&parameters, &row, 2, &mut passed);
            net.add_gradient(&parameters, (&row, 2, 1.0), &mut passed, &mut gradient);
            for place in 0..parameters.len() {
                let mut moved = |step: f64| {
                    let mut moved = parameters.clone();
                    moved[place] += step;
                    net.log_loss(&moved, &row, 2, &mut passed)
                };
                let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((slope - gradient[place]).abs() < 1e-6, "{hidden} {place}: {slope} {}", gradient[place]);
            }
        }
    }
}
