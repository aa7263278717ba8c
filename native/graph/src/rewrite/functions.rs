//! Functions of a graph, put in the place of their calls.
//!
//! TensorFlow 2 writes a graph as a few calls of functions that call others. A call is left where its function is not in
//! the file or calls itself; what is left is refused by its op.

mod body;
mod flatten;
mod library;

pub use self::flatten::{FlatGraph, FlatNode, Source};

use std::borrow::Cow;

use crate::{
    data::parse::GraphDef,
    encode::{self, Piece, put_node},
    error::GraphError,
    limits::GraphLimits,
};

/// The nodes of `definition` with all functions in place of their calls.
///
/// # Errors
/// [`GraphError::TooMany`] and [`GraphError::Grown`] when that is more than `came` bytes are worth;
/// [`GraphError::DanglingInput`] where a call and its function do not fit.
pub fn flatten<'l, 'a>(
    library: &'l Library<'a>,
    came: u64,
    limits: &GraphLimits,
) -> Result<FlatGraph<'l, 'a>, GraphError> {
    flatten::flatten(library, came, limits)
}

pub use library::Library;

/// `definition` as bytes, with functions in place of the calls that its nodes make; absent when they make none. A call
/// keeps its name, as a node that hands on its first result.
///
/// # Errors
/// As [`flatten`].
pub fn inline(definition: &GraphDef<'_>, came: u64, limits: &GraphLimits) -> Result<Option<Vec<u8>>, GraphError> {
    if definition.functions.is_empty() {
        return Ok(None);
    }
    let library = Library::read(definition, limits)?;
    if !library.is_called() {
        return Ok(None);
    }
    let graph = flatten(&library, came, limits)?;
    let mut out = Vec::new();
    for node in &graph.nodes {
        let inputs: Vec<String> = node.inputs.iter().map(|source| graph.written(*source)).collect();
        put_node(&mut out, &node.name, node.op, &inputs, node.attributes);
    }
    for (name, source) in graph.call_results() {
        let inputs = vec![Cow::Owned(graph.written(source))];
        Piece { name: Cow::Borrowed(name), op: "Identity", inputs, attributes: Vec::new() }.put(&mut out);
    }
    encode::put_versions(&mut out, definition.producer);
    Ok(Some(out))
}
