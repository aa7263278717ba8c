//! Detection of mean, divisor and channel order on nets whose truth is known because the test makes them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;
#[path = "support/trained.rs"]
mod trained;

use menagerie_contract::{ChannelOrder, ModelSpec, Resize, ResizeFilter, Source, SpecOverrides};
use menagerie_graph::{GraphLimits, dtype::DataType, encode, normalization::candidates::Candidate, resolve};
use support::{GraphBuilder, request, with};
use trained::{Form, Head, SIDE, net};

fn spec(file: &[u8]) -> ModelSpec {
    resolve(file, &request(), &GraphLimits::default()).unwrap().spec
}

fn evidence<'s>(spec: &'s ModelSpec, field: &str) -> &'s menagerie_contract::Evidence {
    spec.evidence.iter().find(|entry| entry.field == field).unwrap()
}

fn assert_found(spec: &ModelSpec, candidate: &Candidate, context: &str) {
    let wanted: (Vec<f32>, Vec<f32>) = (0..3).map(|channel| candidate.of_channel(channel)).unzip();
    assert_eq!((&spec.input.mean, &spec.input.std), (&wanted.0, &wanted.1), "{context}");
    assert_eq!(spec.input.channel_order, candidate.order, "{context}");
}

fn candidate(scaling: &str, order: ChannelOrder) -> Candidate {
    Candidate::all(3).into_iter().find(|it| it.scaling.name == scaling && it.order == order).unwrap()
}

#[test]
fn every_scaling_and_order_is_measured_from_stored_moments() {
    for (seed, truth) in Candidate::all(3).into_iter().enumerate() {
        // CIFAR's mean and std are too near ImageNet's to be told apart.
        if truth.scaling.name == "CIFAR mean and std" {
            continue;
        }
        let spec = spec(&net(&truth, Form::Fused("FusedBatchNorm"), Head::Nothing, 7 + seed as u64));
        // A mean of its own for each channel leaves the channels alike, so that their order hardly shows.
        let shows_order = !truth.scaling.name.starts_with("ImageNet");
        let order = if shows_order { truth.order } else { spec.input.channel_order };
        assert_found(&spec, &Candidate { order, ..truth }, &format!("{truth:?}"));
        let mean = evidence(&spec, "input.mean");
        assert_eq!(mean.source, Source::Measured);
        assert!(mean.because.contains("16 channels"), "{mean:?}");
        // Blue first less one mean looks much like red first less ImageNet's means, which is as rare.
        let has_double = (truth.scaling.name, truth.order) == ("-0.5..0.5", ChannelOrder::Bgr);
        // Moments tell a mean only as exactly as sets of photos are alike.
        let least = if has_double {
            0.6
        } else if truth.scaling.mean.iter().all(|mean| *mean == 0.0) {
            0.9
        } else {
            0.85
        };
        assert!(!shows_order || mean.confidence > least, "{mean:?}");
        assert!(!mean.alternatives.is_empty());
    }
}

#[test]
fn every_form_of_batch_normalisation_is_read() {
    let truth = candidate("-1..1", ChannelOrder::Bgr);
    let forms = [
        Form::Fused("FusedBatchNorm"),
        Form::Fused("FusedBatchNormV2"),
        Form::Fused("FusedBatchNormV3"),
        Form::Unfused,
        Form::CentredAndDivided,
        Form::BehindBias,
    ];
    for form in forms {
        let spec = spec(&net(&truth, form, Head::Nothing, 3));
        assert_found(&spec, &truth, &format!("{form:?}"));
        assert_eq!(evidence(&spec, "input.std").source, Source::Measured, "{form:?}");
    }
}

#[test]
fn what_the_graph_does_itself_is_read_and_left_to_it() {
    let unit = candidate("0..1", ChannelOrder::Rgb);
    let hub = spec(&net(&candidate("-1..1", ChannelOrder::Rgb), Form::Unfused, Head::Hub, 5));
    assert_found(&hub, &unit, "hub");
    assert_eq!(evidence(&hub, "input.std").source, Source::Read);
    assert!(evidence(&hub, "input.std").because.contains("hub/sub"), "{:?}", evidence(&hub, "input.std").because);

    let bytes = spec(&net(&unit, Form::Unfused, Head::Bytes, 5));
    assert_found(&bytes, &candidate("raw 0..255", ChannelOrder::Rgb), "bytes");
    assert_eq!(evidence(&bytes, "input.mean").source, Source::Read);

    let caffe = spec(&net(&candidate("ImageNet mean only", ChannelOrder::Bgr), Form::Unfused, Head::Mean, 5));
    assert_found(&caffe, &candidate("raw 0..255", ChannelOrder::Bgr), "mean inside");
    assert_eq!(evidence(&caffe, "input.channel_order").source, Source::Read);
}

