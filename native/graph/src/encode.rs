//! Attributes, tensors and nodes written as protocol buffer bytes.

use std::borrow::Cow;

use crate::data::{
    dtype::DataType,
    tensor::Extents,
    wire::{field_bytes, put_bytes, put_header, put_int, put_varint},
};

/// `AttrValue` with an element type.
#[must_use]
pub fn dtype_attr(dtype: DataType) -> Vec<u8> {
    let mut out = Vec::new();
    put_int(&mut out, 6, i64::from(dtype.number()));
    out
}

/// `AttrValue` with a shape; open extents are written as -1.
#[must_use]
pub fn shape_attr(extents: &Extents) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 7, &shape(extents.iter().map(|extent| extent.map_or(-1, |extent| extent as i64))));
    out
}

/// `AttrValue` with a truth value.
#[must_use]
pub fn flag_attr(value: bool) -> Vec<u8> {
    let mut out = Vec::new();
    put_int(&mut out, 5, i64::from(value));
    out
}

/// `AttrValue` with an integer.
#[must_use]
pub fn int_attr(value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_int(&mut out, 3, value);
    out
}

/// `AttrValue` with a float.
#[must_use]
pub fn float_attr(value: f32) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, 4 << 3 | 5);
    out.extend_from_slice(&value.to_le_bytes());
    out
}

/// `AttrValue` with a list of integers.
#[must_use]
pub fn ints_attr(values: &[i64]) -> Vec<u8> {
    let (mut packed, mut list, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for value in values {
        put_varint(&mut packed, *value as u64);
    }
    put_bytes(&mut list, 3, &packed);
    put_bytes(&mut out, 1, &list);
    out
}

/// `AttrValue` with text.
#[must_use]
pub fn text_attr(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 2, text.as_bytes());
    out
}

/// `AttrValue` with a tensor whose values are `content`.
#[must_use]
pub fn tensor_attr(dtype: DataType, extents: &[u64], content: &[u8]) -> Vec<u8> {
    let mut tensor = tensor_head(dtype, extents);
    put_bytes(&mut tensor, 4, content);
    let mut out = Vec::new();
    put_bytes(&mut out, 8, &tensor);
    out
}

/// Appends to a `GraphDef` the version of the graph format that its producer wrote.
pub fn put_versions(graph: &mut Vec<u8>, producer: i64) {
    let mut versions = Vec::new();
    put_int(&mut versions, 1, producer);
    put_bytes(graph, 4, &versions);
}

/// Type and shape of a `TensorProto`; `tensor_content` (field 4) follows.
#[must_use]
pub fn tensor_head(dtype: DataType, extents: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    put_int(&mut out, 1, i64::from(dtype.number()));
    put_bytes(&mut out, 2, &shape(extents.iter().map(|extent| *extent as i64)));
    out
}

fn shape(extents: impl Iterator<Item = i64>) -> Vec<u8> {
    let mut out = Vec::new();
    for extent in extents {
        let mut dim = Vec::new();
        put_int(&mut dim, 1, extent);
        put_header(&mut out, 2, dim.len());
        out.extend_from_slice(&dim);
    }
    out
}

/// A node to write. Sizes are known before anything is written, so that each weight is copied once, into its place.
pub struct Piece<'p> {
    /// Its name.
    pub name: Cow<'p, str>,
    /// Its op.
    pub op: &'p str,
    /// `name`, `name:port` or `^name`.
    pub inputs: Vec<Cow<'p, str>>,
    /// Encoded `AttrValue`s by name.
    pub attributes: Vec<(&'p str, Content<'p>)>,
}

/// Bytes of a message, such as an `AttrValue` or the values of a tensor.
pub enum Content<'p> {
    /// They are there.
    Ready(Cow<'p, [u8]>),
    /// They are made where they are written.
    Made {
        /// How many.
        byte_count: usize,
        /// Appends them.
        write: Box<Write<'p>>,
    },
}

