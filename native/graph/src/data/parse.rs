//! A GraphDef as a list of nodes that borrow from the file.

use crate::{
    data::wire::Fields,
    error::{GraphError, WireError},
    limits::GraphLimits,
};

/// A GraphDef.
#[derive(Clone, Debug, Default)]
pub struct GraphDef<'a> {
    /// Nodes in file order.
    pub nodes: Vec<NodeDef<'a>>,
    /// Bodies of the `FunctionDef`s of its library.
    pub functions: Vec<&'a [u8]>,
    /// Version of the TensorFlow graph format that its producer wrote; 0 when it does not say.
    pub producer: i64,
    /// Size of the file.
    pub byte_count: u64,
}

/// A node as the file states it.
#[derive(Clone, Debug, Default)]
pub struct NodeDef<'a> {
    /// Unique name.
    pub name: &'a str,
    /// Op.
    pub op: &'a str,
    /// `name`, `name:port` or `^name` (control).
    pub inputs: Vec<&'a str>,
    /// Attributes with the bytes of their `AttrValue`.
    pub attributes: Vec<(&'a str, &'a [u8])>,
}

/// Reads a GraphDef. Linear in the size of the file.
///
/// # Errors
/// [`GraphError::Truncated`], [`GraphError::NotGraphDef`], [`GraphError::NodeMalformed`], or a limit.
pub fn parse<'a>(file: &'a [u8], limits: &GraphLimits) -> Result<GraphDef<'a>, GraphError> {
    if file.len() as u64 > limits.file_bytes_max {
        return Err(GraphError::FileTooLarge { bytes: file.len() as u64, limit: limits.file_bytes_max });
    }
    let mut graph = GraphDef { byte_count: file.len() as u64, ..GraphDef::default() };
    let mut edge_count = 0;
    for item in Fields::new(file) {
        let (number, value) = item.map_err(|error| top_level_error(error, &graph, file))?;
        let result = match number {
            1 => match value.bytes(number) {
                Ok(body) => {
                    if graph.nodes.len() >= limits.nodes_max as usize {
                        return Err(GraphError::TooMany { what: "nodes", limit: u64::from(limits.nodes_max) });
                    }
                    let node = parse_node(body, graph.nodes.len(), limits)?;
                    edge_count += node.inputs.len();
                    if edge_count > limits.edges_max as usize {
                        return Err(GraphError::TooMany { what: "inputs", limit: u64::from(limits.edges_max) });
                    }
                    graph.nodes.push(node);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            2 => value.bytes(number).and_then(|body| parse_library(body, &mut graph.functions)),
            3 => value.int(number).map(|_| ()),
            4 => value.bytes(number).and_then(|body| parse_versions(body, &mut graph.producer)),
            5 => value.bytes(number).map(|_| ()),
            other => {
                return Err(GraphError::NotGraphDef(format!("field {other} does not belong there")));
            }
        };
        result.map_err(|error| top_level_error(error, &graph, file))?;
    }
    Ok(graph)
}

fn top_level_error(error: WireError, graph: &GraphDef<'_>, file: &[u8]) -> GraphError {
    match (error, graph.nodes.last()) {
        (WireError::Truncated, Some(last)) => GraphError::Truncated {
            detail: format!("it breaks off behind node {:?}", last.name),
            file_bytes: file.len() as u64,
        },
        // A lone first node that is cut off: its header and the start of its name are there.
        (WireError::Truncated, None) if file.first() == Some(&0x0a) => GraphError::Truncated {
            detail: "it breaks off inside its first node".to_owned(),
            file_bytes: file.len() as u64,
        },
        (error, _) => GraphError::NotGraphDef(error.to_string()),
    }
}

pub(crate) fn parse_node<'a>(body: &'a [u8], position: usize, limits: &GraphLimits) -> Result<NodeDef<'a>, GraphError> {
    let mut node = NodeDef::default();
    for item in Fields::new(body) {
        let result = item.and_then(|(number, value)| {
            match number {
                1 => node.name = value.text(number)?,
                2 => node.op = value.text(number)?,
                3 => node.inputs.push(value.text(number)?),
                5 => node.attributes.push(parse_entry(value.bytes(number)?)?),
                _ => {}
            }
            Ok(())
        });
        result.map_err(|reason| GraphError::NodeMalformed { node: display_name(node.name, position), reason })?;
        if node.attributes.len() > limits.attributes_per_node_max as usize {
            return Err(GraphError::TooMany {
                what: "attributes on one node",
                limit: u64::from(limits.attributes_per_node_max),
            });
        }
    }
    for (text, missing) in [(node.name, "name"), (node.op, "op")] {
        if text.len() > limits.name_bytes_max as usize {
            return Err(GraphError::TooMany { what: "bytes in a name", limit: u64::from(limits.name_bytes_max) });
        }
        if text.is_empty() {
            return Err(GraphError::NodeIncomplete { node: display_name(node.name, position), missing });
        }
    }
    Ok(node)
}

fn display_name(name: &str, position: usize) -> String {
    if name.is_empty() { format!("#{position}") } else { name.to_owned() }
}

/// One entry of `map<string, AttrValue>`.
fn parse_entry(body: &[u8]) -> Result<(&str, &[u8]), WireError> {
    let (mut key, mut content): (&str, &[u8]) = ("", &[]);
    for item in Fields::new(body) {
        let (number, value) = item?;
        match number {
            1 => key = value.text(number)?,
            2 => content = value.bytes(number)?,
            _ => {}
        }
    }
    Ok((key, content))
}

fn parse_library<'a>(body: &'a [u8], functions: &mut Vec<&'a [u8]>) -> Result<(), WireError> {
    for item in Fields::new(body) {
        let (number, value) = item?;
        if number == 1 {
            functions.push(value.bytes(number)?);
        }
    }
    Ok(())
}

fn parse_versions(body: &[u8], producer: &mut i64) -> Result<(), WireError> {
    for item in Fields::new(body) {
        let (number, value) = item?;
        if number == 1 {
            *producer = value.int(number)?;
        }
    }
    Ok(())
}
