//! Images with their channels first, turned round.
//!
//! TensorFlow's own code for processors computes convolutions and poolings of images with their channels last alone; those
//! with channels first are for oneDNN, which computes some ops and element types of them. So that every graph answers
//! everywhere, the layers of such a graph are rewritten to take and give images with channels last. What stands between
//! them follows where it can ([`rules`]); a tensor is turned back only for what needs it as the file has it, such as a
//! `Reshape` to a vector, for which the order of values counts.
//!
//! An image is *turned* where its axes stand as batch, rows, columns, channels although the file has channels before rows.

mod order;
mod rules;
mod write;

use std::collections::{HashMap, HashSet};

use menagerie_contract::Layout;

use super::Prepared;
use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, NodeId},
        parse,
        tensor::Extents,
    },
    encode::{self, Piece},
    error::GraphError,
    find::found::InputFound,
    limits::GraphLimits,
    shapes::Shapes,
};
use order::{FIRST, LAST};

pub(super) use rules::is_layer_of_channels_first;

/// `prepared` without layers of images with channels first.
///
/// # Errors
/// Those of [`parse::parse`], [`Graph::build`] and [`Shapes::propagate`], which a prepared graph has passed.
pub(super) fn turn(prepared: Prepared, input: &InputFound, limits: &GraphLimits) -> Result<Prepared, GraphError> {
    let definition = parse::parse(&prepared.graph, limits)?;
    let graph = Graph::build(definition, limits)?;
    let ends = (graph.find(&prepared.input_tensor), graph.find(&prepared.output_tensor));
    let (Some(fed), Some(scores)) = ends else { return Ok(prepared) };
    let mut extents = input.extents(1);
    extents[0] = prepared.batch.map(u64::from);
    let shapes = Shapes::propagate(&graph, graph.order(), fed, &extents, limits)?;
    let mut turning = Turning::new(&graph, &shapes, scores);
    for id in graph.order() {
        if *id == fed && input.layout == Layout::Nchw {
            turning.take_turned(*id, &extents);
        } else {
            turning.take(*id);
        }
    }
    let bytes = turning.finish();
    let input_layout = if input.layout == Layout::Nchw { Layout::Nhwc } else { input.layout };
    Ok(Prepared { graph: bytes, input_layout, ..prepared })
}

/// The graph as far as it is rewritten.
struct Turning<'g, 'a> {
    graph: &'g Graph<'a>,
    /// Of the graph as it was.
    shapes: &'g Shapes,
    scores: NodeId,
    written: Vec<Piece<'g>>,
    /// Names that were given beside those of the graph.
    names: HashSet<String>,
    /// What stands for a tensor of the graph as it was, where that is not its own node: the same values, turned or not.
    stands_for: HashMap<Endpoint, String>,
    turned: HashSet<Endpoint>,
    /// Tensors in the other order than they are computed in.
    others: HashMap<Endpoint, String>,
    /// Integer constants by extents and values.
    integers: HashMap<(Vec<u64>, Vec<i64>), String>,
}

impl<'g, 'a> Turning<'g, 'a> {
    fn new(graph: &'g Graph<'a>, shapes: &'g Shapes, scores: NodeId) -> Self {
        Self {
            graph,
            shapes,
            scores,
            written: Vec::with_capacity(graph.len()),
            names: HashSet::new(),
            stands_for: HashMap::new(),
            turned: HashSet::new(),
            others: HashMap::new(),
            integers: HashMap::new(),
        }
    }

    /// Writes the input, which is fed turned.
    fn take_turned(&mut self, id: NodeId, extents: &Extents) {
        let shape = encode::shape_attr(&LAST.iter().map(|axis| extents[*axis]).collect());
        let node = self.as_it_is(id).with("shape", shape);
        self.turned.insert(Endpoint { node: id, port: 0 });
        self.written.push(node);
    }

    /// Writes `id`: as an op of turned images where there is a rule for it, else as it is, on images as they were.
    fn take(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        let reads_turned = node.inputs.iter().any(|input| self.turned.contains(input));
        let may_turn = reads_turned || is_layer_of_channels_first(node) || node.op == "Transpose";
        let rule = rules::of(node).filter(|_| may_turn);
        if rule.and_then(|rule| rule(self, id)).is_none() {
            let inputs = node.inputs.iter().map(|input| self.first(*input)).collect();
            self.written.push(self.as_it_is(id).reading(inputs));
        }
    }

    /// Adds `node` in place of `id`. Its first output may be turned.
    fn put(&mut self, id: NodeId, mut node: Piece<'g>, is_turned: bool) {
        let output = Endpoint { node: id, port: 0 };
        if id == self.scores && is_turned {
            // The scores are fetched by their name, and as they were.
            let name = self.fresh(id, "channels_last");
            let fetched = std::mem::replace(&mut node.name, name.clone().into());
            let transposed = self.transposed(fetched, name.clone(), &FIRST, self.dtype(output));
            self.stands_for.insert(output, name);
            self.written.extend([node, transposed]);
        } else {
            self.written.push(node);
        }
        if is_turned {
            self.turned.insert(output);
        }
    }

    /// Lets `id` be another name of what is written as `name`.
    fn alias(&mut self, id: NodeId, name: String, is_turned: bool) -> Option<()> {
        if id == self.scores {
            return None;
        }
        let output = Endpoint { node: id, port: 0 };
        self.stands_for.insert(output, name);
        if is_turned {
            self.turned.insert(output);
        }
        Some(())
    }

