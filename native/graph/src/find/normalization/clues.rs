//! Everything that speaks for or against each candidate pre-processing, as numbers.

use menagerie_contract::Dtype;

use super::{
    candidates::Candidate,
    domains::{CLOSE, Domain, NATURAL, OTHERS},
    features::{Look, disagreement, look},
    images::{Windows, dead_leaves},
    norm::Norm,
    probe::{Front, Probe},
    read::{self, Fed},
};
use crate::{data::graph::Graph, find::found::InputFound};

/// Photos that the first layers are run on; more do not change the answer (docs/detection.md).
pub const PHOTOS: usize = 24;
/// Photos that more than the first layers are run on.
pub const PHOTOS_DEEPER: usize = 4;

/// What is known of one graph.
#[derive(Clone, Debug, Default)]
pub struct Clues {
    /// The first layers, when they could be read.
    pub front: Option<Front>,
    /// What the graph's own constants say is fed.
    pub fed: Option<Fed>,
    /// Weight energy of the first tensor channel over that of the last, as a natural logarithm.
    pub energy_ratio: f32,
    /// Size of the first biases beside their kernels, as [`Front::bias_ratio`] has it.
    pub bias_ratio: Option<f32>,
    /// By candidate, in the order of [`Candidate::all`].
    pub candidates: Vec<Clue>,
}

/// What is known of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clue {
    /// The candidate.
    pub candidate: Candidate,
    /// Disagreement with the moments of the first batch normalisation, in `domain` and times its penalty.
    pub disagreement: Option<f32>,
    /// The domain of photos in which that is least.
    pub domain: Domain,
    /// What stands in front of the first activation function.
    pub first: Option<Look>,
    /// What stands in front of the second.
    pub second: Option<Look>,
    /// The scores.
    pub scores: Option<Look>,
}

/// Gathers what the graph says; `photos` replaces the built-in synthetic ones.
#[must_use]
pub fn gather(graph: &Graph<'_>, input: &InputFound, photos: Option<&Windows>) -> Clues {
    let blank =
        |candidate| Clue { candidate, disagreement: None, domain: NATURAL, first: None, second: None, scores: None };
    let mut clues = Clues {
        candidates: Candidate::all(input.channels).into_iter().map(blank).collect(),
        fed: (input.dtype == Dtype::Uint8).then_some(Fed::Raw),
        ..Clues::default()
    };
    let Some(front) = Front::read(graph, input.node, input.first_layer, input.channels as usize) else {
        return clues;
    };
    clues.energy_ratio = front.energy_ratio();
    clues.bias_ratio = front.bias_ratio();
    clues.fed = clues.fed.or_else(|| read::fed(&front.inside));
    measure(&front, input, photos, &mut clues.candidates);
    clues.front = Some(front);
    clues
}

fn measure(front: &Front, input: &InputFound, photos: Option<&Windows>, clues: &mut [Clue]) {
    let side = input.width.max(input.height) as usize;
    let built_in = || {
        let window = front.window_side(side);
        dead_leaves(front.photo_count(PHOTOS, window, clues.len()), window, side)
    };
    let domains: &[Domain] = if photos.is_some() { &[] } else { &OTHERS };
    let photos = photos.cloned().unwrap_or_else(built_in);
    if photos.count == 0 || side == 0 {
        return;
    }
    let Some(probe) = Probe::new(front, &photos, side) else { return };
    let candidates = clues.len();
    if let Some(norm) = &front.norm {
        measure_at_norm(&probe, norm, domains, clues);
        return;
    }
    for clue in clues.iter_mut() {
        clue.first = probe.first_stage(&clue.candidate, candidates).as_ref().map(look);
    }
    measure_deeper(front, side, clues);
}

/// Other domains only matter to candidates that nearly fit.
fn measure_at_norm(probe: &Probe<'_>, norm: &Norm, domains: &[Domain], clues: &mut [Clue]) {
    let candidates = clues.len();
    let measured = |candidate: &Candidate| {
        probe.at_norm(candidate, candidates).and_then(|found| disagreement(&found.moments(), norm))
    };
    for clue in clues.iter_mut() {
        clue.disagreement = measured(&clue.candidate);
    }
    let least = clues.iter().filter_map(|clue| clue.disagreement).fold(f32::INFINITY, f32::min);
    for clue in clues.iter_mut().filter(|clue| clue.disagreement.is_some_and(|found| found <= CLOSE * least)) {
        for domain in domains {
            let found = measured(&domain.seen(&clue.candidate)).map(|found| domain.penalty * found);
            if found.is_some_and(|found| clue.disagreement.is_none_or(|least| found < least)) {
                *clue = Clue { disagreement: found, domain: *domain, ..*clue };
            }
        }
    }
}

/// Channel order changes the spread of deeper values too little to tell anything, so both orders share that of the first.
fn measure_deeper(front: &Front, side: usize, clues: &mut [Clue]) {
    let scalings = clues.iter().filter(|clue| clue.candidate.order == clues[0].candidate.order).count();
    let is_whole = front.reaches_scores(PHOTOS_DEEPER, side, scalings);
    let window = if is_whole { side } else { front.window_side(side) };
    let Some(probe) = Probe::new(front, &dead_leaves(PHOTOS_DEEPER, window, side), side) else { return };
    for index in 0..clues.len() {
        let (second, scores) = if index < scalings {
            let deeper = probe.deeper(&clues[index].candidate, scalings);
            let scores = deeper.scores.filter(|_| is_whole);
            (deeper.second.as_ref().map(look), scores.as_ref().map(look))
        } else {
            (clues[index % scalings].second, clues[index % scalings].scores)
        };
        clues[index] = Clue { second, scores, ..clues[index] };
    }
}
