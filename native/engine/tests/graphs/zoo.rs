//! The engine on the real graphs beside the project.

use std::{fs, path::Path};

use crate::{
    direct,
    surroundings::{library, request, shared},
};
use menagerie_contract::{ChannelOrder, InputSpec, Layout, SpecOverrides};
use menagerie_engine::Model;
use menagerie_graph::GraphLimits;
use serde_json::Value;

/// Pixels that look a little like a photo: smooth, with some noise, the same every time.
pub fn pixels(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    (0..count)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = ((at as f32 / 97.0 + seed as f32).sin() + 1.0) * 100.0;
            (wave as u32 + (state >> 27)) as u8
        })
        .collect()
}

/// Every graph with its name and the batch that its author fixed it at, if any.
pub fn graphs() -> Vec<(String, Vec<u8>, Option<u32>)> {
    let Some(zoo) = shared("zoo-data") else { return Vec::new() };
    let mut graphs = Vec::new();
    for folder in fs::read_dir(zoo).unwrap() {
        let folder = folder.unwrap().path();
        let Ok(meta) = fs::read(folder.join("meta.json")) else { continue };
        let meta: Value = serde_json::from_slice(&meta).unwrap();
        let batch = meta["input"]["shape"][0].as_u64().map(|batch| batch as u32);
        for file in ["graph.pb", "quantized_graph.pb"] {
            if let Ok(bytes) = fs::read(folder.join(file)) {
                graphs.push((format!("{}/{file}", folder.file_name().unwrap().to_string_lossy()), bytes, batch));
            }
        }
    }
    graphs.sort();
    graphs
}

#[test]
fn a_prepared_graph_answers_as_the_whole_graph_does() {
    let library = library();
    for (name, graph, batch) in graphs() {
        let prepared = menagerie_graph::resolve(&graph, &request(SpecOverrides::default()), &GraphLimits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let InputSpec { tensor, width, height, channels, .. } = prepared.spec.input.clone();
        let photos: Vec<Vec<u8>> = (1..4).map(|seed| pixels((width * height * channels) as usize, seed)).collect();
        let batch = batch.unwrap_or(1);
        let tensors: Vec<f32> =
            photos.iter().flat_map(|photo| tensor_of(photo, &prepared.spec.input).repeat(batch as usize)).collect();
        let names = [tensor.as_str(), &prepared.spec.output.tensor];
        let wanted = direct::run(&graph, names, &extents(&prepared.spec.input, batch), &tensors);
        let model = Model::open(&library, prepared, 1).unwrap_or_else(|error| panic!("{name}: {error}"));
        model.optimize().unwrap_or_else(|error| panic!("{name}, optimised: {error}"));
        for (photo, wanted) in photos.iter().zip(wanted.chunks(wanted.len() / photos.len())) {
            let found = model.run(photo, 1).unwrap().values;
            assert_eq!(found.len() * batch as usize, wanted.len(), "{name}");
            let scale = wanted.iter().fold(1.0_f32, |scale, value| scale.max(value.abs()));
            for (class, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                assert!((found - wanted).abs() <= 1e-4 * scale, "{name}, class {class}: {found} against {wanted}");
            }
        }
    }
}

/// Extents of the tensor that a graph is fed, as its file has it.
fn extents(input: &InputSpec, batch: u32) -> Vec<u64> {
    let InputSpec { height, width, channels, .. } = *input;
    let extents = match input.layout {
        Layout::Nhwc => vec![batch, height, width, channels],
        Layout::Nchw => vec![batch, channels, height, width],
        Layout::Nhw => vec![batch, height, width],
        Layout::Flat => vec![batch, height * width * channels],
    };
    extents.into_iter().map(u64::from).collect()
}

/// The values of one photo in the order of that tensor.
fn tensor_of(pixels: &[u8], input: &InputSpec) -> Vec<f32> {
    let channels = input.channels as usize;
    let value = |pixel: usize, channel: usize| {
        let source = if input.channel_order == ChannelOrder::Bgr { channels - 1 - channel } else { channel };
        (f32::from(pixels[pixel * channels + source]) - input.mean[channel]) / input.std[channel]
    };
    let pixel_count = pixels.len() / channels;
    let place = |at: usize| match input.layout {
        Layout::Nchw => value(at % pixel_count, at / pixel_count),
        _ => value(at / channels, at % channels),
    };
    (0..pixels.len()).map(place).collect()
}

/// Models whose sample pictures have the model's own size, so that the pixels that TensorFlow saw are known, with the
/// largest difference allowed: TensorFlow's scores are written with four decimals, and JPEG decoders differ by a level.
const OWN_SIZE: [(&str, f32); 4] = [
    ("handdrawnshapes4_gray32", 2e-4),
    ("mnist_softmax_noshape", 2e-4),
    ("mnist_onnx_nchw_batch20", 2e-4),
    ("cifar10_samplenet_nchw", 0.1),
];

#[test]
fn a_picture_of_the_models_size_gets_the_scores_that_tensorflow_gave() {
    let Some(zoo) = shared("zoo-data") else { return };
    for (name, tolerance) in OWN_SIZE {
        let folder = zoo.join(name);
        let meta: Value = serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
        let labels = fs::read_to_string(folder.join("labels.txt")).unwrap();
        let labels: Vec<&str> = labels.lines().map(str::trim).collect();
        let graph = fs::read(folder.join("graph.pb")).unwrap();
        let model = Model::load(&library(), graph, &request(settings(&meta)), &GraphLimits::default()).unwrap();
        for sample in meta["samples"].as_array().unwrap() {
            let picture = folder.join("samples").join(sample["image"].as_str().unwrap());
            let scores = model.run(&read_picture(&picture, model.spec().input.channels), 1).unwrap().values;
            for top in sample["tf_top"].as_array().unwrap() {
                let (label, expected) = (top[0].as_str().unwrap(), top[1].as_f64().unwrap() as f32);
                let class = labels.iter().position(|candidate| *candidate == label);
                let class = class.unwrap_or_else(|| panic!("{name}: no label {label:?} in {labels:?}"));
                let score = scores[class];
                assert!((score - expected).abs() <= tolerance, "{name}, {label}: {score} against {expected}");
            }
        }
    }
}

/// The pre-processing that the model's author used.
fn settings(meta: &Value) -> SpecOverrides {
    let preprocess = &meta["preprocess"];
    let numbers = |value: &Value| -> Vec<f32> {
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        list.iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    SpecOverrides {
        mean: Some(numbers(&preprocess["mean"])),
        std: Some(numbers(&preprocess["std"])),
        channel_order: Some(match preprocess["order"].as_str().unwrap() {
            "bgr" => ChannelOrder::Bgr,
            "gray" => ChannelOrder::Gray,
            _ => ChannelOrder::Rgb,
        }),
        ..SpecOverrides::default()
    }
}

fn read_picture(path: &Path, channels: u32) -> Vec<u8> {
    let picture = image::open(path).unwrap();
    if channels == 1 { picture.into_luma8().into_raw() } else { picture.into_rgb8().into_raw() }
}
