//! What the first layers of a net make of photos under each candidate pre-processing.
//!
//! The first convolution is linear, so it is run once for each pair of kernel channel and colour; every candidate is
//! then a weighted sum of those maps.

use super::{
    candidates::Candidate,
    images::Windows,
    layers::{Activation, Layer},
    norm::Norm,
    walk::{Step, Walk},
};
use crate::data::graph::{Graph, NodeId};

/// Multiply-adds that the layers of one kind of evidence may take for all candidates together.
pub(super) const COST_MAX: usize = 160_000_000;
/// What drawing one pixel costs, in multiply-adds.
const DRAWING_COST: usize = 400;
/// Layers behind the first that are looked at where no batch normalisation comes.
const LAYERS_MAX: usize = 64;
/// Weights of the red, green and blue of a grey input (ITU-R BT.601).
pub const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// What the graph itself does to the fed values in front of its first layer, per channel of that layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Inside {
    /// Channel of the fed tensor that each channel of the layer reads.
    pub channel: Vec<usize>,
    /// Factors.
    pub scale: Vec<f32>,
    /// Added after scaling.
    pub offset: Vec<f32>,
    /// The last such node; absent when the layer reads the input itself.
    pub last: Option<NodeId>,
}

/// The first layers of a net.
#[derive(Clone, Debug, PartialEq)]
pub struct Front {
    /// What stands in front of the first layer.
    pub inside: Inside,
    /// Zeros around the image in front of the first layer.
    padding: Option<[usize; 4]>,
    /// The first convolution or dense layer; absent when a batch normalisation comes before it.
    pub first: Option<Layer>,
    /// Whether the first layer keeps the channels apart.
    is_depthwise: bool,
    /// The layers behind the first, up to `norm` or as far as the way is known.
    pub rest: Vec<Layer>,
    /// The first batch normalisation, when its moments are known.
    pub norm: Option<Norm>,
}

impl Front {
    /// Reads the first layers; absent when the way from `input` is not known.
    #[must_use]
    pub fn read(graph: &Graph<'_>, input: NodeId, first_layer: Option<NodeId>, channels: usize) -> Option<Self> {
        let mut walk = Walk::new(graph, input, first_layer);
        let mut inside = Inside {
            channel: (0..channels).collect(),
            scale: vec![1.0; channels],
            offset: vec![0.0; channels],
            last: None,
        };
        let mut padding = None;
        loop {
            match walk.next_step()? {
                Step::Layer(Layer::Affine { scale, offset }) => inside.then(&scale, &offset)?,
                Step::Layer(Layer::ReverseChannels) => inside.reverse(),
                Step::Layer(Layer::Pad(sides)) if padding.is_none() => padding = Some(sides),
                Step::Layer(layer) => {
                    let is_depthwise = matches!(layer, Layer::Depthwise { .. });
                    let first = Some(layer.into_convolution(channels)?);
                    let front = Self { inside, padding, first, is_depthwise, rest: Vec::new(), norm: None };
                    return Some(front.with_layers_behind(walk));
                }
                Step::Norm(norm) if norm.variance.iter().all(|variance| (variance - 1.0).abs() < 0.01) => {
                    inside.then(&norm.scale, &norm.offset)?;
                }
                Step::Norm(norm) => {
                    let rest = Vec::new();
                    return Some(Self { inside, padding, first: None, is_depthwise: false, rest, norm: Some(norm) });
                }
            }
            inside.last = walk.passed.last().copied();
        }
    }

    fn with_layers_behind(mut self, mut walk: Walk<'_, '_>) -> Self {
        while self.rest.len() < LAYERS_MAX {
            match walk.next_step() {
                Some(Step::Layer(layer)) => self.rest.push(layer),
                Some(Step::Norm(norm)) => {
                    self.norm = Some(norm);
                    break;
                }
                None => break,
            }
        }
        self
    }

