//! The evidence for mean, divisor and channel order, in words and numbers.

use std::fmt::Write;

use menagerie_contract::{ChannelOrder, Source};

use super::{
    Answer,
    candidates::Scaling,
    clues::{Clue, Clues, MISFIT_USUAL, PHOTOS},
    priors::Family,
    read::{self, Fed},
    sets::MEASURED,
    weigh::{shift_odds, support},
};
use crate::data::graph::Graph;

/// Natural logarithm of a likelihood ratio from which on the looks of a net count as measured.
const TELLING: f32 = 1.0;

/// Where the scaling comes from.
pub fn source(clues: &Clues, answer: &Answer, family: Family) -> Source {
    if clues.fed.is_some() {
        return Source::Read;
    }
    let best = &clues.candidates[answer.best];
    if best.disagreement.is_some() {
        return Source::Measured;
    }
    let expected =
        clues.candidates.iter().max_by(|a, b| family.log_rate(&a.candidate).total_cmp(&family.log_rate(&b.candidate)));
    let runner_up = of_other_scalings(clues, best).map(|clue| support(clues, clue)).fold(f32::NEG_INFINITY, f32::max);
    let overturned = expected.is_some_and(|expected| expected.candidate.scaling != best.candidate.scaling);
    let measured = best.first.is_some() && (overturned || support(clues, best) - runner_up > TELLING);
    if measured { Source::Measured } else { Source::Prior }
}

fn of_other_scalings<'c>(clues: &'c Clues, best: &'c Clue) -> impl Iterator<Item = &'c Clue> {
    clues.candidates.iter().filter(|clue| clue.candidate.scaling != best.candidate.scaling)
}

/// Why this scaling.
pub fn scaling(graph: &Graph<'_>, clues: &Clues, answer: &Answer, family: Family) -> String {
    let best = &clues.candidates[answer.best];
    let name = best.candidate.scaling.name;
    let mut words = String::new();
    if let Some(fed) = clues.fed {
        words.push_str(&inside(graph, clues, fed));
    }
    if let (Some(found), Some(norm)) = (best.disagreement, clues.front.as_ref().and_then(|front| front.norm.as_ref())) {
        let next = answer.runner_up().map(|index| &clues.candidates[index]);
        let next = next.and_then(|clue| Some((clue.candidate.scaling.name, clue.domain.name, clue.disagreement?)));
        let separator = if words.is_empty() { "" } else { "; " };
        let _ = write!(
            words,
            "{separator}{PHOTOS} synthetic photos{} as {name} give the first batch normalisation ({}, {} channels) \
             moments that disagree with the stored ones by {found:.3}",
            best.domain.name,
            norm.form,
            norm.mean.len(),
        );
        if let Some((other, domain, disagreement)) = next {
            let _ = write!(
                words,
                ",{domain} as {other} by {disagreement:.3} ({:.1} times as much)",
                disagreement / found.max(1e-6)
            );
        }
        words.push_str(&fitted(clues, best));
        return words;
    }
    if !words.is_empty() {
        return words;
    }
    let _ = write!(words, "no moments are stored; {}", family.habit());
    if let Some(first) = best.first {
        let _ = write!(
            words,
            "; on {PHOTOS} synthetic photos as {name} the values in front of the first activation function have \
             a standard deviation of {:.2}",
            first.spread.exp()
        );
        if let Some(scores) = best.scores {
            let _ = write!(words, " and the scores of {:.2}", scores.spread.exp());
        }
        if let Some(other) = answer.runner_up().map(|index| &clues.candidates[index]) {
            let times = (support(clues, best) - support(clues, other)).exp();
            let _ = write!(words, ", {times:.2} times as typical as for {}", other.candidate.scaling.name);
        }
    }
    words
}

