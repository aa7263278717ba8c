//! A graph's output, checked against what its spec promises.

use menagerie_contract::{OutputKind, OutputSpec, counted};

use crate::{EngineError, runtime::Output};

/// How a model's output is read.
#[derive(Clone, Copy, Debug)]
pub struct ScoreReader {
    values_per_image: usize,
}

impl ScoreReader {
    /// Reads `output`: a score for each class, or the class number alone ([`OutputKind::Index`]).
    pub fn new(output: &OutputSpec) -> Self {
        Self { values_per_image: if output.kind == OutputKind::Index { 1 } else { output.classes as usize } }
    }

    /// Numbers for each image.
    pub fn values_per_image(self) -> usize {
        self.values_per_image
    }

    /// Whether an output of this shape, given for one image, has no axis for the batch.
    pub fn is_single(self, shape: &[i64]) -> bool {
        shape.is_empty() || (shape.len() == 1 && self.values_per_image > 1)
    }

    /// The output for `batch` images as `batch x values_per_image` numbers.
    ///
    /// # Errors
    /// [`EngineError::OutputShape`] when there are more or fewer.
    pub fn read(self, Output { shape, values }: Output, batch: usize) -> Result<Vec<f32>, EngineError> {
        if values.len() != batch * self.values_per_image {
            return Err(EngineError::OutputShape(format!(
                "its output of shape {shape:?} holds {}, not {} for each of {}",
                counted(values.len(), "value", "values"),
                self.values_per_image,
                counted(batch, "image", "images"),
            )));
        }
        Ok(values)
    }

    /// Checks that every score is a number.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`] names the first that is not.
    pub fn check_finite(self, scores: &[f32]) -> Result<(), EngineError> {
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(()),
            Some(at) => Err(EngineError::NotFinite {
                value: scores[at],
                class: at % self.values_per_image,
                image: at / self.values_per_image,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(kind: OutputKind, classes: u32) -> ScoreReader {
        ScoreReader::new(&OutputSpec { tensor: "output".into(), kind, classes, heads: Vec::new() })
    }

    #[test]
    fn a_score_that_is_not_a_number_is_named() {
        let error = reader(OutputKind::Softmax, 2).check_finite(&[0.5, 0.5, f32::NAN, 0.0]).unwrap_err();
        assert_eq!(error.to_string(), "the model answered NaN for class 0 of image 1: no class can be named");
    }

    #[test]
    fn a_graph_that_answers_the_class_number_gives_one_value_an_image() {
        assert_eq!(reader(OutputKind::Index, 1000).values_per_image(), 1);
        assert_eq!(reader(OutputKind::Logits, 1000).values_per_image(), 1000);
    }

    #[test]
    fn an_output_without_a_batch_axis_is_recognised() {
        assert!(reader(OutputKind::Softmax, 5).is_single(&[5]));
        assert!(!reader(OutputKind::Softmax, 5).is_single(&[1, 5]));
        assert!(!reader(OutputKind::Index, 5).is_single(&[1]));
        assert!(!reader(OutputKind::Sigmoid, 1).is_single(&[1]));
        assert!(reader(OutputKind::Index, 5).is_single(&[]));
    }
}
