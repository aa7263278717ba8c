//! From features to a head and what it is worth.

use menagerie_contract::{CurvePoint, TeachReport, WrongPhoto};

use crate::{
    TeachError,
    curve::with_twice,
    fit::fit,
    loss::{Loss, log_loss},
    rows::{Rows, Scale},
    split::{counts, shuffled},
};

/// Penalties that are tried, the strongest first: each start is the end of the one before.
const L2_TRIED: [f64; 10] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.000_3, 0.000_1];
/// The one where there are too few photos to choose.
const L2_DEFAULT: f64 = 0.1;
/// Weaker ones are left out once so many in a row were worse than the best.
const L2_WORSE_MAX: usize = 2;
/// Parts that photos are dealt into to choose it. Fewer photos of a class are not dealt.
const FOLDS: usize = 3;
/// Photos that it is chosen by, at most: with more it hardly changes, and takes as much longer.
const CHOSEN_BY_MAX: usize = 3000;
/// Steps of the optimiser while it is chosen, and at the end.
const STEPS_CHOOSING: u64 = 40;
const STEPS_MAX: u64 = 300;
/// Shares of the photos that the learning curve is drawn of, as what all are divided by.
const CURVE: [usize; 2] = [4, 2];
/// Photos that are named, at most.
const WRONG_MAX: usize = 20;
/// Of all work, the part after which the penalty is chosen, the curve drawn.
const CHOSEN: f64 = 0.6;
const DRAWN: f64 = 0.8;

/// What a head is trained with.
#[derive(Clone, Debug)]
pub struct Lesson<'a> {
    /// Row-major: features of each photo in their order, then of mirrored copies of those that are not set aside, of all or
    /// of none, in the same order.
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

/// A class layer: a photo's logits are its features times `weights`, plus `biases`.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Row-major, a row for each feature, a column for each class.
    pub weights: Vec<f32>,
    /// One for each class.
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
    let has_copies = features.len() == size * (classes.len() + kept.len());
    let is_whole = size > 0
        && (has_copies || features.len() == size * classes.len())
        && held_out.len() == classes.len()
        && groups.len() == classes.len();
    if !is_whole || kept.is_empty() || measured.is_empty() {
        let shown = format!("{} features of {} photos, {} set aside", features.len(), classes.len(), measured.len());
        return Err(TeachError::Mismatch(shown));
    }
    if features.iter().any(|value| !value.is_finite()) {
        return Err(TeachError::Fit("some are not finite".into()));
    }
    let scale = Scale::of(&features, size, &kept);
    scale.apply(&mut features);
    let copies = if has_copies { kept.iter().map(|place| classes[*place]).collect() } else { Vec::new() };
    let all_classes = [classes, &copies].concat();
    let rows = Rows { values: &features, size, classes: &all_classes, class_count };
    // The groups in random order: any part of the list from its start is dealt as the whole.
    let dealt = dealt(&kept, classes, class_count, groups, seed);
    let chosen = choose(rows, &dealt, |share| told(CHOSEN * share))?;
    let l2 = chosen.unwrap_or(L2_DEFAULT);
    let copy_of = |place: &usize| kept.binary_search(place).ok().map(|rank| classes.len() + rank);
    let with_copies = |places: &[usize]| -> Vec<usize> {
        let copies = places.iter().filter_map(|place| copy_of(place).filter(|_| has_copies));
        places.iter().copied().chain(copies).collect()
    };
    let mut parameters = vec![0.0; Loss::parameter_count(&rows)];
    let mut curve = Vec::new();
    for (done, part) in CURVE.into_iter().chain([1]).enumerate() {
        let places = part_of(&dealt, classes, class_count, part);
        parameters = fit(rows, &with_copies(&places), l2, parameters, STEPS_MAX)?;
        let right = answers(&rows, &parameters, &measured).filter(|answer| answer.is_right).count();
        curve.push(CurvePoint { trained: places.len() as u32, right: right as u32 });
        told(CHOSEN + (DRAWN - CHOSEN) * (done + 1) as f64 / CURVE.len() as f64);
    }
    let right = curve.last().map_or(0, |point| point.right);
    let mut wrong: Vec<WrongPhoto> =
        answers(&rows, &parameters, &measured).filter(|answer| !answer.is_right).map(|answer| answer.wrong).collect();
    wrong.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    wrong.truncate(WRONG_MAX);
    let held_out = measured.len() as u32;
    let report = TeachReport {
        trained: kept.len() as u32,
        held_out,
        right,
        l2,
        folds: if chosen.is_some() { FOLDS as u32 } else { 0 },
        with_twice: with_twice(&curve, held_out),
        curve,
        wrong,
    };
    told(1.0);
    Ok(Taught { head: folded(&parameters, &scale, class_count), report })
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