/// The scaling that was fitted, and how well.
fn fitted(clues: &Clues, best: &Clue) -> String {
    let is_fit = |clue: &&Clue| clue.candidate.scaling.name == MEASURED && clue.candidate.order == best.candidate.order;
    let mut words = String::new();
    if let Some(Scaling { mean, std, .. }) = clues.candidates.iter().find(is_fit).map(|clue| clue.candidate.scaling) {
        let one_or_all = |values: [f32; 3]| {
            let count = if values[1..].iter().all(|value| value.total_cmp(&values[0]).is_eq()) { 1 } else { 3 };
            values[..count].iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let is_unknown = best.candidate.scaling.name == MEASURED;
        let known =
            if is_unknown { "no known scaling is near what was fitted: " } else { "fitted without candidates it is " };
        let _ = write!(words, "; {known}(pixel - {}) / {}", one_or_all(mean), one_or_all(std));
    }
    if let Some(misfit) = clues.misfit.filter(|misfit| *misfit > MISFIT_USUAL) {
        let _ = write!(words, "; even the best fit is poor ({misfit:.1} for each moment, usual up to {MISFIT_USUAL})");
    }
    words
}

/// What the graph does to the fed values itself.
fn inside(graph: &Graph<'_>, clues: &Clues, fed: Fed) -> String {
    let range = match fed {
        Fed::Raw => "0..255",
        Fed::Unit => "0..1",
    };
    let front = clues.front.as_ref().filter(|front| !front.inside.is_nothing());
    let Some(inside) = front.map(|front| &front.inside) else {
        return format!("the input takes bytes, so {range}");
    };
    let last = inside.last.map_or("", |id| graph.node(id).name.as_ref());
    let numbers = |values: &[f32]| values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ");
    format!(
        "the graph normalises itself up to `{last}`: it multiplies by {} and adds {}, so {range} is fed",
        numbers(&inside.scale),
        numbers(&inside.offset)
    )
}

/// Where the channel order comes from and why.
pub fn order(clues: &Clues, answer: &Answer, family: Family) -> (Source, String) {
    let best = &clues.candidates[answer.best];
    let order = best.candidate.order;
    let name = |order| match order {
        ChannelOrder::Rgb => "RGB",
        ChannelOrder::Bgr => "BGR",
        ChannelOrder::Gray => "grey in each channel",
    };
    let means = clues.fed.zip(clues.front.as_ref()).map(|(fed, front)| read::means(&front.inside, fed));
    if let Some(means) = means.filter(|means| read::order(means).is_some()) {
        let means = means.iter().map(|mean| format!("{mean:.1}")).collect::<Vec<_>>().join(", ");
        return (Source::Read, format!("the graph subtracts {means}: the mean of blue is the smallest"));
    }
    let other = clues
        .candidates
        .iter()
        .find(|clue| clue.candidate.scaling == best.candidate.scaling && clue.candidate.order != order);
    let energy = clues.energy_ratio.exp();
    let weights = format!("the first kernels weigh the first channel {energy:.2} times as much as the last");
    if let (Some(found), Some(other)) = (best.disagreement, other.and_then(|other| other.disagreement)) {
        let because = format!(
            "stored moments disagree by {found:.3} as {}, by {other:.3} in the other order ({:.2} times as much); {weights}",
            name(order),
            other / found.max(1e-6)
        );
        return (Source::Measured, because);
    }
    let shift = shift_odds(clues, best);
    let as_given = if order == ChannelOrder::Rgb { shift } else { -shift };
    let balance = format!(
        "the first values lie {:.2} times as far off 0 in the other order",
        if best.first.is_some() { as_given.exp() } else { 1.0 }
    );
    if clues.energy_ratio.abs() > 0.5 || as_given > 0.2 {
        return (Source::Measured, format!("{balance}; {weights}; photos vary least in blue"));
    }
    let habit = if family.is_custom_vision { family.habit() } else { "most nets take red first" };
    (Source::Prior, format!("{habit}; {balance}; {weights}; neither tells much"))
}
