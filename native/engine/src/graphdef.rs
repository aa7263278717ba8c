//! Writing a small frozen graph: the engine's own probe, and the graphs of tests.

use menagerie_graph::{dtype::DataType, encode};

/// Producer version written into graphs (`TF_GRAPH_DEF_VERSION` of TensorFlow 1.15, which every TensorFlow 2 reads).
const PRODUCER: i64 = 134;

/// `DT_FLOAT` and `DT_INT32` (`tensorflow/core/framework/types.proto`).
const FLOAT: i32 = 1;
const INT32: i32 = 3;

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
        let attributes: Vec<_> = attributes.iter().map(|(key, attribute)| (*key, attribute.encode())).collect();
        encode::put_node(&mut self.bytes, name, op, inputs, &attributes);
        self
    }

    /// Adds a node whose element type is `DT_FLOAT`, with `T` set beside `attributes`.
    #[must_use]
    pub fn float_node(self, name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> Self {
        let mut all = vec![("T", Attribute::Type(FLOAT))];
        all.extend_from_slice(attributes);
        self.node(name, op, inputs, &all)
    }

    /// Adds a float placeholder.
    #[must_use]
    pub fn placeholder(self, name: &str, shape: &[i64]) -> Self {
        let attributes = [("dtype", Attribute::Type(FLOAT)), ("shape", Attribute::Shape(shape))];
        self.node(name, "Placeholder", &[], &attributes)
    }

    /// Adds a constant of floats.
    #[must_use]
    pub fn constant(self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let attributes = [("dtype", Attribute::Type(FLOAT)), ("value", Attribute::Floats { shape, values })];
        self.node(name, "Const", &[], &attributes)
    }

    /// Adds a constant list of 32-bit integers.
    #[must_use]
    pub fn indices(self, name: &str, values: &[i32]) -> Self {
        let attributes = [("dtype", Attribute::Type(INT32)), ("value", Attribute::Indices(values))];
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
        let four_bytes = |bytes: &mut dyn Iterator<Item = [u8; 4]>| bytes.flatten().collect::<Vec<u8>>();
        let extents = |shape: &[i64]| shape.iter().map(|axis| *axis as u64).collect::<Vec<u64>>();
        match self {
            Self::Type(element) => encode::dtype_attr(DataType::of(element.into())),
            Self::Text(text) => encode::text_attr(text),
            Self::Shape(shape) => {
                encode::shape_attr(&shape.iter().map(|axis| u64::try_from(*axis).ok()).collect::<Vec<_>>())
            }
            Self::Ints(ints) => encode::ints_attr(ints),
            Self::Floats { shape, values } => {
                let content = four_bytes(&mut values.iter().map(|value| value.to_le_bytes()));
                encode::tensor_attr(DataType::Float, &extents(shape), &content)
            }
            Self::Indices(values) => {
                let content = four_bytes(&mut values.iter().map(|value| value.to_le_bytes()));
                encode::tensor_attr(DataType::Int32, &[values.len() as u64], &content)
            }
            Self::Integer(integer) => encode::int_attr(integer),
            Self::Encoded(bytes) => bytes.to_vec(),
            Self::Scalar(scalar) => encode::tensor_attr(DataType::Int32, &[], &scalar.to_le_bytes()),
        }
    }
}
