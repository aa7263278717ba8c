//! Everything that speaks for or against each candidate pre-processing, as numbers.

use menagerie_contract::{ChannelOrder, Dtype};

use super::{
    candidates::Candidate,
    domains::{CLOSE, Domain, NATURAL, OTHERS},
    features::{Look, disagreement, look},
    fit::{Fitted, Photos, fit},
    images::{Windows, dead_leaves},
    linear::Linear,
    norm::Norm,
    probe::{Front, Probe},
    read::{self, Fed},
    sets::{MEASURED, log_likelihood, log_likelihood_of_any, measured},
    weigh::is_contradicted,
};
use crate::{data::graph::Graph, find::found::InputFound};

/// Photos that the first layers are run on; more do not change the answer (docs/detection.md).
pub const PHOTOS: usize = 24;
/// Photos that more than the first layers are run on.
pub const PHOTOS_DEEPER: usize = 4;

/// Up to this [`Fitted::cost_per_moment`] a fit is as good as nine in ten fits of the tune part of the family; above, what
/// it says counts less in proportion.
///
/// [`Fitted::cost_per_moment`]: super::fit::Fitted::cost_per_moment
pub const MISFIT_USUAL: f64 = 0.4;

/// What differs between the synthetic photos and others is off in many channels at once: as many of them as this share are
/// independent.
const INDEPENDENT: f64 = 0.5;

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
    /// How poor the best fit to stored moments is: [`super::fit::Fitted::cost_per_moment`]; absent without a fit.
    pub misfit: Option<f64>,
    /// The mean cost of a moment in the best fit, however little it weighs there; absent without a fit.
    pub unexplained: Option<f64>,
    /// By candidate, in the order of [`Candidate::all`]; where a scaling was fitted, [`Candidate::rare`] and what was
    /// measured in each order behind them.
    pub candidates: Vec<Clue>,
}

/// What is known of one candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clue {
    /// The candidate.
    pub candidate: Candidate,
    /// Natural logarithm of the likelihood of the moments of the first batch normalisation, where the way there is linear
    /// and a scaling was fitted to them; less where no scaling fits.
    pub likelihood: Option<f32>,
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

impl Clue {
    fn new(candidate: Candidate) -> Self {
        let (likelihood, disagreement) = (None, None);
        Self { candidate, likelihood, disagreement, domain: NATURAL, first: None, second: None, scores: None }
    }
}

/// Gathers what the graph says; `photos` replaces the built-in synthetic ones.
#[must_use]
pub fn gather(graph: &Graph<'_>, input: &InputFound, photos: Option<&Windows>) -> Clues {
    let mut clues = Clues {
        candidates: Candidate::all(input.channels).into_iter().map(Clue::new).collect(),
        fed: (input.dtype == Dtype::Uint8).then_some(Fed::Raw),
        ..Clues::default()
    };
    let Some(front) = Front::read(graph, input.node, input.first_layer, input.channels as usize) else {
        return clues;
    };
    clues.energy_ratio = front.energy_ratio();
    clues.bias_ratio = front.bias_ratio();
    clues.fed = clues.fed.or_else(|| read::fed(&front.inside));
    measure(&front, input, photos, &mut clues);
    clues.front = Some(front);
    if input.dtype != Dtype::Uint8 && is_contradicted(&clues) {
        clues.fed = None;
        if let Some(front) = clues.front.take() {
            measure(&front, input, photos, &mut clues);
            clues.front = Some(front);
        }
    }
    clues
}

fn measure(front: &Front, input: &InputFound, photos: Option<&Windows>, clues: &mut Clues) {
    let side = input.width.max(input.height) as usize;
    let candidates = clues.candidates.len();
    let built_in = || {
        let window = front.window_side(side);
        dead_leaves(front.photo_count(PHOTOS, window, candidates), window, side)
    };
    let photos = photos.cloned().unwrap_or_else(built_in);
    if photos.count == 0 || side == 0 {
        return;
    }
    let Some(probe) = Probe::new(front, &photos, side) else { return };
    if let Some(norm) = &front.norm {
        let is_fitted = front.is_linear() && fit_at_norm(&probe, norm, &photos, clues).is_some();
        if !is_fitted {
            measure_at_norm(&probe, norm, &mut clues.candidates);
        }
        return;
    }
    for clue in &mut clues.candidates {
        clue.first = probe.first_stage(&clue.candidate, candidates).as_ref().map(look);
    }
    measure_deeper(front, side, &mut clues.candidates);
}

