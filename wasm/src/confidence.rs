//! Scores to probabilities, best first.

use menagerie_contract::OutputKind;

use crate::{error::Error, scores::Scores, temperature::temper};

/// How far outside of 0–1 a probability may lie before it is none: quantised graphs overshoot by a step.
const OVERSHOOT_MAX: f32 = 0.01;

/// A class and its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The class, 0-based.
    pub index: u32,
    /// 0–1.
    pub probability: f32,
}

/// All classes, the most probable first; ties go to the lower index. Never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The best class.
    pub best: Candidate,
    /// Whether the classes are independent, so that the probabilities need not sum to 1.
    pub independent: bool,
    candidates: Vec<Candidate>,
}

impl Ranking {
    /// Ranks the classes.
    ///
    /// Softmax scores are taken as they are, logits go through a softmax, a single one through a sigmoid (in f64). A single
    /// sigmoid score is the probability of the second of two labels, several are independent. For [`OutputKind::Index`] the graph named the
    /// class itself: its probability is 1, and there is no second. `class_count` is the number of classes that have a
    /// name, where known. Probabilities of classes that exclude each other are tempered: see [`temper`]; those of
    /// independent classes have no temperature.
    ///
    /// # Errors
    /// [`Error::Engine`] when a probability lies outside of 0–1, or a class number is none.
    pub fn of(kind: OutputKind, scores: &Scores, class_count: Option<u32>, temperature: f32) -> Result<Self, Error> {
        let candidates = match (kind, scores.values.as_slice()) {
            (OutputKind::Logits, &[second]) => enumerate([sigmoid(-f64::from(second)), sigmoid(second.into())]),
            (OutputKind::Logits, logits) => enumerate(softmax(logits)),
            (OutputKind::Sigmoid, &[second]) => {
                let second = probability(0, second)?;
                enumerate([1.0 - second, second])
            }
            (OutputKind::Softmax | OutputKind::Sigmoid, values) => {
                let probabilities = values.iter().enumerate().map(|(class, value)| probability(class, *value));
                enumerate(probabilities.collect::<Result<Vec<_>, _>>()?)
            }
            (OutputKind::Index, values) => vec![named_class(values.first().copied(), class_count)?],
        };
        let independent = kind.is_independent(scores.values.len());
        let mut ranking = Self::sorted(candidates, independent)?;
        if !independent {
            ranking.temper(temperature);
        }
        Ok(ranking)
    }

    /// The best `top_k` classes with a probability of at least `score_threshold`.
    pub fn top(&self, top_k: u32, score_threshold: f32) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().take(top_k as usize).take_while(move |class| class.probability >= score_threshold)
    }

    /// The probability of a class; 0 of one that is not among them.
    #[must_use]
    pub fn probability_of(&self, index: u32) -> f32 {
        self.candidates.iter().find(|class| class.index == index).map_or(0.0, |class| class.probability)
    }

    /// Classes with their shares of all probabilities, of at least `least`.
    #[must_use]
    pub fn shares(&self, least: f32) -> Vec<(u32, f32)> {
        let all: f32 = self.candidates.iter().map(|class| class.probability).sum();
        let shares = self.candidates.iter().map(|class| (class.index, class.probability / all));
        shares.filter(|(_, share)| *share >= least).collect()
    }

    /// Once they are in their order, which rounding could change.
    fn temper(&mut self, temperature: f32) {
        let mut probabilities: Vec<f32> = self.candidates.iter().map(|class| class.probability).collect();
        temper(&mut probabilities, temperature);
        for (class, probability) in self.candidates.iter_mut().zip(probabilities) {
            class.probability = probability;
        }
        self.best = self.candidates.first().copied().unwrap_or(self.best);
    }

    fn sorted(mut candidates: Vec<Candidate>, independent: bool) -> Result<Self, Error> {
        candidates.sort_unstable_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));
        match candidates.first() {
            Some(best) => Ok(Self { best: *best, independent, candidates }),
            None => Err(Error::Engine("the model answered no score at all".into())),
        }
    }
}

