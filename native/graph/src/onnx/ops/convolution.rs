//! Convolutions, and what is fused with a layer.

use super::{
    super::{
        constants::Form,
        proto::Attribute,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::Written,
    arithmetic::{add_bias, need_floats},
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[
    ("Conv2D", Written(plain)),
    ("DepthwiseConv2dNative", Written(depthwise)),
    ("_FusedConv2D", Written(fused_plain)),
    ("_FusedDepthwiseConv2dNative", Written(fused_depthwise)),
    ("BiasAdd", Written(bias_add)),
    ("BiasAddV1", Written(bias_add)),
];

type Attributes = Vec<(&'static str, Attribute)>;

fn plain(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (inputs, attributes, is_turned) = convolution(writer, id, Form::Kernel)?;
    writer.put_layer(id, "Conv", inputs, attributes, is_turned)
}

fn depthwise(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (inputs, attributes, is_turned) = convolution(writer, id, Form::Depthwise)?;
    writer.put_layer(id, "Conv", inputs, attributes, is_turned)
}

fn fused_plain(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (mut inputs, attributes, is_turned) = convolution(writer, id, Form::Kernel)?;
    let activation = fused(writer, id, &mut inputs)?;
    activation.put(writer, id, "Conv", inputs, attributes, is_turned)
}

fn fused_depthwise(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (mut inputs, attributes, is_turned) = convolution(writer, id, Form::Depthwise)?;
    let activation = fused(writer, id, &mut inputs)?;
    activation.put(writer, id, "Conv", inputs, attributes, is_turned)
}

/// Image and kernel as ONNX takes them, the attributes of `Conv`, and whether what comes of it is turned: of images with
/// channels first, it is as TensorFlow has it.
fn convolution(writer: &mut Writer<'_>, id: NodeId, form: Form) -> Result<(Vec<String>, Attributes, bool), Refusal> {
    need_floats(writer, id)?;
    let (image, kernel) = (writer.input(id, 0)?, writer.input(id, 1)?);
    let image_extents = writer.extents_of_rank(id, 0, 4)?;
    let kernel_extents = writer.extents_of_rank(id, 1, 4)?;
    let mut extents = Vec::new();
    for extent in &kernel_extents {
        extents.push(extent.ok_or_else(|| writer.refusal(id, "the shape of its kernel is not known"))?);
    }
    let is_first = writer.graph.node(id).is_channels_first();
    let channels = image_extents[if is_first { 1 } else { 3 }];
    let group = match form {
        Form::Depthwise => Some(extents[2]),
        _ => channels.and_then(|channels| channels.checked_div(extents[2])),
    };
    let group = group.ok_or_else(|| writer.refusal(id, "the channels of its input are not known"))?;
    let mut attributes = Window::of(writer, id, [extents[0], extents[1]])?.attributes();
    attributes.push(("group", Attribute::Int(group as i64)));
    let image = if is_first { writer.plain(image)? } else { writer.image(image)? };
    let kernel = writer.kernel(id, kernel, form)?;
    Ok((vec![image, kernel], attributes, !is_first))
}

/// A window that moves over rows and columns.
pub(super) struct Window {
    size: [u64; 2],
    strides: [u64; 2],
    dilations: [u64; 2],
    /// Before rows and columns, then behind them.
    paddings: [i64; 4],
}

impl Window {
    /// The window of `size` of the node `id`, whose first input is an image.
    pub fn of(writer: &Writer<'_>, id: NodeId, size: [u64; 2]) -> Result<Self, Refusal> {
        let node = writer.graph.node(id);
        let spatial = if node.is_channels_first() { [2, 3] } else { [1, 2] };
        let list = |name: &str| -> Result<[u64; 2], Refusal> {
            let Some(values) = node.ints(name).filter(|values| !values.is_empty()) else { return Ok([1, 1]) };
            let is_still = (0..4).filter(|axis| !spatial.contains(axis)).all(|axis| values.get(axis) == Some(&1));
            let wanted = spatial.map(|axis| values.get(axis).and_then(|value| u64::try_from(*value).ok()));
            match wanted {
                [Some(rows @ 1..), Some(columns @ 1..)] if is_still => Ok([rows, columns]),
                _ => Err(writer.refusal(id, format!("its {name} are {values:?}"))),
            }
        };
        let (strides, dilations) = (list("strides")?, list("dilations")?);
        let mut paddings = [0; 4];
        match node.text("padding").unwrap_or("VALID") {
            "SAME" => {
                let extents = writer.extents_of_rank(id, 0, 4)?;
                for side in 0..2 {
                    let sides = same_padding(extents[spatial[side]], size[side], strides[side], dilations[side]);
                    let unknown = || writer.refusal(id, "its padding follows from a size that is not known");
                    (paddings[side], paddings[side + 2]) = sides.ok_or_else(unknown)?;
                }
            }
            "EXPLICIT" => {
                let stated = node.ints("explicit_paddings").unwrap_or_default();
                for side in 0..2 {
                    let at = |offset: usize| stated.get(2 * spatial[side] + offset).copied().filter(|pad| *pad >= 0);
                    let unclear = || writer.refusal(id, format!("its explicit_paddings are {stated:?}"));
                    (paddings[side], paddings[side + 2]) = at(0).zip(at(1)).ok_or_else(unclear)?;
                }
            }
            _ => {}
        }
        Ok(Self { size, strides, dilations, paddings })
    }

    /// The attributes that ONNX's convolutions and poolings share.
    pub fn attributes(&self) -> Attributes {
        let list = |values: &[u64]| Attribute::Ints(values.iter().map(|value| *value as i64).collect());
        let mut attributes = vec![
            ("kernel_shape", list(&self.size)),
            ("strides", list(&self.strides)),
            ("pads", Attribute::Ints(self.paddings.to_vec())),
        ];
        if self.dilations != [1, 1] {
            attributes.push(("dilations", list(&self.dilations)));
        }
        attributes
    }
}

/// What `SAME` adds before and behind an axis (`GetWindowedOutputSizeVerbose` in
/// `tensorflow/core/framework/kernel_shape_util.cc`): the odd one stands behind.
fn same_padding(extent: Option<u64>, size: u64, stride: u64, dilation: u64) -> Option<(i64, i64)> {
    let reach = size.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let sum = match extent {
        Some(extent) => {
            let last = extent.div_ceil(stride).checked_sub(1)?.checked_mul(stride)?;
            last.checked_add(reach)?.saturating_sub(extent)
        }
        None if stride == 1 => reach - 1,
        None => return None,
    };
    Some((i64::try_from(sum / 2).ok()?, i64::try_from(sum.div_ceil(2)).ok()?))
}

/// A bias for each channel: the layer's own where it can be.
fn bias_add(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let (value, bias) = (writer.input(id, 0)?, writer.input(id, 1)?);
    if !writer.graph.node(id).is_channels_first() {
        if add_bias(writer, id, value, bias)? {
            return Ok(());
        }
        let (inputs, is_turned) = writer.together(&[value, bias])?;
        return writer.put(id, "Add", inputs, Vec::new(), is_turned);
    }
    let rank = writer.rank(id, 0)?;
    let mut target = vec![1; rank.saturating_sub(1)];
    if let Some(channels) = target.first_mut() {
        *channels = -1;
    }
    let target = writer.int64s(&target)?;
    let inputs = [writer.plain(value)?, writer.plain(bias)?];
    let [value, bias] = inputs;
    let bias = writer.step(id, "Reshape", vec![bias, target], Vec::new());
    writer.put(id, "Add", vec![value, bias], Vec::new(), false)
}

/// What follows a layer inside one node.
pub(super) enum Activation {
    None,
    Relu,
    Relu6,
    Elu,
    Tanh,
    Sigmoid,
    LeakyRelu(f32),
}

/// What is fused with the layer `id`; its bias is appended to `inputs` (`fused_ops` of
/// `tensorflow/core/kernels/conv_ops_fused_impl.h`).
pub(super) fn fused(writer: &mut Writer<'_>, id: NodeId, inputs: &mut Vec<String>) -> Result<Activation, Refusal> {
    use crate::data::attr::Attr;
    need_floats(writer, id)?;
    let node = writer.graph.node(id);
    let names: Vec<String> = match node.attr("fused_ops") {
        Some(Attr::Texts(names)) => names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
        _ => Vec::new(),
    };
    let slope = node.float("leakyrelu_alpha").unwrap_or(0.2);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (has_bias, rest) = match names.as_slice() {
        ["BiasAdd", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let activation = match rest {
        [] => Activation::None,
        ["Relu"] => Activation::Relu,
        ["Relu6"] => Activation::Relu6,
        ["Elu"] => Activation::Elu,
        ["Tanh"] => Activation::Tanh,
        ["Sigmoid"] => Activation::Sigmoid,
        ["LeakyRelu"] => Activation::LeakyRelu(slope),
        _ => return Err(writer.refusal(id, format!("it is fused with {}", names.join(", ")))),
    };
    if has_bias {
        inputs.push(writer.plain(writer.input(id, 2)?)?);
    }
    Ok(activation)
}

impl Activation {
    /// Computes the layer `op` and this activation of it as the first output of `id`.
    pub fn put(
        self,
        writer: &mut Writer<'_>,
        id: NodeId,
        op: &'static str,
        inputs: Vec<String>,
        attributes: Attributes,
        is_turned: bool,
    ) -> Result<(), Refusal> {
        let (name, slope) = match self {
            Self::None => return writer.put(id, op, inputs, attributes, is_turned),
            Self::Relu => ("Relu", None),
            Self::Relu6 => ("Clip", None),
            Self::Elu => ("Elu", None),
            Self::Tanh => ("Tanh", None),
            Self::Sigmoid => ("Sigmoid", None),
            Self::LeakyRelu(slope) => ("LeakyRelu", Some(slope)),
        };
        let mut inputs = vec![writer.step(id, op, inputs, attributes)];
        if name == "Clip" {
            inputs.extend([writer.float(0.0)?, writer.float(6.0)?]);
        }
        let attributes = slope.map(|slope| ("alpha", Attribute::Float(slope))).into_iter().collect();
        writer.put(id, name, inputs, attributes, is_turned)
    }
}