/// The penalty with which photos of one fold are told best by what was fitted to the others; `None` where a class has too
/// few photos.
fn choose(rows: Rows<'_>, dealt: &[Vec<usize>], mut told: impl FnMut(f64)) -> Result<Option<f64>, TeachError> {
    let mut folds = vec![Vec::new(); FOLDS];
    let mut per_class = vec![vec![0_usize; rows.class_count]; FOLDS];
    let mut met = vec![0_usize; rows.class_count];
    let mut taken = 0;
    for members in dealt {
        let Some(class) = members.first().map(|place| rows.class(*place)) else { continue };
        if taken >= CHOSEN_BY_MAX {
            break;
        }
        let fold = met[class] % FOLDS;
        met[class] += 1;
        taken += members.len();
        for place in members {
            per_class[fold][rows.class(*place)] += 1;
        }
        folds[fold].extend(members);
    }
    if per_class.iter().flatten().any(|count| *count == 0) {
        return Ok(None);
    }
    let others = |fold: usize| -> Vec<usize> {
        folds.iter().enumerate().filter(|(other, _)| *other != fold).flat_map(|(_, places)| places).copied().collect()
    };
    let mut found = vec![vec![0.0; Loss::parameter_count(&rows)]; FOLDS];
    let mut best = (f64::INFINITY, L2_DEFAULT);
    let mut worse = 0;
    for (tried, l2) in L2_TRIED.into_iter().enumerate() {
        let mut loss = 0.0;
        for (fold, found) in found.iter_mut().enumerate() {
            *found = fit(rows, &others(fold), l2, std::mem::take(found), STEPS_CHOOSING)?;
            loss += mean_loss(&rows, found, &folds[fold]) / FOLDS as f64;
            told((tried * FOLDS + fold + 1) as f64 / (L2_TRIED.len() * FOLDS) as f64);
        }
        worse = if loss < best.0 { 0 } else { worse + 1 };
        if loss < best.0 {
            best = (loss, l2);
        }
        if worse == L2_WORSE_MAX {
            break;
        }
    }
    Ok(Some(best.1))
}

/// Each class weighs the same.
fn mean_loss(rows: &Rows<'_>, parameters: &[f64], places: &[usize]) -> f64 {
    let mut sums = vec![(0.0, 0_u32); rows.class_count];
    let mut probabilities = vec![0.0; rows.class_count];
    for place in places {
        let class = rows.class(*place);
        sums[class].0 += log_loss(rows, parameters, rows.row(*place), class, &mut probabilities);
        sums[class].1 += 1;
    }
    sums.iter().map(|(sum, count)| sum / f64::from(*count)).sum::<f64>() / rows.class_count as f64
}

struct Answer {
    is_right: bool,
    wrong: WrongPhoto,
}

fn answers(rows: &Rows<'_>, parameters: &[f64], places: &[usize]) -> impl Iterator<Item = Answer> {
    let mut probabilities = vec![0.0; rows.class_count];
    places.iter().map(move |place| {
        let class = rows.class(*place);
        log_loss(rows, parameters, rows.row(*place), class, &mut probabilities);
        // Ties go to the lower class, as in answers of the service.
        let best = (1..probabilities.len())
            .fold(0, |best, other| if probabilities[other] > probabilities[best] { other } else { best });
        let wrong = WrongPhoto { photo: *place as u32, answered: best as u32, probability: probabilities[best] };
        Answer { is_right: best == class, wrong }
    })
}

/// The same head for features as they came.
fn folded(parameters: &[f64], Scale { means, factors }: &Scale, class_count: usize) -> Head {
    let size = means.len();
    let (weights, biases) = parameters.split_at(class_count * size);
    let mut head = Head { weights: vec![0.0; weights.len()], biases: Vec::with_capacity(class_count) };
    for (class, (weights, bias)) in weights.chunks_exact(size).zip(biases).enumerate() {
        let mut shifted = *bias;
        for (feature, ((weight, mean), factor)) in weights.iter().zip(means).zip(factors).enumerate() {
            head.weights[feature * class_count + class] = (weight * factor) as f32;
            shifted -= weight * factor * mean;
        }
        head.biases.push(shifted as f32);
    }
    head
}
