//! The way from the image input through the first layers, read out of the graph step by step.

use std::collections::HashSet;

use super::{
    constants::evaluate,
    layers::{Layer, Window},
    norm::{Norm, norm_behind, other_operand},
};
use crate::{
    data::graph::{Graph, NodeId},
    ops::{self, Role},
};

/// Weights of a layer that are still read.
const KERNEL_VALUES_MAX: u64 = 2 << 20;

/// One step of the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Arithmetic.
    Layer(Layer),
    /// A batch normalisation whose moments are known.
    Norm(Norm),
}

/// Walks from the image input towards the scores, as long as the way does not branch.
pub struct Walk<'w, 'a> {
    graph: &'w Graph<'a>,
    at: NodeId,
    /// What leads to the first layer; side branches off the input are left out.
    on_the_way: HashSet<NodeId>,
    first_layer: Option<NodeId>,
    /// Nodes passed since the start.
    pub passed: Vec<NodeId>,
}

impl<'w, 'a> Walk<'w, 'a> {
    /// Starts at `input`; `first_layer` is the first convolution or dense layer behind it.
    #[must_use]
    pub fn new(graph: &'w Graph<'a>, input: NodeId, first_layer: Option<NodeId>) -> Self {
        let on_the_way = graph.ancestors(first_layer, false);
        Self { graph, at: input, on_the_way, first_layer, passed: Vec::new() }
    }

    /// The next step, or nothing where the way branches, ends or takes an op that is not known here.
    pub fn next_step(&mut self) -> Option<Step> {
        loop {
            if let Some(norm) = norm_behind(self.graph, self.at).filter(|norm| self.leads_on(norm.end)) {
                self.move_to(norm.end);
                return Some(Step::Norm(norm));
            }
            let next = self.only_consumer()?;
            let layer = self.layer_of(next);
            if layer.is_none() && !self.is_layout_only(next) {
                return None;
            }
            self.move_to(next);
            if let Some(layer) = layer {
                return Some(Step::Layer(layer));
            }
        }
    }

    fn move_to(&mut self, id: NodeId) {
        self.at = id;
        self.passed.push(id);
        if self.first_layer == Some(id) {
            self.first_layer = None;
        }
    }

    /// While the first layer lies ahead, whether `id` leads to it.
    fn leads_on(&self, id: NodeId) -> bool {
        self.first_layer.is_none() || self.on_the_way.contains(&id)
    }

    fn only_consumer(&self) -> Option<NodeId> {
        let mut found = None;
        for consumer in self.graph.consumers(self.at) {
            let takes_values = self.graph.node(*consumer).kind.role != Role::Measure;
            if takes_values && self.leads_on(*consumer) && found != Some(*consumer) {
                if found.is_some() {
                    return None;
                }
                found = Some(*consumer);
            }
        }
        found
    }

    /// Nodes that change the layout or type of the image and nothing else.
    fn is_layout_only(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        match node.op {
            "Cast" | "Squeeze" | "ExpandDims" => true,
            "Transpose" | "Reshape" | "ResizeBilinear" | "ResizeNearestNeighbor" | "ResizeBicubic" | "ResizeArea" => {
                self.first_layer.is_some()
            }
            "Split" => node.int("num_split") == Some(1),
            "FakeQuantWithMinMaxArgs" | "FakeQuantWithMinMaxVars" | "FakeQuantWithMinMaxVarsPerChannel" => {
                self.graph.input(id, 0) == Some(self.at)
            }
            _ => node.kind.is_passage(),
        }
    }