#[test]
fn a_net_that_tells_nothing_gets_what_is_usual_and_a_warning() {
    let mut graph = GraphBuilder::with_input(&[None, Some(SIDE), Some(SIDE), Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]).op("concat", "Concat", &["conv", "conv"]);
    graph.op("relu", "Relu", &["conv"]).pool("pool", "relu").product("logits", "pool", [4, 3]);
    let spec = spec(&graph.bytes);
    assert_found(&spec, &candidate("0..1", ChannelOrder::Rgb), "nothing known");
    let mean = evidence(&spec, "input.std");
    assert_eq!(mean.source, Source::Prior);
    assert!(mean.confidence < 0.75, "{}", mean.confidence);
    assert!(spec.warnings.iter().any(|warning| warning.contains("input.std")), "{:?}", spec.warnings);
}

#[test]
fn what_the_caller_sets_is_not_warned_of() {
    let mut graph = GraphBuilder::with_input(&[None, Some(SIDE), Some(SIDE), Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]).op("relu", "Relu", &["conv"]);
    graph.pool("pool", "relu").product("logits", "pool", [4, 3]);
    let overrides = SpecOverrides {
        mean: Some(vec![0.0]),
        std: Some(vec![255.0]),
        channel_order: Some(ChannelOrder::Rgb),
        ..SpecOverrides::default()
    };
    let resolved = resolve(&graph.bytes, &with(overrides), &GraphLimits::default()).unwrap();
    assert_eq!(resolved.spec.warnings, Vec::<String>::new());
}

#[test]
fn kernels_that_sum_to_zero_are_said_to_ignore_the_mean() {
    let mut graph = GraphBuilder::with_input(&[None, Some(SIDE), Some(SIDE), Some(3)]);
    let edge: Vec<f32> = (0..108).map(|index| [-1.0, 0.0, 1.0][index / 12 % 3]).collect();
    graph.convolution("conv", "input", [3, 3, 3, 4], &edge).op("relu", "Relu", &["conv"]);
    graph.pool("pool", "relu").product("logits", "pool", [4, 3]);
    let spec = spec(&graph.bytes);
    assert!(evidence(&spec, "input.mean").because.contains("sum to 0"), "{}", evidence(&spec, "input.mean").because);
}

#[test]
fn confidences_are_probabilities_and_alternatives_are_in_order() {
    let spec = spec(&net(&candidate("-1..1", ChannelOrder::Rgb), Form::Unfused, Head::Nothing, 11));
    for field in ["input.mean", "input.std", "input.channel_order", "input.resize"] {
        let entry = evidence(&spec, field);
        assert!((0.0..=1.0).contains(&entry.confidence), "{entry:?}");
        assert!(!entry.because.is_empty());
        assert!(entry.alternatives.windows(2).all(|pair| pair[0].score >= pair[1].score), "{entry:?}");
        assert!(entry.alternatives.iter().all(|other| other.value != entry.value), "{entry:?}");
    }
}

#[test]
fn a_graph_named_by_keras_is_resized_as_keras_does_and_others_with_antialias() {
    for (name, filter) in [
        ("conv2d_1_input", ResizeFilter::Bilinear),
        ("input_1", ResizeFilter::Bilinear),
        ("input1", ResizeFilter::Antialias),
        ("input", ResizeFilter::Antialias),
        ("input_image", ResizeFilter::Antialias),
    ] {
        let mut graph = GraphBuilder::default();
        graph.placeholder(name, DataType::Float, &[None, Some(SIDE), Some(SIDE), Some(3)]);
        graph.convolution("conv", name, [3, 3, 3, 4], &[0.1; 108]).op("relu", "Relu", &["conv"]);
        graph.pool("pool", "relu").product("logits", "pool", [4, 3]);
        let spec = spec(&graph.bytes);
        assert_eq!(spec.input.resize_filter, filter, "{name}");
        assert_eq!(evidence(&spec, "input.resize_filter").source, Source::Prior);
    }
}

