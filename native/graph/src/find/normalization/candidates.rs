//! The pre-processings that people train with.

use menagerie_contract::ChannelOrder;

/// One way to scale pixels: `(pixel - mean) / std` with values in red, green, blue order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    /// For people.
    pub name: &'static str,
    /// Subtracted, on 0–255.
    pub mean: [f32; 3],
    /// Divides, on 0–255.
    pub std: [f32; 3],
}

/// ImageNet's mean and standard deviation as torchvision publishes them, on 0–255.
const IMAGENET_MEAN: [f32; 3] = [123.675, 116.28, 103.53];
const IMAGENET_STD: [f32; 3] = [58.395, 57.12, 57.375];
/// CIFAR-10's, likewise.
const CIFAR_MEAN: [f32; 3] = [125.307, 122.961, 113.8575];
const CIFAR_STD: [f32; 3] = [51.5865, 50.847, 51.255];
/// Caffe's ImageNet mean as its users round it.
const CAFFE_MEAN: [f32; 3] = [123.0, 117.0, 104.0];

/// For colour inputs.
pub const COLOUR: [Scaling; 7] = [
    Scaling { name: "0..1", mean: [0.0; 3], std: [255.0; 3] },
    Scaling { name: "-1..1", mean: [127.5; 3], std: [127.5; 3] },
    Scaling { name: "raw 0..255", mean: [0.0; 3], std: [1.0; 3] },
    Scaling { name: "ImageNet mean and std", mean: IMAGENET_MEAN, std: IMAGENET_STD },
    Scaling { name: "ImageNet mean only", mean: CAFFE_MEAN, std: [1.0; 3] },
    Scaling { name: "-0.5..0.5", mean: [127.5; 3], std: [255.0; 3] },
    Scaling { name: "CIFAR mean and std", mean: CIFAR_MEAN, std: CIFAR_STD },
];

/// For grey inputs; the first value counts. MNIST's mean and standard deviation are those of its training set.
pub const GREY: [Scaling; 6] = [
    Scaling { name: "0..1", mean: [0.0; 3], std: [255.0; 3] },
    Scaling { name: "-1..1", mean: [127.5; 3], std: [127.5; 3] },
    Scaling { name: "raw 0..255", mean: [0.0; 3], std: [1.0; 3] },
    Scaling { name: "-0.5..0.5", mean: [127.5; 3], std: [255.0; 3] },
    Scaling { name: "MNIST mean and std", mean: [33.3184; 3], std: [78.5655; 3] },
    Scaling { name: "1..0", mean: [255.0; 3], std: [-255.0; 3] },
];

/// For colour inputs, where stored moments can tell them from the common ones.
pub const COLOUR_RARE: [Scaling; 9] = [
    Scaling { name: "0..1 divided by 255 again", mean: [0.0; 3], std: [65025.0; 3] },
    Scaling { name: "0..1 scaled to -1..1 as if 0..255", mean: [32512.5; 3], std: [32512.5; 3] },
    Scaling { name: "-2..2", mean: [127.5; 3], std: [63.75; 3] },
    Scaling { name: "0..2", mean: [0.0; 3], std: [127.5; 3] },
    Scaling { name: "a hundredth", mean: [0.0; 3], std: [100.0; 3] },
    Scaling { name: "0..1 less ImageNet mean", mean: IMAGENET_MEAN, std: [255.0; 3] },
    Scaling { name: "Caffe mean times 0.017", mean: [123.68, 116.779, 103.939], std: [1.0 / 0.017; 3] },
    Scaling { name: "-127.5..127.5", mean: [127.5; 3], std: [1.0; 3] },
    Scaling { name: "SVHN mean and std", mean: [111.61, 113.16, 120.57], std: [50.5, 51.26, 50.23] },
];

/// For grey inputs likewise: Fashion-MNIST's mean and deviation, those of chest X-rays and of ImageNet in grey, as their
/// users publish them.
pub const GREY_RARE: [Scaling; 9] = [
    Scaling { name: "0..1 divided by 255 again", mean: [0.0; 3], std: [65025.0; 3] },
    Scaling { name: "0..1 scaled to -1..1 as if 0..255", mean: [32512.5; 3], std: [32512.5; 3] },
    Scaling { name: "-2..2", mean: [127.5; 3], std: [63.75; 3] },
    Scaling { name: "0..2", mean: [0.0; 3], std: [127.5; 3] },
    Scaling { name: "a hundredth", mean: [0.0; 3], std: [100.0; 3] },
    Scaling { name: "-127.5..127.5", mean: [127.5; 3], std: [1.0; 3] },
    Scaling { name: "Fashion-MNIST mean and std", mean: [72.94; 3], std: [90.02; 3] },
    Scaling { name: "chest X-rays' mean and std", mean: [122.99; 3], std: [60.26; 3] },
    Scaling { name: "ImageNet mean and std in grey", mean: [114.5; 3], std: [57.6; 3] },
];

/// A scaling in a channel order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The scaling.
    pub scaling: Scaling,
    /// The order.
    pub order: ChannelOrder,
}

impl Candidate {
    /// Every scaling in every order for an input of `channels`.
    #[must_use]
    pub fn all(channels: u32) -> Vec<Self> {
        Self::of(channels, &GREY, &COLOUR)
    }

    /// The scalings that only stored moments can tell, likewise.
    #[must_use]
    pub fn rare(channels: u32) -> Vec<Self> {
        Self::of(channels, &GREY_RARE, &COLOUR_RARE)
    }

    /// Grey photos in each of three channels.
    #[must_use]
    pub fn grey_in_colour() -> Vec<Self> {
        Self::of(1, &GREY, &[]).into_iter().chain(Self::of(1, &GREY_RARE, &[])).collect()
    }

    fn of(channels: u32, grey: &[Scaling], colour: &[Scaling]) -> Vec<Self> {
        let (scalings, orders) = if channels == 1 {
            (grey, [ChannelOrder::Gray].as_slice())
        } else {
            (colour, [ChannelOrder::Rgb, ChannelOrder::Bgr].as_slice())
        };
        orders
            .iter()
            .flat_map(|order| scalings.iter().map(|scaling| Self { scaling: *scaling, order: *order }))
            .collect()
    }

    /// The colour (0 red, 1 green, 2 blue) that stands in tensor channel `channel`.
    #[must_use]
    pub fn colour(&self, channel: usize) -> usize {
        Self::colour_in(self.order, channel)
    }

    /// The same in `order`.
    #[must_use]
    pub fn colour_in(order: ChannelOrder, channel: usize) -> usize {
        if order == ChannelOrder::Bgr { 2 - channel.min(2) } else { channel }
    }

    /// Mean and std of tensor channel `channel`.
    #[must_use]
    pub fn of_channel(&self, channel: usize) -> (f32, f32) {
        let colour = self.colour(channel);
        (self.scaling.mean[colour], self.scaling.std[colour])
    }
}
