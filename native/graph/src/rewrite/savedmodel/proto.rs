//! The parts of `saved_model.proto`, `meta_graph.proto` and `function.proto` that freezing needs.

use std::collections::HashMap;

use crate::{
    data::wire::{Fields, put_bytes},
    error::WireError,
    ops::of,
};

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

/// A function of the library, rewritten as a GraphDef: its arguments are nodes of op `_Arg`, its inputs `name:port`.
pub(super) struct Function {
    pub graph: Vec<u8>,
    pub arguments: Vec<String>,
    /// The endpoints of its results, as `name:port`.
    pub results: Vec<String>,
}

/// Op of the nodes that stand for arguments.
pub(super) const ARGUMENT_OP: &str = "_Arg";

/// Name of a `FunctionDef`.
pub(super) fn function_name(body: &[u8]) -> Result<&str, WireError> {
    for item in Fields::new(body) {
        if let (1, value) = item? {
            return name_of(value.bytes(1)?);
        }
    }
    Ok("")
}

/// Field 1 of `OpDef` and `ArgDef`.
fn name_of(body: &[u8]) -> Result<&str, WireError> {
    for item in Fields::new(body) {
        if let (1, value) = item? {
            return value.text(1);
        }
    }
    Ok("")
}

/// Reads a `FunctionDef`.
pub(super) fn function(body: &[u8]) -> Result<Function, WireError> {
    let (mut arguments, mut outputs) = (Vec::new(), Vec::new());
    let mut nodes: Vec<&[u8]> = Vec::new();
    let mut returned: HashMap<&str, &str> = HashMap::new();
    for item in Fields::new(body) {
        match item? {
            (1, value) => {
                for item in Fields::new(value.bytes(1)?) {
                    match item? {
                        (2, value) => arguments.push(name_of(value.bytes(2)?)?),
                        (3, value) => outputs.push(name_of(value.bytes(3)?)?),
                        _ => {}
                    }
                }
            }
            (3, value) => nodes.push(value.bytes(3)?),
            (4, value) => {
                let (mut key, mut source) = ("", "");
                for item in Fields::new(value.bytes(4)?) {
                    match item? {
                        (1, value) => key = value.text(1)?,
                        (2, value) => source = value.text(2)?,
                        _ => {}
                    }
                }
                returned.insert(key, source);
            }
            _ => {}
        }
    }
    let mut ops: HashMap<&str, &str> = HashMap::new();
    for node in &nodes {
        let (name, op) = name_and_op(node)?;
        ops.insert(name, op);
    }
    let mut graph = Vec::new();
    for argument in &arguments {
        let mut node = Vec::new();
        put_bytes(&mut node, 1, argument.as_bytes());
        put_bytes(&mut node, 2, ARGUMENT_OP.as_bytes());
        put_bytes(&mut graph, 1, &node);
    }
    for node in nodes {
        put_bytes(&mut graph, 1, &with_plain_inputs(node, &ops)?);
    }
    let results = outputs.iter().map(|output| plain_input(returned.get(output).copied().unwrap_or(""), &ops)).collect();
    Ok(Function { graph, arguments: arguments.into_iter().map(str::to_owned).collect(), results })
}

fn name_and_op(body: &[u8]) -> Result<(&str, &str), WireError> {
    let (mut name, mut op) = ("", "");
    for item in Fields::new(body) {
        match item? {
            (1, value) => name = value.text(1)?,
            (2, value) => op = value.text(2)?,
            _ => {}
        }
    }
    Ok((name, op))
}

/// A `NodeDef` of a function with its inputs written as in a graph.
fn with_plain_inputs(body: &[u8], ops: &HashMap<&str, &str>) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(body.len());
    for item in Fields::new(body) {
        match item? {
            (3, value) => put_bytes(&mut out, 3, plain_input(value.text(3)?, ops).as_bytes()),
            (number @ (1 | 2 | 5), value) => put_bytes(&mut out, number, value.bytes(number)?),
            _ => {}
        }
    }
    Ok(out)
}

/// `name:output:index`, as functions write inputs, as `name:port`. The index counts within one named output, so the
/// few ops with several single outputs need their names.
fn plain_input(input: &str, ops: &HashMap<&str, &str>) -> String {
    let mut parts = input.rsplitn(3, ':');
    let (Some(index), Some(output), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return input.to_owned();
    };
    let outputs = ops.get(name).map_or(&[][..], |op| of(op).outputs);
    match outputs.iter().position(|known| *known == output) {
        Some(port) => format!("{name}:{port}"),
        None => format!("{name}:{index}"),
    }
}
