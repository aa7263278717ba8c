//! Label files that are written here.

use super::{LabelsError, read};

/// A label file with one label a line, which [`read`] reads as these labels.
///
/// # Errors
/// [`LabelsError::Misread`] where it would be read otherwise: for labels with a line end or white space around them, and where
/// something that all have in common, such as a number in front, is taken for no part of them.
pub fn write(names: &[String]) -> Result<String, LabelsError> {
    let text: String = names.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
    let found = read(text.as_bytes()).map_err(|error| LabelsError::Misread(error.to_string()))?;
    if found.names == names {
        return Ok(text);
    }
    let differing = names.iter().zip(&found.names).find(|(name, found)| name != found);
    let shown = differing.map_or_else(
        || format!("{} labels would be read as {}", names.len(), found.names.len()),
        |(name, found)| format!("{name:?} would be read as {found:?}"),
    );
    Err(LabelsError::Misread(format!("{shown}, as in a list of the form {:?}; rename it", found.format)))
}