fn enumerate(probabilities: impl IntoIterator<Item = f32>) -> Vec<Candidate> {
    probabilities.into_iter().zip(0..).map(|(probability, index)| Candidate { index, probability }).collect()
}

/// `exp(x - max) / sum`, in f64; the shift keeps the largest exponent at 0.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| (f64::from(*logit) - f64::from(max)).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|exponential| (exponential / sum) as f32).collect()
}

/// `1 / (1 + exp(-x))`, in f64: the softmax of `x` beside 0.
fn sigmoid(logit: f64) -> f32 {
    (1.0 + (-logit).exp()).recip() as f32
}

fn probability(class: usize, score: f32) -> Result<f32, Error> {
    if (-OVERSHOOT_MAX..=1.0 + OVERSHOOT_MAX).contains(&score) {
        // Adding zero turns -0 into 0, so that ties stay ties.
        return Ok(score.clamp(0.0, 1.0) + 0.0);
    }
    Err(Error::Engine(format!(
        "the model answered {score} for class {class}, which is no probability; its output may be logits: say so in its manifest"
    )))
}

fn named_class(score: Option<f32>, class_count: Option<u32>) -> Result<Candidate, Error> {
    let value = score.unwrap_or(f32::NAN);
    let class_end = class_count.map_or(f64::from(u32::MAX), f64::from);
    if value.fract() == 0.0 && value >= 0.0 && f64::from(value) < class_end {
        return Ok(Candidate { index: value as u32, probability: 1.0 });
    }
    Err(Error::Engine(format!("the model answered class {value}, and its classes are 0 to {}", class_end - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(kind: OutputKind, values: &[f32]) -> Result<Ranking, Error> {
        Ranking::of(kind, &Scores { values: values.to_vec(), queue_ms: 0.0, run_ms: 0.0 }, None, 1.0)
    }

    fn order(ranking: &Ranking) -> Vec<(u32, f32)> {
        ranking.top(100, 0.0).map(|class| (class.index, class.probability)).collect()
    }

    #[test]
    fn a_single_logit_is_that_of_the_second_of_two_labels() {
        for (logit, best, share) in [(0.0, 0, 0.5), (2.0, 1, 0.880_797), (-2.0, 0, 0.880_797), (300.0, 1, 1.0)] {
            let ranking = rank(OutputKind::Logits, &[logit]).unwrap();
            assert_eq!(ranking.best.index, best, "{logit}");
            assert!((ranking.best.probability - share).abs() < 1e-6, "{logit}: {}", ranking.best.probability);
            assert!(!ranking.independent);
        }
    }

    #[test]
    fn softmax_scores_are_only_sorted_and_ties_go_to_the_lower_index() {
        let ranking = rank(OutputKind::Softmax, &[0.1, 0.4, -0.0, 0.4, 0.1, 0.0]).unwrap();
        assert_eq!(order(&ranking), [(1, 0.4), (3, 0.4), (0, 0.1), (4, 0.1), (2, 0.0), (5, 0.0)]);
        assert_eq!((ranking.best.index, ranking.independent), (1, false));
    }

    #[test]
    fn logits_become_probabilities_even_when_they_are_large() {
        let ranking = rank(OutputKind::Logits, &[1000.0, 1000.0 + 3f32.ln(), -3.0e38]).unwrap();
        let probabilities = order(&ranking);
        assert_eq!(probabilities.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 0, 2]);
        assert!((probabilities[0].1 - 0.75).abs() < 1e-4 && (probabilities[1].1 - 0.25).abs() < 1e-4);
        assert!(probabilities[2].1 == 0.0);
    }

    #[test]
    fn one_sigmoid_score_answers_with_both_labels() {
        let ranking = rank(OutputKind::Sigmoid, &[0.25]).unwrap();
        assert_eq!(order(&ranking), [(0, 0.75), (1, 0.25)]);
        assert!(!ranking.independent);
        assert_eq!(rank(OutputKind::Sigmoid, &[0.5]).unwrap().best.index, 0);
    }

    #[test]
    fn several_sigmoid_scores_are_independent() {
        let ranking = rank(OutputKind::Sigmoid, &[0.9, 0.95]).unwrap();
        assert_eq!(order(&ranking), [(1, 0.95), (0, 0.9)]);
        assert!(ranking.independent);
    }

    #[test]
    fn a_graph_that_names_the_class_is_certain() {
        let ranking = rank(OutputKind::Index, &[3.0]).unwrap();
        assert_eq!(order(&ranking), [(3, 1.0)]);
        for value in [-1.0, 0.5, 1.0e10] {
            assert!(rank(OutputKind::Index, &[value]).is_err(), "{value}");
        }
        let scores = Scores { values: vec![5.0], queue_ms: 0.0, run_ms: 0.0 };
        assert!(Ranking::of(OutputKind::Index, &scores, Some(6), 1.0).is_ok());
        assert!(Ranking::of(OutputKind::Index, &scores, Some(5), 1.0).is_err());
    }

    #[test]
    fn top_k_and_threshold_leave_out_the_rest() {
        let ranking = rank(OutputKind::Softmax, &[0.2, 0.5, 0.3]).unwrap();
        let indices = |top_k, threshold| ranking.top(top_k, threshold).map(|class| class.index).collect::<Vec<_>>();
        assert_eq!(indices(2, 0.0), [1, 2]);
        assert_eq!(indices(100, 0.3), [1, 2]);
        assert_eq!(indices(5, 0.6), [] as [u32; 0]);
    }

    #[test]
    fn a_small_overshoot_is_clamped_and_a_large_one_is_no_probability() {
        assert_eq!(order(&rank(OutputKind::Softmax, &[1.000_001, -0.000_001]).unwrap()), [(0, 1.0), (1, 0.0)]);
        let error = rank(OutputKind::Softmax, &[0.1, 7.5]).unwrap_err();
        assert!(error.to_string().contains("7.5 for class 1"), "{error}");
    }

    #[test]
    fn a_temperature_moves_probabilities_and_never_the_order() {
        let scores = Scores { values: vec![0.0, 2.0, 1.0], queue_ms: 0.0, run_ms: 0.0 };
        let halved = Scores { values: vec![0.0, 1.0, 0.5], ..scores.clone() };
        let warm = order(&Ranking::of(OutputKind::Logits, &scores, None, 2.0).unwrap());
        let expected = order(&Ranking::of(OutputKind::Logits, &halved, None, 1.0).unwrap());
        for ((index, probability), (other, wanted)) in warm.into_iter().zip(expected) {
            assert!(index == other && (probability - wanted).abs() < 1e-6, "{probability} {wanted}");
        }
        let close = Scores { values: vec![0.2, 0.4 - 1e-7, 0.4], queue_ms: 0.0, run_ms: 0.0 };
        assert_eq!(Ranking::of(OutputKind::Softmax, &close, None, 10.0).unwrap().best.index, 2);
    }

    #[test]
    fn one_score_for_two_labels_is_tempered_as_its_logit_is_divided() {
        for (kind, score) in [(OutputKind::Logits, 2.0), (OutputKind::Sigmoid, 0.880_797)] {
            let scores = Scores { values: vec![score], queue_ms: 0.0, run_ms: 0.0 };
            let best = Ranking::of(kind, &scores, None, 2.0).unwrap().best;
            assert!(best.index == 1 && (best.probability - 0.731_058).abs() < 1e-5, "{}", best.probability);
        }
    }

    #[test]
    fn independent_classes_and_a_class_number_have_no_temperature() {
        for (kind, values) in [(OutputKind::Sigmoid, vec![0.9, 0.95]), (OutputKind::Index, vec![3.0])] {
            let scores = Scores { values, queue_ms: 0.0, run_ms: 0.0 };
            assert_eq!(Ranking::of(kind, &scores, None, 3.0), Ranking::of(kind, &scores, None, 1.0));
        }
    }
}
