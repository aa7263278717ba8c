//! A GraphDef as a graph: names resolved, data and control inputs apart, consumers known, order topological.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

pub use crate::data::node::{Endpoint, Node, NodeId};
use crate::{
    data::{
        attr::Attr,
        parse::{GraphDef, NodeDef},
        tensor::Extents,
    },
    error::GraphError,
    limits::{GraphLimits, Steps},
    ops,
};

/// Graph formats before this version wrote a shape of rank 0 where they meant an unknown one
/// (`tensorflow/core/public/version.h`).
const SCALAR_SHAPES_SINCE: i64 = 24;

/// A graph without cycles in which every name is found.
#[derive(Clone, Debug)]
pub struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    by_name: HashMap<&'a str, NodeId>,
    consumer_starts: Vec<u32>,
    consumers: Vec<NodeId>,
    order: Vec<NodeId>,
    /// For each node the first above it that is no passage, itself where it is none.
    sources: Vec<NodeId>,
    /// Version of the graph format that its producer wrote; 0 when it does not say.
    pub producer: i64,
    /// What it may still cost to look through.
    pub steps: Steps,
}

impl<'a> Graph<'a> {
    /// Resolves names and checks that the graph holds together. Linear in nodes and inputs.
    ///
    /// # Errors
    /// Duplicate names, dangling inputs, cycles, constants whose shape and values disagree or that are too large.
    pub fn build(definition: GraphDef<'a>, limits: &GraphLimits) -> Result<Self, GraphError> {
        let mut by_name = HashMap::with_capacity(definition.nodes.len());
        for (index, node) in definition.nodes.iter().enumerate() {
            if by_name.insert(node.name, NodeId(index as u32)).is_some() {
                return Err(GraphError::DuplicateName(node.name.to_owned()));
            }
        }
        let producer = definition.producer;
        let steps = Steps::new(definition.byte_count, limits);
        let came = definition.byte_count;
        let nodes =
            definition.nodes.into_iter().map(|node| resolve_inputs(node, &by_name)).collect::<Result<Vec<_>, _>>()?;
        let (consumer_starts, consumers) = index_consumers(&nodes);
        let mut graph = Self {
            nodes,
            by_name,
            consumer_starts,
            consumers,
            order: Vec::new(),
            sources: Vec::new(),
            producer,
            steps,
        };
        graph.order = graph.sort()?;
        graph.sources = graph.find_sources();
        graph.check_constants(came, limits)?;
        Ok(graph)
    }

    /// Makes `id` a node of another op without inputs.
    pub(crate) fn replace(&mut self, id: NodeId, op: &'a str, attributes: Vec<(&'a str, Vec<u8>)>) {
        let node = &mut self.nodes[id.0 as usize];
        node.op = op;
        node.kind = ops::of(op);
        node.inputs.clear();
        node.controls.clear();
        node.attributes = attributes.into_iter().map(|(key, body)| (key, Cow::Owned(body))).collect();
    }

    /// Lets every node that takes a key of `redirects` take its value instead, through chains of them.
    pub(crate) fn rewire(&mut self, redirects: &HashMap<Endpoint, Endpoint>) {
        let targets = follow_chains(redirects);
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            if let Some(target) = targets.get(input) {
                *input = *target;
            }
        }
    }

    /// The graph with consumers and order in line with its rewritten inputs. A rewrite that would close a cycle cannot
    /// come from upward redirects; the old order is kept for it.
    pub(crate) fn refreshed(mut self) -> Self {
        (self.consumer_starts, self.consumers) = index_consumers(&self.nodes);
        if let Ok(order) = self.sort() {
            self.order = order;
        }
        self.sources = self.find_sources();
        self
    }

    /// All nodes with their ids, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Node<'a>)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index as u32), node))
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of `id`, which must come from this graph.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// The node named `name`; a trailing `:0` is ignored.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name.strip_suffix(":0").unwrap_or(name)).copied()
    }

    /// The shape that the node `id` states; absent when it states none.
    #[must_use]
    pub fn stated_shape(&self, id: NodeId) -> Option<Extents> {
        match self.node(id).attr("shape") {
            Some(Attr::Shape(Some(extents))) if !extents.is_empty() || self.producer >= SCALAR_SHAPES_SINCE => {
                Some(extents)
            }
            _ => None,
        }
    }

    /// A name that no node has.
    pub(crate) fn fresh_name(&self, base: &str, ending: &str) -> Cow<'static, str> {
        let mut name = format!("{base}/{ending}");
        while self.find(&name).is_some() {
            name.push('_');
        }
        Cow::Owned(name)
    }

    /// The nodes that take data from `id`; a node that takes it twice stands twice.
    #[must_use]
    pub fn consumers(&self, id: NodeId) -> &[NodeId] {
        let index = id.0 as usize;
        &self.consumers[self.consumer_starts[index] as usize..self.consumer_starts[index + 1] as usize]
    }

    /// Nodes so that each stands behind all that it needs; edges out of `NextIteration` are left out.
    #[must_use]
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// The node that makes data input `index` of `id`.
    #[must_use]
    pub fn input(&self, id: NodeId, index: usize) -> Option<NodeId> {
        self.node(id).inputs.get(index).map(|endpoint| endpoint.node)
    }

    /// The first node that is not a mere passage on the way up from `id`.
    #[must_use]
    pub fn skip_passages(&self, id: NodeId) -> NodeId {
        self.sources[id.0 as usize]
    }
}

