//! The functions that a graph may call, each read once, and what a call of each comes to.

use std::collections::HashMap;

use super::body::{Body, BodyNode};
use crate::{
    data::{
        attr::Attr,
        parse::{GraphDef, parse_node},
        wire::Fields,
    },
    error::{GraphError, WireError},
    limits::GraphLimits,
};

/// Calls within calls.
const DEPTH_MAX: u32 = 32;

/// Names of the results of each function.
pub(super) type Signatures<'a> = HashMap<&'a str, Vec<&'a str>>;

/// A graph and its functions.
pub struct Library<'a> {
    pub(super) outer: Body<'a>,
    functions: Vec<Function<'a>>,
    by_name: HashMap<&'a str, usize>,
}

struct Function<'a> {
    /// Absent for one that cannot be read.
    body: Option<Body<'a>>,
    /// Absent for one that calls itself, or others too deep.
    cost: Option<Cost>,
}

/// What one call comes to, with all calls in it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Nodes, arguments and results.
    pub nodes: u64,
    depth: u32,
}

/// A node's way on.
pub(super) enum Call<'l, 'a> {
    /// One function.
    Function(&'l Body<'a>),
    /// The first function where the first input is true, else the second.
    Branch(&'l Body<'a>, &'l Body<'a>),
}

impl<'a> Library<'a> {
    /// Reads the functions of `definition`. One that cannot be read is as good as absent: it may never be called.
    ///
    /// # Errors
    /// What is wrong with a node of the graph; [`GraphError::TooMany`].
    pub fn read(definition: &GraphDef<'a>, limits: &GraphLimits) -> Result<Self, GraphError> {
        let heads: Vec<Head<'a>> = definition.functions.iter().filter_map(|body| Head::read(body).ok()).collect();
        let signatures: Signatures<'a> =
            heads.iter().map(|head| (head.name, head.results.iter().map(|(name, _)| *name).collect())).collect();
        let mut by_name = HashMap::new();
        let mut functions = Vec::new();
        let mut node_count = definition.nodes.len();
        for Head { name, arguments, results, nodes } in heads {
            node_count += nodes.len();
            if node_count > limits.nodes_max as usize {
                return Err(GraphError::TooMany { what: "nodes", limit: u64::from(limits.nodes_max) });
            }
            let nodes = nodes.into_iter().enumerate().map(|(at, node)| parse_node(node, at, limits));
            let results: Vec<&str> = results.into_iter().map(|(_, endpoint)| endpoint).collect();
            let nodes = nodes.collect::<Result<_, _>>();
            let body = nodes.and_then(|nodes| Body::new(nodes, &arguments, &results, &signatures)).ok();
            by_name.insert(name, functions.len());
            functions.push(Function { body, cost: None });
        }
        let outer = Body::new(definition.nodes.clone(), &[], &[], &signatures)?;
        let mut library = Self { outer, functions, by_name };
        library.count();
        Ok(library)
    }

    /// Whether the graph calls a function that can take the place of its call.
    pub(super) fn is_called(&self) -> bool {
        self.outer.nodes.iter().any(|node| self.call(node).is_some())
    }

    /// What stands in the place of `node`; absent for a node that stays.
    pub(super) fn call(&self, node: &BodyNode<'a>) -> Option<Call<'_, 'a>> {
        let body = |index: usize| {
            let function = self.functions.get(index).filter(|function| function.cost.is_some())?;
            function.body.as_ref()
        };
        match self.called(node).as_slice() {
            [only] => Some(Call::Function(body(*only)?)),
            [then, otherwise] => Some(Call::Branch(body(*then)?, body(*otherwise)?)),
            _ => None,
        }
    }

