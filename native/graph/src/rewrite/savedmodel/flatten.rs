//! A graph with the functions that it calls put in the place of their calls.

use std::{borrow::Cow, collections::HashMap};

use super::{
    proto::{self, ARGUMENT_OP, Function},
    refuse,
};
use crate::{
    data::{
        attr::Attr,
        graph::{Graph, Node},
        parse,
    },
    error::GraphError,
    limits::GraphLimits,
    ops,
};

/// Calls within calls.
const DEPTH_MAX: u32 = 32;
/// Calls in all.
const CALLS_MAX: u32 = 20_000;

/// One output of a flat node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub node: usize,
    pub port: u32,
}

/// A node of the flat graph. Control inputs are left out: they order side effects, and a frozen graph has none.
#[derive(Debug)]
pub(super) struct FlatNode<'l> {
    pub name: String,
    pub op: String,
    pub inputs: Vec<Source>,
    pub attributes: Vec<(&'l str, &'l [u8])>,
}

impl<'l> FlatNode<'l> {
    pub(super) fn attr(&self, name: &str) -> Option<Attr<'l>> {
        let (_, body) = self.attributes.iter().find(|(key, _)| *key == name)?;
        Attr::parse(body).ok()
    }
}

/// The functions that a graph may call.
pub(super) struct Library {
    functions: HashMap<String, Function>,
}

impl Library {
    pub(super) fn read(bodies: &[&[u8]]) -> Result<Self, GraphError> {
        let mut functions = HashMap::new();
        for body in bodies {
            let name = proto::function_name(body);
            let function = name.and_then(|name| Ok((name.to_owned(), proto::function(body)?)));
            let (name, function) = function.map_err(|error| refuse(format!("a function cannot be read: {error}")))?;
            functions.insert(name, function);
        }
        Ok(Self { functions })
    }

    /// The function that `node` calls, by its attribute `f` or, as TensorFlow 1 wrote calls, by its op.
    fn called<'l>(&'l self, node: &Node<'_>) -> Option<&'l Function> {
        match (node.op, node.attr("f")) {
            ("PartitionedCall" | "StatefulPartitionedCall", Some(Attr::Function(name))) => self.functions.get(name),
            (op, _) => self.functions.get(op),
        }
    }
}

/// Flat nodes, and what the names of the outer graph became.
pub(super) struct FlatGraph<'l> {
    pub nodes: Vec<FlatNode<'l>>,
    outer: Names,
}

/// Outputs of each node of one graph, by name. Nodes that stay have an entry for port 0 alone.
type Names = HashMap<String, Outputs>;

enum Outputs {
    /// A node that stays.
    Node(usize),
    /// A call: one source for each result.
    Results(Vec<Source>),
}

impl FlatGraph<'_> {
    /// The source of `name:port` in the outer graph.
    pub(super) fn source(&self, tensor: &str) -> Option<Source> {
        find(&self.outer, tensor)
    }

    /// The node that `source` comes from, through passages.
    pub(super) fn origin(&self, mut source: Source) -> Source {
        while ops::of(&self.nodes[source.node].op).is_passage() {
            match self.nodes[source.node].inputs.first() {
                Some(up) => source = *up,
                None => break,
            }
        }
        source
    }
}

/// Flattens the graph in `bytes`.
pub(super) fn flatten<'l>(
    bytes: &'l [u8],
    library: &'l Library,
    limits: &GraphLimits,
) -> Result<FlatGraph<'l>, GraphError> {
    let mut flattening = Flattening { library, limits, nodes: Vec::new(), calls: 0 };
    let outer = flattening.graph(bytes, "", &HashMap::new(), 0)?;
    Ok(FlatGraph { nodes: flattening.nodes, outer })
}

struct Flattening<'l, 'm> {
    library: &'l Library,
    limits: &'m GraphLimits,
    nodes: Vec<FlatNode<'l>>,
    calls: u32,
}

impl<'l> Flattening<'l, '_> {
    fn graph(
        &mut self,
        bytes: &'l [u8],
        prefix: &str,
        arguments: &HashMap<&str, Source>,
        depth: u32,
    ) -> Result<Names, GraphError> {
        let graph = Graph::build(parse::parse(bytes, self.limits)?, self.limits)?;
        let mut names: Names = HashMap::with_capacity(graph.len());
        for id in graph.order() {
            let node = graph.node(*id);
            if node.op == ARGUMENT_OP {
                if let Some(source) = arguments.get(node.name.as_ref()) {
                    names.insert(node.name.to_string(), Outputs::Results(vec![*source]));
                }
                continue;
            }
            let inputs: Option<Vec<Source>> = node
                .inputs
                .iter()
                .map(|endpoint| find_output(&names, &graph.node(endpoint.node).name, endpoint.port))
                .collect();
            let inputs = inputs.ok_or_else(|| refuse(format!("an input of node {:?} does not exist", node.name)))?;
            let outputs = match self.library.called(node) {
                Some(function) => {
                    Outputs::Results(self.call(function, &format!("{prefix}{}/", node.name), &inputs, depth)?)
                }
                None => Outputs::Node(self.push(node, prefix, inputs)?),
            };
            names.insert(node.name.to_string(), outputs);
        }
        Ok(names)
    }

    fn call(
        &mut self,
        function: &'l Function,
        prefix: &str,
        inputs: &[Source],
        depth: u32,
    ) -> Result<Vec<Source>, GraphError> {
        self.calls += 1;
        if depth >= DEPTH_MAX || self.calls > CALLS_MAX {
            return Err(refuse(format!("functions call each other more than {DEPTH_MAX} deep or {CALLS_MAX} times")));
        }
        let arguments = function.arguments.iter().map(String::as_str).zip(inputs.iter().copied()).collect();
        let names = self.graph(&function.graph, prefix, &arguments, depth + 1)?;
        let results = function.results.iter().map(|result| {
            find(&names, result).ok_or_else(|| refuse(format!("a function returns {result:?}, which it does not make")))
        });
        results.collect()
    }

    fn push(&mut self, node: &Node<'l>, prefix: &str, inputs: Vec<Source>) -> Result<usize, GraphError> {
        if self.nodes.len() >= self.limits.nodes_max as usize {
            return Err(GraphError::TooMany { what: "nodes", limit: u64::from(self.limits.nodes_max) });
        }
        let attributes = node.attributes.iter().filter_map(|(key, body)| match body {
            Cow::Borrowed(body) => Some((*key, *body)),
            Cow::Owned(_) => None,
        });
        self.nodes.push(FlatNode {
            name: format!("{prefix}{}", node.name),
            op: node.op.to_owned(),
            inputs,
            attributes: attributes.collect(),
        });
        Ok(self.nodes.len() - 1)
    }
}

fn find(names: &Names, tensor: &str) -> Option<Source> {
    match tensor.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => find_output(names, name, port),
        None => find_output(names, tensor, 0),
    }
}

fn find_output(names: &Names, name: &str, port: u32) -> Option<Source> {
    match names.get(name)? {
        Outputs::Node(node) => Some(Source { node: *node, port }),
        Outputs::Results(results) => results.get(port as usize).copied(),
    }
}
