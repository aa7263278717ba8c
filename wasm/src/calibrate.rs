//! What a model's confidence is worth, measured on photos whose classes are known.

use std::{cmp::Ordering, collections::BTreeMap};

use menagerie_contract::{
    Agreement, Band, BandLimits, Calibration,
    calibration::{CalibrationError, Confusion, MeasuredBand, MeasuredClass, ReliabilityBin},
};
use serde::Deserialize;

use crate::{
    error::Error,
    model::Model,
    temperature::{Rows, fit, temper},
};

/// Halves: each is measured with the temperature of the other.
const FOLDS: u32 = 2;
/// Rows of the reliability table.
const BINS: u32 = 10;
/// Places among which the right answer counts for `top5`.
const TOP: usize = 5;
/// Wrong answers that are listed.
const CONFUSIONS_MAX: usize = 10;

/// What is to be kept beside what is measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct About {
    /// As [`Calibration::data`].
    pub data: String,
    /// As [`Calibration::date`].
    pub date: String,
    /// As [`Calibration::unsure_below`].
    pub unsure_below: f32,
}

/// Whether the photo at a place is looked at.
type Keep<'a> = &'a dyn Fn(usize) -> bool;

/// The best answer for one photo.
#[derive(Clone, Copy, Debug)]
struct Said {
    truth: usize,
    class: usize,
    probability: f32,
}

impl Said {
    fn is_right(self) -> bool {
        self.class == self.truth
    }
}

/// Measures a model by its untempered probabilities, one row a photo.
///
/// The photos of each class are dealt into two folds in turn. Bands, reliability and the error after are those of
/// probabilities with the temperature that was fitted on the other fold; `temperature` itself is fitted on all. Where a
/// temperature cannot be fitted ([`fit`]), or the classes do not exclude each other, it is 1.
///
/// # Errors
/// [`Error::Internal`] where the rows are not whole, or there are fewer photos than folds.
pub fn measure(model: &Model, probabilities: &[f32], truths: &[u32], about: About) -> Result<Calibration, Error> {
    let (labels, n) = (labels_of(model), truths.len());
    let rows = Rows { class_count: labels.len(), probabilities, truths };
    let is_whole = n >= FOLDS as usize && probabilities.len() == n * labels.len();
    if !is_whole || truths.iter().any(|truth| *truth as usize >= labels.len()) {
        let shown = format!("{} probabilities of {n} photos for {} classes", probabilities.len(), labels.len());
        return Err(Error::Internal(format!("{shown} cannot be measured")));
    }
    let output = &model.spec.output;
    let fits = !output.kind.is_independent(output.classes as usize);
    let fitted = |keep: Keep| if fits { fit(rows, keep).unwrap_or(1.0) } else { 1.0 };
    let before: Vec<Said> = rows.iter().map(|(row, truth)| best(row, truth)).collect();
    let after = cross_fitted(rows, fitted);
    let share = |count: usize| rounded(count as f64 / n as f64);
    Ok(Calibration {
        data: about.data,
        date: about.date,
        n: n as u32,
        top1: share(before.iter().filter(|said| said.is_right()).count()),
        top5: share(rows.iter().filter(|(row, truth)| place_of(row, *truth) < TOP).count()),
        temperature: fitted(&|_| true),
        folds: FOLDS,
        calibration_error: CalibrationError {
            before: calibration_error(&reliability(&before)),
            after: calibration_error(&reliability(&after)),
        },
        unsure_below: about.unsure_below,
        bands: bands(&after, &model.confidence.limits),
        reliability: reliability(&after),
        classes: classes(&before, &labels),
        confusions: confusions(&before, &labels),
    })
}