    /// What `nodes` come to once functions stand in the place of their calls.
    pub(super) fn cost(&self, nodes: &[BodyNode<'a>]) -> Cost {
        nodes.iter().fold(Cost::default(), |cost, node| {
            let called = self.called(node).into_iter().filter_map(|index| self.functions.get(index)?.cost);
            called.fold(Cost { nodes: cost.nodes.saturating_add(1), ..cost }, |cost, called| Cost {
                nodes: cost.nodes.saturating_add(called.nodes),
                depth: cost.depth.max(called.depth),
            })
        })
    }

    /// The functions that `node` calls: by its attribute `f`, by those of a branch, or, as TensorFlow 1 wrote calls, by its
    /// op.
    fn called(&self, node: &BodyNode<'a>) -> Vec<usize> {
        let by_attribute = |name: &str| {
            let (_, body) = node.attributes.iter().find(|(key, _)| *key == name)?;
            match Attr::parse(body).ok()? {
                Attr::Function(function) => self.by_name.get(function).copied(),
                _ => None,
            }
        };
        match node.op {
            "PartitionedCall" | "StatefulPartitionedCall" => by_attribute("f").into_iter().collect(),
            "If" | "StatelessIf" => {
                let branches = by_attribute("then_branch").zip(by_attribute("else_branch"));
                branches.map_or_else(Vec::new, |(then, otherwise)| vec![then, otherwise])
            }
            op => self.by_name.get(op).copied().into_iter().collect(),
        }
    }

    /// Counts what each function comes to, those first that call no other; one that calls itself is never reached.
    fn count(&mut self) {
        let calls: Vec<Vec<usize>> = self
            .functions
            .iter()
            .map(|function| {
                function.body.iter().flat_map(|body| &body.nodes).flat_map(|node| self.called(node)).collect()
            })
            .collect();
        let mut waiting: Vec<usize> = calls.iter().map(Vec::len).collect();
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); calls.len()];
        for (caller, called) in calls.iter().enumerate() {
            for callee in called {
                callers[*callee].push(caller);
            }
        }
        let mut ready: Vec<usize> = (0..calls.len()).filter(|index| waiting[*index] == 0).collect();
        while let Some(index) = ready.pop() {
            let Some(body) = &self.functions[index].body else { continue };
            let cost = self.cost(&body.nodes);
            let ends = (body.argument_count + body.results.len()) as u64;
            let cost = Cost { nodes: cost.nodes.saturating_add(ends), depth: cost.depth + 1 };
            if cost.depth > DEPTH_MAX {
                continue;
            }
            self.functions[index].cost = Some(cost);
            for caller in &callers[index] {
                waiting[*caller] -= 1;
                if waiting[*caller] == 0 {
                    ready.push(*caller);
                }
            }
        }
    }
}

/// A `FunctionDef` (`function.proto`) whose nodes are not read yet.
struct Head<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    /// Names of the results, and their endpoints.
    results: Vec<(&'a str, &'a str)>,
    nodes: Vec<&'a [u8]>,
}

impl<'a> Head<'a> {
    fn read(body: &'a [u8]) -> Result<Self, WireError> {
        let mut head = Self { name: "", arguments: Vec::new(), results: Vec::new(), nodes: Vec::new() };
        let mut returned: HashMap<&str, &str> = HashMap::new();
        let mut outputs = Vec::new();
        for item in Fields::new(body) {
            match item? {
                (1, value) => {
                    for item in Fields::new(value.bytes(1)?) {
                        match item? {
                            (1, value) => head.name = value.text(1)?,
                            (2, value) => head.arguments.push(name_of(value.bytes(2)?)?),
                            (3, value) => outputs.push(name_of(value.bytes(3)?)?),
                            _ => {}
                        }
                    }
                }
                (3, value) => head.nodes.push(value.bytes(3)?),
                (4, value) => {
                    let (mut key, mut endpoint) = ("", "");
                    for item in Fields::new(value.bytes(4)?) {
                        match item? {
                            (1, value) => key = value.text(1)?,
                            (2, value) => endpoint = value.text(2)?,
                            _ => {}
                        }
                    }
                    returned.insert(key, endpoint);
                }
                _ => {}
            }
        }
        head.results = outputs.into_iter().map(|name| (name, returned.get(name).copied().unwrap_or(name))).collect();
        Ok(head)
    }
}

/// Field 1 of an `ArgDef`.
fn name_of(body: &[u8]) -> Result<&str, WireError> {
    for item in Fields::new(body) {
        if let (1, value) = item? {
            return value.text(1);
        }
    }
    Ok("")
}
