//! The files of a packed `SavedModel`, read within a limit.

use std::{
    collections::HashMap,
    io::{Cursor, Read},
};

use super::refuse;
use crate::{error::GraphError, limits::GraphLimits};

/// Members of an archive beyond this are not looked at.
const MEMBERS_MAX: usize = 10_000;
const GRAPH_FILE: &str = "saved_model.pb";

/// The folder: file contents by their path from the folder's root.
pub(super) struct Folder {
    files: Files,
    /// Size of the archive.
    pub came: u64,
}

impl Folder {
    pub(super) fn graph(&self) -> &[u8] {
        self.files.get(GRAPH_FILE).map_or(&[], Vec::as_slice)
    }

    pub(super) fn index(&self) -> Option<&[u8]> {
        self.files.get("variables/variables.index").map(Vec::as_slice)
    }

    pub(super) fn shard(&self, number: u32, count: u32) -> Option<&[u8]> {
        self.files.get(&format!("variables/variables.data-{number:05}-of-{count:05}")).map(Vec::as_slice)
    }
}

/// Unpacks a .zip, .tar or .tar.gz; absent when `file` is none or holds no `saved_model.pb`.
pub(super) fn unpack(file: &[u8], limits: &GraphLimits) -> Result<Option<Folder>, GraphError> {
    let limit = limits.grown_bytes_max(file.len() as u64);
    let files = if file.starts_with(b"PK\x03\x04") {
        unpack_zip(file, limit)?
    } else if file.starts_with(&[0x1f, 0x8b]) {
        unpack_tar(flate2::read::GzDecoder::new(file), limit)?
    } else if file.get(257..262) == Some(b"ustar") {
        unpack_tar(file, limit)?
    } else {
        None
    };
    Ok(files.map(|files| Folder { files, came: file.len() as u64 }))
}

type Files = HashMap<String, Vec<u8>>;

fn unpack_zip(file: &[u8], limit: u64) -> Result<Option<Files>, GraphError> {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(file)) else { return Ok(None) };
    let names: Vec<String> = archive
        .file_names()
        .take(MEMBERS_MAX)
        .map(|name| name.map_or_else(|_| String::new(), |name| path_of(&name)))
        .collect();
    let Some(root) = root_of(names.iter().map(String::as_str)) else { return Ok(None) };
    let mut bytes_left = limit;
    let mut files = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        let Some(path) = wanted(name, &root) else { continue };
        let member =
            archive.by_index(index).map_err(|error| refuse(format!("member {name:?} cannot be read: {error}")))?;
        files.insert(path, read_within(member, name, &mut bytes_left, limit)?);
    }
    Ok(Some(files))
}

fn unpack_tar(stream: impl Read, limit: u64) -> Result<Option<Files>, GraphError> {
    // The stream is read once, so files are kept before the folder's root is known.
    let mut stream = stream.take(limit.saturating_add(1));
    let mut archive = tar::Archive::new(&mut stream);
    let mut bytes_left = limit;
    let mut found: Files = HashMap::new();
    let Ok(entries) = archive.entries() else { return Ok(None) };
    for entry in entries.take(MEMBERS_MAX) {
        // No tar at all, or one that is cut off: what was read so far decides.
        let Ok(entry) = entry else { break };
        let Some(name) = entry.path().ok().and_then(|path| path.to_str().map(path_of)) else { continue };
        if !entry.header().entry_type().is_file() || !is_part(&name) {
            continue;
        }
        let content = read_within(entry, &name, &mut bytes_left, limit)?;
        found.insert(name, content);
    }
    if stream.limit() == 0 {
        return Err(GraphError::Grown { what: "unpacked", limit });
    }
    let Some(root) = root_of(found.keys().map(String::as_str)) else { return Ok(None) };
    Ok(Some(found.into_iter().filter_map(|(name, content)| Some((wanted(&name, &root)?, content))).collect()))
}

fn read_within(member: impl Read, name: &str, bytes_left: &mut u64, limit: u64) -> Result<Vec<u8>, GraphError> {
    let mut content = Vec::new();
    let read = member.take(bytes_left.saturating_add(1)).read_to_end(&mut content);
    let left = bytes_left.checked_sub(content.len() as u64);
    *bytes_left = left.ok_or(GraphError::Grown { what: "unpacked", limit })?;
    read.map_err(|error| refuse(format!("member {name:?} cannot be unpacked: {error}")))?;
    Ok(content)
}

/// The path of a member: some tools on Windows write `\` between folders.
fn path_of(name: &str) -> String {
    name.replace('\\', "/")
}

/// The folder in the archive that holds `saved_model.pb`, with its trailing slash; the shortest when there are several.
fn root_of<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let roots = names.filter_map(|name| name.strip_suffix(GRAPH_FILE));
    roots.filter(|root| root.is_empty() || root.ends_with('/')).min_by_key(|root| root.len()).map(str::to_owned)
}

fn wanted(name: &str, root: &str) -> Option<String> {
    name.strip_prefix(root).filter(|path| is_part(path)).map(str::to_owned)
}

fn is_part(path: &str) -> bool {
    path.ends_with(GRAPH_FILE) || path.contains("variables/variables.")
}
