//! A graph that takes pixels and gives probabilities.
//!
//! In front of the input stands what the engine's normaliser does with pixels, behind the scores what makes probabilities
//! of them. What both do otherwise, such as decoding and resizing, stays outside.

use std::borrow::Cow;

use menagerie_contract::{ChannelOrder, Dtype, InputSpec, Layout, OutputKind};

use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph},
        parse,
        wire::{Fields, put_bytes},
    },
    encode::{self, Content, Piece},
    error::GraphError,
    limits::GraphLimits,
    resolve::Resolved,
};

/// The fed node: bytes, batch x height x width x channels, rows of RGB or grey.
const PIXELS: &str = "pixels";
/// The fetched node: batch x classes.
const PROBABILITIES: &str = "probabilities";

/// What most ops here are of.
const FLOAT: (&str, DataType) = ("T", DataType::Float);

/// The least probability whose logarithm is taken.
const LEAST: f32 = f32::MIN_POSITIVE;

/// `resolved` with its pre-processing inside. A graph that names the class itself gives its number as before.
pub(super) fn include(resolved: Resolved, temperature: f32, limits: &GraphLimits) -> Result<Resolved, GraphError> {
    let graph = Graph::build(parse::parse(&resolved.graph, limits)?, limits)?;
    let mut chain = Chain { graph: &graph, pieces: Vec::new() };
    let pixels = chain.feed(&resolved.spec.input, resolved.input_layout, &resolved.input_tensor);
    let output = chain.read(&resolved, temperature);
    let mut bytes = Vec::with_capacity(resolved.graph.len());
    let malformed = |reason| GraphError::NodeMalformed { node: resolved.input_tensor.clone(), reason };
    for field in Fields::new(&resolved.graph) {
        let (number, value) = field.map_err(malformed)?;
        let body = value.bytes(number).map_err(malformed)?;
        let is_input = number == 1 && name_of(body) == Some(&resolved.input_tensor);
        if !is_input {
            put_bytes(&mut bytes, number, body);
        }
    }
    for piece in &chain.pieces {
        piece.put(&mut bytes);
    }
    let mut spec = resolved.spec;
    spec.input.dtype = Dtype::Uint8;
    Ok(Resolved { spec, graph: bytes, input_tensor: pixels, input_layout: Layout::Nhwc, output_tensor: output })
}

/// The name in a `NodeDef`.
fn name_of(node: &[u8]) -> Option<&str> {
    Fields::new(node).find_map(|field| field.ok().filter(|(number, _)| *number == 1)?.1.text(1).ok())
}

/// Nodes that are added, each on what the one before gives.
struct Chain<'g, 'a> {
    graph: &'g Graph<'a>,
    pieces: Vec<Piece<'static>>,
}