    /// Whether only additions and multiplications lie between the image and the first batch normalisation.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        !self.rest.iter().any(Layer::is_activation)
    }

    /// Whether the first kernels cancel whatever is the same everywhere, so that a subtracted mean changes nothing.
    #[must_use]
    pub fn ignores_mean(&self) -> bool {
        let Some(Layer::Convolution { channels: [read, made], kernel, .. }) = &self.first else { return false };
        let (mut sums, mut sizes) = (vec![0.0_f32; read * made], vec![0.0_f32; read * made]);
        for (index, weight) in kernel.iter().enumerate() {
            sums[index % (read * made)] += weight;
            sizes[index % (read * made)] += weight.abs();
        }
        sums.iter().zip(&sizes).all(|(sum, size)| sum.abs() <= 0.01 * size)
    }

    /// Natural logarithm of the weight energy of the first tensor channel over that of the last, in the first layer; 0
    /// for one channel, without such a layer, and where each channel has kernels of its own.
    #[must_use]
    pub fn energy_ratio(&self) -> f32 {
        let channels = self.inside.scale.len();
        if self.is_depthwise {
            return 0.0;
        }
        let energy = |tensor_channel: usize| -> Option<f32> {
            let channel = self.inside.channel.iter().position(|channel| *channel == tensor_channel)?;
            let alone = self.first.as_ref()?.for_channel(channel, channels)?;
            let (Layer::Convolution { kernel, .. } | Layer::Dense { kernel, .. }) = alone else { return None };
            Some(kernel.iter().map(|weight| weight * weight).sum())
        };
        match (energy(0), energy(channels - 1)) {
            (Some(first), Some(last)) if first > 0.0 && last > 0.0 => (first / last).ln(),
            _ => 0.0,
        }
    }

    /// Natural logarithm of the median over outputs of |bias| / norm of the kernel, in the first layer; absent without
    /// biases.
    #[must_use]
    pub fn bias_ratio(&self) -> Option<f32> {
        let (Layer::Convolution { channels: [_, made], kernel, .. } | Layer::Dense { outputs: made, kernel }) =
            self.first.as_ref()?
        else {
            return None;
        };
        let Some(Layer::Affine { scale, offset }) = self.rest.first() else { return None };
        if scale.as_slice() != [1.0] || offset.len() != *made {
            return None;
        }
        let mut squares = vec![0.0_f32; *made];
        for (index, weight) in kernel.iter().enumerate() {
            squares[index % made] += weight * weight;
        }
        let mut ratios: Vec<f32> =
            offset.iter().zip(&squares).map(|(bias, square)| bias.abs() / square.sqrt().max(1e-9)).collect();
        ratios.sort_unstable_by(f32::total_cmp);
        Some(ratios[made / 2].max(1e-6).ln())
    }

    /// Pixels a side of the windows that the first layers need of photos of `side` pixels: whole photos where they are
    /// small, since then the edges count.
    #[must_use]
    pub fn window_side(&self, side: usize) -> usize {
        const WHOLE_MAX: usize = 48;
        const WINDOW_MAX: usize = 96;
        let stride = match &self.first {
            Some(Layer::Convolution { window, .. }) => window.stride[0],
            _ => 1,
        };
        if side <= WHOLE_MAX || matches!(self.first, Some(Layer::Dense { .. })) {
            side
        } else {
            side.min(16 * stride).min(WINDOW_MAX)
        }
    }

    /// Whether the scores of `photos` whole photos can be afforded for `candidates` candidates.
    #[must_use]
    pub fn reaches_scores(&self, photos: usize, side: usize, candidates: usize) -> bool {
        let Some(first) = &self.first else { return false };
        let channels = self.inside.scale.len();
        let photo = Activation { count: photos, height: side, width: side, channels, border: None, values: Vec::new() };
        let drawing = photos.saturating_mul(side).saturating_mul(side).saturating_mul(DRAWING_COST);
        let is_cheap = first.cost(&photo).saturating_mul(2).saturating_add(drawing) <= COST_MAX;
        is_cheap && first.shape(&photo).is_some_and(|answer| self.reaches_scores_from(&answer, candidates))
    }

    /// The same, from the first layer's answer.
    fn reaches_scores_from(&self, answer: &Activation, candidates: usize) -> bool {
        let mut shape = answer.without_values();
        let mut cost = 0_usize;
        for layer in &self.rest {
            cost = cost.saturating_add(layer.cost(&shape));
            match layer.shape(&shape) {
                Some(next) => shape = next,
                None => return false,
            }
        }
        let is_deep = self.rest.iter().any(Layer::is_activation);
        shape.height * shape.width == 1 && is_deep && cost.saturating_mul(candidates) <= COST_MAX
    }

    /// How many of `wanted` photos, in windows of `window` pixels, can be afforded for `candidates` candidates up to the
    /// first batch normalisation or activation function.
    #[must_use]
    pub fn photo_count(&self, wanted: usize, window: usize, candidates: usize) -> usize {
        let until = |layer: &&Layer| self.norm.is_some() || !layer.is_activation();
        let channels = self.inside.scale.len();
        let mut shape =
            Activation { count: 1, height: window, width: window, channels, border: None, values: Vec::new() };
        let mut cost = 1 + window.saturating_mul(window).saturating_mul(DRAWING_COST);
        if let Some(first) = &self.first {
            // Five pairs of channel and colour, each a third of the layer.
            cost = cost.saturating_add(first.cost(&shape).saturating_mul(2));
            shape = first.shape(&shape).unwrap_or(shape);
        }
        for layer in self.rest.iter().take_while(until) {
            cost = cost.saturating_add(layer.cost(&shape).saturating_mul(candidates));
            match layer.shape(&shape) {
                Some(next) => shape = next,
                None => break,
            }
        }
        wanted.min(COST_MAX / cost)
    }
}

