//! A graph up to its features, alone or with a new class layer on them.
//!
//! What stands before the features stays as it was, node for node, so that pre-processing is read out of the new graph as
//! out of the old one; what is not read out of it is written in front ([`Told`]). The image input is named `input` and the probabilities `final_result`: the names of the scripts by
//! which graphs were retrained before (`tensorflow/examples/image_retraining/retrain.py` of TensorFlow 1).

use std::borrow::Cow;

use menagerie_contract::SpecOverrides;

use super::{
    front,
    prepare::serialise::{fill_attributes, is_dropped_attribute},
};
use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, NodeId},
    },
    encode::{self, Piece},
    find::{
        features::FeaturesFound,
        found::{InputFound, Normalization},
        normalization::note,
    },
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
const HIDDEN: &str = "head/hidden";
const CLASSES: &str = "head";
/// Nodes of a layer, below its name.
const OF_LAYER: [&str; 5] = ["weights", "biases", "MatMul", "BiasAdd", "Relu"];
const TAKEN: [&str; 6] = [INPUT, FEATURES, OUTPUT, MIRRORED, MIRRORED_AXIS, FEATURES_SHAPE];

/// What comes at the end.
#[derive(Clone, Copy, Debug)]
pub enum End<'h> {
    /// The features.
    Features,
    /// The features of the mirror image, where pixels stand side by side ([`InputFound::width_axis`]).
    MirroredFeatures,
    /// Probabilities of new classes.
    Head {
        /// A layer with a rectifier in front of the class layer.
        hidden: Option<Dense<'h>>,
        /// The class layer.
        classes: Dense<'h>,
    },
}

/// A layer.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'h> {
    /// Row-major: a row for each value that comes in, a column for each that goes out.
    pub weights: &'h [f32],
    /// One for each value that goes out.
    pub biases: &'h [f32],
}

/// What is written of the settings that a new graph would not tell.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The scaling and the order of channels, as nodes: the image is bytes of RGB or grey then.
    pub front: Option<Normalization>,
    /// How photos are fitted, as a note on the image.
    pub note: Option<SpecOverrides>,
}

/// Whether the order of channels can be turned round in the graph.
#[must_use]
pub const fn has_channel_axis(input: &InputFound) -> bool {
    front::channel_axis(input.layout).is_some()
}

/// Writes the graph as a `GraphDef`.
#[must_use]
pub fn write(graph: &Graph<'_>, input: &InputFound, features: &FeaturesFound, end: End<'_>, told: &Told) -> Vec<u8> {
    let mut out = Vec::new();
    let mirrored_axis = input.width_axis().filter(|_| matches!(end, End::MirroredFeatures));
    let front = told.front.as_ref().map(|settings| front::of(INPUT, input, settings));
    let fed = match (&front, mirrored_axis) {
        (Some((last, _)), _) => last,
        (None, Some(_)) => MIRRORED,
        (None, None) => INPUT,
    };
    let writer = Writer { graph, input, mirrored_axis, fed };
    for id in graph.between(input.node, [features.node], false) {
        if id == input.node {
            writer.put_input(front.is_some(), told.note.as_ref(), &mut out);
            front.iter().flat_map(|(_, pieces)| pieces).for_each(|piece| piece.put(&mut out));
        } else {
            writer.put_node(id, &mut out);
        }
    }
    put_features(&mut out, &writer.name(features.node), features);
    if let End::Head { hidden, classes } = end {
        put_head(&mut out, hidden, classes);
    }
    encode::put_versions(&mut out, graph.producer);
    out
}

struct Writer<'g, 'a> {
    graph: &'g Graph<'a>,
    input: &'g InputFound,
    /// The axis that is turned round, where it is the mirror image that counts.
    mirrored_axis: Option<i32>,
    /// What the base takes for its image.
    fed: &'static str,
}

impl<'g> Writer<'g, '_> {
    fn put_input(&self, is_bytes: bool, fit: Option<&SpecOverrides>, out: &mut Vec<u8>) {
        let node = self.graph.node(self.input.node);
        let dtype = if is_bytes { DataType::Uint8 } else { node.dtype("dtype").unwrap_or(DataType::Float) };
        let mut extents = self.input.extents(1);
        if let Some(batch) = extents.first_mut() {
            *batch = self.input.batch.map(u64::from);
        }
        let mut placeholder = Piece::placeholder(INPUT.into(), dtype, &extents);
        placeholder.attributes.extend(fit.map(|fit| (note::ATTRIBUTE, encode::text_attr(&note::text(fit)).into())));
        placeholder.put(out);
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
        let name = if node == self.input.node { self.fed.into() } else { self.name(node) };
        if port == 0 { name } else { Cow::Owned(format!("{name}:{port}")) }
    }

    fn name(&self, id: NodeId) -> Cow<'g, str> {
        let name: &'g str = self.graph.node(id).name.as_ref();
        if id == self.input.node {
            INPUT.into()
        } else if is_taken(name) {
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

fn is_taken(name: &str) -> bool {
    let is_of = |layer: &str| {
        let rest = name.strip_prefix(layer).and_then(|rest| rest.strip_prefix('/'));
        rest.is_some_and(|rest| OF_LAYER.contains(&rest))
    };
    TAKEN.contains(&name) || front::NAMES.contains(&name) || is_of(HIDDEN) || is_of(CLASSES)
}

fn put_head(out: &mut Vec<u8>, hidden: Option<Dense<'_>>, classes: Dense<'_>) {
    let float = [("T", encode::dtype_attr(DataType::Float))];
    let mut value = FEATURES.to_owned();
    if let Some(hidden) = hidden {
        let sum = put_layer(out, HIDDEN, &value, hidden);
        value = format!("{HIDDEN}/Relu");
        encode::put_node(out, &value, "Relu", &[sum], &float);
    }
    let logits = put_layer(out, CLASSES, &value, classes);
    encode::put_node(out, OUTPUT, "Softmax", &[logits], &float);
}

/// Gives the name of what comes out.
fn put_layer(out: &mut Vec<u8>, layer: &str, value: &str, Dense { weights, biases }: Dense<'_>) -> String {
    let [of_weights, of_biases, product, sum, _] = OF_LAYER.map(|node| format!("{layer}/{node}"));
    let outputs = biases.len() as u64;
    put_floats(out, &of_weights, &[weights.len() as u64 / outputs.max(1), outputs], weights);
    put_floats(out, &of_biases, &[outputs], biases);
    let float = || ("T", encode::dtype_attr(DataType::Float));
    let attributes = [float(), ("transpose_a", encode::flag_attr(false)), ("transpose_b", encode::flag_attr(false))];
    encode::put_node(out, &product, "MatMul", &[value, &of_weights], &attributes);
    let attributes = [float(), ("data_format", encode::text_attr("NHWC"))];
    encode::put_node(out, &sum, "BiasAdd", &[&product, &of_biases], &attributes);
    sum
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
