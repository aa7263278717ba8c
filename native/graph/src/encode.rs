//! Attributes and tensors written as protocol buffer bytes.

use crate::data::{
    dtype::DataType,
    tensor::Extents,
    wire::{put_bytes, put_header, put_int},
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

/// A `NodeDef`. `attributes` are encoded `AttrValue`s by name.
#[must_use]
pub fn node(name: &str, op: &str, inputs: &[impl AsRef<str>], attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let mut node = Vec::new();
    put_bytes(&mut node, 1, name.as_bytes());
    put_bytes(&mut node, 2, op.as_bytes());
    for input in inputs {
        put_bytes(&mut node, 3, input.as_ref().as_bytes());
    }
    for (key, value) in attributes {
        let mut entry = Vec::new();
        put_bytes(&mut entry, 1, key.as_bytes());
        put_bytes(&mut entry, 2, value);
        put_bytes(&mut node, 5, &entry);
    }
    node
}
