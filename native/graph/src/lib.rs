//! A frozen TensorFlow graph as data.
//!
//! From the two files that people have, the graph and its labels, this crate finds how pixels become the graph's tensor
//! and what its scores mean, refuses what must not run, and rewrites the rest into a smaller equal graph. It is pure
//! Rust without libtensorflow and also compiles to WebAssembly.
//!
//! ```
//! use menagerie_graph::{GraphLimits, inspect_files};
//!
//! let graph = std::fs::read("../../models/flowers5/graph.pb")?;
//! let labels = std::fs::read("../../models/flowers5/labels.txt")?;
//! let spec = inspect_files(&graph, Some(&labels), &GraphLimits::default())?;
//! assert_eq!((spec.input.width, spec.output.classes), (144, 5));
//! assert!(spec.verdict.allowed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod base;
pub mod data;
pub mod encode;
pub mod error;
pub mod export;
pub mod find;
pub mod forms;
pub mod labels;
pub mod limits;
pub mod onnx;
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
