//! Everything that speaks for or against each candidate pre-processing, as numbers.

use menagerie_contract::Dtype;

use super::{
    candidates::Candidate,
    features::{Look, disagreement, look},
    images::{Windows, dead_leaves},
    probe::{Front, Probe, Stages},
    read::{self, Fed},
};
use crate::{found::InputFound, graph::Graph};

/// Photos that decide where moments are stored; more do not change the answer (docs/detection.md).
pub const PHOTOS_AT_NORM: usize = 24;
/// Photos where the net's own answers must do.
pub const PHOTOS_WITHOUT_NORM: usize = 4;

/// What is known of one graph.
#[derive(Clone, Debug, Default)]
pub struct Clues {
    /// The first layers, when they could be read.
    pub front: Option<Front>,
    /// What the graph's own constants say is fed.
    pub fed: Option<Fed>,
    /// Weight energy of the first tensor channel over that of the last, as a natural logarithm.
    pub energy_ratio: f32,
    /// By candidate, in the order of [`Candidate::all`].
    pub candidates: Vec<Clue>,
}

/// What is known of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clue {
    /// The candidate.
    pub candidate: Candidate,
    /// Disagreement with the moments of the first batch normalisation.
    pub disagreement: Option<f32>,
    /// What stands in front of the first activation function.
    pub first: Option<Look>,
    /// The scores.
    pub scores: Option<Look>,
}

/// Gathers what the graph says; `photos` replaces the built-in synthetic ones.
#[must_use]
pub fn gather(graph: &Graph<'_>, input: &InputFound, photos: Option<&Windows>) -> Clues {
    let blank = |candidate| Clue { candidate, disagreement: None, first: None, scores: None };
    let mut clues = Clues {
        candidates: Candidate::all(input.channels).into_iter().map(blank).collect(),
        fed: (input.dtype == Dtype::Uint8).then_some(Fed::Raw),
        ..Clues::default()
    };
    let Some(front) = Front::read(graph, input.node, input.first_layer, input.channels as usize) else {
        return clues;
    };
    clues.energy_ratio = front.energy_ratio();
    clues.fed = clues.fed.or_else(|| read::fed(&front.inside));
    measure(&front, input, photos, &mut clues.candidates);
    clues.front = Some(front);
    clues
}

fn measure(front: &Front, input: &InputFound, photos: Option<&Windows>, clues: &mut [Clue]) {
    let side = input.width.max(input.height) as usize;
    let count = if front.norm.is_some() { PHOTOS_AT_NORM } else { PHOTOS_WITHOUT_NORM };
    let built_in = || dead_leaves(count, front.window_side(side), side);
    let Some(probe) = Probe::new(front, &photos.cloned().unwrap_or_else(built_in), side) else { return };
    let candidates = clues.len();
    if let Some(norm) = &front.norm {
        for clue in clues {
            let found = probe.at_norm(&clue.candidate, candidates);
            clue.disagreement = found.and_then(|found| disagreement(&found.moments(), norm));
        }
        return;
    }
    // Channel order changes the looks too little to tell anything, so both orders share those of the first.
    let scalings = clues.iter().filter(|clue| clue.candidate.order == clues[0].candidate.order).count();
    for index in 0..candidates {
        let Clue { first, scores, .. } = if index < scalings {
            let stages = probe.stages(&clues[index].candidate, scalings);
            let Stages { first, scores } = stages.unwrap_or(Stages { first: None, scores: None });
            Clue { first: first.as_ref().map(look), scores: scores.as_ref().map(look), ..clues[index] }
        } else {
            clues[index % scalings]
        };
        clues[index] = Clue { first, scores, ..clues[index] };
    }
}
