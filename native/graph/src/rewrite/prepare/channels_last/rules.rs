//! What becomes of each op when an image that it reads is turned.

mod arrange;

use super::{Turning, order, write};
use crate::{
    data::{
        attr::Attr,
        graph::{Endpoint, Node, NodeId},
    },
    encode,
    ops::{self, Role, Shape},
};

/// Writes a node on turned images; absent where it has to read them as the file has them. What it has written then is
/// for nothing, and left out.
pub(super) type Rule = for<'t, 'g, 'a> fn(&'t mut Turning<'g, 'a>, NodeId) -> Option<()>;

/// The rule for a node; absent for what needs its inputs as the file has them.
pub(super) fn of(node: &Node<'_>) -> Option<Rule> {
    let op = ops::of(node.op);
    Some(match op.shape {
        _ if node.op == "BiasAdd" || op.role == Role::BatchNorm => layer,
        Shape::Convolution | Shape::Depthwise | Shape::Pool | Shape::DepthToSpace | Shape::SpaceToDepth => layer,
        _ if node.op == "MaxPoolV2" => pool_of_inputs,
        Shape::Broadcast => elementwise,
        Shape::Same | Shape::First | Shape::Select if is_elementwise(node.op) => elementwise,
        Shape::Same if is_of_first_input(node.op) => first_input,
        Shape::Reduce | Shape::DropAxis => reduce,
        Shape::Join | Shape::JoinAxisFirst => arrange::concat,
        Shape::Split | Shape::SplitSizes => arrange::split,
        Shape::Pad => arrange::pad,
        Shape::Slice => arrange::slice,
        Shape::Tile => arrange::tile,
        Shape::StridedSlice => arrange::strided_slice,
        Shape::Squeeze => arrange::squeeze,
        Shape::Transpose => arrange::transpose,
        Shape::SpaceToBatch | Shape::BatchToSpace => arrange::blocks,
        _ => return None,
    })
}

/// Whether `node` computes something of an image with channels first that TensorFlow's own code refuses.
pub(in crate::rewrite::prepare) fn is_layer_of_channels_first(node: &Node<'_>) -> bool {
    node.text("data_format") == Some("NCHW") && node.op != "BiasAdd" && of(node).is_some()
}

/// Ops beside those of [`Shape::Broadcast`] that compute each value from those at its place. Of those that keep a shape
/// others look along an axis, such as `Softmax`.
#[rustfmt::skip]
fn is_elementwise(op: &str) -> bool {
    matches!(
        op,
        "Abs" | "AddN" | "Cast" | "Ceil" | "CheckNumerics" | "ClipByValue" | "Cos" | "Elu" | "Erf" | "Erfc" | "Exp"
            | "Expm1" | "Floor" | "Identity" | "Inv" | "IsFinite" | "IsInf" | "IsNan" | "LeakyRelu" | "Log" | "Log1p"
            | "LogicalNot" | "Neg" | "OnesLike" | "Reciprocal" | "Relu" | "Relu6" | "Rint" | "Round" | "Rsqrt"
            | "SelectV2" | "Selu" | "Sigmoid" | "Sign" | "Sin" | "Snapshot" | "Softplus" | "Softsign" | "Sqrt"
            | "Square" | "StopGradient" | "Tanh" | "ZerosLike"
    )
}

/// Ops that compute each value of their first input from itself and numbers.
fn is_of_first_input(op: &str) -> bool {
    matches!(
        op,
        "FakeQuantWithMinMaxArgs" | "FakeQuantWithMinMaxVars" | "QuantizeAndDequantize" | "QuantizeAndDequantizeV2"
    )
}

/// A layer whose `data_format` says where its first input has the channels.
fn layer(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let is_fused_sum = matches!(node.attr("fused_ops"), Some(Attr::Texts(ops)) if ops.contains(&b"Add".as_slice()));
    if node.text("data_format") != Some("NCHW") || is_fused_sum {
        return None;
    }
    let mut written = turning.as_it_is(id).with("data_format", encode::text_attr("NHWC"));
    for name in ["strides", "ksize", "dilations"] {
        written = written.with_list(name, node.ints(name), write::axes)?;
    }
    written = written.with_list("explicit_paddings", node.ints("explicit_paddings"), order::turn_pairs)?;
    let inputs = turning.with_image(node)?;
    turning.put(id, written.reading(inputs), true);
    Some(())
}

/// A pooling whose window is an input.
fn pool_of_inputs(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let &[image, size, strides] = node.inputs.as_slice() else { return None };
    if node.text("data_format") != Some("NCHW") {
        return None;
    }
    let (size, strides) = (turning.values(size)?, turning.values(strides)?);
    let size = turning.integers(id, &[4], &order::turn(&size)?);
    let strides = turning.integers(id, &[4], &order::turn(&strides)?);
    let written = turning.as_it_is(id).with("data_format", encode::text_attr("NHWC"));
    let image = turning.image(image)?;
    turning.put(id, written.reading(vec![image, size, strides]), true);
    Some(())
}

/// An op of its first input's values, whose others are numbers.
fn first_input(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let inputs = turning.with_image(turning.graph.node(id))?;
    let written = turning.as_it_is(id).reading(inputs);
    turning.put(id, written, true);
    Some(())
}

fn elementwise(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let inputs = node.inputs.iter().map(|input| turning.broadcast(*input)).collect::<Option<_>>()?;
    let written = turning.as_it_is(id).reading(inputs);
    turning.put(id, written, true);
    Some(())
}

/// An op that reduces axes to one value each, or drops them.
fn reduce(turning: &mut Turning<'_, '_>, id: NodeId) -> Option<()> {
    let node = turning.graph.node(id);
    let &[image, axes] = node.inputs.as_slice() else { return None };
    let (scalar, axes) = (turning.extents(axes)?.is_empty(), turning.values(axes)?);
    let keeps = node.flag("keep_dims") || node.flag("keepdims");
    let turned: Vec<i64> = if keeps {
        axes.iter().map(|axis| Some(order::turn_axis(*axis)? as i64)).collect::<Option<_>>()?
    } else {
        order::turn_dropped(&axes)?
    };
    let extents = if scalar { Vec::new() } else { vec![turned.len() as u64] };
    let axes = turning.integers(id, &extents, &turned);
    let image = turning.image(image)?;
    let written = turning.as_it_is(id).reading(vec![image, axes]).indexed("Tidx");
    turning.put(id, written, keeps);
    Some(())
}

impl Turning<'_, '_> {
    /// The inputs of `node`, the first of which is an image.
    fn with_image(&mut self, node: &Node<'_>) -> Option<Vec<String>> {
        let (image, others) = node.inputs.split_first()?;
        let mut inputs = vec![self.image(*image)?];
        inputs.extend(others.iter().map(|other| self.first(*other)));
        Some(inputs)
    }

    /// `endpoint` turned, unless it is known to have other than four axes.
    fn image(&mut self, endpoint: Endpoint) -> Option<String> {
        self.extents(endpoint).is_none_or(|extents| extents.len() == 4).then(|| self.last(endpoint))
    }

    /// The integers of `endpoint`, where they are known.
    fn values(&self, endpoint: Endpoint) -> Option<Vec<i64>> {
        (endpoint.port == 0).then(|| self.shapes.fact(endpoint.node).closed_ints())?
    }

    fn value(&self, endpoint: Endpoint) -> Option<i64> {
        match self.values(endpoint)?.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }
}
