//! What a head is like that tells photos best that it was not fitted to: cross-validation.

use crate::{
    TeachError,
    basis::{Basis, reduced},
    fit::fit,
    hidden::{HIDDEN, start},
    loss::Loss,
    net::Net,
    rows::Rows,
};

/// Penalties that are tried, the strongest first: each start is the end of the one before.
const L2_TRIED: [f64; 10] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.000_3, 0.000_1];
/// The one where there are too few photos to choose.
pub const L2_DEFAULT: f64 = 0.1;
/// Weaker ones are left out once so many in a row were worse than the best.
const L2_WORSE_MAX: usize = 2;
/// Parts that photos are dealt into. Fewer photos of a class are not dealt.
pub const FOLDS: usize = 3;
/// Photos that are dealt, at most: with more the choice hardly changes, and takes as much longer.
const DEALT_MAX: usize = 3000;
/// Steps of the optimiser.
const STEPS: u64 = 40;

/// A hidden layer is tried with so many photos of each class, and with the first of these photos.
const HIDDEN_CLASS_MIN: usize = 24;
const HIDDEN_DEALT_MAX: usize = 1000;
/// Penalties that are tried with one, on values of mean square 1.
const HIDDEN_L2_TRIED: [f64; 2] = [0.01, 0.002];
/// After each of these its photos are asked: it stops early where more steps make it worse.
pub const HIDDEN_STEPS: [u64; 4] = [10, 15, 25, 50];
/// Of all that is tried, the part that is done without a hidden layer.
const FLAT: f64 = 0.5;
/// What logits are divided by before their log loss is taken, the best of these: a head is calibrated once it is fitted, so that
/// how sure it is by itself does not count.
const TEMPERATURES: [f64; 9] = [0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6];
/// A probability of 0 has no logarithm.
const PROBABILITY_MIN: f64 = 1e-300;

/// What was found best.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Strength of the penalty of one layer.
    pub l2: f64,
    /// Its mean log loss.
    pub log_loss: f64,
    /// What a hidden layer gave; absent where there are too few photos.
    pub hidden: Option<Hidden>,
}

/// The best that a hidden layer gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden {
    /// Strength of the penalty.
    pub l2: f64,
    /// How many of [`HIDDEN_STEPS`] it is fitted in.
    pub stages: usize,
    /// Its mean log loss, of the photos that it was tried with.
    pub log_loss: f64,
    /// That of one layer, of the same photos.
    pub flat: f64,
    /// Standard error of the difference.
    pub error: f64,
}

impl Hidden {
    /// Whether it is better by more than a standard error.
    pub fn pays(&self) -> bool {
        self.flat - self.log_loss > self.error
    }
}

/// Photos in folds.
struct Dealt {
    /// Rows of each fold.
    folds: Vec<Vec<usize>>,
}