impl Inside {
    fn then(&mut self, scale: &[f32], offset: &[f32]) -> Option<()> {
        let channels = self.scale.len();
        let of = |values: &[f32], channel: usize| match values.len() {
            1 => Some(values[0]),
            count if count == channels => Some(values[channel]),
            _ => None,
        };
        for channel in 0..channels {
            let (scale, offset) = (of(scale, channel)?, of(offset, channel)?);
            self.scale[channel] *= scale;
            self.offset[channel] = self.offset[channel] * scale + offset;
        }
        Some(())
    }

    fn reverse(&mut self) {
        self.channel.reverse();
        self.scale.reverse();
        self.offset.reverse();
    }

    /// Whether the graph changes the fed values at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.scale.iter().all(|scale| (scale - 1.0).abs() < 1e-6)
            && self.offset.iter().all(|offset| offset.abs() < 1e-6)
    }

    /// Factor and addend from 0–255 pixels to layer channel `channel` under `candidate`.
    #[must_use]
    pub fn pixel_affine(&self, candidate: &Candidate, channel: usize) -> (f64, f64) {
        let (mean, std) = candidate.of_channel(self.channel[channel]);
        let factor = f64::from(self.scale[channel]) / f64::from(std);
        (factor, f64::from(self.offset[channel]) - factor * f64::from(mean))
    }

    /// The same in single precision.
    fn narrow_affine(&self, candidate: &Candidate, channel: usize) -> (f32, f32) {
        let (factor, addend) = self.pixel_affine(candidate, channel);
        (factor as f32, addend as f32)
    }

    fn colour(&self, candidate: &Candidate, channel: usize) -> usize {
        candidate.colour(self.channel[channel])
    }
}

impl Layer {
    fn is_activation(&self) -> bool {
        matches!(self, Self::Rectify { .. } | Self::Elu | Self::Tanh | Self::Sigmoid | Self::Pool { largest: true, .. })
    }

    /// A depthwise convolution of `channels` channels as a full one; other convolutions and dense layers as they are.
    fn into_convolution(self, channels: usize) -> Option<Self> {
        match self {
            Self::Depthwise { window, channels: [read, multiplier], kernel } if read == channels => {
                let made = read * multiplier;
                let mut dense = vec![0.0; kernel.len() * read];
                for (index, weight) in kernel.iter().enumerate() {
                    let (tap, output) = (index / made, index % made);
                    dense[(tap * read + output / multiplier) * made + output] = *weight;
                }
                Some(Self::Convolution { window, channels: [read, made], kernel: dense })
            }
            Self::Convolution { .. } | Self::Dense { .. } => Some(self),
            _ => None,
        }
    }

    /// The layer as it reads layer channel `channel` of `channels` alone.
    fn for_channel(&self, channel: usize, channels: usize) -> Option<Self> {
        match self {
            Self::Convolution { window, channels: [read, made], kernel } if *read == channels => {
                let rows = kernel.chunks_exact(*made).skip(channel).step_by(channels);
                let kernel = rows.flatten().copied().collect();
                Some(Self::Convolution { window: *window, channels: [1, *made], kernel })
            }
            Self::Dense { outputs, kernel } => {
                let rows = kernel.chunks_exact(*outputs).skip(channel).step_by(channels);
                Some(Self::Dense { outputs: *outputs, kernel: rows.flatten().copied().collect() })
            }
            _ => None,
        }
    }

