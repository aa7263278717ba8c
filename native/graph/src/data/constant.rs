//! Constants of a graph: their values read where they are asked for, and their sizes checked before.

use crate::{
    data::{
        attr::Attr,
        dtype::DataType,
        graph::Graph,
        node::NodeId,
        quantised,
        tensor::{Tensor, TensorError, element_count},
    },
    error::GraphError,
    limits::GraphLimits,
};

/// A tensor this many times larger than its bytes in the file is spelled with a repeated value.
const FILLED_RATIO: u64 = 16;
/// Longer integer constants hold indices or picture values, not shapes and axes.
const INTS_MAX: u64 = 1 << 16;

/// A constant as plain floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Extents; empty for a scalar.
    pub shape: Vec<u64>,
    /// Row-major values.
    pub values: Vec<f32>,
}

impl Graph<'_> {
    /// The tensor of a `Const` node.
    #[must_use]
    pub fn tensor(&self, id: NodeId) -> Option<Tensor<'_>> {
        let node = self.node(id);
        match node.attr("value")? {
            Attr::Tensor(tensor) if node.op == "Const" => Some(tensor),
            _ => None,
        }
    }

    /// The value of `id` as floats when it is a constant, through Identity-like nodes, casts and `Dequantize`.
    #[must_use]
    pub fn constant(&self, id: NodeId) -> Option<Constant> {
        let id = self.skip_to_constant(id)?;
        let node = self.node(id);
        let values = self.constant_shape(id).map_or(0, |shape| element_count(&shape));
        if !self.steps.spend(values.saturating_add(1)) {
            return None;
        }
        if node.op == "Dequantize" {
            let bound = |index: usize| self.constant(self.input(id, index)?)?.values.first().copied();
            let stored = self.tensor(self.skip_passages(self.input(id, 0)?))?;
            let values = quantised::expand(node, &stored, bound(1)?, bound(2)?)?;
            return Some(Constant { shape: stored.shape, values });
        }
        let tensor = self.tensor(id)?;
        Some(Constant { values: tensor.to_f32()?, shape: tensor.shape })
    }

    /// The value of `id` as integers when it is a small constant of an integer type.
    #[must_use]
    pub fn constant_ints(&self, id: NodeId) -> Option<Vec<i64>> {
        let tensor = self.tensor(self.skip_passages(id))?;
        if tensor.element_count() <= INTS_MAX { tensor.to_i64() } else { None }
    }

    /// Extents of `id` when it is a constant, without reading its values.
    #[must_use]
    pub fn constant_shape(&self, id: NodeId) -> Option<Vec<u64>> {
        let mut id = self.skip_to_constant(id)?;
        if self.node(id).op == "Dequantize" {
            id = self.skip_passages(self.input(id, 0)?);
        }
        Some(self.tensor(id)?.shape)
    }

    /// The `Const` or `Dequantize` above `id`, through passages and casts to a float type.
    fn skip_to_constant(&self, mut id: NodeId) -> Option<NodeId> {
        loop {
            id = self.skip_passages(id);
            let node = self.node(id);
            match node.op {
                "Const" | "Dequantize" => return Some(id),
                "Cast" if matches!(node.dtype("DstT"), Some(DataType::Float | DataType::Double)) => {
                    id = self.input(id, 0)?;
                }
                _ => return None,
            }
        }
    }

    /// Checks each constant, and that all of them, with repeated values spelled out, are no more than `came` bytes may grow
    /// to.
    pub(super) fn check_constants(&self, came: u64, limits: &GraphLimits) -> Result<(), GraphError> {
        let grown_bytes_max = limits.grown_bytes_max(came).max(came);
        let mut grown_bytes = 0_u64;
        for (_, node) in self.iter() {
            for (_, body) in &node.attributes {
                let malformed = |reason| GraphError::NodeMalformed { node: node.name.to_string(), reason };
                let Attr::Tensor(tensor) = Attr::parse(body).map_err(malformed)? else { continue };
                tensor.check().map_err(|error| match error {
                    TensorError::Wire(reason) => malformed(reason),
                    TensorError::Mismatch { expected, found } => {
                        GraphError::ConstantMismatch { node: node.name.to_string(), expected, found }
                    }
                })?;
                let bytes = tensor.element_count().saturating_mul(tensor.dtype.size_bytes().unwrap_or(1));
                let is_filled = bytes / FILLED_RATIO > body.len() as u64;
                let limit = if is_filled { limits.filled_tensor_bytes_max } else { limits.tensor_bytes_max };
                if bytes > limit {
                    return Err(GraphError::TensorTooLarge { node: node.name.to_string(), bytes, limit });
                }
                grown_bytes = grown_bytes.saturating_add(bytes);
                if grown_bytes > grown_bytes_max {
                    let what = "with the repeated values of its constants spelled out";
                    return Err(GraphError::Grown { what, limit: grown_bytes_max });
                }
            }
        }
        Ok(())
    }
}