#[test]
fn a_custom_vision_export_gets_the_middle_of_a_square_of_256() {
    let mut graph = GraphBuilder::default();
    graph.placeholder("Placeholder", DataType::Float, &[None, Some(227), Some(227), Some(3)]);
    graph.convolution("fire2/squeeze", "Placeholder", [3, 3, 3, 4], &[0.1; 108]).op("relu", "Relu", &["fire2/squeeze"]);
    graph.pool("pool", "relu").product("logits", "pool", [4, 3]).op("loss", "Softmax", &["logits"]);
    let spec = spec(&graph.bytes);
    assert_eq!((spec.input.resize, spec.input.crop_fraction), (Resize::CenterCrop, 227.0 / 256.0));
    assert_eq!(spec.input.channel_order, ChannelOrder::Bgr);
    assert!(evidence(&spec, "input.crop_fraction").because.contains("256"));
}

#[test]
fn another_channel_order_turns_the_detected_means_with_it() {
    let graph = net(&candidate("ImageNet mean and std", ChannelOrder::Rgb), Form::Unfused, Head::Nothing, 11);
    let spec_of = |overrides| resolve(&graph, &with(overrides), &GraphLimits::default()).unwrap().spec;
    let reversed = |mut values: Vec<f32>| {
        values.reverse();
        values
    };
    let detected = spec_of(SpecOverrides::default()).input;
    let order = ChannelOrder::Bgr;
    assert_eq!((detected.channel_order, detected.mean[0]), (ChannelOrder::Rgb, 123.675));
    let turned = spec_of(SpecOverrides { channel_order: Some(order), ..Default::default() });
    assert_eq!(turned.input.channel_order, order);
    assert_eq!((turned.input.mean.clone(), turned.input.std), (reversed(detected.mean), reversed(detected.std)));
    let entry = turned.evidence.iter().find(|entry| entry.field == "input.mean").unwrap();
    assert_eq!(entry.value, serde_json::json!(turned.input.mean));
    let grey = spec_of(SpecOverrides { channel_order: Some(ChannelOrder::Gray), ..Default::default() });
    assert_eq!((grey.input.channel_order, grey.input.channels), (ChannelOrder::Gray, 3));
}

/// `x[..., ::-1]`, `tf.reverse(x, [-1])` and `tf.gather(x, [2, 1, 0], axis=3)`; `axis` is the one turned around.
fn turn(graph: &mut GraphBuilder, op: &str, axis: i32) {
    match op {
        "StridedSlice" => {
            let masks = [("begin_mask", 2), ("end_mask", 2), ("ellipsis_mask", 1)];
            let masks = masks.map(|(key, value)| (key, encode::int_attr(value)));
            graph.ints("begin", &[0, 0]).ints("end", &[0, 0]).ints("strides", &[1, -1]);
            graph.node("turned", op, &["input", "begin", "end", "strides"], &masks);
        }
        "GatherV2" => {
            graph.ints("indices", &[2, 1, 0]).ints("axis", &[axis]).op("turned", op, &["input", "indices", "axis"]);
        }
        _ => {
            graph.ints("axis", &[axis]).op("turned", op, &["input", "axis"]);
        }
    }
}

#[test]
fn a_graph_that_turns_the_channels_around_itself_wants_red_first() {
    for (op, axis) in [("StridedSlice", -1), ("ReverseV2", -1), ("ReverseV2", 3), ("GatherV2", 3), ("GatherV2", -1)] {
        let mut graph = GraphBuilder::with_input(&[None, Some(SIDE), Some(SIDE), Some(3)]);
        turn(&mut graph, op, axis);
        graph.floats("mean", &[3], &[-103.939, -116.779, -123.68]).op("centred", "BiasAdd", &["turned", "mean"]);
        graph.convolution("conv", "centred", [3, 3, 3, 4], &[0.1; 108]).op("relu", "Relu", &["conv"]);
        graph.pool("pool", "relu").product("logits", "pool", [4, 3]);
        let spec = spec(&graph.bytes);
        assert_found(&spec, &candidate("raw 0..255", ChannelOrder::Rgb), op);
        assert_eq!(evidence(&spec, "input.channel_order").source, Source::Read, "{op} {axis}");
    }
}