impl Dealt {
    /// At most `most` of the groups in their order; `None` where a fold has fewer than `least` photos of a class.
    fn new(rows: &Rows<'_>, groups: &[Vec<usize>], most: usize, least: usize) -> Option<Self> {
        let mut folds = vec![Vec::new(); FOLDS];
        let mut per_class = vec![vec![0_usize; rows.class_count]; FOLDS];
        let mut met = vec![0_usize; rows.class_count];
        let mut taken = 0;
        for members in groups {
            let Some(class) = members.first().map(|place| rows.class(*place)) else { continue };
            if taken >= most {
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
        per_class.iter().flatten().all(|count| *count >= least).then_some(Self { folds })
    }

    fn all(&self) -> impl Iterator<Item = usize> {
        self.folds.iter().flatten().copied()
    }

    fn but(&self, fold: usize) -> Vec<usize> {
        let others = self.folds.iter().enumerate().filter(|(other, _)| *other != fold);
        others.flat_map(|(_, places)| places).copied().collect()
    }
}

/// What tells photos of one fold best that was fitted to the others; `None` where a class has too few photos. `groups` are of
/// places of `rows`.
pub fn choose(
    rows: Rows<'_>,
    groups: &[Vec<usize>],
    seed: u32,
    mut told: impl FnMut(f64),
) -> Result<Option<Chosen>, TeachError> {
    let Some(dealt) = Dealt::new(&rows, groups, DEALT_MAX, 1) else { return Ok(None) };
    let places: Vec<usize> = dealt.all().collect();
    let taken: Vec<&[f32]> = places.iter().map(|place| rows.row(*place)).collect();
    let fewer = reduced(&taken, rows.size).map(|values| Fewer::new(rows, &places, values, places.len()));
    let (own, own_dealt) = match &fewer {
        Some(fewer) => (fewer.rows(), fewer.dealt(&dealt, &places)),
        None => (rows, dealt),
    };
    let mut losses = flat(own, &own_dealt, |share| told(FLAT * share))?;
    if fewer.is_some() {
        // By places of all rows.
        let mut spread = vec![f64::NAN; rows.classes.len()];
        places.iter().zip(&losses.losses).for_each(|(place, loss)| spread[*place] = *loss);
        losses.losses = spread;
    }
    let hidden = match Dealt::new(&rows, groups, HIDDEN_DEALT_MAX, HIDDEN_CLASS_MIN / FOLDS) {
        Some(dealt) => with_hidden(rows, &dealt, &losses.losses, seed, |share| told(FLAT + (1.0 - FLAT) * share))?,
        None => None,
    };
    Ok(Some(Chosen { l2: losses.l2, log_loss: losses.log_loss, hidden }))
}

/// Some rows with fewer values.
struct Fewer<'a> {
    values: Vec<f32>,
    size: usize,
    classes: Vec<u32>,
    of: Rows<'a>,
}

impl<'a> Fewer<'a> {
    fn new(of: Rows<'a>, places: &[usize], values: Vec<f32>, size: usize) -> Self {
        Self { values, size, classes: places.iter().map(|place| of.classes[*place]).collect(), of }
    }

    fn rows(&self) -> Rows<'_> {
        Rows { values: &self.values, size: self.size, classes: &self.classes, class_count: self.of.class_count }
    }

    /// The same folds of these rows.
    fn dealt(&self, dealt: &Dealt, places: &[usize]) -> Dealt {
        let mut rank = vec![0; self.of.classes.len()];
        places.iter().enumerate().for_each(|(at, place)| rank[*place] = at);
        let folds = dealt.folds.iter().map(|fold| fold.iter().map(|place| rank[*place]).collect()).collect();
        Dealt { folds }
    }
}

struct Flat {
    l2: f64,
    log_loss: f64,
    /// Of each row.
    losses: Vec<f64>,
}

fn flat(rows: Rows<'_>, dealt: &Dealt, mut told: impl FnMut(f64)) -> Result<Flat, TeachError> {
    let net = Net { size: rows.size, hidden: 0, class_count: rows.class_count };
    let mut found = vec![vec![0.0; net.parameter_count()]; FOLDS];
    let mut best = Flat { l2: L2_DEFAULT, log_loss: f64::INFINITY, losses: Vec::new() };
    let mut worse = 0;
    for (tried, l2) in L2_TRIED.into_iter().enumerate() {
        let mut losses = vec![[f64::NAN; TEMPERATURES.len()]; rows.classes.len()];
        for (fold, found) in found.iter_mut().enumerate() {
            *found = fit(Loss::new(net, rows, &dealt.but(fold), l2), std::mem::take(found), STEPS)?;
            put_losses(&net, &rows, found, &dealt.folds[fold], &mut losses);
            told((tried * FOLDS + fold + 1) as f64 / (L2_TRIED.len() * FOLDS) as f64);
        }
        let (log_loss, losses) = calibrated(&rows, &losses, dealt);
        if log_loss < best.log_loss {
            best = Flat { l2, log_loss, losses };
            worse = 0;
        } else {
            worse += 1;
        }
        if worse == L2_WORSE_MAX {
            break;
        }
    }
    Ok(best)
}

