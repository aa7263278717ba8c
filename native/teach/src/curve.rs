//! What more photos would bring.

use menagerie_contract::CurvePoint;

/// The share of right answers that twice the photos of the last point would give, if the error went on shrinking as
/// a power of their number (Hestness et al., Deep learning scaling is predictable, empirically, 2017): from the first point
/// to the last. `None` where it does not shrink.
pub fn with_twice(points: &[CurvePoint], held_out: u32) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let error = |point: &CurvePoint| f64::from(held_out - point.right) / f64::from(held_out);
    let (before, after) = (error(first), error(last));
    if after <= 0.0 || after >= before || last.trained <= first.trained {
        return None;
    }
    let grown = libm::log(f64::from(last.trained) / f64::from(first.trained));
    let power = libm::log(before / after) / grown;
    Some(1.0 - after * libm::exp(-power * std::f64::consts::LN_2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_halves_with_each_doubling_is_halved_once_more() {
        let point = |trained, right| CurvePoint { trained, right };
        let found = with_twice(&[point(25, 60), point(50, 80), point(100, 90)], 100).unwrap();
        assert!((found - 0.95).abs() < 1e-12, "{found}");
        assert_eq!(with_twice(&[point(25, 90), point(100, 90)], 100), None);
        assert_eq!(with_twice(&[point(25, 90), point(100, 100)], 100), None);
        assert_eq!(with_twice(&[], 100), None);
    }
}
