//! The engine on graphs that are built here: tests that need libtensorflow and nothing else.

use std::thread;

use crate::surroundings::{library, request};
use menagerie_contract::{
    ChannelOrder, ErrorCode, Frame, FrameKind, OutputKind, Problem, SpecOverrides,
    frame::{HEADER_BYTES, Scores},
};
use menagerie_engine::{
    Model, exchange,
    graphdef::{Attribute, GraphBuilder},
    probe_graph,
};
use menagerie_graph::{GraphLimits, Resolved, dtype::DataType, encode};

const FLOAT: Attribute<'_> = Attribute::Type(1);
const INT64: Attribute<'_> = Attribute::Type(9);

fn load(graph: &[u8], overrides: SpecOverrides) -> Result<Model, Problem> {
    Model::load(&library(), graph, &request(overrides), &GraphLimits::default()).map_err(Problem::from)
}

/// Pixels fed raw to a graph that answers the mean of each channel: what it says is what it was fed.
fn mean_graph(op_after: Option<&str>) -> Vec<u8> {
    let graph = GraphBuilder::new().placeholder("input", &[-1, 8, 8, 3]).indices("axes", &[1, 2]).float_node(
        "mean",
        "Mean",
        &["input", "axes"],
        &[("Tidx", Attribute::Type(3))],
    );
    match op_after {
        Some(op) => graph.float_node("output", op, &["mean"], &[]),
        None => graph,
    }
    .finish()
}

fn raw(kind: OutputKind) -> SpecOverrides {
    SpecOverrides {
        width: Some(8),
        height: Some(8),
        mean: Some(vec![0.0]),
        std: Some(vec![1.0]),
        output_kind: Some(kind),
        ..SpecOverrides::default()
    }
}

/// `images` images of 8 x 8 in one colour.
fn plain(colours: &[[u8; 3]]) -> Vec<u8> {
    colours.iter().flat_map(|colour| colour.repeat(64)).collect()
}

fn assert_close(left: &[f32], right: &[f32]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert!((left - right).abs() < 1e-4, "{left} against {right}");
    }
}

#[test]
fn the_probe_graph_gives_probabilities() {
    let model = load(&probe_graph(), SpecOverrides::default()).unwrap();
    assert_eq!((model.spec().input.width, model.spec().output.classes), (16, 4));
    let scores = model.run(&[90; 16 * 16 * 3], 1).unwrap();
    assert_eq!(scores.class_count, 4);
    assert!((scores.values.iter().sum::<f32>() - 1.0).abs() < 1e-5);
}

#[test]
fn pixels_are_fed_as_the_spec_says() {
    let colours = plain(&[[10, 20, 30], [40, 50, 60]]);
    let fed = |overrides| load(&mean_graph(None), overrides).unwrap().run(&colours, 2).unwrap().values;
    let rgb = SpecOverrides { output_tensor: Some("mean".into()), ..raw(OutputKind::Logits) };
    assert_close(&fed(rgb.clone()), &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    let bgr = SpecOverrides {
        channel_order: Some(ChannelOrder::Bgr),
        mean: Some(vec![1.0, 2.0, 3.0]),
        std: Some(vec![2.0]),
        ..rgb
    };
    assert_close(&fed(bgr), &[14.5, 9.0, 3.5, 29.5, 24.0, 18.5]);
}

#[test]
fn runs_side_by_side_give_the_same_scores() {
    let model = load(&probe_graph(), SpecOverrides::default()).unwrap();
    let pixels: Vec<u8> = (0..16 * 16 * 3).map(|value| value as u8).collect();
    let alone = model.run(&pixels, 1).unwrap().values;
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| model.run(&pixels, 1).unwrap().values)).collect();
        for run in runs {
            assert_close(&run.join().unwrap(), &alone);
        }
    });
}

#[test]
fn an_optimised_model_answers_as_before_and_runs_go_on_meanwhile() {
    let model = load(&probe_graph(), SpecOverrides::default()).unwrap();
    let pixels: Vec<u8> = (0..16 * 16 * 3).map(|value| (value * 7) as u8).collect();
    let before = model.run(&pixels, 1).unwrap().values;
    thread::scope(|scope| {
        let optimising = scope.spawn(|| model.optimize().unwrap());
        while !optimising.is_finished() {
            assert_close(&model.run(&pixels, 1).unwrap().values, &before);
        }
    });
    assert_close(&model.run(&pixels, 1).unwrap().values, &before);
    model.optimize().unwrap();
}