impl Chain<'_, '_> {
    /// From pixels to the tensor that the node `input` was fed, which takes its name. Gives the name of the pixels.
    fn feed(&mut self, input: &InputSpec, layout: Layout, name: &str) -> String {
        let pixels = self.name(PIXELS);
        let [width, height, channels] = [input.width, input.height, input.channels].map(u64::from);
        let extents = vec![input.batch.map(u64::from), Some(height), Some(width), Some(channels)];
        self.pieces.push(Piece::placeholder(pixels.clone().into(), DataType::Uint8, &extents));
        let mut value = pixels.clone();
        let mut dtype = DataType::Uint8;
        if input.channel_order == ChannelOrder::Bgr && channels == 3 {
            let (order, axis) = (self.ints("order", &[3], &[2, 1, 0]), self.ints("channels", &[], &[3]));
            let types = [("Tparams", dtype), ("Tindices", DataType::Int32), ("Taxis", DataType::Int32)];
            value = self.add("reversed", "GatherV2", &[&value, &order, &axis], &types);
        }
        if input.channel_order == ChannelOrder::Gray && channels == 3 {
            value = self.grey(&value);
        }
        if input.dtype == Dtype::Float32 {
            value = self.add("floats", "Cast", &[&value], &[("SrcT", dtype), ("DstT", DataType::Float)]);
            dtype = DataType::Float;
            // As the engine computes it: (pixel - mean) / std.
            for (op, values, nothing) in [("Sub", &input.mean, 0.0_f32), ("RealDiv", &input.std, 1.0)] {
                if values.iter().any(|value| (value - nothing).abs() > 0.0) {
                    let by = self.floats(op, &[values.len() as u64], values);
                    value = self.add("scaled", op, &[&value, &by], &[("T", dtype)]);
                }
            }
        }
        let [rows, columns, values] = [height, width, height * width * channels].map(|extent| extent as i32);
        let (op, second) = match layout {
            Layout::Nhwc => ("Identity", None),
            Layout::Nchw => ("Transpose", Some((self.ints("channels_first", &[4], &[0, 3, 1, 2]), "Tperm"))),
            Layout::Nhw => ("Reshape", Some((self.ints("rows", &[3], &[-1, rows, columns]), "Tshape"))),
            Layout::Flat => ("Reshape", Some((self.ints("flat", &[2], &[-1, values]), "Tshape"))),
        };
        let mut piece = Piece {
            name: name.to_owned().into(),
            op,
            inputs: vec![value.into()],
            attributes: vec![("T", encode::dtype_attr(dtype).into())],
        };
        if let Some((second, index)) = second {
            piece.inputs.push(second.into());
            piece.attributes.push((index, encode::dtype_attr(DataType::Int32).into()));
        }
        self.pieces.push(piece);
        pixels
    }

    /// From RGB to bytes of the same luma in each of three channels, `(19595 R + 38470 G + 7471 B + 32768) >> 16`, as the
    /// service makes photos grey. No value is 2^24 or more, so floats hold each exactly.
    fn grey(&mut self, rgb: &str) -> String {
        let floats = self.add("colours", "Cast", &[rgb], &[("SrcT", DataType::Uint8), ("DstT", DataType::Float)]);
        let weights = self.floats("luma_weights", &[3], &[19_595.0, 38_470.0, 7_471.0]);
        let weighted = self.add("weighted", "Mul", &[&floats, &weights], &[FLOAT]);
        let axis = self.ints("rgb", &[], &[3]);
        let mut sum = self.piece("luma", "Sum", &[&weighted, &axis]);
        sum.attributes = vec![
            ("T", encode::dtype_attr(DataType::Float).into()),
            ("Tidx", encode::dtype_attr(DataType::Int32).into()),
            ("keep_dims", encode::flag_attr(true).into()),
        ];
        let sum = self.push(sum);
        let half = self.floats("half", &[], &[32_768.0]);
        let raised = self.add("raised", "AddV2", &[&sum, &half], &[FLOAT]);
        // Three of them make three channels of the one.
        let shifts = self.floats("shifts", &[3], &[1.0 / 65_536.0; 3]);
        let shifted = self.add("shifted", "Mul", &[&raised, &shifts], &[FLOAT]);
        let whole = self.add("whole", "Floor", &[&shifted], &[FLOAT]);
        self.add("grey", "Cast", &[&whole], &[("SrcT", DataType::Float), ("DstT", DataType::Uint8)])
    }

