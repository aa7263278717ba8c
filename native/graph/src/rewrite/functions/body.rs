//! The nodes of a graph or function with their inputs found, in an order in which they can run. Read once, however often
//! the function is called.

use std::collections::HashMap;

use super::library::Signatures;
use crate::{data::parse::NodeDef, error::GraphError, ops};

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An argument of the function.
    Argument(usize),
    /// Output `port` of the node at a place of the body.
    Node { index: usize, port: u32 },
}

/// A node of a body. Control inputs are left out: they order side effects, and a frozen graph has none.
#[derive(Debug)]
pub(super) struct BodyNode<'a> {
    pub name: &'a str,
    pub op: &'a str,
    pub inputs: Vec<Origin>,
    pub attributes: Vec<(&'a str, &'a [u8])>,
}

/// A graph, or what a function does.
#[derive(Debug)]
pub(super) struct Body<'a> {
    pub nodes: Vec<BodyNode<'a>>,
    /// Places of `nodes`, each behind those that it needs.
    pub order: Vec<usize>,
    pub argument_count: usize,
    pub results: Vec<Origin>,
    by_name: HashMap<&'a str, Origin>,
}

impl<'a> Body<'a> {
    /// The body of `nodes`, whose inputs are written as functions or as graphs write them.
    pub(super) fn new(
        nodes: Vec<NodeDef<'a>>,
        arguments: &[&'a str],
        results: &[&'a str],
        signatures: &Signatures<'a>,
    ) -> Result<Self, GraphError> {
        let mut by_name: HashMap<&str, Origin> =
            arguments.iter().enumerate().map(|(index, name)| (*name, Origin::Argument(index))).collect();
        for (index, node) in nodes.iter().enumerate() {
            if by_name.insert(node.name, Origin::Node { index, port: 0 }).is_some() {
                return Err(GraphError::DuplicateName(node.name.to_owned()));
            }
        }
        let ops: Vec<&str> = nodes.iter().map(|node| node.op).collect();
        let find = |input: &str| find(&by_name, &ops, signatures, input);
        let mut body = Vec::with_capacity(nodes.len());
        for NodeDef { name, op, inputs, attributes } in nodes {
            let data = inputs.into_iter().filter(|input| !input.starts_with('^'));
            let inputs = data.map(|input| {
                find(input).ok_or_else(|| GraphError::DanglingInput { node: name.to_owned(), input: input.to_owned() })
            });
            body.push(BodyNode { name, op, inputs: inputs.collect::<Result<_, _>>()?, attributes });
        }
        let results = results.iter().map(|result| {
            let missing =
                || GraphError::DanglingInput { node: "a function's result".to_owned(), input: (*result).to_owned() };
            find(result).ok_or_else(missing)
        });
        let results = results.collect::<Result<_, _>>()?;
        let order = order(&body)?;
        Ok(Self { nodes: body, order, argument_count: arguments.len(), results, by_name })
    }

    /// Where `name:port` comes from.
    pub(super) fn find(&self, tensor: &str) -> Option<Origin> {
        let (name, port) = tensor.rsplit_once(':').unwrap_or((tensor, "0"));
        at_port(*self.by_name.get(name)?, port.parse().ok()?)
    }
}

fn at_port(origin: Origin, port: u32) -> Option<Origin> {
    match origin {
        Origin::Node { index, .. } => Some(Origin::Node { index, port }),
        Origin::Argument(_) => (port == 0).then_some(origin),
    }
}

/// `name`, `name:port` of a graph, or `name:output:index` of a function: the index counts within one named output.
fn find<'a>(
    by_name: &HashMap<&'a str, Origin>,
    ops: &[&'a str],
    signatures: &Signatures<'a>,
    input: &str,
) -> Option<Origin> {
    let mut parts = input.splitn(3, ':');
    let (name, output, index) = (parts.next()?, parts.next(), parts.next());
    let origin = *by_name.get(name)?;
    let Origin::Node { index: place, .. } = origin else { return Some(origin) };
    let port = match (output, index) {
        (None, _) => 0,
        (Some(port), None) => port.parse().ok()?,
        (Some(output), Some(index)) => match port_of(ops.get(place)?, output, signatures) {
            Some(port) => port,
            None => index.parse().ok()?,
        },
    };
    at_port(origin, port)
}

/// The port of the output that `op`, or the function of that name, names `output`.
fn port_of(op: &str, output: &str, signatures: &Signatures<'_>) -> Option<u32> {
    let known = ops::of(op).outputs.iter().position(|name| *name == output);
    let known = known.or_else(|| signatures.get(op)?.iter().position(|name| *name == output));
    known.map(|port| port as u32)
}

fn order(nodes: &[BodyNode<'_>]) -> Result<Vec<usize>, GraphError> {
    let sources = |node: &BodyNode<'_>| -> Vec<usize> {
        let of_nodes = node.inputs.iter().filter_map(|input| match input {
            Origin::Node { index, .. } => Some(*index),
            Origin::Argument(_) => None,
        });
        of_nodes.collect()
    };
    let mut waiting: Vec<usize> = nodes.iter().map(|node| sources(node).len()).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        for source in sources(node) {
            followers[source].push(place);
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|place| waiting[*place] == 0).collect();
    let mut done = 0;
    while let Some(place) = order.get(done).copied() {
        done += 1;
        for next in &followers[place] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                order.push(*next);
            }
        }
    }
    match waiting.iter().position(|left| *left > 0) {
        Some(place) => Err(GraphError::Cycle(nodes[place].name.to_owned())),
        None => Ok(order),
    }
}
