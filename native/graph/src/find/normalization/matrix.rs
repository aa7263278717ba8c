//! Symmetric positive definite matrices of a few rows.

/// The lower triangular factor of a symmetric positive definite matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Cholesky {
    rows: usize,
    /// Row by row; 0 above the diagonal.
    factor: Vec<f64>,
}

impl Cholesky {
    /// Factors `matrix`, which has `rows` rows, row by row; absent when it is not positive definite.
    #[must_use]
    pub fn new(matrix: &[f64], rows: usize) -> Option<Self> {
        let mut factor = vec![0.0; rows * rows];
        for row in 0..rows {
            for column in 0..=row {
                let done: f64 = (0..column).map(|at| factor[row * rows + at] * factor[column * rows + at]).sum();
                let left = matrix[row * rows + column] - done;
                factor[row * rows + column] = if row == column {
                    if !(left.is_finite() && left > 0.0) {
                        return None;
                    }
                    left.sqrt()
                } else {
                    left / factor[column * rows + column]
                };
            }
        }
        Some(Self { rows, factor })
    }

    /// The `x` with `matrix * x = right`.
    #[must_use]
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let at = |row: usize, column: usize| self.factor[row * self.rows + column];
        let mut x = self.half_solve(right);
        for row in (0..self.rows).rev() {
            let done: f64 = (row + 1..self.rows).map(|below| at(below, row) * x[below]).sum();
            x[row] = (x[row] - done) / at(row, row);
        }
        x
    }

    fn half_solve(&self, right: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::with_capacity(self.rows);
        for (row, factors) in self.factor.chunks_exact(self.rows.max(1)).enumerate() {
            let done: f64 = factors.iter().zip(&x).map(|(factor, value)| factor * value).sum();
            x.push((right[row] - done) / factors[row]);
        }
        x
    }

    /// The inverse, row by row.
    #[must_use]
    pub fn inverse(&self) -> Vec<f64> {
        let unit = |row: usize| (0..self.rows).map(|column| f64::from(u8::from(row == column))).collect::<Vec<_>>();
        (0..self.rows).flat_map(|row| self.solve(&unit(row))).collect()
    }

    /// Half the natural logarithm of the determinant.
    #[must_use]
    pub fn log_root(&self) -> f64 {
        (0..self.rows).map(|row| self.factor[row * self.rows + row].ln()).sum()
    }

    /// Natural logarithm of the density at `distance` from the mean of the normal distribution with this covariance.
    #[must_use]
    pub fn log_density(&self, distance: &[f64]) -> f64 {
        let square: f64 = self.half_solve(distance).iter().map(|value| value * value).sum();
        -0.5 * square - self.log_root() - 0.5 * self.rows as f64 * std::f64::consts::TAU.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_solution_is_the_right_side() {
        let matrix = [4.0, 1.0, 0.5, 1.0, 3.0, -1.0, 0.5, -1.0, 2.0];
        let right = [1.0, -2.0, 3.0];
        let factored = Cholesky::new(&matrix, 3).unwrap();
        let x = factored.solve(&right);
        let inverse = factored.inverse();
        for row in 0..3 {
            let product: f64 = (0..3).map(|column| matrix[row * 3 + column] * x[column]).sum();
            assert!((product - right[row]).abs() < 1e-12);
            let other: f64 = (0..3).map(|column| inverse[row * 3 + column] * right[column]).sum();
            assert!((other - x[row]).abs() < 1e-12);
        }
        assert_eq!(Cholesky::new(&[1.0, 2.0, 2.0, 1.0], 2), None);
    }

    #[test]
    fn the_density_is_that_of_independent_normals() {
        let density = Cholesky::new(&[4.0, 0.0, 0.0, 0.25], 2).unwrap().log_density(&[1.0, 0.5]);
        let expected = -0.125 - 0.5 - (2.0_f64 * 0.5).ln() - std::f64::consts::TAU.ln();
        assert!((density - expected).abs() < 1e-12);
    }
}
