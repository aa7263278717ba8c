//! A loaded model as this crate needs it: its spec and the names of its classes.

use menagerie_contract::{Confidence, ModelSpec};

use crate::{error::Error, labels::ClassNames};

/// Spec, labels, and what its confidence is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What the engine resolved, with the labels filled in.
    pub spec: ModelSpec,
    /// The names of the classes.
    pub names: ClassNames,
    /// How its probabilities are put in words.
    pub confidence: Confidence,
}

impl Model {
    /// Joins a spec with a label file, if there is one; `label_offset` as in [`ClassNames::read`].
    ///
    /// # Errors
    /// [`Error::Labels`] when the labels do not fit.
    pub fn new(
        mut spec: ModelSpec,
        label_file: Option<&[u8]>,
        label_offset: Option<i32>,
        confidence: Confidence,
    ) -> Result<Self, Error> {
        let names = match label_file {
            Some(file) => {
                let (names, labels) = ClassNames::read(file, &spec, label_offset)?;
                spec.labels = Some(labels);
                names
            }
            None => ClassNames::default(),
        };
        spec.settings = Some(spec.rests_on());
        Ok(Self { spec, names, confidence })
    }
}
