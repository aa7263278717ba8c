//! Writing a small frozen graph: the engine's own probe, and the graphs of tests.

use menagerie_graph::{
    encode,
    wire::{put_bytes, put_header, put_int, put_varint},
};

use crate::tensor::ElementType;

/// Producer version written into graphs (`TF_GRAPH_DEF_VERSION` of TensorFlow 1.15, which every TensorFlow 2 reads).
const PRODUCER: i64 = 134;

/// The value of an attribute of a node.
#[derive(Clone, Copy, Debug)]
pub enum Attribute<'a> {
    /// An element type: `DT_FLOAT` is 1, `DT_INT32` 3, `DT_UINT8` 4, `DT_INT64` 9.
    Type(i32),
    /// A shape, with -1 for an axis that is free.
    Shape(&'a [i64]),
    /// A list of integers, such as `strides`.
    Ints(&'a [i64]),
    /// A text, such as `padding`.
    Text(&'a str),
    /// A constant of floats.
    Floats {
        /// Its shape.
        shape: &'a [i64],
        /// Its values, row by row.
        values: &'a [f32],
    },
    /// A constant list of 32-bit integers.
    Indices(&'a [i32]),
    /// A constant 32-bit integer.
    Scalar(i32),
    /// A single integer, such as `N`.
    Integer(i64),
    /// An `AttrValue` that is encoded already.
    Encoded(&'a [u8]),
}

/// A `GraphDef` in the making (`tensorflow/core/framework/graph.proto`).
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    bytes: Vec<u8>,
}

impl GraphBuilder {
    /// A graph without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node.
    #[must_use]
    pub fn node(mut self, name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> Self {
        let mut node = Vec::new();
        put_bytes(&mut node, 1, name.as_bytes());
        put_bytes(&mut node, 2, op.as_bytes());
        for input in inputs {
            put_bytes(&mut node, 3, input.as_bytes());
        }
        for (key, attribute) in attributes {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 1, key.as_bytes());
            put_bytes(&mut entry, 2, &attribute.encode());
            put_bytes(&mut node, 5, &entry);
        }
        put_bytes(&mut self.bytes, 1, &node);
        self
    }

    /// Adds a node whose element type is `DT_FLOAT`, with `T` set beside `attributes`.
    #[must_use]
    pub fn float_node(self, name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> Self {
        let mut all = vec![("T", Attribute::Type(ElementType::Float as i32))];
        all.extend_from_slice(attributes);
        self.node(name, op, inputs, &all)
    }

    /// Adds a float placeholder.
    #[must_use]
    pub fn placeholder(self, name: &str, shape: &[i64]) -> Self {
        let attributes = [("dtype", Attribute::Type(ElementType::Float as i32)), ("shape", Attribute::Shape(shape))];
        self.node(name, "Placeholder", &[], &attributes)
    }

    /// Adds a constant of floats.
    #[must_use]
    pub fn constant(self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let attributes =
            [("dtype", Attribute::Type(ElementType::Float as i32)), ("value", Attribute::Floats { shape, values })];
        self.node(name, "Const", &[], &attributes)
    }

    /// Adds a constant list of 32-bit integers.
    #[must_use]
    pub fn indices(self, name: &str, values: &[i32]) -> Self {
        let attributes = [("dtype", Attribute::Type(ElementType::Int32 as i32)), ("value", Attribute::Indices(values))];
        self.node(name, "Const", &[], &attributes)
    }

    /// The graph as the bytes of a `.pb` file.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        encode::put_versions(&mut self.bytes, PRODUCER);
        self.bytes
    }
}

impl Attribute<'_> {
    /// An `AttrValue` (`tensorflow/core/framework/attr_value.proto`).
    fn encode(self) -> Vec<u8> {
        let mut value = Vec::new();
        match self {
            Self::Type(element) => put_int(&mut value, 6, element.into()),
            Self::Text(text) => put_bytes(&mut value, 2, text.as_bytes()),
            Self::Shape(shape) => put_bytes(&mut value, 7, &encode_shape(shape)),
            Self::Ints(ints) => {
                let (mut packed, mut list) = (Vec::new(), Vec::new());
                for int in ints {
                    put_varint(&mut packed, *int as u64);
                }
                put_bytes(&mut list, 3, &packed);
                put_bytes(&mut value, 1, &list);
            }
            Self::Floats { shape, values } => {
                let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                put_bytes(&mut value, 8, &encode_tensor(ElementType::Float, shape, &content));
            }
            Self::Indices(values) => {
                let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                put_bytes(&mut value, 8, &encode_tensor(ElementType::Int32, &[values.len() as i64], &content));
            }
            Self::Integer(integer) => put_int(&mut value, 3, integer),
            Self::Encoded(bytes) => value.extend_from_slice(bytes),
            Self::Scalar(scalar) => {
                put_bytes(&mut value, 8, &encode_tensor(ElementType::Int32, &[], &scalar.to_le_bytes()));
            }
        }
        value
    }
}

/// A `TensorShapeProto`.
fn encode_shape(shape: &[i64]) -> Vec<u8> {
    let mut message = Vec::new();
    for axis in shape {
        let mut dimension = Vec::new();
        put_int(&mut dimension, 1, *axis);
        put_bytes(&mut message, 2, &dimension);
    }
    message
}

/// A `TensorProto`.
fn encode_tensor(element: ElementType, shape: &[i64], content: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(content.len() + 64);
    put_int(&mut message, 1, element as i64);
    put_bytes(&mut message, 2, &encode_shape(shape));
    put_header(&mut message, 4, content.len());
    message.extend_from_slice(content);
    message
}
