//! The model as far as it is written.

use std::collections::{HashMap, HashSet};

use super::{
    constants::Form,
    proto::{Attribute, Element, Initializer, Model, Operation, Port},
};
use crate::{
    data::graph::{Endpoint, Graph, NodeId},
    error::GraphError,
    shapes::Shapes,
};

/// Which axis of TensorFlow's image stands at each place of a turned one.
pub(super) const TURNED: [usize; 4] = [0, 3, 1, 2];
/// Which axis of a turned image stands at each place of TensorFlow's.
pub(super) const BACK: [usize; 4] = [0, 2, 3, 1];

/// How a tensor of the graph is written.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub name: String,
    /// Whether its axes stand as batch, channels, rows, columns where TensorFlow has batch, rows, columns, channels.
    pub is_turned: bool,
    /// The operation that computes it, where that is a layer whose bias is still to come.
    open_layer: Option<usize>,
}

/// Why a node is not written: it counts once something that is needed reads it.
pub(super) type Refusal = GraphError;

pub(super) struct Writer<'g> {
    pub graph: &'g Graph<'g>,
    pub shapes: &'g Shapes,
    scores: NodeId,
    values: HashMap<Endpoint, Value>,
    refusals: HashMap<NodeId, Refusal>,
    /// Tensors in the other order than they are computed in, and computed kernels in ONNX's.
    pub others: HashMap<(Endpoint, Form), String>,
    operations: Vec<Operation>,
    pub initializers: Vec<Initializer<'g>>,
    /// Constants of the graph that are written, in each of their forms.
    pub constants: HashMap<NodeId, Vec<(Form, String)>>,
    /// Nodes whose value is known before the graph runs.
    pub known: HashSet<NodeId>,
    /// Constants that are made here, by their values.
    pub made: HashMap<(Element, Vec<u64>, Vec<u8>), String>,
    names: HashSet<String>,
    /// How often each base of a name was taken already.
    counts: HashMap<String, u32>,
    bytes_left: u64,
    bytes_max: u64,
}

impl<'g> Writer<'g> {
    /// Nothing is written yet; the model's constants may take `bytes_max`.
    pub fn new(graph: &'g Graph<'g>, shapes: &'g Shapes, scores: NodeId, bytes_max: u64) -> Self {
        // A protocol buffer message ends at 2 GiB.
        let bytes_max = bytes_max.min(1 << 31);
        Self {
            graph,
            shapes,
            scores,
            values: HashMap::new(),
            refusals: HashMap::new(),
            others: HashMap::new(),
            operations: Vec::new(),
            initializers: Vec::new(),
            constants: HashMap::new(),
            known: HashSet::new(),
            made: HashMap::new(),
            names: graph.iter().map(|(_, node)| node.name.to_string()).collect(),
            counts: HashMap::new(),
            bytes_left: bytes_max,
            bytes_max,
        }
    }

    /// Lets `input` be what the model is fed, and gives its name.
    pub fn feed(&mut self, input: Endpoint) -> String {
        let name = self.graph.node(input.node).name.to_string();
        self.values.insert(input, Value { name: name.clone(), is_turned: false, open_layer: None });
        name
    }

    /// The model, with the name of its output, which is `output` as TensorFlow gives it.
    pub fn finish(mut self, input: Port, output: Endpoint) -> Result<(Model<'g>, String), GraphError> {
        let name = self.graph.node(output.node).name.to_string();
        let computed = self.plain(output)?;
        if computed != name {
            // The name is still free where another stands for it.
            self.operations.push(operation("Identity", vec![computed], vec![name.clone()], Vec::new()));
        }
        let port = Port { name: name.clone(), element: self.element(output)?, extents: self.extents(output) };
        let mut needed: HashSet<String> = HashSet::from([name.clone()]);
        let mut operations: Vec<Operation> = Vec::with_capacity(self.operations.len());
        for operation in self.operations.into_iter().rev() {
            if operation.outputs.iter().any(|output| needed.contains(output)) {
                needed.extend(operation.inputs.iter().cloned());
                operations.push(operation);
            }
        }
        operations.reverse();
        let mut initializers = self.initializers;
        initializers.retain(|constant| needed.contains(&constant.name));
        Ok((Model { operations, initializers, input, output: port }, name))
    }

    /// A name that nothing has yet.
    pub fn fresh(&mut self, base: &str) -> String {
        let mut name = base.to_owned();
        while !self.names.insert(name.clone()) {
            let count = self.counts.entry(base.to_owned()).or_default();
            *count += 1;
            name = format!("{base}_{count}");
        }
        name
    }

    /// Takes `bytes` of what the constants may take.
    pub fn spend(&mut self, bytes: u64) -> Result<(), GraphError> {
        let limit = self.bytes_max;
        self.bytes_left =
            self.bytes_left.checked_sub(bytes).ok_or(GraphError::Grown { what: "as an ONNX model", limit })?;
        Ok(())
    }

    /// The refusal of `id` for `reason`.
    pub fn refusal(&self, id: NodeId, reason: impl Into<String>) -> Refusal {
        let node = self.graph.node(id);
        GraphError::Untranslated { op: node.op.to_owned(), node: node.name.to_string(), reason: reason.into() }
    }

