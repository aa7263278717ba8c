//! A name for each class.

use menagerie_contract::{LabelsSpec, ModelSpec, OutputKind};
use menagerie_graph::labels::{self, LabelsError};

use crate::error::Error;

/// The labels of a model by class; without a label file a class is named by its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassNames(Option<Vec<String>>);

impl ClassNames {
    /// Reads a label file and aligns it with the classes of `spec`: [`labels::Labels::of_output`].
    ///
    /// # Errors
    /// [`Error::Labels`] when the file is no label file or its count does not fit.
    pub fn read(file: &[u8], spec: &ModelSpec, offset: Option<i32>) -> Result<(Self, LabelsSpec), Error> {
        let (labels_spec, names) = labels::read(file)?.of_output(&spec.output, offset)?;
        Ok((Self(Some(names)), labels_spec))
    }

    /// The label of class `index`.
    #[must_use]
    pub fn name(&self, index: u32) -> String {
        match self.0.as_ref().and_then(|names| names.get(index as usize)) {
            Some(name) => name.clone(),
            None => format!("class {index}"),
        }
    }

    /// The class of a label; the first one of several.
    #[must_use]
    pub fn index(&self, label: &str) -> Option<u32> {
        let place = self.0.as_ref()?.iter().position(|name| name == label)?;
        u32::try_from(place).ok()
    }

    /// The labels of so many classes, in their order.
    #[must_use]
    pub fn first(&self, count: u32) -> Vec<String> {
        (0..count).map(|index| self.name(index)).collect()
    }

    /// Number of classes that can be told apart: the labels, or what the output offers without them.
    #[must_use]
    pub fn count(&self, kind: OutputKind, classes: u32) -> Option<u32> {
        match (&self.0, kind) {
            (Some(names), _) => Some(names.len() as u32),
            (None, OutputKind::Index) => None,
            (None, _) => Some(classes),
        }
    }
}

/// What a label file holds: number of labels and form of the file.
///
/// # Errors
/// [`Error::Labels`] when it is no label file.
pub fn describe(file: &[u8]) -> Result<(usize, String), Error> {
    let labels = labels::read(file)?;
    Ok((labels.names.len(), labels.format))
}

impl From<LabelsError> for Error {
    fn from(error: LabelsError) -> Self {
        Self::Labels { code: error.code(), message: error.to_string() }
    }
}
