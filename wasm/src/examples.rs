//! Photos whose labels are known decide between the settings that a graph leaves open: each is run in each way that its
//! pixels may have been scaled and fitted, and what its label gets is added to what the graph itself says. Photos without
//! labels, which stand behind those, are a weak clue ([`spread`]).
//!
//! A host makes the views of each photo ([`views`]), asks [`next_step`] what to run, makes the frames with [`feed`], reads the
//! replies with [`judge`], and asks again, until there is a [`Decision`]. Nothing is kept between calls.

mod decide;
mod feed;
mod fits;
mod names;
mod posterior;
mod spread;
mod ways;

use std::collections::BTreeSet;

use menagerie_contract::{Example, ImageLimits, NextStep, Try};

pub use feed::feed;

use crate::{
    confidence::Ranking,
    decode::decode_shrunk,
    error::Error,
    model::Model,
    resize::{region, resize, shrink_max},
    scores::Scores,
};
use posterior::Posterior;
use spread::Spread;
use ways::Ways;

/// Runs on one photo, at most; of a graph that leaves its side open as many as it was tried with before make them 60.
pub const RUNS_MAX: usize = 53;
/// Ways of scaling whose logarithm of odds against the best is larger than this are not tried in other fits.
const LEAD: f64 = 3.0;

/// Every different view that the ways of fitting give of a photo, one after the other, and which of them each way gives.
/// Views are `height * width * channels` bytes, R, G, B or grey.
///
/// # Errors
/// Those of decoding, and [`Error::FieldInvalid`] for a label that the model has not.
pub fn views(
    model: &Model,
    image: &[u8],
    label: Option<&str>,
    limits: &ImageLimits,
) -> Result<(Vec<u8>, Vec<u32>), Error> {
    label.map(|label| names::class_of(model, label)).transpose()?;
    let ways = Ways::of(&model.spec);
    let inputs: Vec<_> = ways.fits.iter().map(|way| way.value.of(&model.spec.input)).collect();
    let shrink = |size| inputs.iter().map(|input| shrink_max(size, None, input)).fold(f64::INFINITY, f64::min);
    let photo = decode_shrunk(image, limits, &shrink)?;
    let mut different: Vec<Vec<u8>> = Vec::new();
    let mut places = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let pixels = resize(&photo, region(photo.size(), None)?, input)?.bytes;
        let known = different.iter().position(|view| *view == pixels);
        places.push(known.unwrap_or(different.len()) as u32);
        if known.is_none() {
            different.push(pixels);
        }
    }
    Ok((different.concat(), places))
}

/// What a photo's label, where it has one, got in each answer of an engine's reply to a frame of [`feed`] with its views in
/// these ways.
///
/// # Errors
/// Those of [`crate::pipeline::answer`].
pub fn judge(
    model: &Model,
    reply: &[u8],
    label: Option<&str>,
    scalings: &[u32],
    views: &[u32],
) -> Result<Vec<Try>, Error> {
    let output = &model.spec.output;
    let class = label.map(|label| names::class_of(model, label)).transpose()?;
    let class_count = model.names.count(output.kind, output.classes);
    let of_one = |(scores, (scaling, view)): (&Scores, (&u32, &u32))| {
        let all = Ranking::of(output.kind, scores, class_count, 1.0)?;
        let probability = class.map_or(all.best.probability, |class| all.probability_of(class));
        let classes = if class.is_none() { all.shares(spread::LIKELY_MIN) } else { vec![] };
        Ok(Try { scaling: *scaling, view: *view, probability, classes })
    };
    let answers = Scores::read_all(reply, output, scalings.len() as u32)?;
    answers.iter().zip(scalings.iter().zip(views)).map(of_one).collect()
}

/// What is to be run next, or what was decided.
///
/// First every way of scaling is run on the first photo, fitted as the graph's makers mostly do; those that fall far behind
/// are left out of the photos that follow. Then the best ones are run in the other ways of fitting, likewise. Photos without
/// labels are run fitted as usual, in the ways of scaling that they could still bring to the front.
#[must_use]
pub fn next_step(model: &Model, examples: &[Example]) -> NextStep {
    let classes = crate::calibrate::labels_of(model).len();
    let (labelled, unlabelled) = examples.split_at(examples.iter().take_while(|one| one.label.is_some()).count());
    let ways = Ways::for_photos(&model.spec, labelled);
    for (place, example) in labelled.iter().enumerate() {
        let alive = Posterior::of(&ways, &labelled[..place], 0, classes).alive(posterior::KEEP);
        let usual = example.views.first().copied().unwrap_or_default();
        let missing = alive.into_iter().map(|scaling| (scaling, usual)).filter(|run| !is_tried(example, *run));
        if let Some(step) = run(place, missing.collect()) {
            return step;
        }
    }
    let leaders = Posterior::of(&ways, labelled, 0, classes).alive(LEAD);
    for (place, example) in labelled.iter().enumerate() {
        let before = Posterior::of(&ways, labelled, place, classes);
        let runs = leaders.iter().flat_map(|scaling| {
            let kept = before.alive_fits(*scaling, if place == 0 { f64::INFINITY } else { posterior::KEEP });
            let views: BTreeSet<u32> = kept.iter().filter_map(|fit| example.views.get(*fit).copied()).collect();
            views.into_iter().map(|view| (*scaling, view))
        });
        let room = RUNS_MAX.saturating_sub(example.tries.len());
        let missing = runs.filter(|run| !is_tried(example, *run)).take(room);
        if let Some(step) = run(place, missing.collect()) {
            return step;
        }
    }
    let by_labels = Posterior::of(&ways, labelled, labelled.len(), classes);
    let contenders = by_labels.alive(spread::WEIGHT);
    if spread::tells(unlabelled.len()) && contenders.len() > 1 {
        for (place, example) in unlabelled.iter().enumerate() {
            let usual = example.views.first().copied().unwrap_or_default();
            let missing = contenders.iter().map(|scaling| (*scaling, usual)).filter(|run| !is_tried(example, *run));
            if let Some(step) = run(labelled.len() + place, missing.collect()) {
                return step;
            }
        }
    }
    let spread = Spread::of(&contenders, unlabelled, classes);
    NextStep::Decided { decision: decide::decide(model, &ways, labelled, &by_labels, &spread) }
}

fn is_tried(example: &Example, (scaling, view): (u32, u32)) -> bool {
    posterior::tried(example, scaling, view).is_some()
}

fn run(photo: usize, runs: Vec<(u32, u32)>) -> Option<NextStep> {
    let (scalings, views): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    (!scalings.is_empty()).then_some(NextStep::Run { photo: photo as u32, scalings, views })
}
