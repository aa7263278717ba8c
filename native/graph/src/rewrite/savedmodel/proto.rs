//! The parts of `saved_model.proto`, `meta_graph.proto` and `function.proto` that freezing needs.

use crate::{data::wire::Fields, error::WireError};

/// A graph with its functions and signatures.
#[derive(Debug, Default)]
pub(super) struct MetaGraph<'a> {
    pub graph: &'a [u8],
    pub tags: Vec<&'a str>,
    pub signatures: Vec<Signature<'a>>,
}

/// A named call of the graph.
#[derive(Debug, Default)]
pub(super) struct Signature<'a> {
    pub name: &'a str,
    /// Tensor names, such as `StatefulPartitionedCall:0`, by the names of the outputs.
    pub outputs: Vec<(&'a str, &'a str)>,
}

/// The meta graphs of `saved_model.pb`.
pub(super) fn meta_graphs(file: &[u8]) -> Result<Vec<MetaGraph<'_>>, WireError> {
    let mut graphs = Vec::new();
    for item in Fields::new(file) {
        if let (2, value) = item? {
            graphs.push(meta_graph(value.bytes(2)?)?);
        }
    }
    Ok(graphs)
}

fn meta_graph(body: &[u8]) -> Result<MetaGraph<'_>, WireError> {
    let mut graph = MetaGraph::default();
    for item in Fields::new(body) {
        match item? {
            (1, value) => {
                for item in Fields::new(value.bytes(1)?) {
                    if let (4, value) = item? {
                        graph.tags.push(value.text(4)?);
                    }
                }
            }
            (2, value) => graph.graph = value.bytes(2)?,
            (5, value) => graph.signatures.push(signature(value.bytes(5)?)?),
            _ => {}
        }
    }
    Ok(graph)
}

fn signature(entry: &[u8]) -> Result<Signature<'_>, WireError> {
    let mut signature = Signature::default();
    let (name, body) = map_entry(entry)?;
    signature.name = name;
    for item in Fields::new(body) {
        if let (2, value) = item? {
            let (output, info) = map_entry(value.bytes(2)?)?;
            for item in Fields::new(info) {
                if let (1, value) = item? {
                    signature.outputs.push((output, value.text(1)?));
                }
            }
        }
    }
    Ok(signature)
}

/// Key and content of an entry of `map<string, message>`.
fn map_entry(body: &[u8]) -> Result<(&str, &[u8]), WireError> {
    let (mut key, mut content): (&str, &[u8]) = ("", &[]);
    for item in Fields::new(body) {
        match item? {
            (1, value) => key = value.text(1)?,
            (2, value) => content = value.bytes(2)?,
            _ => {}
        }
    }
    Ok((key, content))
}
