//! From features to a head and what it is worth.

use menagerie_contract::{CurvePoint, HiddenTried, TeachReport, WrongPhoto};

use crate::{
    TeachError,
    basis::Basis,
    choose::{Chosen, FOLDS, Hidden, L2_DEFAULT, choose},
    curve::with_twice,
    fit::fit,
    hidden::{HIDDEN, fit_hidden, unprojected},
    loss::Loss,
    net::Net,
    rows::{Rows, Scale},
    split::{counts, shuffled},
};

/// Steps of the optimiser at the end.
const STEPS_MAX: u64 = 300;
/// Shares of the photos that the learning curve is drawn of, as what all are divided by.
const CURVE: [usize; 2] = [4, 2];
/// Photos that are named, at most.
const WRONG_MAX: usize = 20;
/// Photos that directions are found by, at most.
const BASIS_MAX: usize = 3000;
/// Of all work, the part after which the head is chosen, the curve drawn.
const CHOSEN: f64 = 0.6;
const DRAWN: f64 = 0.8;

/// What a head is trained with.
#[derive(Clone, Debug)]
pub struct Lesson<'a> {
    /// Row-major: features of each photo in their order, then those of copies of all that are not set aside, in the same order:
    /// of no, one or several copies each, copy by copy.
    pub features: Vec<f32>,
    /// Features of a photo.
    pub size: usize,
    /// Of each photo, below `class_count`.
    pub classes: &'a [u32],
    /// Classes in all, at least 2.
    pub class_count: usize,
    /// As in [`crate::Split`].
    pub held_out: &'a [bool],
    /// As in [`crate::Split`].
    pub groups: &'a [u32],
    /// Another one deals the photos otherwise.
    pub seed: u32,
}

/// What stands on the features: a photo's logits are those of the class layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// A layer with a rectifier between the features and the class layer.
    pub hidden: Option<Dense>,
    /// The class layer.
    pub classes: Dense,
}

/// A layer: what comes in times `weights`, plus `biases`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Row-major, a row for each value that comes in, a column for each that goes out.
    pub weights: Vec<f32>,
    /// One for each value that goes out.
    pub biases: Vec<f32>,
}

/// What training gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// For features as they came.
    pub head: Head,
    /// What it is worth.
    pub report: TeachReport,
}

