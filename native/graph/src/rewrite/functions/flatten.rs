//! A graph with the functions that it calls put in the place of their calls.

use std::collections::HashSet;

use super::{
    body::{Body, BodyNode, Origin},
    library::{Call, Library},
};
use crate::{
    data::{attr::Attr, dtype::DataType, known},
    error::GraphError,
    limits::GraphLimits,
    ops,
    rewrite::simplify::switches::is_phase,
};

/// How far up a condition is looked into; each step may look at two inputs.
const CONDITION_STEPS_MAX: u32 = 8;

/// One output of a flat node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// Place of the node.
    pub node: usize,
    /// Which of its outputs.
    pub port: u32,
}

/// A node of the flat graph.
#[derive(Debug)]
pub struct FlatNode<'l, 'a> {
    /// Its name behind those of the calls that it stands in.
    pub name: String,
    /// Its op.
    pub op: &'a str,
    /// Its inputs in order.
    pub inputs: Vec<Source>,
    /// Encoded `AttrValue`s by name.
    pub attributes: &'l [(&'a str, &'a [u8])],
}

impl<'a> FlatNode<'_, 'a> {
    /// The attribute `name`.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<Attr<'a>> {
        let (_, body) = self.attributes.iter().find(|(key, _)| *key == name)?;
        Attr::parse(body).ok()
    }
}

/// Flat nodes, each behind those that it needs, and what became of the outer graph's.
pub struct FlatGraph<'l, 'a> {
    /// The nodes.
    pub nodes: Vec<FlatNode<'l, 'a>>,
    outer: &'l Body<'a>,
    outputs: Vec<Outputs>,
}

/// What became of a node.
enum Outputs {
    /// It stays.
    Node(usize),
    /// It was a call: one source for each result.
    Results(Vec<Source>),
}

impl<'a> FlatGraph<'_, 'a> {
    /// The source of `name:port` in the outer graph.
    #[must_use]
    pub fn source(&self, tensor: &str) -> Option<Source> {
        source(&self.outputs, &[], self.outer.find(tensor)?)
    }

    /// The node that `source` comes from, through passages.
    #[must_use]
    pub fn origin(&self, source: Source) -> Source {
        origin(&self.nodes, source)
    }

    /// How an input is written.
    #[must_use]
    pub fn written(&self, source: Source) -> String {
        let name = &self.nodes[source.node].name;
        if source.port == 0 { name.clone() } else { format!("{name}:{}", source.port) }
    }

    /// The calls of the outer graph by name, with their first results.
    pub(super) fn call_results(&self) -> impl Iterator<Item = (&'a str, Source)> {
        self.outer.nodes.iter().zip(&self.outputs).filter_map(|(node, outputs)| match outputs {
            Outputs::Results(results) => Some((node.name, *results.first()?)),
            Outputs::Node(_) => None,
        })
    }
}

fn origin(nodes: &[FlatNode<'_, '_>], mut source: Source) -> Source {
    while ops::of(nodes[source.node].op).is_passage() {
        match nodes[source.node].inputs.first() {
            Some(up) => source = *up,
            None => break,
        }
    }
    source
}

fn source(outputs: &[Outputs], arguments: &[Source], origin: Origin) -> Option<Source> {
    match origin {
        Origin::Argument(index) => arguments.get(index).copied(),
        Origin::Node { index, port } => match outputs.get(index)? {
            Outputs::Node(node) => Some(Source { node: *node, port }),
            Outputs::Results(results) => results.get(port as usize).copied(),
        },
    }
}

/// Flattens the graph of `library`.
pub(super) fn flatten<'l, 'a>(
    library: &'l Library<'a>,
    came: u64,
    limits: &GraphLimits,
) -> Result<FlatGraph<'l, 'a>, GraphError> {
    if library.cost(&library.outer.nodes).nodes > u64::from(limits.nodes_max) {
        let what = "nodes once its functions stand in the place of their calls";
        return Err(GraphError::TooMany { what, limit: u64::from(limits.nodes_max) });
    }
    let bytes_max = limits.grown_bytes_max(came);
    let mut flattening = Flattening { library, bytes_max, bytes: 0, nodes: Vec::new(), inlined: HashSet::new() };
    let outputs = flattening.body(&library.outer, "", &[])?;
    Ok(FlatGraph { nodes: flattening.nodes, outer: &library.outer, outputs })
}

