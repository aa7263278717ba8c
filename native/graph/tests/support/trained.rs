//! Nets whose first layer looks trained under a known scaling.
#![allow(dead_code, reason = "each test uses a part")]

use menagerie_contract::ChannelOrder;
use menagerie_graph::{
    dtype::DataType,
    encode,
    normalization::{candidates::Candidate, images::dead_leaves},
};

use super::support::{GraphBuilder, Random};

pub const SIDE: u64 = 32;
pub const CHANNELS: usize = 16;

/// How the batch normalisation is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Fused(&'static str),
    Unfused,
    CentredAndDivided,
    BehindBias,
}

/// What the graph does to its input before the convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    Nothing,
    /// `x * 2 - 1`.
    Hub,
    /// A byte input, cast and divided.
    Bytes,
    /// `x / 255`.
    Divided,
    /// Subtracts 104, 117 and 123.
    Mean,
}

fn number(random: &mut Random) -> f32 {
    random.below(20_001) as f32 / 10_000.0 - 1.0
}

/// Coloured blobs with some slope, `[3][3][channels][CHANNELS]`.
fn kernel(random: &mut Random, channels: usize) -> Vec<f32> {
    let mut kernel = vec![0.0; 9 * channels * CHANNELS];
    for output in 0..CHANNELS {
        let colour: [f32; 3] = std::array::from_fn(|_| number(random));
        let base = 0.7 + 0.3 * number(random);
        let slope = [0.3 * number(random), 0.3 * number(random)];
        for tap in 0..9 {
            let shape = base + slope[0] * (tap / 3) as f32 + slope[1] * (tap % 3) as f32 - slope[0] - slope[1];
            for channel in 0..channels {
                kernel[(tap * channels + channel) * CHANNELS + output] =
                    shape * colour[channel] + 0.05 * number(random);
            }
        }
    }
    kernel
}

/// Mean and variance of each output of a SAME convolution with stride 1 on photos under `candidate`, by the definition.
fn moments(kernel: &[f32], bias: f32, candidate: &Candidate, channels: usize) -> (Vec<f32>, Vec<f32>) {
    let side = SIDE as usize;
    let is_grey = candidate.order == ChannelOrder::Gray;
    // Other photos than detection draws: those behind the first 40.
    let photos = dead_leaves(100, side, side);
    let photos = &photos.pixels[40 * side * side * 3..];
    let (mut sums, mut squares) = (vec![0.0_f64; CHANNELS], vec![0.0_f64; CHANNELS]);
    let count = photos.len() / 3;
    for photo in photos.chunks_exact(side * side * 3) {
        for row in 0..side {
            for column in 0..side {
                for output in 0..CHANNELS {
                    let mut sum = bias;
                    for tap in 0..9 {
                        let (y, x) = ((row + tap / 3).wrapping_sub(1), (column + tap % 3).wrapping_sub(1));
                        if y >= side || x >= side {
                            continue;
                        }
                        for channel in 0..channels {
                            let (mean, std) = candidate.of_channel(channel);
                            let rgb = &photo[(y * side + x) * 3..][..3];
                            let luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
                            let pixel = if is_grey { luma } else { rgb[candidate.colour(channel)] };
                            sum += kernel[(tap * channels + channel) * CHANNELS + output] * (pixel - mean) / std;
                        }
                    }
                    sums[output] += f64::from(sum);
                    squares[output] += f64::from(sum) * f64::from(sum);
                }
            }
        }
    }
    let means: Vec<f64> = sums.iter().map(|sum| sum / count as f64).collect();
    let variances = squares.iter().zip(&means).map(|(square, mean)| (square / count as f64 - mean * mean) as f32);
    (means.iter().map(|mean| *mean as f32).collect(), variances.collect())
}

/// Tensor channels of a net under `candidate`.
fn channels(candidate: &Candidate) -> usize {
    if candidate.order == ChannelOrder::Gray { 1 } else { 3 }
}

/// A net that was trained, as far as its first layer tells, under `candidate`.
pub fn net(candidate: &Candidate, form: Form, head: Head, seed: u64) -> Vec<u8> {
    net_with(candidate, form, head, seed, |_, _| {})
}