    fn layer_of(&self, id: NodeId) -> Option<Layer> {
        let node = self.graph.node(id);
        match node.kind.plain_layer() {
            Some(ops::Layer::Convolution | ops::Layer::Depthwise) => return self.convolution(id),
            Some(ops::Layer::Product) => return self.dense(id),
            _ => {}
        }
        match node.op {
            "BiasAdd" | "Add" | "AddV2" | "Sub" | "Mul" | "RealDiv" | "Div" | "Neg" => self.affine(id),
            "Relu" => Some(Layer::Rectify { slope: 0.0, ceiling: f32::INFINITY }),
            "Relu6" => Some(Layer::Rectify { slope: 0.0, ceiling: 6.0 }),
            "LeakyRelu" => Some(Layer::Rectify { slope: node.float("alpha").unwrap_or(0.2), ceiling: f32::INFINITY }),
            "Elu" => Some(Layer::Elu),
            "Sigmoid" => Some(Layer::Sigmoid),
            "Tanh" => Some(Layer::Tanh),
            "MaxPool" | "AvgPool" => {
                Some(Layer::Pool { window: self.window(id, &node.ints("ksize")?)?, largest: node.op == "MaxPool" })
            }
            "Pad" => self.pad(id),
            "Mean" => {
                let axes = self.graph.constant_ints(self.graph.input(id, 1)?)?;
                matches!(axes.as_slice(), [1, 2] | [2, 3] | [-3, -2]).then_some(Layer::GlobalAverage)
            }
            "Reshape" if self.first_layer.is_none() => {
                Some(Layer::Flatten { channels_first: self.is_channels_first() })
            }
            "ReverseV2" | "StridedSlice" | "Gather" | "GatherV2" => {
                self.reversed_axis(id).filter(|axis| self.is_channel_axis(*axis)).map(|_| Layer::ReverseChannels)
            }
            _ => None,
        }
    }

    /// The one axis of the image that a node turns around, counted from the end where negative. Keras' Caffe mode does
    /// so by `x[..., ::-1]`, others by `tf.reverse` or by gathering 2, 1, 0.
    fn reversed_axis(&self, id: NodeId) -> Option<i64> {
        let node = self.graph.node(id);
        let ints = |index: usize| self.graph.constant_ints(self.graph.input(id, index)?);
        if self.graph.input(id, 0) != Some(self.at) {
            return None;
        }
        match node.op {
            "ReverseV2" => <[i64; 1]>::try_from(ints(1)?).ok().map(|[axis]| axis),
            "Gather" | "GatherV2" => {
                let axis = if node.op == "Gather" { 0 } else { *ints(2)?.first()? };
                (ints(1)? == [2, 1, 0]).then_some(axis)
            }
            "StridedSlice" => {
                let strides = ints(3)?;
                let at = strides.iter().position(|stride| *stride != 1).filter(|at| strides[*at] == -1)?;
                let mask = |key: &str| node.int(key).unwrap_or(0);
                let ellipsis = mask("ellipsis_mask");
                let whole = mask("begin_mask") & mask("end_mask") | ellipsis;
                let is_whole = (0..strides.len()).all(|axis| whole >> axis & 1 == 1);
                let is_once = strides.iter().skip(at + 1).all(|stride| *stride == 1);
                let is_plain = mask("new_axis_mask") == 0 && mask("shrink_axis_mask") == 0;
                let behind_ellipsis = ellipsis & ((1 << at) - 1) != 0;
                let axis = if behind_ellipsis { at as i64 - strides.len() as i64 } else { at as i64 };
                (is_whole && is_once && is_plain).then_some(axis)
            }
            _ => None,
        }
    }

    /// Whether `axis` is that of the channels in front of the first layer.
    fn is_channel_axis(&self, axis: i64) -> bool {
        self.first_layer.is_some_and(|layer| {
            let wanted = if self.graph.node(layer).is_channels_first() { [1, -3] } else { [3, -1] };
            wanted.contains(&axis)
        })
    }

    /// Whether the last node with a layout had channels first.
    fn is_channels_first(&self) -> bool {
        let formats = self.passed.iter().rev().filter(|id| self.graph.node(**id).text("data_format").is_some());
        formats.copied().next().is_some_and(|id| self.graph.node(id).is_channels_first())
    }

