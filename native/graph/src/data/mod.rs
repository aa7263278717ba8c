//! The file as data: the wire format, tensors, attributes, nodes, and the graph that they make.

pub mod attr;
pub mod constant;
pub mod dtype;
pub mod graph;
pub(crate) mod known;
pub mod node;
mod order;
pub mod parse;
mod quantised;
mod reach;
mod result;
pub mod tensor;
pub mod wire;