fn with_hidden(
    rows: Rows<'_>,
    dealt: &Dealt,
    flat: &[f64],
    seed: u32,
    mut told: impl FnMut(f64),
) -> Result<Option<Hidden>, TeachError> {
    let places: Vec<usize> = dealt.all().collect();
    let taken: Vec<&[f32]> = places.iter().map(|place| rows.row(*place)).collect();
    let basis = Basis::of(&taken, rows.size, HIDDEN, seed);
    let size = basis.directions.len();
    let values = taken.iter().flat_map(|row| basis.project(row, rows.size)).collect();
    let fewer = Fewer::new(rows, &places, values, size);
    let (own, own_dealt) = (fewer.rows(), fewer.dealt(dealt, &places));
    let net = Net { size, hidden: HIDDEN, class_count: rows.class_count };
    let flat: Vec<f64> = places.iter().map(|place| flat[*place]).collect();
    let mut best: Option<Hidden> = None;
    for (tried, l2) in HIDDEN_L2_TRIED.into_iter().enumerate() {
        let mut losses = vec![vec![[f64::NAN; TEMPERATURES.len()]; places.len()]; HIDDEN_STEPS.len()];
        for fold in 0..FOLDS {
            let mut found = start(&net, seed);
            let others = own_dealt.but(fold);
            for (steps, losses) in HIDDEN_STEPS.into_iter().zip(&mut losses) {
                found = fit(Loss::new(net, own, &others, l2), found, steps)?;
                put_losses(&net, &own, &found, &own_dealt.folds[fold], losses);
            }
            told((tried * FOLDS + fold + 1) as f64 / (HIDDEN_L2_TRIED.len() * FOLDS) as f64);
        }
        for (stage, losses) in losses.iter().enumerate() {
            let (log_loss, losses) = calibrated(&own, losses, &own_dealt);
            if best.as_ref().is_none_or(|best| log_loss < best.log_loss) {
                let off: Vec<f64> = flat.iter().zip(&losses).map(|(flat, hidden)| flat - hidden).collect();
                let (flat, _) = mean(&own, &flat, &own_dealt);
                let (_, error) = mean(&own, &off, &own_dealt);
                best = Some(Hidden { l2, stages: stage + 1, log_loss, flat, error });
            }
        }
    }
    Ok(best)
}

fn put_losses(
    net: &Net,
    rows: &Rows<'_>,
    parameters: &[f64],
    places: &[usize],
    losses: &mut [[f64; TEMPERATURES.len()]],
) {
    let mut passed = net.passed();
    for place in places {
        let class = rows.class(*place);
        net.log_loss(parameters, rows.row(*place), class, &mut passed);
        for probability in &mut passed.probabilities {
            *probability = libm::log(probability.max(PROBABILITY_MIN));
        }
        losses[*place] = TEMPERATURES.map(|temperature| {
            let sum: f64 = passed.probabilities.iter().map(|logarithm| libm::exp(logarithm / temperature)).sum();
            libm::log(sum) - passed.probabilities[class] / temperature
        });
    }
}

/// The mean log loss at the temperature that has the least, and that of each row.
fn calibrated(rows: &Rows<'_>, losses: &[[f64; TEMPERATURES.len()]], dealt: &Dealt) -> (f64, Vec<f64>) {
    let at = |temperature: usize| -> Vec<f64> { losses.iter().map(|losses| losses[temperature]).collect() };
    (0..TEMPERATURES.len())
        .map(|temperature| {
            let losses = at(temperature);
            (mean(rows, &losses, dealt).0, losses)
        })
        .min_by(|one, other| one.0.total_cmp(&other.0))
        .unwrap_or((f64::NAN, Vec::new()))
}

/// The mean of what each row has and its standard error; each class weighs the same.
fn mean(rows: &Rows<'_>, values: &[f64], dealt: &Dealt) -> (f64, f64) {
    let mut sums = vec![(0.0, 0.0, 0_u32); rows.class_count];
    for place in dealt.all() {
        let sum = &mut sums[rows.class(place)];
        sum.0 += values[place];
        sum.1 += values[place] * values[place];
        sum.2 += 1;
    }
    let class_count = rows.class_count as f64;
    let (mut mean, mut variance) = (0.0, 0.0);
    for (sum, squares, count) in sums {
        let count = f64::from(count);
        mean += sum / count / class_count;
        let spread = (squares / count - (sum / count) * (sum / count)).max(0.0);
        variance += spread / (count - 1.0).max(1.0) / (class_count * class_count);
    }
    (mean, variance.sqrt())
}