    /// From the scores to probabilities, as the answers of the service have them. Gives the name of what is fetched.
    fn read(&mut self, resolved: &Resolved, temperature: f32) -> String {
        let output = &resolved.spec.output;
        if output.kind == OutputKind::Index {
            return resolved.output_tensor.clone();
        }
        let mut value = resolved.output_tensor.clone();
        let scores = self.graph.find(&value).map(|node| self.graph.dtype_of(Endpoint { node, port: 0 }));
        if let Some(dtype) = scores.filter(|dtype| *dtype != DataType::Float) {
            value = self.add("scores", "Cast", &[&value], &[("SrcT", dtype), ("DstT", DataType::Float)]);
        }
        let rows = self.ints("rows_of_scores", &[2], &[-1, output.classes as i32]);
        value = self.add("scores", "Reshape", &[&value, &rows], &[FLOAT, ("Tshape", DataType::Int32)]);
        let is_tempered = temperature.total_cmp(&1.0).is_ne() && !output.kind.is_independent(output.classes as usize);
        let mut logits = None;
        if output.kind == OutputKind::Logits {
            if output.classes == 1 {
                // The logit of the second of two classes, of which the first has 0.
                let sides = self.ints("first_of_two", &[2, 2], &[0, 0, 1, 0]);
                value = self.add("two", "Pad", &[&value, &sides], &[FLOAT, ("Tpaddings", DataType::Int32)]);
            }
            logits = Some(value.clone());
        } else {
            let (zero, one) = (self.floats("zero", &[], &[0.0]), self.floats("one", &[], &[1.0]));
            value = self.add("least", "Maximum", &[&value, &zero], &[FLOAT]);
            value = self.add("most", "Minimum", &[&value, &one], &[FLOAT]);
            if output.kind == OutputKind::Sigmoid && output.classes == 1 {
                let first = self.add("first", "Sub", &[&one, &value], &[FLOAT]);
                let axis = self.ints("classes", &[], &[1]);
                let mut both = self.piece("two", "ConcatV2", &[&first, &value, &axis]);
                both.attributes = vec![
                    ("N", encode::int_attr(2).into()),
                    ("T", encode::dtype_attr(DataType::Float).into()),
                    ("Tidx", encode::dtype_attr(DataType::Int32).into()),
                ];
                value = self.push(both);
            }
            if is_tempered {
                let least = self.floats("least_of_all", &[], &[LEAST]);
                let bounded = self.add("bounded", "Maximum", &[&value, &least], &[FLOAT]);
                logits = Some(self.add("logits", "Log", &[&bounded], &[FLOAT]));
            }
        }
        let (op, mut last) = logits.map_or(("Identity", value), |logits| ("Softmax", logits));
        if is_tempered {
            let temperature = self.floats("temperature", &[], &[temperature]);
            last = self.add("tempered", "RealDiv", &[&last, &temperature], &[FLOAT]);
        }
        self.add(PROBABILITIES, op, &[&last], &[FLOAT])
    }

    /// `base`, or a name like it that no node has yet.
    fn name(&self, base: &str) -> String {
        let mut name = base.to_owned();
        while self.graph.find(&name).is_some() || self.pieces.iter().any(|piece| piece.name == name) {
            name.push('_');
        }
        name
    }

    fn piece(&self, base: &str, op: &'static str, inputs: &[&str]) -> Piece<'static> {
        let inputs = inputs.iter().map(|input| Cow::Owned((*input).to_owned())).collect();
        Piece { name: self.name(base).into(), op, inputs, attributes: Vec::new() }
    }

    fn push(&mut self, piece: Piece<'static>) -> String {
        let name = piece.name.to_string();
        self.pieces.push(piece);
        name
    }

    fn add(&mut self, base: &str, op: &'static str, inputs: &[&str], types: &[(&'static str, DataType)]) -> String {
        let mut piece = self.piece(base, op, inputs);
        piece.attributes =
            types.iter().map(|(name, dtype)| (*name, Content::from(encode::dtype_attr(*dtype)))).collect();
        self.push(piece)
    }

    fn ints(&mut self, base: &str, extents: &[u64], values: &[i32]) -> String {
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(base, DataType::Int32, extents, &content)
    }

    fn floats(&mut self, base: &str, extents: &[u64], values: &[f32]) -> String {
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(base, DataType::Float, extents, &content)
    }

    fn constant(&mut self, base: &str, dtype: DataType, extents: &[u64], content: &[u8]) -> String {
        let name = self.name(base);
        let value = encode::tensor_attr(dtype, extents, content);
        self.push(Piece::constant(name.into(), dtype, value.into()))
    }
}
