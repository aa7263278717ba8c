//! `export`: a graph on stdin, the model as a file for other programs on stdout.

use std::{
    ffi::OsString,
    io::{Write, stdin},
};

use menagerie_contract::{ErrorCode, ExportRequest, Origin, Problem};
use menagerie_graph::{export, labels};

use crate::{
    sandbox::{Cell, Priority},
    startup,
};

/// A manifest's settings are a few hundred bytes.
const REQUEST_BYTES_MAX: u64 = 1 << 20;

/// Writes the model that an [`ExportRequest`] on stdin asks for, in the cell of a stranger's graph, without libtensorflow.
/// It steps back for answers, whosever graph it is.
///
/// # Errors
/// `field_invalid` for arguments or a message that is none, and every problem of the graph and the labels.
pub fn export(arguments: &[OsString]) -> Result<(), Problem> {
    if !arguments.is_empty() {
        return Err(invalid("export takes no arguments; what it writes is said on stdin".into()));
    }
    let mut stdout = startup::take_stdout().map_err(|error| startup::broken("stdout cannot be taken", &error))?;
    Priority::keep().lower();
    let cell = Cell::from_environment()?;
    cell.narrow();
    let sandbox = cell.seal();
    let limits = cell.graph_limits();
    let mut input = stdin().lock();
    let mut read = |bytes_max| startup::read_at_most(&mut input, bytes_max);
    let length: [u8; 4] = read(4)?.try_into().map_err(|_| invalid("stdin closed before a message came".into()))?;
    let json = read(u64::from(u32::from_le_bytes(length)).min(REQUEST_BYTES_MAX))?;
    let request: ExportRequest =
        serde_json::from_slice(&json).map_err(|error| invalid(format!("the message cannot be read: {error}")))?;
    if request.load.origin == Origin::Stranger {
        cell.admit(&sandbox)?;
    }
    // One byte more than is allowed, so that too many are noticed.
    let label_file = read(u64::from(request.labels_bytes).min(labels::FILE_BYTES_MAX as u64 + 1))?;
    let graph = read(limits.file_bytes_max + 1)?;
    let label_file = (request.labels_bytes > 0).then_some(label_file.as_slice());
    let file = export::export(&graph, label_file, &request, &limits)?;
    stdout.write_all(&file).map_err(|error| startup::broken("stdout cannot be written", &error))
}

fn invalid(message: String) -> Problem {
    Problem::new(ErrorCode::FieldInvalid, message)
}