/// Counts how answers agree with what was said of them: of each its best probability, its class, and the class that was
/// said, both places in `labels`.
///
/// # Errors
/// [`Error::Internal`] where the lists differ in length or a class has no label.
pub fn agree(probabilities: &[f32], answered: &[u32], truths: &[u32], labels: &[String]) -> Result<Agreement, Error> {
    let n = probabilities.len();
    let is_whole = answered.len() == n && truths.len() == n;
    if !is_whole || answered.iter().chain(truths).any(|class| *class as usize >= labels.len()) {
        return Err(Error::Internal(format!("{n} answers with {} labels cannot be counted", labels.len())));
    }
    let classes_of_each = answered.iter().zip(truths).map(|(class, truth)| (*class as usize, *truth as usize));
    let said: Vec<Said> = probabilities
        .iter()
        .zip(classes_of_each)
        .map(|(probability, (class, truth))| Said { truth, class, probability: *probability })
        .collect();
    let reliability = reliability(&said);
    Ok(Agreement {
        n: n as u32,
        right: said.iter().filter(|one| one.is_right()).count() as u32,
        calibration_error: if n == 0 { 0.0 } else { calibration_error(&reliability) },
        reliability,
        classes: classes(&said, labels),
        confusions: confusions(&said, labels),
    })
}

/// The labels of every class that can be answered.
#[must_use]
pub fn labels_of(model: &Model) -> Vec<String> {
    let output = &model.spec.output;
    let two = output.kind.tells_two_apart(output.classes);
    let counted = model.names.count(output.kind, output.classes).unwrap_or_default();
    model.names.first(if two { 2 } else { counted })
}

/// The best answers, each with the temperature that the photos of other folds give.
fn cross_fitted(rows: Rows, fitted: impl Fn(Keep) -> f32) -> Vec<Said> {
    let folds = folds_of(rows);
    let is_in = |place: usize, fold: u32| folds.get(place) == Some(&fold);
    let temperatures: Vec<f32> = (0..FOLDS).map(|fold| fitted(&|place| !is_in(place, fold))).collect();
    let tempered = |row: &[f32], truth, fold: &u32| {
        let mut row = row.to_vec();
        let class = best(&row, truth).class;
        temper(&mut row, temperatures.get(*fold as usize).copied().unwrap_or(1.0));
        Said { truth, class, probability: row.get(class).copied().unwrap_or_default() }
    };
    rows.iter().zip(&folds).map(|((row, truth), fold)| tempered(row, truth, fold)).collect()
}

/// The fold of each photo: those of one class go into all folds in turn.
fn folds_of(rows: Rows) -> Vec<u32> {
    let mut met = vec![0; rows.class_count];
    let mut next = |truth: usize| {
        let count: &mut u32 = &mut met[truth];
        *count += 1;
        (*count - 1 + truth as u32) % FOLDS
    };
    rows.iter().map(|(_, truth)| next(truth)).collect()
}

/// Ties go to the lower class, as in answers.
fn best(row: &[f32], truth: usize) -> Said {
    let first = Said { truth, class: 0, probability: f32::NEG_INFINITY };
    row.iter().enumerate().fold(first, |best, (class, probability)| {
        if *probability > best.probability { Said { truth, class, probability: *probability } } else { best }
    })
}

fn place_of(row: &[f32], truth: usize) -> usize {
    let own = row.get(truth).copied().unwrap_or_default();
    let is_before = |class: usize, other: f32| match other.total_cmp(&own) {
        Ordering::Greater => true,
        Ordering::Equal => class < truth,
        Ordering::Less => false,
    };
    row.iter().enumerate().filter(|(class, other)| is_before(*class, **other)).count()
}

fn reliability(said: &[Said]) -> Vec<ReliabilityBin> {
    let bin_of = |one: &Said| (f64::from(one.probability) * f64::from(BINS)).ceil().clamp(1.0, f64::from(BINS)) - 1.0;
    (0..BINS)
        .filter_map(|bin| {
            let inside: Vec<&Said> = said.iter().filter(|one| bin_of(one) as u32 == bin).collect();
            let mean = inside.iter().map(|one| f64::from(one.probability)).sum::<f64>() / inside.len() as f64;
            (!inside.is_empty()).then(|| ReliabilityBin {
                above: f64::from(bin) / f64::from(BINS),
                probability: rounded(mean),
                right: inside.iter().filter(|one| one.is_right()).count() as u32,
                n: inside.len() as u32,
            })
        })
        .collect()
}

/// Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015.
fn calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let n: u32 = bins.iter().map(|bin| bin.n).sum();
    let gap = |bin: &ReliabilityBin| (f64::from(bin.right) - bin.probability * f64::from(bin.n)).abs();
    rounded(bins.iter().map(gap).sum::<f64>() / f64::from(n))
}

fn bands(said: &[Said], limits: &BandLimits) -> Vec<MeasuredBand> {
    let row = |band: Band| {
        let inside = said.iter().filter(|one| limits.band_of(one.probability) == band);
        let (right, n) = inside.fold((0, 0), |(right, n), one| (right + u32::from(one.is_right()), n + 1));
        MeasuredBand { band, above: limits.above(band), right, n }
    };
    Band::ALL.into_iter().rev().map(row).collect()
}

fn classes(said: &[Said], labels: &[String]) -> Vec<MeasuredClass> {
    let row = |label: &String| MeasuredClass { label: label.clone(), n: 0, right: 0, answered: 0 };
    let mut rows: Vec<MeasuredClass> = labels.iter().map(row).collect();
    for one in said {
        rows[one.truth].n += 1;
        rows[one.truth].right += u32::from(one.is_right());
        rows[one.class].answered += 1;
    }
    rows.retain(|class| class.n > 0 || class.answered > 0);
    rows
}

fn confusions(said: &[Said], labels: &[String]) -> Vec<Confusion> {
    let mut counts = BTreeMap::new();
    for one in said.iter().filter(|one| !one.is_right()) {
        *counts.entry((one.truth, one.class)).or_insert(0) += 1;
    }
    let mut worst: Vec<_> = counts.into_iter().collect();
    worst.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let name = |class: usize| labels.get(class).cloned().unwrap_or_default();
    let row = |((truth, class), n)| Confusion { label: name(truth), answered: name(class), n };
    worst.into_iter().take(CONFUSIONS_MAX).map(row).collect()
}