    /// The layer as it reads one channel that stands in each of `channels`.
    fn for_grey(&self, channels: usize) -> Option<Self> {
        let summed = |kernel: &[f32], made: usize| {
            let mut sums = Vec::with_capacity(kernel.len() / channels);
            for tap in kernel.chunks_exact(channels * made) {
                sums.extend((0..made).map(|output| tap.iter().skip(output).step_by(made).sum::<f32>()));
            }
            sums
        };
        match self {
            Self::Convolution { window, channels: [read, made], kernel } if *read == channels => {
                Some(Self::Convolution { window: *window, channels: [1, *made], kernel: summed(kernel, *made) })
            }
            Self::Dense { outputs, kernel } => {
                Some(Self::Dense { outputs: *outputs, kernel: summed(kernel, *outputs) })
            }
            _ => None,
        }
    }
}

/// The first layer's answers on photos, ready to be combined for any candidate.
pub struct Probe<'f> {
    pub(super) front: &'f Front,
    /// By layer channel and colour.
    pub(super) maps: Vec<Vec<Option<Activation>>>,
    /// The answer to a layer channel that is 1 everywhere, for one image.
    pub(super) ones: Vec<Activation>,
    /// Grey photos in each of three layer channels, where the way to the batch normalisation is linear.
    pub(super) grey: Option<Activation>,
}

impl<'f> Probe<'f> {
    /// Runs the first layer on `photos`, which are windows of photos of `side` pixels.
    #[must_use]
    pub fn new(front: &'f Front, photos: &Windows, side: usize) -> Option<Self> {
        let channels = front.inside.scale.len();
        let border = (photos.side < side).then_some(0);
        let plane = |weights: [f32; 3]| Activation {
            count: photos.count,
            height: photos.side,
            width: photos.side,
            channels: 1,
            border,
            values: photos
                .pixels
                .chunks_exact(3)
                .map(|rgb| rgb.iter().zip(weights).map(|(value, weight)| value * weight).sum())
                .collect(),
        };
        let colours = if channels == 1 { vec![LUMA] } else { vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };
        let planes: Vec<Activation> = colours.into_iter().map(plane).collect();
        let blank = Activation { count: 1, values: vec![1.0; photos.side * photos.side], ..planes[0].clone() };
        let run_by = |plane: &Activation, part: &dyn Fn(&Layer) -> Option<Layer>| {
            let padded = match front.padding {
                Some(sides) => Layer::Pad(sides).apply(plane)?,
                None => plane.clone(),
            };
            let Some(first) = &front.first else { return Some(padded) };
            let layer = part(first)?;
            if layer.cost(&padded).saturating_mul(6) > COST_MAX { None } else { layer.apply(&padded) }
        };
        let run = |channel: usize, plane: &Activation| run_by(plane, &|first| first.for_channel(channel, channels));
        let mut maps = Vec::with_capacity(channels);
        let mut ones = Vec::with_capacity(channels);
        for channel in 0..channels {
            ones.push(run(channel, &blank)?);
            let is_needed = |colour: usize| channels == 1 || colour == channel || colour + channel == 2;
            let row = planes
                .iter()
                .enumerate()
                .map(|(colour, plane)| if is_needed(colour) { run(channel, plane).map(Some) } else { Some(None) });
            maps.push(row.collect::<Option<Vec<_>>>()?);
        }
        let is_told = channels == 3 && front.norm.is_some() && front.is_linear();
        let grey = if is_told { run_by(&plane(LUMA), &|first| first.for_grey(channels)) } else { None };
        Some(Self { front, maps, ones, grey })
    }

    /// The first layer's answer to the photos under `candidate`; what a batch normalisation in front of it would see
    /// when there is no such layer.
    fn first_answer(&self, candidate: &Candidate) -> Option<Activation> {
        if self.front.first.is_none() {
            return self.input_answer(candidate);
        }
        let inside = &self.front.inside;
        let mut sum: Option<Activation> = None;
        for channel in 0..inside.scale.len() {
            let map = self.maps[channel][inside.colour(candidate, channel)].as_ref()?;
            let (factor, addend) = inside.narrow_affine(candidate, channel);
            let offsets: Vec<f32> = self.ones[channel].values.iter().map(|one| addend * one).collect();
            let images = map.values.chunks_exact(offsets.len());
            match &mut sum {
                None => {
                    let mut values = Vec::with_capacity(map.values.len());
                    for image in images {
                        values.extend(image.iter().zip(&offsets).map(|(value, offset)| factor * value + offset));
                    }
                    sum = Some(Activation { values, ..map.without_values() });
                }
                Some(sum) => {
                    for (sums, image) in sum.values.chunks_exact_mut(offsets.len()).zip(images) {
                        for ((sum, value), offset) in sums.iter_mut().zip(image).zip(&offsets) {
                            *sum += factor * value + offset;
                        }
                    }
                }
            }
        }
        sum
    }