/// Trains on all photos that are not set aside, and measures on those that are. `told` hears what share is done.
///
/// # Errors
/// [`TeachError::Mismatch`] where the lists do not belong together, [`TeachError::Fit`] for features that are not finite.
pub fn train(lesson: Lesson<'_>, mut told: impl FnMut(f64)) -> Result<Taught, TeachError> {
    let Lesson { mut features, size, classes, class_count, held_out, groups, seed } = lesson;
    counts(classes, class_count)?;
    let side = |wanted: bool| (0..classes.len()).filter(|place| held_out.get(*place) == Some(&wanted)).collect();
    let (kept, measured): (Vec<usize>, Vec<usize>) = (side(false), side(true));
    let is_whole = held_out.len() == classes.len() && groups.len() == classes.len() && !measured.is_empty();
    let copies = copies_of(features.len(), size, classes.len(), kept.len()).filter(|_| is_whole).ok_or_else(|| {
        let shown = format!("{} features of {} photos, {} set aside", features.len(), classes.len(), measured.len());
        TeachError::Mismatch(shown)
    })?;
    if features.iter().any(|value| !value.is_finite()) {
        return Err(TeachError::Fit("some are not finite".into()));
    }
    let scale = Scale::of(&features, size, &kept);
    scale.apply(&mut features);
    let of_copies = (0..copies).flat_map(|_| kept.iter().map(|place| classes[*place]));
    let all_classes: Vec<u32> = classes.iter().copied().chain(of_copies).collect();
    let rows = Rows { values: &features, size, classes: &all_classes, class_count };
    // The groups in random order: any part of the list from its start is dealt as the whole.
    let dealt = dealt(&kept, classes, class_count, groups, seed);
    let chosen = choose(rows, &dealt, seed, |share| told(CHOSEN * share))?;
    let with_copies = |places: &[usize]| -> Vec<usize> {
        let ranks_of = |place: &usize| {
            let rank = kept.binary_search(place).ok();
            rank.into_iter().flat_map(|rank| (0..copies).map(move |copy| (copy, rank)))
        };
        let of_copies = places.iter().flat_map(ranks_of).map(|(copy, rank)| classes.len() + copy * kept.len() + rank);
        places.iter().copied().chain(of_copies).collect()
    };
    let hidden = chosen.as_ref().and_then(|chosen| chosen.hidden.as_ref()).filter(|hidden| hidden.pays());
    let fitter = Fitter::new(rows, &dealt, chosen.as_ref().map_or(L2_DEFAULT, |chosen| chosen.l2), hidden, seed);
    let own = fitter.rows();
    let mut parameters = vec![0.0; fitter.net.parameter_count()];
    let mut curve = Vec::new();
    for (done, part) in CURVE.into_iter().chain([1]).enumerate() {
        let places = part_of(&dealt, classes, class_count, part);
        parameters = fitter.fit(&with_copies(&places), parameters)?;
        let right = answers(fitter.net, own, &parameters, &measured).filter(|answer| answer.is_right).count();
        curve.push(CurvePoint { trained: places.len() as u32, right: right as u32 });
        told(CHOSEN + (DRAWN - CHOSEN) * (done + 1) as f64 / CURVE.len() as f64);
    }
    let right = curve.last().map_or(0, |point| point.right);
    let mut wrong: Vec<WrongPhoto> = answers(fitter.net, own, &parameters, &measured)
        .filter(|answer| !answer.is_right)
        .map(|answer| answer.wrong)
        .collect();
    wrong.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    wrong.truncate(WRONG_MAX);
    let held_out = measured.len() as u32;
    let report = TeachReport {
        trained: kept.len() as u32,
        held_out,
        right,
        l2: fitter.l2,
        folds: if chosen.is_some() { FOLDS as u32 } else { 0 },
        hidden: fitter.net.hidden as u32,
        hidden_tried: chosen.and_then(tried),
        with_twice: with_twice(&curve, held_out),
        curve,
        wrong,
    };
    let head = fitter.head(&parameters, &scale);
    told(1.0);
    Ok(Taught { head, report })
}

/// How many copies each of `kept` photos has, where all of `photos` have so many values with them.
fn copies_of(values: usize, size: usize, photos: usize, kept: usize) -> Option<usize> {
    let rows = values.checked_div(size).filter(|rows| rows * size == values)?;
    let of_copies = rows.checked_sub(photos)?;
    of_copies.checked_div(kept).filter(|copies| copies * kept == of_copies)
}

fn tried(chosen: Chosen) -> Option<HiddenTried> {
    chosen.hidden.map(|Hidden { log_loss, flat, error, .. }| HiddenTried { with: log_loss, without: flat, error })
}

/// How a head is fitted.
struct Fitter<'a> {
    rows: Rows<'a>,
    net: Net,
    l2: f64,
    seed: u32,
    /// Where there is a hidden layer: how many stages it is fitted in, what it takes, and that of each row.
    hidden: Option<(usize, Basis, Vec<f32>)>,
}

impl<'a> Fitter<'a> {
    fn new(rows: Rows<'a>, dealt: &[Vec<usize>], l2: f64, hidden: Option<&Hidden>, seed: u32) -> Self {
        let Rows { size, class_count, .. } = rows;
        let Some(Hidden { l2, stages, .. }) = hidden else {
            return Self { rows, net: Net { size, hidden: 0, class_count }, l2, seed, hidden: None };
        };
        let taken: Vec<&[f32]> = dealt.iter().flatten().take(BASIS_MAX).map(|place| rows.row(*place)).collect();
        let basis = Basis::of(&taken, size, HIDDEN, seed);
        let net = Net { size: basis.directions.len(), hidden: HIDDEN, class_count };
        let values = basis.project(rows.values, size);
        Self { rows, net, l2: *l2, seed, hidden: Some((*stages, basis, values)) }
    }