struct Flattening<'l, 'a> {
    library: &'l Library<'a>,
    nodes: Vec<FlatNode<'l, 'a>>,
    /// Names of the nodes that came of calls.
    inlined: HashSet<String>,
    /// Of names and attributes, as they would be written.
    bytes: u64,
    bytes_max: u64,
}

impl<'l, 'a> Flattening<'l, 'a> {
    fn body(&mut self, body: &'l Body<'a>, prefix: &str, arguments: &[Source]) -> Result<Vec<Outputs>, GraphError> {
        let mut outputs: Vec<Outputs> = body.nodes.iter().map(|_| Outputs::Results(Vec::new())).collect();
        for place in &body.order {
            let node = &body.nodes[*place];
            let missing = || GraphError::DanglingInput {
                node: format!("{prefix}{}", node.name),
                input: "a result that its call does not give".to_owned(),
            };
            let inputs: Option<Vec<Source>> =
                node.inputs.iter().map(|input| source(&outputs, arguments, *input)).collect();
            let inputs = inputs.ok_or_else(missing)?;
            outputs[*place] = match self.taken(node, &inputs) {
                Some((function, arguments)) => {
                    Outputs::Results(self.call(function, &format!("{prefix}{}/", node.name), arguments)?)
                }
                None => Outputs::Node(self.push(node, prefix, inputs)?),
            };
        }
        Ok(outputs)
    }

    /// The function that stands in the place of `node`, and its arguments.
    fn taken<'i>(&self, node: &BodyNode<'a>, inputs: &'i [Source]) -> Option<(&'l Body<'a>, &'i [Source])> {
        match self.library.call(node)? {
            Call::Function(function) => Some((function, inputs)),
            Call::Branch(then, otherwise) => {
                let (condition, arguments) = inputs.split_first()?;
                Some((if self.known(*condition, CONDITION_STEPS_MAX)? != 0 { then } else { otherwise }, arguments))
            }
        }
    }

    /// The number or truth value of `source` when the graph answers, where that is known: a constant's, false for a switch
    /// that is fed while the graph is trained, and what is computed of such.
    fn known(&self, source: Source, depth: u32) -> Option<i64> {
        let node = &self.nodes[source.node];
        let input = |index: usize| node.inputs.get(index).filter(|_| depth > 0).copied();
        match (node.op, node.attr("value"), node.attr("dtype")) {
            ("Const", Some(Attr::Tensor(tensor)), _) => tensor.to_i64()?.first().copied(),
            ("Placeholder", _, Some(Attr::Type(DataType::Bool))) => Some(0),
            ("PlaceholderWithDefault", _, Some(Attr::Type(dtype))) if is_phase(&node.name, dtype) => Some(0),
            (op, ..) if ops::of(op).is_passage() => self.known(input(0)?, depth - 1),
            (op, ..) => {
                let cast_to = match node.attr("DstT") {
                    Some(Attr::Type(dtype)) => Some(dtype),
                    _ => None,
                };
                known::computed(op, cast_to, |index| self.known(input(index)?, depth - 1))
            }
        }
    }

    fn call(&mut self, function: &'l Body<'a>, prefix: &str, arguments: &[Source]) -> Result<Vec<Source>, GraphError> {
        let outputs = self.body(function, prefix, arguments)?;
        let results = function.results.iter().map(|result| {
            source(&outputs, arguments, *result).ok_or_else(|| GraphError::DanglingInput {
                node: prefix.trim_end_matches('/').to_owned(),
                input: "a result that its function does not make".to_owned(),
            })
        });
        results.collect()
    }

    fn push(&mut self, node: &'l BodyNode<'a>, prefix: &str, inputs: Vec<Source>) -> Result<usize, GraphError> {
        let attributes = node.attributes.iter().map(|(key, body)| key.len() + body.len()).sum::<usize>();
        self.bytes = self.bytes.saturating_add((prefix.len() + node.name.len() + attributes) as u64);
        if self.bytes > self.bytes_max {
            return Err(GraphError::Grown {
                what: "with its functions in place of their calls",
                limit: self.bytes_max,
            });
        }
        let mut name = format!("{prefix}{}", node.name);
        // A graph keeps its names; TensorFlow itself puts `cond/Identity` behind a call `cond` of what has an `Identity`.
        while !prefix.is_empty() && (self.library.outer.find(&name).is_some() || !self.inlined.insert(name.clone())) {
            name.push('_');
        }
        self.nodes.push(FlatNode { name, op: node.op, inputs, attributes: &node.attributes });
        Ok(self.nodes.len() - 1)
    }
}