#[test]
fn a_batch_answers_as_its_images_do_alone() {
    let model = load(&probe_graph(), SpecOverrides::default()).unwrap();
    let images: Vec<Vec<u8>> =
        (1..=5_u8).map(|step| (0..16 * 16 * 3).map(|at| (at as u8).wrapping_mul(step)).collect()).collect();
    let together = model.run(&images.concat(), 5).unwrap().values;
    let alone: Vec<f32> = images.iter().flat_map(|image| model.run(image, 1).unwrap().values).collect();
    assert_close(&together, &alone);
}

#[test]
fn a_fixed_batch_is_filled_up_and_split() {
    let graph = GraphBuilder::new()
        .placeholder("input", &[2, 8, 8, 3])
        .indices("axes", &[1, 2])
        .float_node("mean", "Mean", &["input", "axes"], &[("Tidx", Attribute::Type(3))])
        .indices("shape", &[2, 3])
        .float_node("output", "Reshape", &["mean", "shape"], &[("Tshape", Attribute::Type(3))])
        .finish();
    let model = load(&graph, raw(OutputKind::Logits)).unwrap();
    let scores = model.run(&plain(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]]), 3).unwrap();
    assert_close(&scores.values, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
}

#[test]
fn a_graph_that_names_the_class_gives_its_number() {
    let graph = GraphBuilder::new()
        .placeholder("input", &[-1, 8, 8, 3])
        .indices("axes", &[1, 2])
        .float_node("mean", "Mean", &["input", "axes"], &[("Tidx", Attribute::Type(3))])
        .float_node("probabilities", "Softmax", &["mean"], &[])
        .node("axis", "Const", &[], &[("dtype", Attribute::Type(3)), ("value", Attribute::Scalar(1))])
        .float_node(
            "class",
            "ArgMax",
            &["probabilities", "axis"],
            &[("Tidx", Attribute::Type(3)), ("output_type", INT64)],
        )
        .finish();
    let mut resolved =
        menagerie_graph::resolve(&graph, &request(raw(OutputKind::Softmax)), &GraphLimits::default()).unwrap();
    resolved.spec.output.kind = OutputKind::Index;
    resolved.output_tensor = "class".into();
    let model = Model::open(&library(), Resolved { graph, ..resolved }, 1).unwrap();
    let scores = model.run(&plain(&[[1, 2, 9], [9, 2, 1]]), 2).unwrap();
    assert_eq!((scores.class_count, scores.values), (1, vec![2.0, 0.0]));
}

#[test]
fn a_pad_that_is_left_to_the_layer_changes_no_score() {
    let sides: Vec<u8> = [0, 0, 0, 1, 0, 1, 0, 0].into_iter().flat_map(i32::to_le_bytes).collect();
    let paddings = encode::tensor_attr(DataType::Int32, &[4, 2], &sides);
    let weights = |count: usize| (0..count).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect::<Vec<f32>>();
    let half = [("strides", Attribute::Ints(&[1, 2, 2, 1])), ("padding", Attribute::Text("VALID"))];
    let graph = GraphBuilder::new()
        .placeholder("input", &[-1, 8, 8, 3])
        .node("paddings", "Const", &[], &[("dtype", Attribute::Type(3)), ("value", Attribute::Encoded(&paddings))])
        .float_node("pad", "Pad", &["input", "paddings"], &[("Tpaddings", Attribute::Type(3))])
        .constant("deep/weights", &[3, 3, 3, 2], &weights(54))
        .float_node("deep", "DepthwiseConv2dNative", &["pad", "deep/weights"], &half)
        .float_node("pad_1", "Pad", &["deep", "paddings"], &[("Tpaddings", Attribute::Type(3))])
        .constant("conv/weights", &[3, 3, 6, 4], &weights(216))
        .float_node("conv", "Conv2D", &["pad_1", "conv/weights"], &half)
        .indices("axes", &[1, 2])
        .float_node("output", "Mean", &["conv", "axes"], &[("Tidx", Attribute::Type(3))])
        .finish();
    let prepared =
        menagerie_graph::resolve(&graph, &request(raw(OutputKind::Logits)), &GraphLimits::default()).unwrap();
    let whole = Resolved { graph, ..prepared.clone() };
    assert!(prepared.graph.len() < whole.graph.len());
    let pixels: Vec<u8> = (0..8 * 8 * 3).map(|at| (at * 7) as u8).collect();
    let scores = |resolved| {
        let model = Model::open(&library(), resolved, 1).unwrap();
        model.optimize().unwrap();
        model.run(&pixels, 1).unwrap().values
    };
    let (left, right) = (scores(prepared), scores(whole));
    let largest = right.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (left, right) in left.iter().zip(&right) {
        assert!((left - right).abs() <= 1e-5 * largest, "{left} against {right}");
    }
}

