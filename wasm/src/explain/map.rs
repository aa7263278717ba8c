//! Probabilities under masks to a map.

use menagerie_contract::ExplainMethod;

use super::masks::Plan;

/// Rows from the top: by how much the probability is higher while a cell is seen than while it is hidden.
///
/// `whole` is the probability for the whole photo, `hidden` those under each mask of the plan.
pub fn grid(plan: &Plan, whole: f32, hidden: &[f32]) -> Vec<Vec<f32>> {
    let cells = |value: &dyn Fn(u32, u32) -> f32| {
        (0..plan.detail).map(|row| (0..plan.detail).map(|column| value(column, row)).collect()).collect()
    };
    match plan.method {
        ExplainMethod::Occlusion => cells(&|column, row| whole - occluded(plan, hidden, column, row)),
        ExplainMethod::Rise => cells(&|column, row| {
            let (seen, unseen) = conditional(plan, hidden, column, row);
            seen - unseen
        }),
    }
}

/// The mean probability under the windows that lie over a cell, each weighed by how much of the cell it hides.
fn occluded(plan: &Plan, hidden: &[f32], column: u32, row: u32) -> f32 {
    let cell = 1.0 / f64::from(plan.detail);
    let shared = |start: f64, side: f64, place: u32| {
        let begin = f64::from(place) * cell;
        ((begin + cell).min(start + side) - begin.max(start)).max(0.0)
    };
    let weighed = hidden.iter().zip(0..).map(|(probability, number)| {
        let window = plan.window(number);
        let weight = shared(window.left, window.side, column) * shared(window.top, window.side, row);
        (weight, weight * f64::from(*probability))
    });
    share_of(weighed)
}

/// The mean probability while the middle of a cell is seen, and while it is hidden: the expectation of equation 4 of the
/// RISE paper, and that of its opposite, each over the masks that were drawn.
fn conditional(plan: &Plan, hidden: &[f32], column: u32, row: u32) -> (f32, f32) {
    let middle = |place: u32| (f64::from(place) + 0.5) / f64::from(plan.detail);
    let shares: Vec<(f64, f64)> = hidden
        .iter()
        .zip(0..)
        .map(|(probability, number)| {
            let share = plan.mask(number).share_seen(middle(column), middle(row));
            (f64::from(share), f64::from(*probability))
        })
        .collect();
    let seen = shares.iter().map(|(share, probability)| (*share, share * probability));
    let unseen = shares.iter().map(|(share, probability)| (1.0 - share, (1.0 - share) * probability));
    (share_of(seen), share_of(unseen))
}

/// The sum of weighed values by the sum of their weights; 0 where nothing weighs.
fn share_of(weighed: impl Iterator<Item = (f64, f64)>) -> f32 {
    let (weights, values) = weighed.fold((0.0, 0.0), |sums, (weight, value)| (sums.0 + weight, sums.1 + value));
    if weights > 0.0 { (values / weights) as f32 } else { 0.0 }
}