/// To four decimals, as people read it.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temperature::tests::drawn;

    fn said(probability: f32, is_right: bool) -> Said {
        Said { truth: 0, class: usize::from(!is_right), probability }
    }

    #[test]
    fn the_calibration_error_is_the_mean_gap_between_probability_and_share() {
        // 4 of 0.75 of which 3 are right, no gap; 4 of 0.95 of which 2 are right, a gap of 0.45.
        let mut made = vec![said(0.95, true), said(0.95, true), said(0.95, false), said(0.95, false)];
        made.extend([said(0.75, true), said(0.75, true), said(0.75, true), said(0.75, false)]);
        let bins = reliability(&made);
        let rows: Vec<_> = bins.iter().map(|bin| (bin.above, bin.probability, bin.right, bin.n)).collect();
        assert_eq!(rows, [(0.7, 0.75, 3, 4), (0.9, 0.95, 2, 4)]);
        assert!((calibration_error(&bins) - 0.225).abs() < 1e-9, "{}", calibration_error(&bins));
    }

    #[test]
    fn a_limit_of_a_step_belongs_to_the_step_below_it() {
        let above: Vec<_> = reliability(&[said(0.5, true), said(1.0, true), said(0.0, true)]);
        assert_eq!(above.iter().map(|bin| bin.above).collect::<Vec<_>>(), [0.0, 0.4, 0.9]);
    }

    #[test]
    fn answers_are_counted_by_what_was_said_of_them() {
        let labels = ["daisy", "rose", "a cat"].map(String::from);
        let agreement = agree(&[0.95, 0.65, 0.65, 0.35], &[0, 0, 1, 1], &[0, 0, 0, 2], &labels).unwrap();
        assert_eq!((agreement.n, agreement.right), (4, 2));
        assert!((agreement.calibration_error - 0.175).abs() < 1e-9, "{}", agreement.calibration_error);
        let rows: Vec<_> = agreement.reliability.iter().map(|bin| (bin.above, bin.right, bin.n)).collect();
        assert_eq!(rows, [(0.3, 0, 1), (0.6, 1, 2), (0.9, 1, 1)]);
        let classes = agreement.classes.iter().map(|class| (&*class.label, class.n, class.right, class.answered));
        assert_eq!(classes.collect::<Vec<_>>(), [("daisy", 3, 2, 2), ("rose", 0, 0, 2), ("a cat", 1, 0, 0)]);
        let wrong: Vec<_> = agreement.confusions.iter().map(|row| (&*row.label, &*row.answered, row.n)).collect();
        assert_eq!(wrong, [("daisy", "rose", 1), ("a cat", "rose", 1)]);
    }

    #[test]
    fn no_answers_agree_with_nothing_and_lists_that_do_not_fit_are_refused() {
        let agreement = agree(&[], &[], &[], &[]).unwrap();
        assert_eq!((agreement.n, agreement.calibration_error, agreement.reliability.len()), (0, 0.0, 0));
        let labels = ["daisy".to_owned()];
        assert!(agree(&[0.5], &[0], &[], &labels).is_err());
        assert!(agree(&[0.5], &[0], &[1], &labels).is_err());
    }

    #[test]
    fn the_photos_of_a_class_are_dealt_evenly() {
        let truths = [0, 0, 0, 0, 1, 1, 2, 2];
        let rows = Rows { class_count: 3, probabilities: &[0.0; 24], truths: &truths };
        assert_eq!(folds_of(rows), [0, 1, 0, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn a_fold_is_measured_with_the_temperature_of_the_other() {
        let (probabilities, truths) = drawn(4000, 2.0);
        let rows = Rows { class_count: 4, probabilities: &probabilities, truths: &truths };
        let folds = folds_of(rows);
        let cross = cross_fitted(rows, |keep| fit(rows, keep).unwrap());
        // Another truth in one fold moves the probabilities of the other fold, and none of its own.
        let wrong: Vec<u32> =
            truths.iter().zip(&folds).map(|(truth, fold)| if *fold == 0 { (truth + 1) % 4 } else { *truth }).collect();
        let moved = cross_fitted(rows, |keep| fit(Rows { truths: &wrong, ..rows }, keep).unwrap_or(1.0));
        for ((a, b), fold) in cross.iter().zip(&moved).zip(&folds) {
            if *fold == 0 {
                assert_eq!(a.probability.to_bits(), b.probability.to_bits());
            }
        }
        assert!(
            cross
                .iter()
                .zip(&moved)
                .zip(&folds)
                .any(|((a, b), fold)| *fold == 1 && a.probability.total_cmp(&b.probability).is_ne())
        );
        assert!(calibration_error(&reliability(&cross)) < 0.03);
    }

    #[test]
    fn the_worst_confusions_and_the_right_answers_of_each_class_are_counted() {
        let labels = ["cat", "dog", "owl"].map(String::from);
        let pairs = [(0, 0), (0, 1), (0, 1), (1, 0), (1, 1)];
        let made: Vec<_> = pairs.map(|(truth, class)| Said { truth, class, probability: 0.5 }).into();
        let confusion =
            |label: &str, answered: &str, n| Confusion { label: label.into(), answered: answered.into(), n };
        assert_eq!(confusions(&made, &labels), [confusion("cat", "dog", 2), confusion("dog", "cat", 1)]);
        let rows: Vec<_> = classes(&made, &labels).into_iter().map(|row| (row.n, row.right, row.answered)).collect();
        assert_eq!(rows, [(3, 1, 2), (2, 1, 3)], "an owl is neither shown nor answered");
    }

    #[test]
    fn ties_have_the_place_that_answers_give_them() {
        let row = [0.1, 0.4, 0.4, 0.1];
        assert_eq!([1, 2, 0, 3].map(|class| place_of(&row, class)), [0, 1, 2, 3]);
        assert_eq!(best(&row, 0).class, 1);
    }
}