/// Appends bytes.
pub type Write<'p> = dyn Fn(&mut Vec<u8>) + 'p;

impl<'p> Piece<'p> {
    /// A `Const`.
    #[must_use]
    pub fn constant(name: Cow<'p, str>, dtype: DataType, value: Content<'p>) -> Self {
        let attributes = vec![("dtype", Content::from(dtype_attr(dtype))), ("value", value)];
        Self { name, op: "Const", inputs: Vec::new(), attributes }
    }

    /// A `Placeholder`.
    #[must_use]
    pub fn placeholder(name: Cow<'p, str>, dtype: DataType, extents: &Extents) -> Self {
        let attributes = vec![("dtype", dtype_attr(dtype).into()), ("shape", shape_attr(extents).into())];
        Self { name, op: "Placeholder", inputs: Vec::new(), attributes }
    }

    /// A `Cast`.
    #[must_use]
    pub fn cast(name: Cow<'p, str>, input: Cow<'p, str>, from: DataType, to: DataType) -> Self {
        let attributes = vec![("SrcT", dtype_attr(from).into()), ("DstT", dtype_attr(to).into())];
        Self { name, op: "Cast", inputs: vec![input], attributes }
    }

    /// Bytes that [`Self::put`] appends.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        field_bytes(1, self.body_bytes())
    }

    /// Appends the node to a `GraphDef`.
    pub fn put(&self, graph: &mut Vec<u8>) {
        put_header(graph, 1, self.body_bytes());
        put_bytes(graph, 1, self.name.as_bytes());
        put_bytes(graph, 2, self.op.as_bytes());
        for input in &self.inputs {
            put_bytes(graph, 3, input.as_bytes());
        }
        for (name, content) in &self.attributes {
            put_header(graph, 5, entry_bytes(name, content));
            put_bytes(graph, 1, name.as_bytes());
            put_header(graph, 2, content.byte_count());
            content.put(graph);
        }
    }

    fn body_bytes(&self) -> usize {
        let inputs: usize = self.inputs.iter().map(|input| field_bytes(3, input.len())).sum();
        let attributes: usize =
            self.attributes.iter().map(|(name, content)| field_bytes(5, entry_bytes(name, content))).sum();
        field_bytes(1, self.name.len()) + field_bytes(2, self.op.len()) + inputs + attributes
    }
}

fn entry_bytes(name: &str, content: &Content<'_>) -> usize {
    field_bytes(1, name.len()) + field_bytes(2, content.byte_count())
}

impl Content<'_> {
    /// Bytes that [`Self::put`] appends.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        match self {
            Self::Ready(bytes) => bytes.len(),
            Self::Made { byte_count, .. } => *byte_count,
        }
    }

    /// Appends the bytes.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ready(bytes) => out.extend_from_slice(bytes),
            Self::Made { write, .. } => write(out),
        }
    }
}

impl From<Vec<u8>> for Content<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Ready(Cow::Owned(bytes))
    }
}

impl<'p> From<&'p [u8]> for Content<'p> {
    fn from(bytes: &'p [u8]) -> Self {
        Self::Ready(Cow::Borrowed(bytes))
    }
}

/// For a node without attributes.
pub const NO_ATTRIBUTES: &[(&str, &[u8])] = &[];

/// Appends a node to a `GraphDef`. `attributes` are encoded `AttrValue`s by name.
pub fn put_node(
    graph: &mut Vec<u8>,
    name: &str,
    op: &str,
    inputs: &[impl AsRef<str>],
    attributes: &[(&str, impl AsRef<[u8]>)],
) {
    let inputs = inputs.iter().map(|input| Cow::Borrowed(input.as_ref())).collect();
    let attributes = attributes.iter().map(|(name, body)| (*name, Content::from(body.as_ref()))).collect();
    Piece { name: Cow::Borrowed(name), op, inputs, attributes }.put(graph);
}
