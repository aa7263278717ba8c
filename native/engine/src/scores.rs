//! A graph's output, checked against what its spec promises.

use menagerie_contract::{OutputKind, OutputSpec};

use crate::{EngineError, tensor::Tensor};

/// How a model's output is read.
#[derive(Clone, Copy, Debug)]
pub struct ScoreReader {
    kind: OutputKind,
    classes: usize,
}

impl ScoreReader {
    pub fn new(output: &OutputSpec) -> Self {
        Self { kind: output.kind, classes: output.classes as usize }
    }

    /// Scores for each image.
    pub fn classes(self) -> usize {
        self.classes
    }

    /// Whether an output of this shape, given for one image, has no axis for the batch.
    pub fn is_single(self, shape: &[i64]) -> bool {
        let values_per_image = if self.kind == OutputKind::Index { 1 } else { self.classes };
        shape.is_empty() || (shape.len() == 1 && values_per_image > 1)
    }

    /// The output for `batch` images as `batch x classes` numbers.
    ///
    /// A graph that answers the class number only gives 1 for that class and 0 for the others.
    ///
    /// # Errors
    /// [`EngineError::OutputShape`] when there are more or fewer, or something else than numbers.
    pub fn read(self, output: &Tensor, batch: usize) -> Result<Vec<f32>, EngineError> {
        let values = output.to_f32().map_err(|element| {
            EngineError::OutputShape(format!("its output has element type {element}, not numbers"))
        })?;
        let per_image = if self.kind == OutputKind::Index { 1 } else { self.classes };
        if values.len() != batch * per_image {
            return Err(EngineError::OutputShape(format!(
                "its output of shape {:?} holds {} values, not {per_image} for each of {batch} images",
                output.shape(),
                values.len()
            )));
        }
        if self.kind == OutputKind::Index && self.classes > 1 { self.one_hot(&values) } else { Ok(values) }
    }

    fn one_hot(self, indices: &[f32]) -> Result<Vec<f32>, EngineError> {
        let mut scores = vec![0.0; indices.len() * self.classes];
        for (image, index) in indices.iter().enumerate() {
            if !(0.0..self.classes as f32).contains(index) {
                return Err(EngineError::OutputShape(format!("it names class {index} of {}", self.classes)));
            }
            scores[image * self.classes + *index as usize] = 1.0;
        }
        Ok(scores)
    }

    /// Checks that every score is a number.
    ///
    /// # Errors
    /// [`EngineError::NotFinite`] names the first that is not.
    pub fn check_finite(self, scores: &[f32]) -> Result<(), EngineError> {
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(()),
            Some(at) => {
                Err(EngineError::NotFinite { value: scores[at], class: at % self.classes, image: at / self.classes })
            }
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
    fn a_class_number_becomes_one_hot_scores() {
        assert_eq!(reader(OutputKind::Index, 3).one_hot(&[2.0, 0.0]).unwrap(), [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert!(reader(OutputKind::Index, 3).one_hot(&[3.0]).is_err());
        assert!(reader(OutputKind::Index, 3).one_hot(&[-1.0]).is_err());
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
