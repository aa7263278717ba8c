//! A frozen TensorFlow graph as data.
//!
//! From the two files that people have, the graph and its labels, this crate finds how pixels become the graph's tensor
//! and what its scores mean, refuses what must not run, and rewrites the rest into a smaller equal graph. It is pure
//! Rust without libtensorflow and also compiles to WebAssembly.
#![forbid(unsafe_code)]

pub mod data;
pub mod encode;
pub mod error;
pub mod find;
pub mod forms;
pub mod labels;
pub mod limits;
pub mod ops;
pub mod resolve;
pub mod rewrite;
pub mod shapes;

pub use data::{
    attr,
    constant::Constant,
    dtype,
    graph::{Endpoint, Graph, Node, NodeId},
    parse, tensor, wire,
};
pub use error::GraphError;
pub use find::{allow_list, facts, found, input, normalization, output};
pub use limits::GraphLimits;
pub use resolve::{Preparation, Resolved, inspect, inspect_files, resolve, resolve_with};
pub use rewrite::{
    detach::{Detached, Weight, detach},
    prepare,
};
