//! What the graph says of mean, divisor and channel order together, for whoever can try them on photos.

use menagerie_contract::Scaling;

use super::Answer;

/// Each candidate that the graph's own constants leave possible, the most probable first.
pub fn scalings(answer: &Answer) -> Vec<Scaling> {
    let mut scalings: Vec<Scaling> = answer
        .probabilities
        .iter()
        .enumerate()
        .filter(|(_, probability)| **probability > 0.0)
        .map(|(index, probability)| {
            let (mean, std) = answer.values(index);
            Scaling { mean, std, channel_order: answer.candidates[index].order, probability: *probability }
        })
        .collect();
    scalings.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    scalings
}