    /// Remembers why `id` is not written.
    pub fn refuse(&mut self, id: NodeId, refusal: Refusal) {
        self.refusals.insert(id, refusal);
    }

    /// How `endpoint` is written; absent where it is no value that was computed.
    pub fn value(&self, endpoint: Endpoint) -> Result<Option<&Value>, Refusal> {
        match self.values.get(&endpoint) {
            Some(value) => Ok(Some(value)),
            None => self.refusals.get(&endpoint.node).map_or(Ok(None), |refusal| Err(refusal.clone())),
        }
    }

    /// Computes a value that is none of the graph's, and gives its name.
    pub fn step(
        &mut self,
        id: NodeId,
        op: &'static str,
        inputs: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> String {
        self.steps(id, 1, op, inputs, attributes).pop().unwrap_or_default()
    }

    /// As [`Self::step`], for `count` values of one op.
    pub fn steps(
        &mut self,
        id: NodeId,
        count: usize,
        op: &'static str,
        inputs: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Vec<String> {
        let base = format!("{}/{op}", self.graph.node(id).name);
        let names: Vec<String> = (0..count).map(|_| self.fresh(&base)).collect();
        self.operations.push(operation(op, inputs, names.clone(), attributes));
        names
    }

    /// Computes the first output of `id`.
    pub fn put(
        &mut self,
        id: NodeId,
        op: &'static str,
        inputs: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
        is_turned: bool,
    ) -> Result<(), Refusal> {
        self.put_all(id, 1, op, inputs, attributes, is_turned)
    }

    /// Computes the first `count` outputs of `id`.
    pub fn put_all(
        &mut self,
        id: NodeId,
        count: u32,
        op: &'static str,
        inputs: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
        is_turned: bool,
    ) -> Result<(), Refusal> {
        let mut outputs = Vec::new();
        for port in 0..count {
            let endpoint = Endpoint { node: id, port };
            self.element(endpoint)?;
            let name = self.name_for(endpoint, is_turned);
            self.values.insert(endpoint, Value { name: name.clone(), is_turned, open_layer: None });
            outputs.push(name);
        }
        self.operations.push(operation(op, inputs, outputs, attributes));
        Ok(())
    }

    /// As [`Self::put`], for a layer that takes a bias as its third input.
    pub fn put_layer(
        &mut self,
        id: NodeId,
        op: &'static str,
        inputs: Vec<String>,
        attributes: Vec<(&'static str, Attribute)>,
        is_turned: bool,
    ) -> Result<(), Refusal> {
        let is_open = inputs.len() == 2;
        self.put(id, op, inputs, attributes, is_turned)?;
        let index = self.operations.len() - 1;
        if let Some(value) = self.values.get_mut(&Endpoint { node: id, port: 0 }).filter(|_| is_open) {
            value.open_layer = Some(index);
        }
        Ok(())
    }

    /// Whether a bias that only `id` adds to `endpoint` may become one of the layer that computes it.
    pub fn takes_bias(&self, endpoint: Endpoint) -> bool {
        let is_open = self.values.get(&endpoint).is_some_and(|value| value.open_layer.is_some());
        is_open && endpoint.node != self.scores && self.graph.consumers(endpoint.node).len() == 1
    }

    /// Gives the layer that computes `endpoint` the constant `bias`, and its value to `id`.
    pub fn put_bias(&mut self, id: NodeId, endpoint: Endpoint, bias: String) -> Result<(), Refusal> {
        let output = Endpoint { node: id, port: 0 };
        self.element(output)?;
        let Some(layer) = self.values.get(&endpoint).cloned() else { return Err(self.refusal(id, "")) };
        let name = self.name_for(output, layer.is_turned);
        if let Some(operation) = layer.open_layer.and_then(|index| self.operations.get_mut(index)) {
            operation.inputs.push(bias);
            operation.outputs = vec![name.clone()];
        }
        self.values.insert(output, Value { name, is_turned: layer.is_turned, open_layer: None });
        Ok(())
    }

    /// Lets output `port` of `id` be what is written as `name`.
    pub fn alias(&mut self, id: NodeId, port: u32, name: String, is_turned: bool) -> Result<(), Refusal> {
        let endpoint = Endpoint { node: id, port };
        self.element(endpoint)?;
        self.values.insert(endpoint, Value { name, is_turned, open_layer: None });
        Ok(())
    }

    /// The graph's own name for `endpoint`, which the scores have only as TensorFlow gives them.
    fn name_for(&mut self, endpoint: Endpoint, is_turned: bool) -> String {
        let own = self.graph.node(endpoint.node).name.to_string();
        match (endpoint.port, endpoint.node == self.scores && is_turned) {
            (0, false) => own,
            (0, true) => self.fresh(&format!("{own}/channels_first")),
            (port, _) => self.fresh(&format!("{own}:{port}")),
        }
    }
}

fn operation(
    op: &'static str,
    inputs: Vec<String>,
    outputs: Vec<String>,
    attributes: Vec<(&'static str, Attribute)>,
) -> Operation {
    Operation { op, inputs, outputs, attributes }
}
