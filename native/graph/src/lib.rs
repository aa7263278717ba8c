//! A frozen TensorFlow graph as data.
//!
//! From the two files that people have, the graph and its labels, this crate finds how pixels become the graph's tensor
//! and what its scores mean, refuses what must not run, and rewrites the rest into a smaller equal graph. It is pure
//! Rust without libtensorflow and also compiles to WebAssembly.
#![forbid(unsafe_code)]

pub mod allow_list;
pub mod attr;
pub mod detach;
pub mod dtype;
pub mod encode;
pub mod error;
pub mod facts;
pub mod forms;
pub mod found;
pub mod graph;
pub mod input;
pub mod labels;
pub mod limits;
pub mod node;
pub mod normalization;
pub mod output;
pub mod parse;
pub mod prepare;
pub mod quantised;
pub mod resolve;
pub mod savedmodel;
pub mod shapes;
pub mod simplify;
pub mod tensor;
pub mod wire;

pub use detach::{Detached, Weight, detach};
pub use error::GraphError;
pub use graph::{Constant, Endpoint, Graph, Node, NodeId};
pub use limits::GraphLimits;
pub use resolve::{Preparation, Resolved, inspect, inspect_files, resolve, resolve_with};