fn resolve_inputs<'a>(node: NodeDef<'a>, by_name: &HashMap<&'a str, NodeId>) -> Result<Node<'a>, GraphError> {
    let mut inputs = Vec::with_capacity(node.inputs.len());
    let mut controls = Vec::new();
    for input in &node.inputs {
        let dangling = || GraphError::DanglingInput {
            node: node.name.to_owned(),
            input: input.trim_start_matches('^').to_owned(),
        };
        if let Some(name) = input.strip_prefix('^') {
            controls.push(*by_name.get(name).ok_or_else(dangling)?);
            continue;
        }
        let (name, port) = match input.rsplit_once(':') {
            Some((name, port)) => (name, port.parse().map_err(|_| dangling())?),
            None => (*input, 0),
        };
        inputs.push(Endpoint { node: *by_name.get(name).ok_or_else(dangling)?, port });
    }
    let attributes = node.attributes.into_iter().map(|(key, body)| (key, Cow::Borrowed(body))).collect();
    Ok(Node { name: Cow::Borrowed(node.name), op: node.op, kind: ops::of(node.op), inputs, controls, attributes })
}

/// Each redirect with the end of its chain; linear, and a ring ends where it was entered.
fn follow_chains(redirects: &HashMap<Endpoint, Endpoint>) -> HashMap<Endpoint, Endpoint> {
    let mut ends: HashMap<Endpoint, Endpoint> = HashMap::with_capacity(redirects.len());
    for start in redirects.keys() {
        let mut path = Vec::new();
        let mut on_path = HashSet::new();
        let mut at = *start;
        while let Some(next) = redirects.get(&at).filter(|_| !ends.contains_key(&at) && on_path.insert(at)) {
            path.push(at);
            at = *next;
        }
        let end = ends.get(&at).copied().unwrap_or(at);
        ends.extend(path.into_iter().map(|passed| (passed, end)));
    }
    ends
}

/// Consumers of all nodes in one list, with the start of each node's part.
fn index_consumers(nodes: &[Node<'_>]) -> (Vec<u32>, Vec<NodeId>) {
    let mut starts = vec![0_u32; nodes.len() + 1];
    for endpoint in nodes.iter().flat_map(|node| &node.inputs) {
        starts[endpoint.node.0 as usize + 1] += 1;
    }
    for index in 1..starts.len() {
        starts[index] += starts[index - 1];
    }
    let mut next = starts.clone();
    let mut consumers = vec![NodeId(0); starts.last().map_or(0, |count| *count as usize)];
    for (index, node) in nodes.iter().enumerate() {
        for endpoint in &node.inputs {
            let slot = &mut next[endpoint.node.0 as usize];
            consumers[*slot as usize] = NodeId(index as u32);
            *slot += 1;
        }
    }
    (starts, consumers)
}
