//! The planned graph as bytes, each weight copied or scaled once, straight into the output.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use menagerie_contract::Dtype;

use super::{Plan, fold::Fold};
use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, NodeId},
        tensor::Tensor,
        wire::{field_bytes, put_header},
    },
    encode::{self, Content, Piece},
};

/// Attributes that name other nodes or cached facts; they would dangle or lie.
pub(in crate::rewrite) fn is_dropped_attribute(name: &str) -> bool {
    name.starts_with('_')
}

/// A float tensor times a factor for each channel.
struct Scaled<'p> {
    tensor: Tensor<'p>,
    factors: &'p [f32],
    stride: usize,
}

/// Writes the plan with the batch free, or fixed at `batch`.
pub(super) fn write(plan: &Plan<'_, '_>, batch: Option<u64>) -> Vec<u8> {
    let pieces = Layout::new(plan, batch).pieces();
    let mut out = Vec::with_capacity(pieces.iter().map(Piece::byte_count).sum::<usize>() + 16);
    for piece in &pieces {
        piece.put(&mut out);
    }
    encode::put_versions(&mut out, plan.graph.producer);
    out
}

/// The order of nodes and how they name their inputs.
struct Layout<'p, 'g, 'a> {
    plan: &'p Plan<'g, 'a>,
    batch: Option<u64>,
    /// Folded layers by the end of their chain.
    ends: HashMap<NodeId, NodeId>,
    /// The element type that a cast behind the placeholder makes, where the graph wants neither floats nor bytes.
    cast: Option<(DataType, Cow<'static, str>)>,
}

impl<'p, 'g, 'a> Layout<'p, 'g, 'a> {
    fn new(plan: &'p Plan<'g, 'a>, batch: Option<u64>) -> Self {
        let node = plan.graph.node(plan.input.node);
        let wanted = node.dtype("dtype").or_else(|| node.dtype("DstT")).or_else(|| node.dtype("T"));
        let cast = wanted
            .filter(|dtype| !matches!(dtype, DataType::Float | DataType::Uint8))
            .map(|dtype| (dtype, plan.graph.fresh_name(&plan.input.tensor, "cast")));
        let ends = plan.folds.iter().map(|(layer, fold)| (fold.end, *layer)).collect();
        Self { plan, batch, ends, cast }
    }

    fn pieces(&self) -> Vec<Piece<'p>> {
        let kept = self.kept();
        let mut pieces = Vec::with_capacity(kept.len());
        for id in self.plan.needed.iter().filter(|id| kept.contains(id)) {
            self.push(*id, &mut pieces);
        }
        pieces
    }

    /// Nodes that are still needed once passages are left out and chains are folded.
    fn kept(&self) -> HashSet<NodeId> {
        let mut kept = HashSet::new();
        let mut stack = vec![self.plan.output.scores];
        while let Some(id) = stack.pop() {
            if kept.insert(id) {
                stack.extend(self.inputs(id).iter().map(|endpoint| endpoint.node));
            }
        }
        kept
    }

    /// The inputs that `id` keeps. New constants are not among them.
    fn inputs(&self, id: NodeId) -> Vec<Endpoint> {
        let plan = self.plan;
        let node = plan.graph.node(id);
        if id == plan.input.node {
            return Vec::new();
        }
        if let Some(layer) = self.ends.get(&id) {
            return vec![Endpoint { node: *layer, port: 0 }];
        }
        let unpadded = plan.unpadded.get(&id).copied();
        let first = unpadded.or_else(|| node.inputs.first().map(|endpoint| plan.source(*endpoint)));
        let all = first.into_iter().chain(node.inputs.iter().skip(1).map(|endpoint| plan.source(*endpoint)));
        if plan.targets.contains_key(&id) || plan.folds.get(&id).is_some_and(|fold| fold.scale.is_some()) {
            return all.take(1).collect();
        }
        all.collect()
    }

    fn push(&self, id: NodeId, pieces: &mut Vec<Piece<'p>>) {
        let plan = self.plan;
        let node = plan.graph.node(id);
        if id == plan.input.node {
            self.push_input(pieces);
            return;
        }
        if let Some(layer) = self.ends.get(&id) {
            if let Some(fold) = plan.folds.get(layer) {
                self.push_bias(id, fold, pieces);
            }
            return;
        }
        let mut inputs: Vec<Cow<'p, str>> = self.inputs(id).iter().map(|endpoint| self.written(*endpoint)).collect();
        if let Some(target) = plan.targets.get(&id) {
            let name = plan.graph.fresh_name(&node.name, "target");
            let content: Vec<u8> = target.iter().flat_map(|extent| (*extent as i32).to_le_bytes()).collect();
            let tensor = encode::tensor_attr(DataType::Int32, &[target.len() as u64], &content);
            pieces.push(Piece::constant(name.clone(), DataType::Int32, tensor.into()));
            inputs.push(name);
        } else if let Some((fold, factors)) = plan.folds.get(&id).and_then(|fold| Some((fold, fold.scale.as_ref()?)))
            && let Some(tensor) = plan.graph.tensor(fold.kernel)
        {
            let name = plan.graph.fresh_name(&node.name, "folded_kernel");
            let scaled = Scaled { tensor, factors, stride: fold.stride };
            pieces.push(Piece::constant(name.clone(), DataType::Float, scaled.content()));
            inputs.push(name);
        }
        let attributes = node
            .attributes
            .iter()
            .filter(|(name, _)| !is_dropped_attribute(name))
            .map(|(name, body)| match *name {
                // The new target is a 32-bit one.
                "Tshape" if plan.targets.contains_key(&id) => (*name, encode::dtype_attr(DataType::Int32).into()),
                "padding" if plan.unpadded.contains_key(&id) => (*name, encode::text_attr("SAME").into()),
                _ => (*name, body.as_ref().into()),
            })
            .collect();
        let mut piece = Piece { name: Cow::Borrowed(node.name.as_ref()), op: node.op, inputs, attributes };
        fill_attributes(&mut piece);
        pieces.push(piece);
    }

    fn push_input(&self, pieces: &mut Vec<Piece<'p>>) {
        let input = self.plan.input;
        let dtype = match input.dtype {
            Dtype::Float32 => DataType::Float,
            Dtype::Uint8 => DataType::Uint8,
        };
        let mut extents = input.extents(1);
        extents[0] = self.batch;
        pieces.push(Piece::placeholder(Cow::Borrowed(&input.tensor), dtype, &extents));
        if let Some((wanted, name)) = &self.cast {
            pieces.push(Piece::cast(name.clone(), Cow::Borrowed(&input.tensor), dtype, *wanted));
        }
    }

    fn push_bias(&self, id: NodeId, fold: &Fold, pieces: &mut Vec<Piece<'p>>) {
        let plan = self.plan;
        let node = plan.graph.node(id);
        let name = plan.graph.fresh_name(&node.name, "folded_bias");
        let content: Vec<u8> = fold.shift.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = encode::tensor_attr(DataType::Float, &[fold.shift.len() as u64], &content);
        pieces.push(Piece::constant(name.clone(), DataType::Float, tensor.into()));
        let mut inputs: Vec<Cow<'p, str>> = self.inputs(id).iter().map(|endpoint| self.written(*endpoint)).collect();
        inputs.push(name);
        let format = if fold.is_channels_first { "NCHW" } else { "NHWC" };
        pieces.push(Piece {
            name: Cow::Borrowed(node.name.as_ref()),
            op: "BiasAdd",
            inputs,
            attributes: vec![
                ("T", encode::dtype_attr(DataType::Float).into()),
                ("data_format", encode::text_attr(format).into()),
            ],
        });
    }

    /// How an input is written: `name`, or `name:port` for other ports than the first.
    fn written(&self, endpoint: Endpoint) -> Cow<'p, str> {
        let plan = self.plan;
        if let (true, Some((_, name))) = (endpoint.node == plan.input.node, &self.cast) {
            return name.clone();
        }
        let name: &'p str = plan.graph.node(endpoint.node).name.as_ref();
        if endpoint.port == 0 { Cow::Borrowed(name) } else { Cow::Owned(format!("{name}:{}", endpoint.port)) }
    }
}

