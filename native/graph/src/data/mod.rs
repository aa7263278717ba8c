//! The file as data: the wire format, tensors, attributes, nodes, and the graph that they make.

pub mod attr;
pub mod dtype;
pub mod graph;
pub mod node;
pub mod parse;
pub mod quantised;
pub mod tensor;
pub mod wire;
