//! The loss of a net on rows, with its gradient: the weighted mean of `-ln p(class)`, plus `l2 / 2` times the sum of squared
//! weights; biases are free.

use std::cell::RefCell;

use argmin::core::{CostFunction, Error, Gradient};

use crate::{net::Net, rows::Rows};

/// Rows to be fitted.
pub struct Loss<'a> {
    net: Net,
    rows: Rows<'a>,
    /// Row and its weight; the weights sum to 1.
    taken: Vec<(usize, f64)>,
    l2: f64,
    /// Where the loss was computed last: optimisers ask for its value and its gradient one after the other.
    last: RefCell<(Vec<f64>, f64, Vec<f64>)>,
}

impl<'a> Loss<'a> {
    /// The loss of the rows at `places`. Classes weigh the same, however many rows each has.
    pub fn new(net: Net, rows: Rows<'a>, places: &[usize], l2: f64) -> Self {
        let mut counts = vec![0_u32; rows.class_count];
        for place in places {
            counts[rows.class(*place)] += 1;
        }
        let class_count = counts.iter().filter(|count| **count > 0).count() as f64;
        let weight = |place: usize| 1.0 / (class_count * f64::from(counts[rows.class(place)]));
        let taken = places.iter().map(|place| (*place, weight(*place))).collect();
        Self { net, rows, taken, l2, last: RefCell::default() }
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
        let mut gradient = vec![0.0; parameters.len()];
        let mut loss = 0.0;
        let mut passed = self.net.passed();
        for (place, weight) in &self.taken {
            let (row, class) = (self.rows.row(*place), self.rows.class(*place));
            loss += weight * self.net.log_loss(parameters, row, class, &mut passed);
            self.net.add_gradient(parameters, (row, class, *weight), &mut passed, &mut gradient);
        }
        for range in self.net.weights() {
            for (slope, weight) in gradient[range.clone()].iter_mut().zip(&parameters[range]) {
                *slope += self.l2 * weight;
                loss += self.l2 / 2.0 * weight * weight;
            }
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
