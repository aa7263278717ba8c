//! How 0–255 pixels become the values that the graph was trained on.
//!
//! [`clues`] gathers what the graph says about each of [`candidates`], [`weigh`] turns it into probabilities, and this
//! file puts the answer into words. How well it does, and how it was fitted, is in `docs/detection.md`.

pub mod candidates;
pub mod clues;
pub mod constants;
pub mod domains;
pub mod features;
pub mod fit;
pub mod images;
mod joint;
pub mod layers;
pub mod linear;
pub mod matrix;
pub mod norm;
pub mod note;
pub mod priors;
pub mod probe;
pub mod read;
pub mod sets;
pub mod settings;
pub mod walk;
pub mod weigh;
mod words;

use menagerie_contract::{Evidence, Resize, Source};

use self::{
    candidates::Candidate,
    clues::{Clues, gather},
    images::Windows,
    priors::{Family, Fit},
    weigh::{confidence_max, mean_confidence_max, order_confidence_max, weigh},
};
use crate::{
    data::graph::Graph,
    find::found::{InputFound, Normalization, OutputFound, alternative, evidence},
};

/// Below this confidence the caller is warned.
const CONFIDENCE_WARNED: f32 = 0.75;

/// What a graph can tell. How photos are fitted it cannot, so a warning of that would stand beside every graph.
const FIELDS_WARNED: [&str; 3] = ["input.mean", "input.std", "input.channel_order"];

/// Warns of each detected field whose confidence is below [`CONFIDENCE_WARNED`].
#[must_use]
pub fn warnings(entries: &[Evidence]) -> Vec<String> {
    entries
        .iter()
        .filter(|entry| FIELDS_WARNED.contains(&entry.field.as_str()) && entry.confidence < CONFIDENCE_WARNED)
        .map(|entry| {
            format!(
                "{} is only {:.0} % sure; set it when you know how the model was trained",
                entry.field,
                entry.confidence * 100.0
            )
        })
        .collect()
}

/// Finds mean, divisor and channel order of the input, and how photos are fitted to it.
///
/// `graph` is the graph as it came, with `input` and `output` found in it; the returned vectors have `input.channels`
/// values. An input of type uint8 is fed as it is (mean 0, divisor 1).
#[must_use]
pub fn detect(graph: &Graph<'_>, input: &InputFound, output: &OutputFound) -> Normalization {
    detect_with(graph, input, output, None)
}

/// [`detect`] on the caller's photos in place of the built-in synthetic ones.
#[must_use]
pub fn detect_with(
    graph: &Graph<'_>,
    input: &InputFound,
    output: &OutputFound,
    photos: Option<&Windows>,
) -> Normalization {
    let family = Family::of(graph, input, output);
    let clues = gather(graph, input, photos);
    let answer = Answer::new(&clues, weigh(&clues, family), input.channels as usize);
    let (mean, std) = answer.values(answer.best);
    let order = clues.candidates[answer.best].candidate.order;
    let because = words::scaling(graph, &clues, &answer, family);
    let source = words::source(&clues, &answer, family);
    let most_sure = |source| confidence_max(&clues.candidates[answer.best], source == Source::Read);
    let most = most_sure(source);
    let most_of_mean = most.min(mean_confidence_max(&mean));
    let mut entries = vec![
        answer.evidence("input.mean", source, most_of_mean, &because, |index| answer.values(index).0),
        answer.evidence("input.std", source, most, &because, |index| answer.values(index).1),
    ];
    if source == Source::Measured && most_of_mean < most {
        entries[0]
            .because
            .push_str("; the mean is as exact as sets of photos are alike, and habit says which value near it");
    }
    if clues.front.as_ref().is_some_and(probe::Front::ignores_mean) {
        entries[0].because.push_str("; the first kernels sum to 0, so the mean changes nothing but the edges");
    }
    if input.channels == 1 {
        entries.push(evidence("input.channel_order", order, Source::Read, 1.0, "the input has one channel"));
    } else {
        let (source, because) = words::order(&clues, &answer, family);
        let order_of = |index: usize| clues.candidates[index].candidate.order;
        let most = if source == Source::Read { 1.0 } else { order_confidence_max(&clues) };
        let most = most_sure(source).min(most);
        entries.push(answer.evidence("input.channel_order", source, most, &because, order_of));
    }
    let Fit { resize, crop_fraction, confidence, because } = family.fit();
    entries.push(evidence("input.resize", resize, Source::Prior, confidence, because));
    if resize == Resize::CenterCrop {
        entries.push(evidence("input.crop_fraction", crop_fraction, Source::Prior, confidence, because));
    }
    let (resize_filter, confidence, because) = family.resize_filter();
    entries.push(evidence("input.resize_filter", resize_filter, Source::Prior, confidence, because));
    let scalings = joint::scalings(&answer);
    Normalization { mean, std, channel_order: order, resize, crop_fraction, resize_filter, evidence: entries, scalings }
}

/// The candidates with their probabilities.
pub(crate) struct Answer {
    candidates: Vec<Candidate>,
    probabilities: Vec<f32>,
    channels: usize,
    /// Index of the most probable candidate.
    pub(crate) best: usize,
}

impl Answer {
    fn new(clues: &Clues, probabilities: Vec<f32>, channels: usize) -> Self {
        let best =
            (0..probabilities.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b])).unwrap_or_default();
        let candidates = clues.candidates.iter().map(|clue| clue.candidate).collect();
        Self { candidates, probabilities, channels, best }
    }

    /// Index of the most probable candidate of another scaling than the best one.
    pub(crate) fn runner_up(&self) -> Option<usize> {
        let taken = self.candidates[self.best].scaling;
        (0..self.candidates.len())
            .filter(|index| self.candidates[*index].scaling != taken && self.probabilities[*index] > 0.0)
            .max_by(|a, b| self.probabilities[*a].total_cmp(&self.probabilities[*b]))
    }

    /// Mean and std of candidate `index`, in the order of the tensor's channels.
    fn values(&self, index: usize) -> (Vec<f32>, Vec<f32>) {
        (0..self.channels).map(|channel| self.candidates[index].of_channel(channel)).unzip()
    }

    /// The field's value under the best candidate, with the probability of all candidates that share it, at most `most`.
    fn evidence<T: PartialEq + serde::Serialize>(
        &self,
        field: &str,
        source: Source,
        most: f32,
        because: &str,
        value: impl Fn(usize) -> T,
    ) -> Evidence {
        let mut shares: Vec<(T, f32)> = Vec::new();
        for (index, probability) in self.probabilities.iter().enumerate() {
            let value = value(index);
            match shares.iter_mut().find(|(other, _)| *other == value) {
                Some((_, share)) => *share += probability,
                None => shares.push((value, *probability)),
            }
        }
        let taken = value(self.best);
        let share = shares.iter().find(|(value, _)| *value == taken).map_or(0.0, |(_, share)| *share);
        shares.retain(|(value, share)| *value != taken && *share > 0.0);
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut entry = evidence(field, taken, source, share.min(most), because);
        entry.alternatives = shares.into_iter().map(|(value, share)| alternative(value, share)).collect();
        entry
    }
}
