//! The messages of an ONNX model as bytes (`onnx/onnx.proto`), as far as they are written here.

use crate::{
    data::{
        dtype::DataType,
        tensor::Extents,
        wire::{field_bytes, put_bytes, put_header, put_int, put_varint},
    },
    encode::Content,
};

/// `IR_VERSION` of ONNX 1.12 (2022).
const IR_VERSION: i64 = 8;

/// The operator set of ONNX 1.12: the newest before reductions and `Split` take other forms, so that every runtime since
/// 2022 reads it, and ONNX Runtime optimises all its ops.
pub const OPSET: i64 = 17;

/// What values are; the numbers are those of `TensorProto.DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the type that its name says")]
pub enum Element {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Uint16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Uint32 = 12,
    Uint64 = 13,
}

impl Element {
    /// What values of `dtype` are written as: doubles as floats, in which runtimes have all their kernels. Absent for
    /// halves, which would be computed more exactly than TensorFlow does, and for what are no plain numbers.
    pub(super) const fn of(dtype: DataType) -> Option<Self> {
        Some(match dtype {
            DataType::Float | DataType::Double => Self::Float,
            DataType::Uint8 => Self::Uint8,
            DataType::Int8 => Self::Int8,
            DataType::Uint16 => Self::Uint16,
            DataType::Int16 => Self::Int16,
            DataType::Int32 => Self::Int32,
            DataType::Int64 => Self::Int64,
            DataType::Bool => Self::Bool,
            DataType::Uint32 => Self::Uint32,
            DataType::Uint64 => Self::Uint64,
            _ => return None,
        })
    }

    /// Bytes of one value.
    pub(super) const fn size_bytes(self) -> usize {
        match self {
            Self::Uint8 | Self::Int8 | Self::Bool => 1,
            Self::Uint16 | Self::Int16 => 2,
            Self::Float | Self::Int32 | Self::Uint32 => 4,
            Self::Int64 | Self::Uint64 => 8,
        }
    }
}

/// The value of a node's attribute.
pub(super) enum Attribute {
    Float(f32),
    Int(i64),
    Text(String),
    Ints(Vec<i64>),
}

/// An operation.
pub(super) struct Operation {
    pub op: &'static str,
    /// Empty where an optional one is left out.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A constant.
pub(super) struct Initializer<'p> {
    pub name: String,
    pub element: Element,
    pub extents: Vec<u64>,
    pub content: Content<'p>,
}

/// An input or output of the model.
pub(super) struct Port {
    pub name: String,
    pub element: Element,
    /// Absent when the rank is unknown. An open first extent is the batch.
    pub extents: Option<Extents>,
}

/// A whole model.
pub(super) struct Model<'p> {
    pub operations: Vec<Operation>,
    pub initializers: Vec<Initializer<'p>>,
    pub input: Port,
    pub output: Port,
}

impl Model<'_> {
    /// The `ModelProto` with `metadata`. Each constant is copied once, into its place.
    pub(super) fn into_bytes(self, metadata: &[(&str, String)]) -> Vec<u8> {
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        for operation in &self.operations {
            put_bytes(&mut before, 1, &operation.body());
        }
        put_bytes(&mut before, 2, b"graph");
        put_bytes(&mut behind, 11, &self.input.body());
        put_bytes(&mut behind, 12, &self.output.body());
        let heads: Vec<Vec<u8>> = self.initializers.iter().map(Initializer::head).collect();
        let bytes_of =
            |(head, constant): (&Vec<u8>, &Initializer<'_>)| head.len() + field_bytes(9, constant.content.byte_count());
        let constants = heads.iter().zip(&self.initializers);
        let constant_bytes: usize = constants.clone().map(|pair| field_bytes(5, bytes_of(pair))).sum();
        let graph_bytes = before.len() + constant_bytes + behind.len();
        let mut out = Vec::with_capacity(graph_bytes + 256);
        put_int(&mut out, 1, IR_VERSION);
        put_bytes(&mut out, 2, b"menagerie");
        put_bytes(&mut out, 3, env!("CARGO_PKG_VERSION").as_bytes());
        put_header(&mut out, 7, graph_bytes);
        out.extend_from_slice(&before);
        for (head, constant) in constants {
            put_header(&mut out, 5, bytes_of((head, constant)));
            out.extend_from_slice(head);
            put_header(&mut out, 9, constant.content.byte_count());
            constant.content.put(&mut out);
        }
        out.extend_from_slice(&behind);
        let mut opset = Vec::new();
        put_int(&mut opset, 2, OPSET);
        put_bytes(&mut out, 8, &opset);
        for (key, value) in metadata {
            let mut entry = Vec::new();
            put_bytes(&mut entry, 1, key.as_bytes());
            put_bytes(&mut entry, 2, value.as_bytes());
            put_bytes(&mut out, 14, &entry);
        }
        out
    }
}

impl Operation {
    /// A `NodeProto`, named as its first output.
    fn body(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for input in &self.inputs {
            put_bytes(&mut out, 1, input.as_bytes());
        }
        for output in &self.outputs {
            put_bytes(&mut out, 2, output.as_bytes());
        }
        if let Some(name) = self.outputs.first() {
            put_bytes(&mut out, 3, name.as_bytes());
        }
        put_bytes(&mut out, 4, self.op.as_bytes());
        for (name, value) in &self.attributes {
            put_bytes(&mut out, 5, &value.body(name));
        }
        out
    }
}

impl Attribute {
    /// An `AttributeProto`.
    fn body(&self, name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, name.as_bytes());
        let kind = match self {
            Self::Float(value) => {
                put_varint(&mut out, 2 << 3 | 5);
                out.extend_from_slice(&value.to_le_bytes());
                1
            }
            Self::Int(value) => {
                put_int(&mut out, 3, *value);
                2
            }
            Self::Text(value) => {
                put_bytes(&mut out, 4, value.as_bytes());
                3
            }
            Self::Ints(values) => {
                for value in values {
                    put_int(&mut out, 8, *value);
                }
                7
            }
        };
        put_int(&mut out, 20, kind);
        out
    }
}

impl Initializer<'_> {
    /// A `TensorProto` without its `raw_data` (field 9), which follows.
    fn head(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for extent in &self.extents {
            put_int(&mut out, 1, *extent as i64);
        }
        put_int(&mut out, 2, self.element as i64);
        put_bytes(&mut out, 8, self.name.as_bytes());
        out
    }
}

impl Port {
    /// A `ValueInfoProto`.
    fn body(&self) -> Vec<u8> {
        let (mut tensor, mut kind, mut out) = (Vec::new(), Vec::new(), Vec::new());
        put_int(&mut tensor, 1, self.element as i64);
        if let Some(extents) = &self.extents {
            let mut shape = Vec::new();
            for (axis, extent) in extents.iter().enumerate() {
                let mut dimension = Vec::new();
                match extent {
                    Some(extent) => put_int(&mut dimension, 1, *extent as i64),
                    None if axis == 0 => put_bytes(&mut dimension, 2, b"batch"),
                    None => {}
                }
                put_bytes(&mut shape, 1, &dimension);
            }
            put_bytes(&mut tensor, 2, &shape);
        }
        put_bytes(&mut kind, 1, &tensor);
        put_bytes(&mut out, 1, self.name.as_bytes());
        put_bytes(&mut out, 2, &kind);
        out
    }
}
