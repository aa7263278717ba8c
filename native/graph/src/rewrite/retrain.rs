//! A graph up to its features, alone or with a new class layer on them.
//!
//! What stands before the features stays as it was, node for node, so that pre-processing is read out of the new graph as
//! out of the old one. The image input is named `input` and the probabilities `final_result`: the names of the scripts by
//! which graphs were retrained before (`tensorflow/examples/image_retraining/retrain.py` of TensorFlow 1).

use std::borrow::Cow;

use super::prepare::serialise::{fill_attributes, is_dropped_attribute};
use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, NodeId},
    },
    encode::{self, Piece},
    find::{features::FeaturesFound, found::InputFound},
};

/// The image.
pub const INPUT: &str = "input";
/// The vector of features, a row for each image.
pub const FEATURES: &str = "features";
/// The probabilities.
pub const OUTPUT: &str = "final_result";

const MIRRORED: &str = "input/mirrored";
const MIRRORED_AXIS: &str = "input/mirrored_axis";
const FEATURES_SHAPE: &str = "features/shape";
const WEIGHTS: &str = "head/weights";
const BIASES: &str = "head/biases";
const PRODUCT: &str = "head/MatMul";
const LOGITS: &str = "head/BiasAdd";
const TAKEN: [&str; 10] =
    [INPUT, FEATURES, OUTPUT, MIRRORED, MIRRORED_AXIS, FEATURES_SHAPE, WEIGHTS, BIASES, PRODUCT, LOGITS];

/// What comes at the end.
#[derive(Clone, Copy, Debug)]
pub enum End<'h> {
    /// The features.
    Features,
    /// The features of the mirror image, where pixels stand side by side ([`InputFound::width_axis`]).
    MirroredFeatures,
    /// Probabilities of new classes.
    Head {
        /// Row-major: a row for each feature, a column for each class.
        weights: &'h [f32],
        /// One for each class.
        biases: &'h [f32],
    },
}

/// Writes the graph as a `GraphDef`.
#[must_use]
pub fn write(graph: &Graph<'_>, input: &InputFound, features: &FeaturesFound, end: End<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let writer =
        Writer { graph, input, mirrored_axis: input.width_axis().filter(|_| matches!(end, End::MirroredFeatures)) };
    for id in graph.between(input.node, [features.node], false) {
        if id == input.node { writer.put_input(&mut out) } else { writer.put_node(id, &mut out) }
    }
    put_features(&mut out, &writer.name(features.node), features);
    if let End::Head { weights, biases } = end {
        put_head(&mut out, features.size, weights, biases);
    }
    encode::put_versions(&mut out, graph.producer);
    out
}

struct Writer<'g, 'a> {
    graph: &'g Graph<'a>,
    input: &'g InputFound,
    /// The axis that is turned round, where it is the mirror image that counts.
    mirrored_axis: Option<i32>,
}

impl<'g> Writer<'g, '_> {
    fn put_input(&self, out: &mut Vec<u8>) {
        let node = self.graph.node(self.input.node);
        let dtype = node.dtype("dtype").unwrap_or(DataType::Float);
        let mut extents = self.input.extents(1);
        if let Some(batch) = extents.first_mut() {
            *batch = self.input.batch.map(u64::from);
        }
        Piece::placeholder(INPUT.into(), dtype, &extents).put(out);
        if let Some(axis) = self.mirrored_axis {
            put_ints(out, MIRRORED_AXIS, &[axis]);
            let attributes =
                vec![("T", encode::dtype_attr(dtype).into()), ("Tidx", encode::dtype_attr(DataType::Int32).into())];
            let inputs = vec![INPUT.into(), MIRRORED_AXIS.into()];
            Piece { name: MIRRORED.into(), op: "ReverseV2", inputs, attributes }.put(out);
        }
    }

    fn put_node(&self, id: NodeId, out: &mut Vec<u8>) {
        let node = self.graph.node(id);
        let attributes = node
            .attributes
            .iter()
            .filter(|(name, _)| !is_dropped_attribute(name))
            .map(|(name, body)| (*name, body.as_ref().into()))
            .collect();
        let inputs = node.inputs.iter().map(|endpoint| self.written(*endpoint)).collect();
        let mut piece = Piece { name: self.name(id), op: node.op, inputs, attributes };
        fill_attributes(&mut piece);
        piece.put(out);
    }

    fn written(&self, Endpoint { node, port }: Endpoint) -> Cow<'g, str> {
        let name =
            if node == self.input.node && self.mirrored_axis.is_some() { MIRRORED.into() } else { self.name(node) };
        if port == 0 { name } else { Cow::Owned(format!("{name}:{port}")) }
    }

    fn name(&self, id: NodeId) -> Cow<'g, str> {
        let name: &'g str = self.graph.node(id).name.as_ref();
        if id == self.input.node {
            INPUT.into()
        } else if TAKEN.contains(&name) {
            self.graph.fresh_name(name, "base")
        } else {
            name.into()
        }
    }
}

fn put_features(out: &mut Vec<u8>, from: &str, features: &FeaturesFound) {
    let float = || encode::dtype_attr(DataType::Float);
    let int = || encode::dtype_attr(DataType::Int32);
    let inputs = [from, FEATURES_SHAPE];
    if let Some(axes) = features.averaged {
        put_ints(out, FEATURES_SHAPE, &axes);
        let attributes = [("T", float()), ("Tidx", int()), ("keep_dims", encode::flag_attr(false))];
        encode::put_node(out, FEATURES, "Mean", &inputs, &attributes);
    } else {
        put_ints(out, FEATURES_SHAPE, &[-1, features.size as i32]);
        encode::put_node(out, FEATURES, "Reshape", &inputs, &[("T", float()), ("Tshape", int())]);
    }
}

fn put_head(out: &mut Vec<u8>, size: u32, weights: &[f32], biases: &[f32]) {
    let classes = biases.len() as u64;
    put_floats(out, WEIGHTS, &[u64::from(size), classes], weights);
    put_floats(out, BIASES, &[classes], biases);
    let float = || ("T", encode::dtype_attr(DataType::Float));
    let product = [float(), ("transpose_a", encode::flag_attr(false)), ("transpose_b", encode::flag_attr(false))];
    encode::put_node(out, PRODUCT, "MatMul", &[FEATURES, WEIGHTS], &product);
    let sum = [float(), ("data_format", encode::text_attr("NHWC"))];
    encode::put_node(out, LOGITS, "BiasAdd", &[PRODUCT, BIASES], &sum);
    encode::put_node(out, OUTPUT, "Softmax", &[LOGITS], &[float()]);
}

fn put_ints(out: &mut Vec<u8>, name: &str, values: &[i32]) {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = encode::tensor_attr(DataType::Int32, &[values.len() as u64], &content);
    Piece::constant(name.into(), DataType::Int32, tensor.into()).put(out);
}

fn put_floats(out: &mut Vec<u8>, name: &str, extents: &[u64], values: &[f32]) {
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = encode::tensor_attr(DataType::Float, extents, &content);
    Piece::constant(name.into(), DataType::Float, tensor.into()).put(out);
}