    /// What the net takes.
    fn rows(&self) -> Rows<'_> {
        let values = self.hidden.as_ref().map_or(self.rows.values, |(_, _, values)| values);
        Rows { values, size: self.net.size, ..self.rows }
    }

    /// Fits the rows at `places`; one layer from `start` on.
    fn fit(&self, places: &[usize], start: Vec<f64>) -> Result<Vec<f64>, TeachError> {
        match &self.hidden {
            Some((stages, ..)) => fit_hidden(self.net, self.rows(), places, (self.l2, *stages), self.seed),
            None => fit(Loss::new(self.net, self.rows(), places, self.l2), start, STEPS_MAX),
        }
    }

    /// The same for features as they came.
    fn head(&self, parameters: &[f64], scale: &Scale) -> Head {
        let Net { hidden, class_count, size, .. } = self.net;
        let (front, back) = self.net.layers(parameters);
        let Some((_, basis, _)) = &self.hidden else {
            return Head { hidden: None, classes: folded(back, class_count, scale) };
        };
        let (weights, biases) = front.split_at(hidden * size);
        let front = [unprojected(basis, weights, self.rows.size), biases.to_vec()].concat();
        Head { hidden: Some(folded(&front, hidden, scale)), classes: folded(back, class_count, &Scale::none(hidden)) }
    }
}

/// The photos at `places`, group by group in random order.
fn dealt(places: &[usize], classes: &[u32], class_count: usize, groups: &[u32], seed: u32) -> Vec<Vec<usize>> {
    let own: Vec<u32> = places.iter().map(|place| groups[*place]).collect();
    let mut dealt: Vec<Vec<usize>> = shuffled(&own, seed ^ 1)
        .into_iter()
        .map(|members| members.into_iter().map(|rank| places[rank]).collect())
        .collect();
    // Of each class in turn, so that folds are alike.
    let mut met = vec![0_usize; class_count];
    dealt.sort_by_cached_key(|members: &Vec<usize>| {
        let class = members.first().map_or(0, |place| classes[*place] as usize);
        met[class] += 1;
        (met[class], class)
    });
    dealt
}

/// One of `part` photos of each class, at least one, whole groups.
fn part_of(dealt: &[Vec<usize>], classes: &[u32], class_count: usize, part: usize) -> Vec<usize> {
    let mut left = vec![0_usize; class_count];
    for place in dealt.iter().flatten() {
        left[classes[*place] as usize] += 1;
    }
    for count in &mut left {
        *count = count.div_ceil(part);
    }
    let mut taken = Vec::new();
    for members in dealt {
        let class = members.first().map_or(0, |place| classes[*place] as usize);
        if left[class] > 0 {
            taken.extend(members);
            for place in members {
                let class = classes[*place] as usize;
                left[class] = left[class].saturating_sub(1);
            }
        }
    }
    taken
}

struct Answer {
    is_right: bool,
    wrong: WrongPhoto,
}

fn answers(net: Net, rows: Rows<'_>, parameters: &[f64], places: &[usize]) -> impl Iterator<Item = Answer> {
    let mut passed = net.passed();
    places.iter().map(move |place| {
        let class = rows.class(*place);
        net.log_loss(parameters, rows.row(*place), class, &mut passed);
        let probabilities = &passed.probabilities;
        // Ties go to the lower class, as in answers of the service.
        let best = (1..probabilities.len())
            .fold(0, |best, other| if probabilities[other] > probabilities[best] { other } else { best });
        let wrong = WrongPhoto { photo: *place as u32, answered: best as u32, probability: probabilities[best] };
        Answer { is_right: best == class, wrong }
    })
}

/// A layer of so many outputs for what comes in as it came.
fn folded(layer: &[f64], outputs: usize, Scale { means, factors }: &Scale) -> Dense {
    let size = means.len();
    let (weights, biases) = layer.split_at(outputs * size);
    let mut dense = Dense { weights: vec![0.0; weights.len()], biases: Vec::with_capacity(outputs) };
    for (output, (weights, bias)) in weights.chunks_exact(size).zip(biases).enumerate() {
        let mut shifted = *bias;
        for (feature, ((weight, mean), factor)) in weights.iter().zip(means).zip(factors).enumerate() {
            dense.weights[feature * outputs + output] = (weight * factor) as f32;
            shifted -= weight * factor * mean;
        }
        dense.biases.push(shifted as f32);
    }
    dense
}