/// Fits the scaling, and weighs every candidate by the fit.
fn fit_at_norm(probe: &Probe<'_>, norm: &Norm, photos: &Windows, clues: &mut Clues) -> Option<()> {
    let inside = &probe.front.inside;
    let channels = inside.scale.len();
    let mut orders: Vec<ChannelOrder> = clues.candidates.iter().map(|clue| clue.candidate.order).collect();
    orders.dedup();
    let mut linears = Linear::of_orders(probe, &orders)?;
    let fitted = |linear: &Linear| {
        let read = if linear.order == ChannelOrder::Gray { &inside.channel[..1] } else { &inside.channel };
        fit(linear, norm, &Photos::new(photos, linear.order, read)?)
    };
    let mut fits = linears.iter().map(fitted).collect::<Option<Vec<_>>>()?;
    let is_alike = |values: &[f32]| values.iter().all(|value| value.total_cmp(&values[0]).is_eq());
    let may_be_grey = clues.fed.is_none() && is_alike(&inside.scale) && is_alike(&inside.offset);
    let mut grey_volume = 0.0;
    if let Some(linear) = Linear::of_grey(probe).filter(|_| may_be_grey)
        && let Some(fit) = fitted(&linear)
    {
        grey_volume = fit.log_volume() - fits.iter().map(Fitted::log_volume).sum::<f64>() / fits.len() as f64;
        orders.push(linear.order);
        linears.push(linear);
        fits.push(fit);
    }
    let misfit = fits.iter().map(|fit| fit.cost_per_moment).fold(f64::INFINITY, f64::min);
    let trust = (MISFIT_USUAL / misfit).min(1.0);
    let mut candidates: Vec<Candidate> = clues.candidates.iter().map(|clue| clue.candidate).collect();
    if clues.fed.is_none() {
        candidates.extend(Candidate::rare(channels as u32));
        candidates.extend(fits.iter().filter(|fit| fit.pixels.len() == channels).map(|fit| measured(fit, inside)));
        if fits.iter().any(|fit| fit.pixels.len() < channels) {
            candidates.extend(Candidate::grey_in_colour());
        }
    }
    let weighed = |candidate: Candidate| {
        let at = orders.iter().position(|order| *order == candidate.order)?;
        let fit = &fits[at];
        let affine: Vec<(f64, f64)> =
            (0..fit.pixels.len()).map(|channel| inside.pixel_affine(&candidate, channel)).collect();
        let read = &inside.channel[..fit.pixels.len()];
        let colours: Vec<usize> = read.iter().map(|channel| candidate.colour(*channel)).collect();
        let of_sets = if candidate.scaling.name == MEASURED {
            log_likelihood_of_any(fit)
        } else {
            log_likelihood(fit, &affine, &colours)
        };
        let volume = if fit.pixels.len() < channels { grey_volume } else { 0.0 };
        let (factors, addends): (Vec<f64>, Vec<f64>) = affine.into_iter().unzip();
        let weights: Vec<f64> = factors.into_iter().chain(addends).chain([1.0]).collect();
        let likelihood = Some((trust * (of_sets + volume - INDEPENDENT * 0.5 * fit.cost)) as f32);
        let disagreement = disagreement(&linears[at].moments(&weights), norm);
        Some(Clue { likelihood, disagreement, ..Clue::new(candidate) })
    };
    clues.candidates = candidates.into_iter().map(weighed).collect::<Option<_>>()?;
    clues.misfit = Some(misfit);
    clues.unexplained = fits.iter().map(|fit| fit.cost / fit.moments as f64).reduce(f64::min);
    Some(())
}

/// Other domains only matter to candidates that nearly fit.
fn measure_at_norm(probe: &Probe<'_>, norm: &Norm, clues: &mut [Clue]) {
    let candidates = clues.len();
    let measured = |candidate: &Candidate| {
        probe.at_norm(candidate, candidates).and_then(|found| disagreement(&found.moments(), norm))
    };
    for clue in clues.iter_mut() {
        clue.disagreement = measured(&clue.candidate);
    }
    let least = clues.iter().filter_map(|clue| clue.disagreement).fold(f32::INFINITY, f32::min);
    for clue in clues.iter_mut().filter(|clue| clue.disagreement.is_some_and(|found| found <= CLOSE * least)) {
        for domain in OTHERS {
            let found = measured(&domain.seen(&clue.candidate)).map(|found| domain.penalty * found);
            if found.is_some_and(|found| clue.disagreement.is_none_or(|least| found < least)) {
                *clue = Clue { disagreement: found, domain, ..*clue };
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
