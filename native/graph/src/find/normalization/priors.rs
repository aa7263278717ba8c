//! What makers of graphs mostly do, by the marks that their tools leave. All rates are read off 38 public graphs by
//! about 20 makers (docs/detection.md); they decide where nothing can be measured.

use menagerie_contract::{ChannelOrder, Layout, Resize, ResizeFilter, spec::CROP_FRACTION_MIN};

use super::candidates::Candidate;
use crate::{
    data::graph::Graph,
    find::found::{InputFound, OutputFound},
    ops,
};

/// Marks of a maker.
#[allow(clippy::struct_excessive_bools, reason = "each mark stands for itself and any may come together")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Depthwise convolutions and ReLU6: MobileNet and its kin.
    pub is_mobile: bool,
    /// SqueezeNet's `fire` modules or a `data_bn` head, as Custom Vision exports have them.
    pub is_custom_vision: bool,
    /// Channels first: came from PyTorch or Caffe.
    pub is_channels_first: bool,
    /// The size and classes of CIFAR-10.
    pub is_cifar: bool,
    /// Names that Keras gives.
    pub is_keras: bool,
    /// The smaller side of the input.
    side: u32,
}

/// How photos are fitted to the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// What is kept of the photo.
    pub resize: Resize,
    /// Share of each side that a centre crop keeps.
    pub crop_fraction: f32,
    /// How sure both are.
    pub confidence: f32,
    /// Why, for people.
    pub because: &'static str,
}

/// Custom Vision's own samples scale the centre square to 256 x 256 and cut the input out of its middle
/// (learn.microsoft.com, "Run a TensorFlow model in Python").
const CUSTOM_VISION_SQUARE: f32 = 256.0;

/// Pixels a side of the smallest inputs that nets are trained on ImageNet with.
const SIDE_OF_IMAGENET: u32 = 128;

impl Family {
    /// Reads the marks.
    #[must_use]
    pub fn of(graph: &Graph<'_>, input: &InputFound, output: &OutputFound) -> Self {
        let any = |matches: &dyn Fn(&str, &str) -> bool| graph.iter().any(|(_, node)| matches(node.op, &node.name));
        let has_layer = |layer: ops::Layer, prefix: &str| {
            graph.iter().any(|(_, node)| node.kind.plain_layer() == Some(layer) && node.name.starts_with(prefix))
        };
        Self {
            is_mobile: any(&|op, _| op == "Relu6") && has_layer(ops::Layer::Depthwise, ""),
            is_custom_vision: has_layer(ops::Layer::Convolution, "fire")
                || any(&|_, name| name.starts_with("data_bn/")),
            is_channels_first: input.layout == Layout::Nchw,
            is_cifar: input.width == 32 && input.height == 32 && output.classes == 10,
            is_keras: any(&|op, name| named_by_keras(op, name)),
            side: input.width.min(input.height),
        }
    }

    /// For people.
    #[must_use]
    pub fn habit(self) -> &'static str {
        if self.is_custom_vision {
            "SqueezeNet-like nets and Custom Vision exports take BGR, ImageNet mean subtracted"
        } else if self.is_channels_first {
            "nets with channels first mostly come from PyTorch, where mean and std are usual"
        } else if self.is_mobile {
            "nets of ReLU6 and depthwise convolutions are mostly trained on -1..1"
        } else {
            "most small nets are trained on 0..1"
        }
    }

    /// Natural logarithm of how often the candidate occurs, up to a constant.
    #[must_use]
    pub fn log_rate(self, candidate: &Candidate) -> f32 {
        let name = candidate.scaling.name;
        let base = match name {
            "0..1" => 0.0,
            "-1..1" | "raw 0..255" => -1.2,
            "ImageNet mean and std" if self.is_cifar => -2.8,
            "ImageNet mean and std" => -1.8,
            // Nets that were trained on ImageNet before are seldom small.
            "ImageNet mean only" if self.side < SIDE_OF_IMAGENET => -3.4,
            "-0.5..0.5" | "ImageNet mean only" => -2.4,
            "CIFAR mean and std" if self.is_cifar => -2.2,
            // Drawings are mostly shown to nets as light lines on black.
            "1..0" => -2.2,
            "-2..2" if candidate.order != ChannelOrder::Gray => -3.0,
            "chest X-rays' mean and std" => -4.0,
            "a hundredth" => -5.5,
            _ => -4.5,
        };
        let scaling = match name {
            "-1..1" if self.is_mobile => 2.4,
            "ImageNet mean only" if self.is_custom_vision => 6.0,
            "ImageNet mean and std" if self.is_channels_first && !self.is_cifar => 2.0,
            "ImageNet mean and std" if self.is_channels_first => 3.0,
            "CIFAR mean and std" if self.is_channels_first && self.is_cifar => 4.2,
            _ => 0.0,
        };
        let order = match (candidate.order, name) {
            (ChannelOrder::Bgr, _) if self.is_custom_vision => 2.5,
            (ChannelOrder::Bgr, "ImageNet mean only" | "Caffe mean times 0.017") => 1.0,
            (ChannelOrder::Bgr, "0..1 less ImageNet mean") => 0.0,
            (ChannelOrder::Bgr, _) => -1.8,
            // One net of three channels in 50; of nets of one channel, all.
            (ChannelOrder::Gray, _) => -3.9,
            _ => 0.0,
        };
        base + scaling + order
    }

    /// What is kept of a photo.
    #[must_use]
    pub fn fit(self) -> Fit {
        if self.is_custom_vision {
            Fit {
                resize: Resize::CenterCrop,
                crop_fraction: (self.side as f32 / CUSTOM_VISION_SQUARE).clamp(CROP_FRACTION_MIN, 1.0),
                confidence: 0.85,
                because: "Custom Vision scales the centre square to 256 x 256 and cuts the input out of its middle",
            }
        } else {
            Fit {
                resize: Resize::Stretch,
                crop_fraction: 1.0,
                confidence: 0.7,
                because: "most scripts stretch the whole photo; a graph does not tell",
            }
        }
    }

    /// How pixels are averaged, how sure that is, and why.
    #[must_use]
    pub fn resize_filter(self) -> (ResizeFilter, f32, &'static str) {
        if self.is_keras && !self.is_mobile {
            (ResizeFilter::Bilinear, 0.7, "named by Keras, whose loaders resize without antialias")
        } else {
            (ResizeFilter::Antialias, 0.6, "answers vary least when every pixel counts; a graph does not tell")
        }
    }
}

/// Names that Keras alone gives: the input of a `Sequential` model or of a functional one, the learning phase, the
/// output of the common conversion script, and the scope of a model frozen by TensorFlow 2.
fn named_by_keras(op: &str, name: &str) -> bool {
    let is_number = |rest: &str| rest.chars().all(|character| character == '_' || character.is_ascii_digit());
    let numbered = |name: &str, word: &str| {
        name.strip_prefix(word).is_some_and(|rest| (rest.is_empty() || rest.starts_with('_')) && is_number(rest))
    };
    let scope = name.trim_start_matches("StatefulPartitionedCall/").split('/').next().unwrap_or_default();
    match op {
        "Placeholder" => name.ends_with("_input") || (name != "input" && numbered(name, "input")),
        _ if numbered(scope, "model") => name.ends_with("/ReadVariableOp"),
        _ => {
            numbered(scope, "sequential")
                || numbered(scope, "functional")
                || name.contains("keras_learning_phase")
                || name.starts_with("k2tfout_")
        }
    }
}
