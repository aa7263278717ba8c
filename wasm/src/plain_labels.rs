//! Labels one a line.

use menagerie_contract::{ErrorCode, LabelsSpec, OutputKind};

/// Labels of a file.
pub struct Labels {
    /// One a line.
    pub names: Vec<String>,
    /// Form of the file.
    pub format: &'static str,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
#[error("the model has {1} classes and the label file {0} labels; send one label for each class")]
pub struct LabelsError(usize, u32);

impl LabelsError {
    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        ErrorCode::LabelsMismatch
    }
}

/// Reads a file.
pub fn read(bytes: &[u8]) -> Result<Labels, LabelsError> {
    let names: Vec<String> = String::from_utf8_lossy(bytes)
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    Ok(Labels { names, format: "plain" })
}

impl Labels {
    /// Aligns.
    pub fn align(
        &self,
        classes: u32,
        kind: OutputKind,
        offset: Option<i32>,
    ) -> Result<(LabelsSpec, Vec<String>), LabelsError> {
        let needed = if kind == OutputKind::Sigmoid && classes == 1 { 2 } else { classes };
        let count = self.names.len() as u32;
        let offset = offset.unwrap_or(needed as i32 - count as i32);
        if kind != OutputKind::Index && offset.abs() > 1 {
            return Err(LabelsError(self.names.len(), needed));
        }
        let end = if kind == OutputKind::Index { count as i32 + offset } else { needed as i32 };
        let names = (0..end)
            .map(|i| self.names.get((i - offset) as usize).cloned().unwrap_or_else(|| "background".into()))
            .collect();
        Ok((LabelsSpec { count, offset, format: self.format.into() }, names))
    }
}