    fn window(&self, id: NodeId, size: &[i64]) -> Option<Window> {
        let node = self.graph.node(id);
        let strides = node.ints("strides")?;
        let first = if node.is_channels_first() { 2 } else { 1 };
        let pair = |values: &[i64]| -> Option<[usize; 2]> {
            let at = |index: usize| values.get(index).and_then(|value| usize::try_from(*value).ok());
            Some([at(first)?, at(first + 1)?]).filter(|pair| pair.iter().all(|value| (1..=4096).contains(value)))
        };
        if node.ints("dilations").is_some_and(|dilations| dilations.iter().any(|dilation| *dilation != 1)) {
            return None;
        }
        let same = match node.text("padding")? {
            "SAME" => true,
            "VALID" => false,
            _ => return None,
        };
        Some(Window { size: pair(size)?, stride: pair(&strides)?, same })
    }

    fn convolution(&self, id: NodeId) -> Option<Layer> {
        let node = self.graph.node(id);
        if self.graph.input(id, 0) != Some(self.at) {
            return None;
        }
        let kernel = evaluate(self.graph, self.graph.input(id, 1)?)?;
        let &[rows, columns, read, made] = kernel.shape.as_slice() else { return None };
        if !(1..=KERNEL_VALUES_MAX).contains(&(kernel.values.len() as u64)) {
            return None;
        }
        let size = [1, rows as i64, columns as i64, 1];
        let size = if node.is_channels_first() { [1, 1, rows as i64, columns as i64] } else { size };
        let window = self.window(id, &size)?;
        let channels = [read as usize, made as usize];
        Some(if node.kind.layer_kind() == Some(ops::Layer::Convolution) {
            Layer::Convolution { window, channels, kernel: kernel.values }
        } else {
            Layer::Depthwise { window, channels, kernel: kernel.values }
        })
    }

    fn dense(&self, id: NodeId) -> Option<Layer> {
        let node = self.graph.node(id);
        let weights = self.graph.input(id, 1)?;
        if self.graph.input(id, 0) != Some(self.at) || node.flag("transpose_a") || node.flag("transpose_b") {
            return None;
        }
        let kernel = evaluate(self.graph, weights)?;
        let &[_, outputs] = kernel.shape.as_slice() else { return None };
        if !(1..=KERNEL_VALUES_MAX).contains(&(kernel.values.len() as u64)) {
            return None;
        }
        Some(Layer::Dense { outputs: outputs as usize, kernel: kernel.values })
    }

    fn affine(&self, id: NodeId) -> Option<Layer> {
        let op = self.graph.node(id).op;
        if op == "Neg" {
            return Some(Layer::Affine { scale: vec![-1.0], offset: vec![0.0] });
        }
        let constant = evaluate(self.graph, other_operand(self.graph, id, self.at)?)?;
        let longest = constant.shape.iter().copied().max().unwrap_or(1);
        if constant.values.len() as u64 != longest {
            return None;
        }
        let is_first = self.graph.input(id, 0) == Some(self.at);
        let values = constant.values;
        let negated = || values.iter().map(|value| -value).collect();
        let (scale, offset) = match (op, is_first) {
            ("BiasAdd" | "Add" | "AddV2", _) => (vec![1.0], values),
            ("Sub", true) => (vec![1.0], negated()),
            ("Sub", false) => (vec![-1.0], values),
            ("Mul", _) => (values, vec![0.0]),
            ("RealDiv" | "Div", true) => (values.iter().map(|value| value.recip()).collect(), vec![0.0]),
            _ => return None,
        };
        scale.iter().chain(&offset).all(|value| value.is_finite()).then_some(Layer::Affine { scale, offset })
    }

    fn pad(&self, id: NodeId) -> Option<Layer> {
        let sides = self.graph.constant_ints(self.graph.input(id, 1)?)?;
        let sides: Vec<usize> = sides.iter().map(|side| usize::try_from(*side).ok()).collect::<Option<_>>()?;
        if sides.iter().any(|side| *side > 64) {
            return None;
        }
        match sides.as_slice() {
            [0, 0, 0, 0, sides @ ..] | [0, 0, sides @ .., 0, 0] => <[usize; 4]>::try_from(sides).ok().map(Layer::Pad),
            _ => None,
        }
    }
}
