//! Fewer numbers in place of many features.

use crate::{net::dot, random::Random};

/// Below this share of a row's own square nothing of it is new.
const NOTHING: f64 = 1e-9;
/// Rounds that turn random directions into those of the largest spread (N. Halko, P. G. Martinsson and J. A. Tropp, Finding
/// structure with randomness, 2011, algorithm 4.4: two or three are enough).
const ROUNDS: usize = 3;

/// Rows of at most as many values as there are rows, with the same products between them: whatever is linear in features and
/// weighed by the square of its weights is fitted to these as to those. `None` where that are not fewer.
pub fn reduced(rows: &[&[f32]], size: usize) -> Option<Vec<f32>> {
    let count = rows.len();
    if count >= size {
        return None;
    }
    // The factor of Cholesky of the matrix of products, row by row; a row that follows from earlier ones adds no column.
    let mut factor = vec![0.0; count * count];
    for (place, row) in rows.iter().enumerate() {
        let own: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
        let (before, after) = factor.split_at_mut(place * count);
        let current = &mut after[..count];
        for (other, before) in before.chunks_exact(count).enumerate() {
            if before[other] > 0.0 {
                let known: f64 = current[..other].iter().zip(&before[..other]).map(|(one, two)| one * two).sum();
                current[other] = (dot(&own, rows[other]) - known) / before[other];
            }
        }
        let square = dot(&own, row);
        let left = square - current[..place].iter().map(|value| value * value).sum::<f64>();
        current[place] = if left > NOTHING * square { left.sqrt() } else { 0.0 };
    }
    Some(factor.into_iter().map(|value| value as f32).collect())
}

/// Directions in which rows differ most, at right angles, all of one length.
pub struct Basis {
    /// Direction by direction, a value for each feature.
    pub directions: Vec<Vec<f64>>,
}

impl Basis {
    /// At most `count` of them, such that values along them have a mean square of 1. Rows have a mean of 0.
    pub fn of(rows: &[&[f32]], size: usize, count: usize, seed: u32) -> Self {
        let mut random = Random::new(u64::from(seed));
        let mut directions: Vec<Vec<f64>> =
            (0..count.min(size)).map(|_| (0..size).map(|_| random.centred()).collect()).collect();
        for _ in 0..ROUNDS {
            orthonormalise(&mut directions);
            let mut next = vec![vec![0.0; size]; directions.len()];
            for row in rows {
                for (direction, next) in directions.iter().zip(&mut next) {
                    let along = dot(direction, row);
                    next.iter_mut().zip(*row).for_each(|(sum, value)| *sum += along * f64::from(*value));
                }
            }
            directions = next;
        }
        orthonormalise(&mut directions);
        let squares: f64 = rows.iter().flat_map(|row| directions.iter().map(|one| dot(one, row).powi(2))).sum();
        let length = (squares / (rows.len() * directions.len()) as f64).sqrt();
        if length > 0.0 {
            directions.iter_mut().flatten().for_each(|value| *value /= length);
        }
        Self { directions }
    }

    /// Rows of `size` features along the directions.
    pub fn project(&self, values: &[f32], size: usize) -> Vec<f32> {
        values.chunks_exact(size).flat_map(|row| self.directions.iter().map(|one| dot(one, row) as f32)).collect()
    }
}

/// By Gram and Schmidt; what follows from those before becomes 0.
fn orthonormalise(vectors: &mut [Vec<f64>]) {
    for place in 0..vectors.len() {
        let (before, after) = vectors.split_at_mut(place);
        let vector = &mut after[0];
        let square = product(vector, vector);
        // Twice is enough (Parlett, The Symmetric Eigenvalue Problem, 1980, section 6.9).
        for other in [before.iter(), before.iter()].into_iter().flatten() {
            let along = product(vector, other);
            vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
        }
        let left = product(vector, vector);
        let factor = if left > NOTHING * square { 1.0 / left.sqrt() } else { 0.0 };
        for value in vector.iter_mut() {
            *value *= factor;
        }
    }
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(count: usize, size: usize) -> Vec<Vec<f32>> {
        let mut random = Random::new(7);
        let mut rows: Vec<Vec<f32>> = (0..count)
            .map(|_| (0..size).map(|place| (random.centred() * (size - place) as f64) as f32).collect())
            .collect();
        if let [.., last, copy] = rows.as_mut_slice() {
            copy.clone_from(last);
        }
        rows
    }

    #[test]
    fn fewer_values_have_the_same_products() {
        let rows = made(9, 40);
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let fewer = reduced(&rows, 40).unwrap();
        let product = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        for (one, reduced_one) in rows.iter().zip(fewer.chunks(9)) {
            for (other, reduced_other) in rows.iter().zip(fewer.chunks(9)) {
                let (wanted, found) = (product(one, other), product(reduced_one, reduced_other));
                assert!((wanted - found).abs() < 1e-4 * product(one, one), "{wanted} {found}");
            }
        }
        assert_eq!(reduced(&rows, 9), None);
    }

    #[test]
    fn the_directions_of_the_largest_spread_are_found_and_what_lies_along_them_has_a_mean_square_of_one() {
        let rows: Vec<Vec<f32>> =
            (0..50).map(|place| vec![0.1 * (place % 5) as f32, 0.0, 9.0 * (place as f32 - 24.5)]).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let basis = Basis::of(&rows, 3, 1, 1);
        let [direction] = basis.directions.as_slice() else { panic!("one") };
        assert!(direction[2].abs() > 1000.0 * direction[0].abs());
        let along: Vec<f32> = rows.iter().flat_map(|row| basis.project(row, 3)).collect();
        let square = along.iter().map(|value| value * value).sum::<f32>() / 50.0;
        assert!((square - 1.0).abs() < 1e-4, "{square}");
    }
}