    fn input_answer(&self, candidate: &Candidate) -> Option<Activation> {
        let inside = &self.front.inside;
        let channels = inside.scale.len();
        let planes: Vec<(&Activation, (f32, f32))> = (0..channels)
            .map(|channel| {
                let map = self.maps[channel][inside.colour(candidate, channel)].as_ref()?;
                Some((map, inside.narrow_affine(candidate, channel)))
            })
            .collect::<Option<_>>()?;
        let positions = planes.first()?.0.values.len();
        let values = (0..positions)
            .flat_map(|at| planes.iter().map(move |(map, (factor, addend))| factor * map.values[at] + addend))
            .collect();
        Some(Activation { channels, values, ..planes[0].0.without_values() })
    }

    /// What stands in front of the first batch normalisation under `candidate`.
    #[must_use]
    pub fn at_norm(&self, candidate: &Candidate, candidates: usize) -> Option<Activation> {
        let mut activation = self.first_answer(candidate)?;
        for layer in &self.front.rest {
            if layer.cost(&activation).saturating_mul(candidates) > COST_MAX {
                return None;
            }
            activation = layer.apply(&activation)?;
        }
        Some(activation)
    }

    /// What stands in front of the first activation function under `candidate`.
    #[must_use]
    pub fn first_stage(&self, candidate: &Candidate, candidates: usize) -> Option<Stage> {
        // The values of a dense layer on whole photos look like scores.
        if matches!(self.front.first, Some(Layer::Dense { .. })) {
            return None;
        }
        let mut activation = self.first_answer(candidate)?;
        for layer in &self.front.rest {
            if layer.is_activation() {
                let ceiling = if let Layer::Rectify { ceiling, .. } = layer { *ceiling } else { f32::INFINITY };
                return Some(Stage { activation, ceiling });
            }
            if layer.cost(&activation).saturating_mul(candidates) > COST_MAX {
                return None;
            }
            activation = layer.apply(&activation)?;
        }
        None
    }

    /// What stands in front of the second activation function, and the scores in front of softmax or sigmoid, each when
    /// running so far for `candidates` candidates is cheap.
    #[must_use]
    pub fn deeper(&self, candidate: &Candidate, candidates: usize) -> Deeper {
        let mut deeper = Deeper::default();
        let Some(mut activation) = self.first_answer(candidate) else { return deeper };
        let to_scores = self.front.reaches_scores_from(&activation, candidates);
        let mut budget = COST_MAX / candidates.max(1);
        let mut activations = 0;
        for layer in &self.front.rest {
            if matches!(layer, Layer::Rectify { .. } | Layer::Elu | Layer::Tanh) {
                activations += 1;
                if activations == 2 {
                    deeper.second = Some(Stage { activation: activation.clone(), ceiling: f32::INFINITY });
                    if !to_scores {
                        return deeper;
                    }
                }
            }
            if matches!(layer, Layer::Sigmoid) && activation.height * activation.width == 1 {
                break;
            }
            let cost = layer.cost(&activation);
            if cost > budget {
                return deeper;
            }
            budget -= cost;
            match layer.apply(&activation) {
                Some(next) => activation = next,
                None => return deeper,
            }
        }
        deeper.scores = to_scores.then_some(Stage { activation, ceiling: f32::INFINITY });
        deeper
    }
}

/// Points further on the way.
#[derive(Default)]
pub struct Deeper {
    /// In front of the second activation function.
    pub second: Option<Stage>,
    /// In front of softmax or sigmoid.
    pub scores: Option<Stage>,
}

/// A point on the way where a net's answers can be looked at.
pub struct Stage {
    /// What is there.
    pub activation: Activation,
    /// The cut of the activation function behind it.
    pub ceiling: f32,
}
