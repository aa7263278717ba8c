//! The prepared graph as an ONNX model.
//!
//! TensorFlow's images have their channels last, ONNX's convolutions and poolings take them first. So tensors of four axes
//! are written *turned*: batch, channels, rows, columns, from the first layer that wants it to the last op that can be
//! computed so, with a `Transpose` at the ends alone. The input stays in the order in which the graph is fed.
//!
//! Ops are those of the default domain in [`OPSET`], as <https://onnx.ai/onnx/operators/> describes them.

mod constants;
mod ops;
mod proto;
mod values;
mod writer;

pub use ops::translated;
pub use proto::{Element, OPSET};

use menagerie_contract::Layout;

use crate::{
    data::{
        graph::{Endpoint, Graph},
        parse,
        tensor::Extents,
    },
    error::GraphError,
    limits::GraphLimits,
    resolve::Resolved,
    shapes::Shapes,
};
use proto::Port;
use writer::Writer;

/// A model as ONNX Runtime reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnnxModel {
    /// The `ModelProto`.
    pub bytes: Vec<u8>,
    /// The fed value.
    pub input: String,
    /// Its element type.
    pub input_element: Element,
    /// Order of the axes of what it is fed, as [`Resolved::input_layout`].
    pub input_layout: Layout,
    /// Its extents; the batch is absent where it is open.
    pub input_extents: Extents,
    /// The fetched value: scores of all images of a batch, in the shape that TensorFlow gives them.
    pub output: String,
}

/// Writes `resolved`, a prepared graph, as a model that gives the same scores for the same tensor.
///
/// # Errors
/// [`GraphError::Untranslated`] names the first op on the way to the scores that has no translation;
/// [`GraphError::Grown`] for a model that would pass what the graph may grow to.
pub fn write(resolved: &Resolved, limits: &GraphLimits) -> Result<OnnxModel, GraphError> {
    write_with(resolved, &[], limits)
}

/// As [`write`], with `metadata`, which is for whoever feeds and reads the model.
///
/// # Errors
/// As [`write`].
pub fn write_with(
    resolved: &Resolved,
    metadata: &[(&str, String)],
    limits: &GraphLimits,
) -> Result<OnnxModel, GraphError> {
    let graph = Graph::build(parse::parse(&resolved.graph, limits)?, limits)?;
    let named = |name: &str| graph.find(name).ok_or_else(|| GraphError::NoInput(format!("there is no node {name:?}")));
    let (fed, scores) = (named(&resolved.input_tensor)?, named(&resolved.output_tensor)?);
    let extents = input_extents(resolved);
    let shapes = Shapes::propagate(&graph, graph.order(), fed, &extents, limits)?;
    let grown_bytes_max = limits.grown_bytes_max(resolved.graph.len() as u64);
    let mut writer = Writer::new(&graph, &shapes, scores, grown_bytes_max);
    let input = Endpoint { node: fed, port: 0 };
    let input_element = writer.element(input)?;
    let input_name = writer.feed(input);
    for id in graph.order().iter().filter(|id| **id != fed) {
        ops::translate(&mut writer, *id);
        graph.steps.check()?;
    }
    let output = Endpoint { node: scores, port: 0 };
    let port = Port { name: input_name.clone(), element: input_element, extents: Some(extents.clone()) };
    let (model, output) = writer.finish(port, output)?;
    Ok(OnnxModel {
        bytes: model.into_bytes(metadata),
        input: input_name,
        input_element,
        input_layout: resolved.input_layout,
        input_extents: extents,
        output,
    })
}

/// Extents of what `resolved` is fed; the batch is absent where it is open.
pub(crate) fn input_extents(resolved: &Resolved) -> Extents {
    let spec = &resolved.spec.input;
    let (rows, columns, channels) = (u64::from(spec.height), u64::from(spec.width), u64::from(spec.channels));
    let batch = spec.batch.map(u64::from);
    match resolved.input_layout {
        Layout::Nhwc => vec![batch, Some(rows), Some(columns), Some(channels)],
        Layout::Nchw => vec![batch, Some(channels), Some(rows), Some(columns)],
        Layout::Nhw => vec![batch, Some(rows), Some(columns)],
        Layout::Flat => vec![batch, Some(rows.saturating_mul(columns).saturating_mul(channels))],
    }
}
