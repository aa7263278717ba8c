//! Features, row by row.

/// Rows of features, each with its class and weight.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Standardised features of all rows, `size` each.
    pub values: &'a [f32],
    /// Features of a row.
    pub size: usize,
    /// Class of each row of `values`.
    pub classes: &'a [u32],
    /// Classes in all.
    pub class_count: usize,
}

impl<'a> Rows<'a> {
    /// The features of a row.
    pub fn row(&self, place: usize) -> &'a [f32] {
        &self.values[place * self.size..][..self.size]
    }

    /// The class of a row.
    pub fn class(&self, place: usize) -> usize {
        self.classes[place] as usize
    }
}

/// Mean and the inverse of the standard deviation of each feature.
pub struct Scale {
    pub means: Vec<f64>,
    /// 0 for a feature that never varies.
    pub factors: Vec<f64>,
}

impl Scale {
    /// That of the rows at `places`.
    pub fn of(values: &[f32], size: usize, places: &[usize]) -> Self {
        let count = places.len() as f64;
        let rows = || places.iter().map(|place| &values[place * size..][..size]);
        let mut means = vec![0.0; size];
        for row in rows() {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / count);
        }
        let mut factors = vec![0.0; size];
        for row in rows() {
            for ((factor, value), mean) in factors.iter_mut().zip(row).zip(&means) {
                let off = f64::from(*value) - mean;
                *factor += off * off / count;
            }
        }
        for (factor, mean) in factors.iter_mut().zip(&means) {
            let deviation = factor.sqrt();
            let varies = deviation > f64::from(f32::EPSILON) * mean.abs() && deviation > f64::from(f32::MIN_POSITIVE);
            *factor = if varies { 1.0 / deviation } else { 0.0 };
        }
        Self { means, factors }
    }

    /// Standardises all rows in place.
    pub fn apply(&self, values: &mut [f32]) {
        for row in values.chunks_exact_mut(self.means.len()) {
            for ((value, mean), factor) in row.iter_mut().zip(&self.means).zip(&self.factors) {
                *value = ((f64::from(*value) - mean) * factor) as f32;
            }
        }
    }
}
