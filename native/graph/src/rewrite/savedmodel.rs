//! A `SavedModel` folder, packed as .zip or .tar.gz, frozen into a GraphDef.
//!
//! The folder holds a graph whose weights are variables, kept in a checkpoint beside it, and since TensorFlow 2 also a
//! library of functions that the graph calls. Freezing reads the checkpoint, puts functions in the place of their calls
//! and constants in the place of variables, and keeps what the serving signature needs.

mod archive;
mod bundle;
mod freeze;
mod proto;

use crate::{error::GraphError, limits::GraphLimits};

/// The frozen graph when `file` is an archive with a `SavedModel` inside; absent when it is anything else.
///
/// # Errors
/// [`GraphError::SavedModel`] says why the folder cannot be frozen; [`GraphError::TooMany`] and the other limits.
pub fn freeze_archive(file: &[u8], limits: &GraphLimits) -> Result<Option<Vec<u8>>, GraphError> {
    let Some(folder) = archive::unpack(file, limits)? else { return Ok(None) };
    freeze::freeze(&folder, limits).map(Some)
}

/// A refusal in one sentence.
fn refuse(reason: impl Into<String>) -> GraphError {
    GraphError::SavedModel(reason.into())
}
