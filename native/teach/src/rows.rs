//! Features, row by row.

/// Rows of features, each with its class and weight.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Features of all rows, `size` each, as [`Scale`] leaves them.
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

/// What features are brought to a common size with: the mean of each, and what it is multiplied with, the inverse of the
/// geometric mean of its own spread and that of all. Its own alone makes as much of features that hardly vary, the common one
/// alone as little; between them more answers are right, with few photos and with many (`docs/teach.md`).
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
            for (mean, value) in means.iter_mut().zip(row) {
                *mean += f64::from(*value);
            }
        }
        for mean in &mut means {
            *mean /= count;
        }
        let mut variances = vec![0.0; size];
        for row in rows() {
            for ((variance, value), mean) in variances.iter_mut().zip(row).zip(&means) {
                let off = f64::from(*value) - mean;
                *variance += off * off / count;
            }
        }
        let common = (variances.iter().sum::<f64>() / size as f64).sqrt();
        let factor = |variance: &f64| if *variance > 0.0 { 1.0 / (variance.sqrt() * common).sqrt() } else { 0.0 };
        Self { factors: variances.iter().map(factor).collect(), means }
    }

    /// For what is of a common size.
    pub fn none(size: usize) -> Self {
        Self { means: vec![0.0; size], factors: vec![1.0; size] }
    }

    /// Brings all rows to that size, in place.
    pub fn apply(&self, values: &mut [f32]) {
        for row in values.chunks_exact_mut(self.means.len()) {
            for ((value, mean), factor) in row.iter_mut().zip(&self.means).zip(&self.factors) {
                *value = ((f64::from(*value) - mean) * factor) as f32;
            }
        }
    }
}
