//! A model as a file for other programs.

mod metadata;
mod preprocess;
mod savedmodel;

use menagerie_contract::{ExportForm, ExportRequest, Problem};

use crate::{labels, limits::GraphLimits, onnx, resolve::resolve};

/// Writes the model in `file`: the prepared graph, which gives the answers of the file's own. `label_file` is written
/// beside it where the form has a place for it; the number of labels chooses between several class outputs, as for a load.
///
/// # Errors
/// Every problem of the graph and the labels; `graph_untranslated` for an op that ONNX has no translation of.
pub fn export(
    file: &[u8],
    label_file: Option<&[u8]>,
    request: &ExportRequest,
    limits: &GraphLimits,
) -> Result<Vec<u8>, Problem> {
    let labels = label_file.map(labels::read).transpose()?;
    let mut load = request.load.clone();
    load.label_count = load.label_count.or_else(|| labels.as_ref().map(|labels| labels.names.len() as u32));
    let resolved = resolve(file, &load, limits)?;
    let output = &resolved.spec.output;
    let names =
        labels.map(|labels| labels.of_output(output, request.label_offset)).transpose()?.map(|(_, names)| names);
    let about = metadata::of(&resolved, names.as_deref(), request);
    let written =
        if request.preprocess { preprocess::include(resolved, request.temperature, limits)? } else { resolved };
    Ok(match request.form {
        ExportForm::Frozen => written.graph,
        ExportForm::SavedModel => savedmodel::write(&written, names.as_deref(), &about, limits)?,
        ExportForm::Onnx => onnx::write_with(&written, &about, limits)?.bytes,
    })
}