#[test]
fn scores_that_are_no_numbers_are_an_engine_failure() {
    let overrides = SpecOverrides { output_tensor: Some("output".into()), ..raw(OutputKind::Logits) };
    let model = load(&mean_graph(Some("Rsqrt")), overrides).unwrap();
    assert_close(&model.run(&plain(&[[4, 16, 64]]), 1).unwrap().values, &[0.5, 0.25, 0.125]);
    let problem = Problem::from(model.run(&plain(&[[4, 0, 64]]), 1).unwrap_err());
    assert_eq!(problem.code, ErrorCode::EngineFailed);
    assert_eq!(problem.message, "the model answered inf for class 1 of image 0: no class can be named");
}

#[test]
fn pixels_of_another_size_are_refused() {
    let model = load(&probe_graph(), SpecOverrides::default()).unwrap();
    for (bytes, images) in [(0, 0), (767, 1), (769, 1), (768, 2), (768, u32::MAX)] {
        let problem = Problem::from(model.run(&vec![0; bytes], images).unwrap_err());
        assert_eq!(problem.code, ErrorCode::FieldInvalid, "{bytes} bytes for {images} images");
    }
}

#[test]
fn a_graph_that_libtensorflow_refuses_is_invalid() {
    let graph = GraphBuilder::new()
        .placeholder("input", &[-1, 8, 8, 3])
        .constant("weights", &[4, 3], &[0.5; 12])
        .float_node("output", "MatMul", &["input", "weights"], &[("transpose_a", FLOAT)])
        .finish();
    let problem = load(&graph, raw(OutputKind::Logits)).err().unwrap();
    assert_eq!(problem.code, ErrorCode::GraphInvalid, "{problem}");
}

#[test]
fn an_infer_frame_is_answered_with_scores_or_an_error() {
    let model = load(&probe_graph(), SpecOverrides::default()).unwrap();
    let ask = |image_count: u32, pixels: &[u8]| {
        let frame = Frame::Infer { image_count, pixels }.encode(1).unwrap();
        exchange::answer(&model, FrameKind::Infer, &frame[HEADER_BYTES..], std::time::Instant::now())
    };
    let Frame::Scores(Scores { image_count: 1, class_count: 4, values, .. }) = ask(1, &[7; 768]) else {
        panic!("no scores for one image")
    };
    assert_eq!(values.len(), 4);
    assert!(matches!(ask(2, &[7; 768]), Frame::Error(Problem { code: ErrorCode::FieldInvalid, .. })));
    assert!(matches!(ask(65, &vec![7; 65 * 768]), Frame::Error(Problem { code: ErrorCode::FieldInvalid, .. })));
    assert!(Frame::decode_payload(FrameKind::Infer, &[1]).is_err());
    for kind in [FrameKind::Infer, FrameKind::Tensors] {
        let cut = exchange::answer(&model, kind, &[1], std::time::Instant::now());
        assert!(matches!(cut, Frame::Error(Problem { code: ErrorCode::EngineFailed, .. })));
    }
}

#[test]
fn a_tensors_frame_feeds_the_graph_as_it_is() {
    let overrides =
        SpecOverrides { output_tensor: Some("mean".into()), mean: Some(vec![100.0]), ..raw(OutputKind::Logits) };
    let model = load(&mean_graph(None), overrides).unwrap();
    let ask = |image_count: u32, values: &[f32]| {
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let frame = Frame::Tensors { image_count, values: &values }.encode(1).unwrap();
        exchange::answer(&model, FrameKind::Tensors, &frame[HEADER_BYTES..], std::time::Instant::now())
    };
    let values = [[-1.0, 0.5, 3.0].repeat(64), [4.0, 5.0, 6.0].repeat(64)].concat();
    let Frame::Scores(scores) = ask(2, &values) else { panic!("no scores for two images") };
    assert_close(&scores.values, &[-1.0, 0.5, 3.0, 4.0, 5.0, 6.0]);
    let many = values.repeat(33);
    for (image_count, values) in [(1, &values[..191]), (0, &[]), (65, &many[..65 * 192])] {
        let refused = ask(image_count, values);
        assert!(matches!(refused, Frame::Error(Problem { code: ErrorCode::FieldInvalid, .. })), "{image_count}");
    }
}
