//! A GraphDef as a graph: names resolved, data and control inputs apart, consumers known, order topological.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

pub use crate::data::node::{Endpoint, Node, NodeId};
use crate::{
    data::{
        attr::Attr,
        dtype::DataType,
        parse::{GraphDef, NodeDef},
        quantised,
        tensor::{Tensor, TensorError},
    },
    error::GraphError,
    find::allow_list,
    limits::GraphLimits,
};

/// A tensor this many times larger than its bytes in the file is spelled with a repeated value.
const FILLED_RATIO: u64 = 16;
/// Longer integer constants hold indices or picture values, not shapes and axes.
const INTS_MAX: u64 = 1 << 16;

/// A constant as plain floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Extents; empty for a scalar.
    pub shape: Vec<u64>,
    /// Row-major values.
    pub values: Vec<f32>,
}

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
        let nodes =
            definition.nodes.into_iter().map(|node| resolve_inputs(node, &by_name)).collect::<Result<Vec<_>, _>>()?;
        let (consumer_starts, consumers) = index_consumers(&nodes);
        let mut graph =
            Self { nodes, by_name, consumer_starts, consumers, order: Vec::new(), sources: Vec::new(), producer };
        graph.order = graph.sort()?;
        graph.sources = graph.find_sources();
        graph.check_constants(limits)?;
        Ok(graph)
    }

    /// Makes `id` a node of another op without inputs.
    pub(crate) fn replace(&mut self, id: NodeId, op: &'a str, attributes: Vec<(&'a str, Vec<u8>)>) {
        let node = &mut self.nodes[id.0 as usize];
        node.op = op;
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

    /// The tensor of a `Const` node.
    #[must_use]
    pub fn tensor(&self, id: NodeId) -> Option<Tensor<'_>> {
        let node = self.node(id);
        match node.attr("value")? {
            Attr::Tensor(tensor) if node.op == "Const" => Some(tensor),
            _ => None,
        }
    }

    /// The value of `id` as floats when it is a constant, through Identity-like nodes, casts and `Dequantize`.
    #[must_use]
    pub fn constant(&self, id: NodeId) -> Option<Constant> {
        let id = self.skip_to_constant(id)?;
        if self.node(id).op == "Dequantize" {
            return quantised::dequantize(self, id);
        }
        let tensor = self.tensor(id)?;
        Some(Constant { values: tensor.to_f32()?, shape: tensor.shape })
    }

    /// The value of `id` as integers when it is a small constant of an integer type.
    #[must_use]
    pub fn constant_ints(&self, id: NodeId) -> Option<Vec<i64>> {
        let tensor = self.tensor(self.skip_passages(id))?;
        if tensor.element_count() <= INTS_MAX { tensor.to_i64() } else { None }
    }

    /// Extents of `id` when it is a constant, without reading its values.
    #[must_use]
    pub fn constant_shape(&self, id: NodeId) -> Option<Vec<u64>> {
        let mut id = self.skip_to_constant(id)?;
        if self.node(id).op == "Dequantize" {
            id = self.skip_passages(self.input(id, 0)?);
        }
        Some(self.tensor(id)?.shape)
    }

    /// The `Const` or `Dequantize` above `id`, through passages and casts to a float type.
    fn skip_to_constant(&self, mut id: NodeId) -> Option<NodeId> {
        loop {
            id = self.skip_passages(id);
            let node = self.node(id);
            match node.op {
                "Const" | "Dequantize" => return Some(id),
                "Cast" if matches!(node.dtype("DstT"), Some(DataType::Float | DataType::Double)) => {
                    id = self.input(id, 0)?;
                }
                _ => return None,
            }
        }
    }

    /// Everything that the nodes `from` need, through data and, when `with_controls`, control inputs, and they themselves.
    #[must_use]
    pub fn ancestors(&self, from: impl IntoIterator<Item = NodeId>, with_controls: bool) -> HashSet<NodeId> {
        self.above(from, with_controls, |_| false)
    }

    /// What lies between `input` and `output`, in topological order; `with_controls` also what must run before, except
    /// for what only checks need that are left out ([`allow_list::DROPPED`]).
    #[must_use]
    pub fn between(&self, input: NodeId, output: NodeId, with_controls: bool) -> Vec<NodeId> {
        let needed = self.above([output], with_controls, |id| {
            id == input || with_controls && allow_list::DROPPED.ops.contains(&self.node(id).op)
        });
        self.order.iter().copied().filter(|id| needed.contains(id)).collect()
    }

    fn above(
        &self,
        from: impl IntoIterator<Item = NodeId>,
        with_controls: bool,
        is_end: impl Fn(NodeId) -> bool,
    ) -> HashSet<NodeId> {
        let mut seen = HashSet::new();
        let mut stack: Vec<NodeId> = from.into_iter().collect();
        while let Some(id) = stack.pop() {
            if seen.insert(id) && !is_end(id) {
                let node = self.node(id);
                stack.extend(node.inputs.iter().map(|endpoint| endpoint.node));
                if with_controls {
                    stack.extend(&node.controls);
                }
            }
        }
        seen
    }

    /// Everything that takes data from the nodes `from`, directly or not, and they themselves.
    #[must_use]
    pub fn descendants(&self, from: impl IntoIterator<Item = NodeId>) -> HashSet<NodeId> {
        let mut seen = HashSet::new();
        let mut stack: Vec<NodeId> = from.into_iter().collect();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                stack.extend(self.consumers(id));
            }
        }
        seen
    }

    fn sort(&self) -> Result<Vec<NodeId>, GraphError> {
        let is_back_edge = |from: NodeId| matches!(self.node(from).op, "NextIteration" | "RefNextIteration");
        let mut waiting: Vec<u32> = self
            .nodes
            .iter()
            .map(|node| {
                let data = node.inputs.iter().map(|endpoint| endpoint.node);
                data.chain(node.controls.iter().copied()).filter(|from| !is_back_edge(*from)).count() as u32
            })
            .collect();
        let mut followers: Vec<Vec<NodeId>> = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.iter() {
            for control in node.controls.iter().filter(|from| !is_back_edge(**from)) {
                followers[control.0 as usize].push(id);
            }
        }
        let mut order: Vec<NodeId> = self.iter().map(|(id, _)| id).filter(|id| waiting[id.0 as usize] == 0).collect();
        let mut done = 0;
        while let Some(&id) = order.get(done) {
            done += 1;
            let data: &[NodeId] = if is_back_edge(id) { &[] } else { self.consumers(id) };
            for next in data.iter().chain(&followers[id.0 as usize]) {
                let left = &mut waiting[next.0 as usize];
                *left -= 1;
                if *left == 0 {
                    order.push(*next);
                }
            }
        }
        match self.nodes.iter().zip(&waiting).find(|(_, left)| **left > 0) {
            Some(_) => Err(GraphError::Cycle(self.node_in_cycle(&waiting).to_owned())),
            None => Ok(order),
        }
    }

    fn find_sources(&self) -> Vec<NodeId> {
        let mut sources: Vec<NodeId> = self.iter().map(|(id, _)| id).collect();
        for id in &self.order {
            if let (true, Some(up)) = (is_passage(self.node(*id).op), self.input(*id, 0)) {
                sources[id.0 as usize] = sources[up.0 as usize];
            }
        }
        sources
    }

    /// A node that truly lies on a cycle, among those that the sort could not reach: walking up through unreached nodes
    /// must come back to one already met.
    fn node_in_cycle(&self, waiting: &[u32]) -> &str {
        let stuck = |id: &NodeId| waiting[id.0 as usize] > 0;
        let mut met = HashSet::new();
        let mut at = self.iter().map(|(id, _)| id).find(|id| stuck(id));
        while let Some(id) = at {
            let node = self.node(id);
            if !met.insert(id) {
                return &node.name;
            }
            at = node.inputs.iter().map(|endpoint| endpoint.node).chain(node.controls.iter().copied()).find(&stuck);
        }
        ""
    }

    fn check_constants(&self, limits: &GraphLimits) -> Result<(), GraphError> {
        for node in &self.nodes {
            for (_, body) in &node.attributes {
                let malformed = |reason| GraphError::NodeMalformed { node: node.name.to_string(), reason };
                let Attr::Tensor(tensor) = Attr::parse(body).map_err(malformed)? else { continue };
                tensor.check().map_err(|error| match error {
                    TensorError::Wire(reason) => malformed(reason),
                    TensorError::Mismatch { expected, found } => {
                        GraphError::ConstantMismatch { node: node.name.to_string(), expected, found }
                    }
                })?;
                let bytes = tensor.element_count().saturating_mul(tensor.dtype.size_bytes().unwrap_or(1));
                let is_filled = bytes / FILLED_RATIO > body.len() as u64;
                let limit = if is_filled { limits.filled_tensor_bytes_max } else { limits.tensor_bytes_max };
                if bytes > limit {
                    return Err(GraphError::TensorTooLarge { node: node.name.to_string(), bytes, limit });
                }
            }
        }
        Ok(())
    }
}

/// Whether `op` hands its first input on unchanged when the graph answers.
#[must_use]
pub fn is_passage(op: &str) -> bool {
    matches!(
        op,
        "Identity"
            | "StopGradient"
            | "CheckNumerics"
            | "PreventGradient"
            | "PlaceholderWithDefault"
            | "Snapshot"
            | "EnsureShape"
    )
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
    Ok(Node { name: Cow::Borrowed(node.name), op: node.op, inputs, controls, attributes })
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
