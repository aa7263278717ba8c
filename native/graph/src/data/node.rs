//! One node of a graph, with its inputs resolved and its attributes read on demand.

use std::borrow::Cow;

use crate::{
    data::{attr::Attr, dtype::DataType},
    ops::Op,
};

/// A node of one graph, by its position in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// One output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The node.
    pub node: NodeId,
    /// Which of its outputs, 0-based.
    pub port: u32,
}

/// A node with its inputs resolved.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Unique name.
    pub name: Cow<'a, str>,
    /// Op.
    pub op: &'a str,
    /// What is known of the op.
    pub kind: &'static Op,
    /// Data inputs in order.
    pub inputs: Vec<Endpoint>,
    /// Control inputs.
    pub controls: Vec<NodeId>,
    /// Attributes with the bytes of their `AttrValue`.
    pub attributes: Vec<(&'a str, Cow<'a, [u8]>)>,
}

impl Node<'_> {
    /// The attribute `name`; absent when the node lacks it or its bytes cannot be read.
    #[must_use]
    pub fn attr(&self, name: &str) -> Option<Attr<'_>> {
        let (_, body) = self.attributes.iter().find(|(key, _)| *key == name)?;
        Attr::parse(body).ok()
    }

    /// The integers of list attribute `name`.
    #[must_use]
    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        match self.attr(name)? {
            Attr::Ints(values) => Some(values),
            _ => None,
        }
    }

    /// Integer attribute `name`.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attr(name)? {
            Attr::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Float attribute `name`.
    #[must_use]
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attr(name)? {
            Attr::Float(value) => Some(value),
            _ => None,
        }
    }

    /// Truth attribute `name`; false when absent.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.attr(name), Some(Attr::Bool(true)))
    }

    /// Text attribute `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attr(name)? {
            Attr::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Element type attribute `name`.
    #[must_use]
    pub fn dtype(&self, name: &str) -> Option<DataType> {
        match self.attr(name)? {
            Attr::Type(value) => Some(value),
            _ => None,
        }
    }

    /// Whether `data_format` puts channels before rows.
    #[must_use]
    pub fn is_channels_first(&self) -> bool {
        self.text("data_format").is_some_and(|format| format.starts_with("NC"))
    }
}