    /// `id` with nothing changed but that its inputs are still to be named.
    fn as_it_is(&self, id: NodeId) -> Piece<'g> {
        let node = self.graph.node(id);
        let attributes = node.attributes.iter().map(|(name, body)| (*name, body.as_ref().into())).collect();
        Piece { name: node.name.as_ref().into(), op: node.op, inputs: Vec::new(), attributes }
    }

    /// How `endpoint` is written, in the order in which it is computed.
    fn own(&self, endpoint: Endpoint) -> String {
        self.stands_for.get(&endpoint).cloned().unwrap_or_else(|| {
            let name = &self.graph.node(endpoint.node).name;
            if endpoint.port == 0 { name.to_string() } else { format!("{name}:{}", endpoint.port) }
        })
    }

    /// `endpoint` as the file has it.
    fn first(&mut self, endpoint: Endpoint) -> String {
        if self.turned.contains(&endpoint) { self.other(endpoint, &FIRST) } else { self.own(endpoint) }
    }

    /// `endpoint`, a tensor of four axes, turned.
    fn last(&mut self, endpoint: Endpoint) -> String {
        if self.turned.contains(&endpoint) {
            return self.own(endpoint);
        }
        match self.constant(endpoint) {
            Some(name) => name,
            None => self.other(endpoint, &LAST),
        }
    }

    /// `endpoint` as a turned image, or as what is broadcast to one.
    fn broadcast(&mut self, endpoint: Endpoint) -> Option<String> {
        if self.turned.contains(&endpoint) {
            return Some(self.own(endpoint));
        }
        let extents = self.extents(endpoint)?;
        if extents.len() <= 4 && extents.iter().all(|extent| *extent == Some(1)) {
            return Some(self.own(endpoint));
        }
        match extents.len() {
            4 => Some(self.last(endpoint)),
            0..4 => self.constant(endpoint).or_else(|| self.lifted(endpoint, &extents)),
            _ => None,
        }
    }

    /// `endpoint`, which has fewer than four axes and is no constant, as a turned image.
    fn lifted(&mut self, endpoint: Endpoint, extents: &Extents) -> Option<String> {
        if let Some(name) = self.others.get(&endpoint) {
            return Some(name.clone());
        }
        let extents: Option<Vec<u64>> = extents.iter().copied().collect();
        let extents: Vec<i64> = order::lift(&extents?).iter().map(|extent| *extent as i64).collect();
        let (own, dtype) = (self.own(endpoint), self.dtype(endpoint));
        let target = self.integers(endpoint.node, &[4], &extents);
        let name = self.fresh(endpoint.node, "four_axes");
        self.written.push(Piece {
            name: name.clone().into(),
            op: "Reshape",
            inputs: vec![own.into(), target.into()],
            attributes: vec![
                ("T", encode::dtype_attr(dtype).into()),
                ("Tshape", encode::dtype_attr(DataType::Int32).into()),
            ],
        });
        let turned = self.fresh(endpoint.node, "channels_last");
        let transposed = self.transposed(turned.clone().into(), name, &LAST, dtype);
        self.written.push(transposed);
        self.others.insert(endpoint, turned.clone());
        Some(turned)
    }

    /// `endpoint` in the order that it is not computed in.
    fn other(&mut self, endpoint: Endpoint, order: &[usize; 4]) -> String {
        if let Some(name) = self.others.get(&endpoint) {
            return name.clone();
        }
        let name = self.fresh(endpoint.node, if *order == LAST { "channels_last" } else { "channels_first" });
        let transposed = self.transposed(name.clone().into(), self.own(endpoint), order, self.dtype(endpoint));
        self.written.push(transposed);
        self.others.insert(endpoint, name.clone());
        name
    }

    /// A turned copy of a constant of up to four axes; absent for what is none, or stored value by value.
    fn constant(&mut self, endpoint: Endpoint) -> Option<String> {
        if let Some(name) = self.others.get(&endpoint) {
            return Some(name.clone());
        }
        let tensor = self.graph.tensor(endpoint.node)?;
        let size = usize::try_from(tensor.dtype.size_bytes()?).ok()?;
        let extents = order::lift(&tensor.shape);
        let content = order::turn_content(tensor.content, &extents, size)?;
        let value = encode::tensor_attr(tensor.dtype, &LAST.map(|axis| extents[axis]), &content);
        let name = self.fresh(endpoint.node, "channels_last");
        self.written.push(Piece::constant(name.clone().into(), tensor.dtype, value.into()));
        self.others.insert(endpoint, name.clone());
        Some(name)
    }

    /// A constant of 32-bit integers; equal ones are written once.
    fn integers(&mut self, user: NodeId, extents: &[u64], values: &[i64]) -> String {
        let key = (extents.to_vec(), values.to_vec());
        if let Some(name) = self.integers.get(&key) {
            return name.clone();
        }
        let content: Vec<u8> = values.iter().flat_map(|value| (*value as i32).to_le_bytes()).collect();
        let name = self.fresh(user, "integers");
        let value = encode::tensor_attr(DataType::Int32, extents, &content);
        self.written.push(Piece::constant(name.clone().into(), DataType::Int32, value.into()));
        self.integers.insert(key, name.clone());
        name
    }
}
