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

/// What features are brought to a common size with: the mean of each, and one factor for all. A factor for each would make as
/// much of those that hardly vary, which with few photos costs more than it gives (`docs/teach.md`).
pub struct Scale {
    pub means: Vec<f64>,
    /// The inverse of the root of the mean variance; 0 where nothing varies.
    pub factor: f64,
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
        let squares = rows().flat_map(|row| row.iter().zip(&means)).map(|(value, mean)| {
            let off = f64::from(*value) - mean;
            off * off
        });
        let deviation = (squares.sum::<f64>() / (count * size as f64)).sqrt();
        Self { means, factor: if deviation > 0.0 { 1.0 / deviation } else { 0.0 } }
    }

    /// Brings all rows to that size, in place.
    pub fn apply(&self, values: &mut [f32]) {
        for row in values.chunks_exact_mut(self.means.len()) {
            for (value, mean) in row.iter_mut().zip(&self.means) {
                *value = ((f64::from(*value) - mean) * self.factor) as f32;
            }
        }
    }
}
