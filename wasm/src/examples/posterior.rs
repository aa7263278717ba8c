//! How probable each way of feeding is once photos with their labels were run.
//!
//! Bayes' rule: the logarithm of a way's prior, plus that of what the labels got. Labels may be wrong, and nets are surer than
//! they are often right, so one photo never counts for more than half of [`KEEP`].

use menagerie_contract::{Example, Try};

use super::{spread::Spread, ways::Ways};

/// Share of labels that are taken to be wrong: they stand for any class.
const WRONG_SHARE: f64 = 0.1;
/// What any label gets at least, of however many classes: a label that is wrong does not outweigh four that are right.
const LIKELIHOOD_MIN: f64 = 0.02;
/// Ways of scaling whose logarithm of odds against the best is larger than this are not run on further photos: twice the
/// most that one photo can say, `ln(0.92 / 0.02)`.
pub const KEEP: f64 = 7.6;

/// Natural logarithm of how well labels fit what was answered.
fn log_likelihood<'a>(tries: impl Iterator<Item = &'a Try>, classes: usize) -> f64 {
    labels_log(tries.map(|one| one.probability), classes)
}

/// The same of what each label got.
pub fn labels_log(got: impl Iterator<Item = f32>, classes: usize) -> f64 {
    let any = (WRONG_SHARE / classes.max(1) as f64).max(LIKELIHOOD_MIN);
    got.map(|probability| ((1.0 - WRONG_SHARE) * f64::from(probability) + any).ln()).sum()
}

/// What a photo's label got, where that was tried.
pub fn tried(example: &Example, scaling: u32, view: u32) -> Option<&Try> {
    example.tries.iter().find(|one| (one.scaling, one.view) == (scaling, view))
}

/// Probabilities of all pairs of a scaling and a fit.
#[derive(Clone, Debug)]
pub struct Posterior {
    fits: usize,
    /// Natural logarithms up to a constant, fit by fit of each scaling.
    logs: Vec<f64>,
    /// Of each scaling, whether it was run on every photo.
    is_whole: Vec<bool>,
}

impl Posterior {
    /// What `examples` say, the first `fitted` of them in each fit and the others in the usual one. A fit that was not tried is
    /// taken to do as the usual one does; a scaling that was left out falls behind the best one no further.
    pub fn of<'a>(ways: &Ways, examples: &'a [Example], fitted: usize, classes: usize) -> Self {
        let usual = |example: &'a Example, scaling: usize| {
            let view = example.views.first().copied().unwrap_or_default();
            tried(example, scaling as u32, view)
        };
        let is_whole: Vec<bool> = (0..ways.scalings.len())
            .map(|scaling| examples.iter().all(|example| usual(example, scaling).is_some()))
            .collect();
        let score = |scaling: usize| {
            let tries = examples.iter().filter_map(|example| usual(example, scaling));
            ways.scalings[scaling].log_prior + log_likelihood(tries, classes)
        };
        let leader = (0..ways.scalings.len())
            .filter(|scaling| is_whole[*scaling])
            .max_by(|a, b| score(*a).total_cmp(&score(*b)))
            .unwrap_or_default();
        let of_one = |(place, example): (usize, &'a Example), scaling: usize, fit: usize| {
            let view = example.views.get(if place < fitted { fit } else { 0 }).copied().unwrap_or_default();
            let own = tried(example, scaling as u32, view);
            own.or_else(|| usual(example, scaling)).or_else(|| usual(example, leader))
        };
        let logs = ways.scalings.iter().enumerate().flat_map(|(scaling, scaled)| {
            ways.fits.iter().enumerate().map(move |(fit, way)| {
                let tries = examples.iter().enumerate().filter_map(|one| of_one(one, scaling, fit));
                scaled.log_prior + way.log_prior + log_likelihood(tries, classes)
            })
        });
        Self { fits: ways.fits.len(), logs: logs.collect(), is_whole }
    }

    /// What the labels say where every way of scaling that was run on every photo is as probable before; the others stay as far
    /// behind the best one as the graph and the labels together left them.
    pub fn of_labels_alone(&self, ways: &Ways) -> Self {
        let (best, _) = self.best();
        let mut alone = self.clone();
        for (scaling, logs) in alone.logs.chunks_exact_mut(self.fits).enumerate() {
            let known = if self.is_whole[scaling] { scaling } else { best };
            for log in logs {
                *log -= ways.scalings[known].log_prior;
            }
        }
        alone
    }

    /// With what photos without labels add; ways that were not run on them keep their distance from the best one.
    pub fn with(&self, spread: &Spread) -> Self {
        let mut all = self.clone();
        let leader = spread.logs.first().map_or(0.0, |(_, log)| *log);
        for (scaling, logs) in all.logs.chunks_exact_mut(self.fits).enumerate() {
            let own = spread.logs.iter().find(|(other, _)| *other as usize == scaling);
            for log in logs {
                *log += own.map_or(leader, |(_, log)| *log);
            }
        }
        all
    }

    /// The scalings that were run on every photo and lie at most `distance` behind the best one, the best first.
    pub fn alive(&self, distance: f64) -> Vec<u32> {
        let best_of =
            |scaling: usize| self.logs[scaling * self.fits..][..self.fits].iter().copied().fold(f64::MIN, f64::max);
        let mut scores: Vec<(u32, f64)> = (0..self.is_whole.len())
            .filter(|scaling| self.is_whole[*scaling])
            .map(|scaling| (scaling as u32, best_of(scaling)))
            .collect();
        scores.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best = scores.first().map_or(0.0, |(_, score)| *score);
        scores.into_iter().filter(|(_, score)| best - score <= distance).map(|(scaling, _)| scaling).collect()
    }

    /// The fits of a scaling that lie at most `distance` behind its best one.
    pub fn alive_fits(&self, scaling: u32, distance: f64) -> Vec<usize> {
        let logs = &self.logs[scaling as usize * self.fits..][..self.fits];
        let best = logs.iter().copied().fold(f64::MIN, f64::max);
        (0..self.fits).filter(|fit| best - logs[*fit] <= distance).collect()
    }

    /// The most probable scaling and fit.
    pub fn best(&self) -> (usize, usize) {
        let best = (0..self.logs.len()).max_by(|a, b| self.logs[*a].total_cmp(&self.logs[*b])).unwrap_or_default();
        (best / self.fits, best % self.fits)
    }

    /// The probability of each pair, with its scaling and its fit.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let most = self.logs.iter().copied().fold(f64::MIN, f64::max);
        let total: f64 = self.logs.iter().map(|log| (log - most).exp()).sum();
        let fits = self.fits;
        self.logs.iter().enumerate().map(move |(at, log)| (at / fits, at % fits, (log - most).exp() / total))
    }
}
