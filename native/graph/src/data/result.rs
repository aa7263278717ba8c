//! What type the values have that a node makes.

use super::{
    dtype::DataType,
    graph::{Endpoint, Graph},
};

impl Graph<'_> {
    /// Element type of `endpoint`, as its node states it; floats where it states none.
    #[must_use]
    pub fn dtype_of(&self, endpoint: Endpoint) -> DataType {
        let node = self.node(endpoint.node);
        let attribute = match node.op {
            "Equal" | "NotEqual" | "Less" | "LessEqual" | "Greater" | "GreaterEqual" | "LogicalAnd" | "LogicalOr"
            | "LogicalNot" | "IsNan" | "IsInf" | "IsFinite" | "All" | "Any" => return DataType::Bool,
            "Dequantize" => return DataType::Float,
            "Rank" => return DataType::Int32,
            "ArgMax" | "ArgMin" => return node.dtype("output_type").unwrap_or(DataType::Int64),
            "Shape" | "ShapeN" | "Size" => return node.dtype("out_type").unwrap_or(DataType::Int32),
            "Const" | "Placeholder" | "PlaceholderV2" => "dtype",
            "Cast" => "DstT",
            "Gather" | "GatherV2" => "Tparams",
            "Range" => "Tidx",
            _ => "T",
        };
        node.dtype(attribute).unwrap_or(DataType::Float)
    }
}