/// Adds the attributes that old or hand-made graphs leave out: element types, for which TensorFlow has no default, and
/// the mode of BatchNorm, whose default is training.
pub(in crate::rewrite) fn fill_attributes(piece: &mut Piece<'_>) {
    if piece.op.starts_with("FusedBatchNorm") && !piece.attributes.iter().any(|(key, _)| *key == "is_training") {
        piece.attributes.push(("is_training", encode::flag_attr(false).into()));
    }
    let name = match piece.op {
        "Const" | "Cast" | "Dequantize" | "QuantizeV2" | "Shape" | "Range" | "ArgMax" => return,
        op if op.starts_with("Quantized") || op.starts_with("FakeQuant") || op.starts_with("Requant") => return,
        _ => "T",
    };
    let has_types = piece.attributes.iter().any(|(key, _)| matches!(*key, "T" | "Tparams" | "SrcT" | "dtype" | "Tidx"));
    if !has_types && !piece.inputs.is_empty() {
        piece.attributes.push((name, encode::dtype_attr(DataType::Float).into()));
    }
}

impl<'p> Scaled<'p> {
    fn content(self) -> Content<'p> {
        let byte_count = field_bytes(8, self.tensor_bytes());
        Content::Made { byte_count, write: Box::new(move |out| self.write(out)) }
    }

    fn tensor_bytes(&self) -> usize {
        encode::tensor_head(DataType::Float, &self.tensor.shape).len() + field_bytes(4, self.tensor.content.len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_header(out, 8, self.tensor_bytes());
        out.extend_from_slice(&encode::tensor_head(DataType::Float, &self.tensor.shape));
        put_header(out, 4, self.tensor.content.len());
        let start = out.len();
        out.resize(start + self.tensor.content.len(), 0);
        let (values, _) = self.tensor.content.as_chunks::<4>();
        let (written, _) = out[start..].as_chunks_mut::<4>();
        let scale = |value: [u8; 4], factor: f32| (f32::from_le_bytes(value) * factor).to_le_bytes();
        if self.stride == 1 {
            let width = self.factors.len();
            for (to, row) in written.chunks_mut(width).zip(values.chunks(width)) {
                for ((to, value), factor) in to.iter_mut().zip(row).zip(self.factors) {
                    *to = scale(*value, *factor);
                }
            }
        } else {
            let rows = written.chunks_mut(self.stride).zip(values.chunks(self.stride));
            for ((to, row), factor) in rows.zip(self.factors.iter().cycle()) {
                for (to, value) in to.iter_mut().zip(row) {
                    *to = scale(*value, *factor);
                }
            }
        }
    }
}