/// The same with its stored means and variances changed.
pub fn net_with(
    candidate: &Candidate,
    form: Form,
    head: Head,
    seed: u64,
    change: impl Fn(&mut Vec<f32>, &mut Vec<f32>),
) -> Vec<u8> {
    net_of(candidate, channels(candidate), form, head, seed, change)
}

/// The same with an input of `channels`, in each of which grey photos stand.
pub fn net_of(
    candidate: &Candidate,
    channels: usize,
    form: Form,
    head: Head,
    seed: u64,
    change: impl Fn(&mut Vec<f32>, &mut Vec<f32>),
) -> Vec<u8> {
    let mut random = Random(seed);
    let kernel = kernel(&mut random, channels);
    let bias = if form == Form::BehindBias { 0.3 } else { 0.0 };
    let (mut mean, mut variance) = moments(&kernel, bias, candidate, channels);
    change(&mut mean, &mut variance);
    let mut graph = GraphBuilder::default();
    let dtype = if head == Head::Bytes { DataType::Uint8 } else { DataType::Float };
    graph.placeholder("image", dtype, &[None, Some(SIDE), Some(SIDE), Some(channels as u64)]);
    let front = match head {
        Head::Nothing => "image",
        Head::Hub => {
            graph.floats("hub/y", &[], &[2.0]).op("hub/mul", "Mul", &["image", "hub/y"]);
            graph.floats("hub/one", &[], &[1.0]).op("hub/sub", "Sub", &["hub/mul", "hub/one"]);
            "hub/sub"
        }
        Head::Bytes => {
            let types = [("SrcT", encode::dtype_attr(DataType::Uint8)), ("DstT", encode::dtype_attr(DataType::Float))];
            graph.node("cast", "Cast", &["image"], &types);
            graph.floats("div/y", &[], &[255.0]).op("div", "RealDiv", &["cast", "div/y"]);
            "div"
        }
        Head::Divided => {
            graph.floats("div/y", &[], &[255.0]).op("div", "RealDiv", &["image", "div/y"]);
            "div"
        }
        Head::Mean => {
            graph.floats("mean", &[3], &[104.0, 117.0, 123.0]).op("centred", "Sub", &["image", "mean"]);
            "centred"
        }
    };
    graph.convolution("conv", front, [3, 3, channels as u64, CHANNELS as u64], &kernel);
    let extents = [CHANNELS as u64];
    graph.floats("moving_mean", &extents, &mean).floats("moving_variance", &extents, &variance);
    graph.floats("gamma", &extents, &[1.1; CHANNELS]).floats("beta", &extents, &[0.2; CHANNELS]);
    match form {
        Form::Fused(op) => {
            let inputs = ["conv", "gamma", "beta", "moving_mean", "moving_variance"];
            graph.op("norm", op, &inputs);
        }
        Form::Unfused | Form::BehindBias => {
            if form == Form::BehindBias {
                graph.floats("bias", &extents, &[bias; CHANNELS]).op("biased", "BiasAdd", &["conv", "bias"]);
            }
            let before = if form == Form::BehindBias { "biased" } else { "conv" };
            graph.floats("epsilon", &[], &[0.001]).op("add", "AddV2", &["moving_variance", "epsilon"]);
            graph.op("rsqrt", "Rsqrt", &["add"]).op("mul", "Mul", &["rsqrt", "gamma"]);
            graph.op("mul_1", "Mul", &[before, "mul"]).op("mul_2", "Mul", &["moving_mean", "mul"]);
            graph.op("sub", "Sub", &["beta", "mul_2"]).op("norm", "AddV2", &["mul_1", "sub"]);
        }
        Form::CentredAndDivided => {
            graph.floats("epsilon", &[], &[0.001]).op("add", "Add", &["moving_variance", "epsilon"]);
            graph.op("sqrt", "Sqrt", &["add"]).op("difference", "Sub", &["conv", "moving_mean"]);
            graph.op("norm", "RealDiv", &["difference", "sqrt"]);
        }
    }
    graph.op("relu", "Relu", &["norm"]).pool("pool", "relu").product("logits", "pool", [CHANNELS as u64, 5]);
    graph.op("softmax", "Softmax", &["logits"]);
    graph.bytes
}
