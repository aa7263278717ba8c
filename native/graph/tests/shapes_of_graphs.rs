//! Inputs and outputs in the shapes that graphs of different makers give them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use menagerie_contract::{Dtype, ErrorCode, Layout, OutputKind, Source, SpecOverrides};
use menagerie_graph::{GraphError, GraphLimits, Resolved, dtype::DataType, encode, resolve};
use support::{GraphBuilder, request, small_net, with};

fn resolved(graph: &GraphBuilder) -> Resolved {
    resolve(&graph.bytes, &request(), &GraphLimits::default()).unwrap()
}

fn refused(graph: &GraphBuilder) -> GraphError {
    resolve(&graph.bytes, &request(), &GraphLimits::default()).unwrap_err()
}

#[test]
fn a_softmax_behind_the_last_layer_is_the_output() {
    let spec = resolved(small_net(5).op("final/Softmax", "Softmax", &["logits"])).spec;
    assert_eq!(
        (spec.output.tensor.as_str(), spec.output.kind, spec.output.classes),
        ("final/Softmax", OutputKind::Softmax, 5)
    );
    assert_eq!((spec.input.width, spec.input.height, spec.input.channels), (8, 8, 3));
    assert_eq!((spec.input.layout, spec.input.dtype, spec.input.batch), (Layout::Nhwc, Dtype::Float32, None));
}

#[test]
fn logits_without_a_softmax_are_the_output() {
    let spec = resolved(&small_net(5)).spec;
    assert_eq!((spec.output.tensor.as_str(), spec.output.kind), ("logits", OutputKind::Logits));
}

#[test]
fn the_scores_before_an_argmax_are_fetched() {
    let mut graph = small_net(5);
    graph.op("softmax", "Softmax", &["logits"]).ints("axis", &[1]);
    graph.node("classes", "ArgMax", &["softmax", "axis"], &[("T", encode::dtype_attr(DataType::Float))]);
    assert_eq!(resolved(&graph).output_tensor, "softmax");
    let named = with(SpecOverrides { output_tensor: Some("classes".to_owned()), ..Default::default() });
    let resolved = resolve(&graph.bytes, &named, &GraphLimits::default()).unwrap();
    assert_eq!((resolved.output_tensor.as_str(), resolved.spec.output.classes), ("softmax", 5));
}

#[test]
fn a_single_sigmoid_has_one_class() {
    let spec = resolved(small_net(1).op("score", "Sigmoid", &["logits"])).spec;
    assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Sigmoid, 1));
}

#[test]
fn what_is_gathered_stands_in_the_place_of_its_axis() {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.ints("reversed", &[2, 1, 0]).constant("axis", DataType::Int32, &[], &3_i32.to_le_bytes());
    let float = encode::dtype_attr(DataType::Float);
    graph.node("bgr", "GatherV2", &["input", "reversed", "axis"], &[("Tparams", float)]);
    graph.ints("row", &[-1, 192]).op("flat", "Reshape", &["bgr", "row"]).product("logits", "flat", [192, 5]);
    let spec = resolved(&graph).spec;
    assert_eq!((spec.input.batch, spec.output.classes), (None, 5));
}

#[test]
fn independent_classes_are_said_to_be_so() {
    let spec = resolved(small_net(4).op("scores", "Sigmoid", &["logits"])).spec;
    assert_eq!(spec.output.kind, OutputKind::Sigmoid);
    assert!(spec.warnings.iter().any(|warning| warning.contains("independent")), "{:?}", spec.warnings);
}

#[test]
fn two_equal_heads_are_ambiguous_until_the_labels_decide() {
    let mut graph = small_net(5);
    graph.op("five", "Softmax", &["logits"]).product("other", "pool", [4, 3]).op("three", "Softmax", &["other"]);
    let error = refused(&graph);
    assert_eq!(error.code(), ErrorCode::GraphAmbiguous);
    assert!(error.to_string().contains("five") && error.to_string().contains("three"), "{error}");
    let mut three_labels = request();
    three_labels.label_count = Some(3);
    let spec = resolve(&graph.bytes, &three_labels, &GraphLimits::default()).unwrap().spec;
    assert_eq!((spec.output.tensor.as_str(), spec.output.heads), ("three", vec!["five".to_owned()]));
}

#[test]
fn two_equal_inputs_are_ambiguous_until_one_is_named() {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.placeholder("second", DataType::Float, &[None, Some(8), Some(8), Some(3)]);
    graph
        .op("sum", "Add", &["input", "second"])
        .convolution("conv", "sum", [1, 1, 3, 2], &[1.0; 6])
        .pool("pool", "conv");
    let error = refused(&graph);
    assert_eq!(error.code(), ErrorCode::GraphAmbiguous);
    assert!(error.to_string().contains("\"second\"") || error.to_string().contains("second"), "{error}");
}

#[test]
fn a_placeholder_for_labels_is_no_input() {
    let mut graph = small_net(5);
    graph.placeholder("labels", DataType::Int32, &[None]);
    graph.op("hits", "InTopK", &["logits", "labels"]);
    assert_eq!(resolved(&graph).spec.input.tensor, "input");
}

#[test]
fn dropout_left_in_the_graph_is_taken_out() {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.placeholder("keep_prob", DataType::Float, &[]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv");
    graph.op("kept", "RealDiv", &["pool", "keep_prob"]).op("shape", "Shape", &["pool"]);
    graph.op("random", "RandomUniform", &["shape"]).op("sum", "Add", &["keep_prob", "random"]).op(
        "mask",
        "Floor",
        &["sum"],
    );
    graph.op("dropout", "Mul", &["kept", "mask"]).product("logits", "dropout", [4, 3]);
    let resolved = resolved(&graph);
    assert_eq!((resolved.spec.output.tensor.as_str(), resolved.spec.output.classes), ("logits", 3));
    for op in ["RandomUniform", "Floor", "RealDiv"] {
        assert!(!resolved.spec.graph.ops.contains_key(op), "{op} is left");
    }
}

#[test]
fn a_training_switch_is_settled_for_answering() {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.placeholder("is_training", DataType::Bool, &[]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]);
    graph.op("switch", "Switch", &["conv", "is_training"]);
    graph.op("trained", "Relu", &["switch:1"]).op("answering", "Relu6", &["switch"]);
    graph.op("merge", "Merge", &["answering", "trained"]).pool("pool", "merge").product("logits", "pool", [4, 3]);
    let ops = resolved(&graph).spec.graph.ops;
    assert!(ops.contains_key("Relu6") && !ops.contains_key("Relu") && !ops.contains_key("Merge"), "{ops:?}");
}

#[test]
fn a_decoder_of_files_is_cut_off() {
    let mut graph = GraphBuilder::default();
    graph.placeholder("contents", DataType::String, &[]);
    graph.node("decode", "DecodeJpeg", &["contents"], &[]);
    graph.node("cast", "Cast", &["decode"], &[("DstT", encode::dtype_attr(DataType::Float))]);
    graph.ints("axis", &[0]).op("batch", "ExpandDims", &["cast", "axis"]);
    graph.ints("size", &[16, 24]).op("resize", "ResizeBilinear", &["batch", "size"]);
    graph.convolution("conv", "resize", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 3],
    );
    let resolved = resolved(&graph);
    assert_eq!(resolved.input_tensor, "resize");
    assert_eq!((resolved.spec.input.height, resolved.spec.input.width), (16, 24));
}

#[test]
fn an_image_without_a_batch_axis_gets_one() {
    let mut graph = GraphBuilder::with_input(&[Some(8), Some(8), Some(3)]);
    graph.floats("mean", &[3], &[1.0, 2.0, 3.0]).op("centred", "Sub", &["input", "mean"]);
    graph.ints("axis", &[0]).op("batch", "ExpandDims", &["centred", "axis"]);
    graph.convolution("conv", "batch", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 3],
    );
    let resolved = resolved(&graph);
    assert_eq!((resolved.spec.input.layout, resolved.spec.input.batch), (Layout::Nhwc, None));
    assert!(!resolved.spec.graph.ops.contains_key("ExpandDims"));
}

#[test]
fn the_only_side_that_fits_the_first_matrix_is_solved() {
    let mut graph = GraphBuilder::with_input(&[None, None, None, Some(1)]);
    graph.convolution("conv", "input", [3, 3, 1, 2], &[0.1; 18]).ints("target", &[-1, 2 * 28 * 28]);
    graph.op("flat", "Reshape", &["conv", "target"]).product("logits", "flat", [2 * 28 * 28, 3]);
    let spec = resolved(&graph).spec;
    assert_eq!((spec.input.width, spec.input.height), (28, 28));
    let width = spec.evidence.iter().find(|entry| entry.field == "input.width").unwrap();
    assert_eq!(width.source, Source::Measured);
}

#[test]
fn an_open_size_is_assumed_and_said_and_can_be_set() {
    let mut graph = GraphBuilder::with_input(&[None, None, None, Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 3],
    );
    let spec = resolved(&graph).spec;
    assert_eq!((spec.input.width, spec.input.height), (224, 224));
    assert!(spec.warnings.iter().any(|warning| warning.contains("224")), "{:?}", spec.warnings);
    let named = with(SpecOverrides { width: Some(64), height: Some(48), ..Default::default() });
    let spec = resolve(&graph.bytes, &named, &GraphLimits::default()).unwrap().spec;
    assert_eq!((spec.input.width, spec.input.height), (64, 48));
}

#[test]
fn flat_values_are_a_square_image() {
    for (values, side, channels) in [(784, 28, 1), (3072, 32, 3)] {
        let mut graph = GraphBuilder::with_input(&[None, Some(values)]);
        graph.product("logits", "input", [values, 10]);
        let input = resolved(&graph).spec.input;
        assert_eq!((input.layout, input.width, input.channels), (Layout::Flat, side, channels));
    }
}

#[test]
fn flat_values_of_no_square_take_the_sides_that_the_caller_names() {
    let mut graph = GraphBuilder::with_input(&[None, Some(8 * 6 * 3)]);
    graph.product("logits", "input", [144, 10]);
    let named = with(SpecOverrides { width: Some(8), height: Some(6), ..Default::default() });
    let input = resolve(&graph.bytes, &named, &GraphLimits::default()).unwrap().spec.input;
    assert_eq!((input.width, input.height, input.channels), (8, 6, 3));
    let mut odd = GraphBuilder::with_input(&[None, Some(150)]);
    odd.product("logits", "input", [150, 10]);
    let error = refused(&odd);
    assert!(error.to_string().contains("150") && error.to_string().contains("width"), "{error}");
}

#[test]
fn channels_before_rows_are_seen() {
    let mut graph = GraphBuilder::with_input(&[Some(1), Some(3), Some(8), Some(6)]);
    graph.floats("kernel", &[3, 3, 3, 4], &[0.1; 108]);
    let attributes = [
        ("T", encode::dtype_attr(DataType::Float)),
        ("strides", encode::ints_attr(&[1, 1, 1, 1])),
        ("padding", encode::text_attr("SAME")),
        ("data_format", encode::text_attr("NCHW")),
    ];
    graph.node("conv", "Conv2D", &["input", "kernel"], &attributes).ints("axes", &[2, 3]);
    graph.op("pool", "Mean", &["conv", "axes"]).product("logits", "pool", [4, 3]);
    let input = resolved(&graph).spec.input;
    assert_eq!((input.layout, input.height, input.width), (Layout::Nchw, 8, 6));
}

#[test]
fn bytes_are_fed_as_bytes() {
    let mut graph = GraphBuilder::default();
    graph.placeholder("image", DataType::Uint8, &[None, Some(8), Some(8), Some(3)]);
    graph.node("cast", "Cast", &["image"], &[("DstT", encode::dtype_attr(DataType::Float))]);
    graph.convolution("conv", "cast", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product("logits", "pool", [4, 3]);
    let input = resolved(&graph).spec.input;
    assert_eq!((input.dtype, input.mean, input.std), (Dtype::Uint8, vec![0.0; 3], vec![1.0; 3]));
}

#[test]
fn what_only_a_pruned_branch_does_is_allowed_and_a_control_input_is_not() {
    let mut graph = small_net(5);
    graph.op("softmax", "Softmax", &["logits"]).op("print", "Print", &["logits"]);
    assert!(resolved(&graph).spec.verdict.allowed);
    graph.node("end", "Identity", &["softmax", "^print"], &[("T", encode::dtype_attr(DataType::Float))]);
    let error = refused(&graph);
    assert_eq!(error.code(), ErrorCode::GraphOpForbidden);
    assert!(error.to_string().contains("Print") && error.to_string().contains("print"), "{error}");
}

#[test]
fn inspection_shows_the_verdict_of_a_forbidden_graph() {
    let mut graph = small_net(5);
    graph.op("file", "ReadFile", &[]);
    graph.node("end", "Softmax", &["logits", "^file"], &[("T", encode::dtype_attr(DataType::Float))]);
    let spec = menagerie_graph::inspect(&graph.bytes, &request(), &GraphLimits::default()).unwrap();
    assert!(!spec.verdict.allowed);
    assert_eq!(spec.verdict.forbidden[0].op, "ReadFile");
}

#[test]
fn overrides_win_and_are_marked() {
    let graph = small_net(5);
    let overrides = SpecOverrides { mean: Some(vec![1.0, 2.0, 3.0]), std: Some(vec![9.0]), ..Default::default() };
    let mut asked = with(overrides);
    asked.source = Source::Manifest;
    let spec = resolve(&graph.bytes, &asked, &GraphLimits::default()).unwrap().spec;
    assert_eq!((spec.input.mean, spec.input.std), (vec![1.0, 2.0, 3.0], vec![9.0; 3]));
    let mean: Vec<_> = spec.evidence.iter().filter(|entry| entry.field == "input.mean").collect();
    assert_eq!((mean.len(), mean[0].source), (1, Source::Manifest));
}

#[test]
fn overrides_that_do_not_fit_are_refused_by_name() {
    let graph = small_net(5);
    for (overrides, word) in [
        (SpecOverrides { input_tensor: Some("nosuch".to_owned()), ..Default::default() }, "input_tensor"),
        (SpecOverrides { output_tensor: Some("nosuch".to_owned()), ..Default::default() }, "output_tensor"),
        (SpecOverrides { width: Some(9), ..Default::default() }, "width"),
        (SpecOverrides { mean: Some(vec![1.0, 2.0]), ..Default::default() }, "mean"),
        (SpecOverrides { output_kind: Some(OutputKind::Index), ..Default::default() }, "output_kind"),
        (SpecOverrides { crop_fraction: Some(0.0), ..Default::default() }, "crop_fraction"),
        (SpecOverrides { crop_fraction: Some(f32::NAN), ..Default::default() }, "crop_fraction"),
        (SpecOverrides { std: Some(vec![0.0]), ..Default::default() }, "std"),
        (SpecOverrides { std: Some(vec![f32::NAN]), ..Default::default() }, "std"),
    ] {
        let error = resolve(&graph.bytes, &with(overrides), &GraphLimits::default()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FieldInvalid, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_placeholder_with_a_default_is_the_input_when_there_is_no_other() {
    let mut graph = GraphBuilder::default();
    graph.floats("default", &[1, 8, 8, 3], &[0.0; 192]);
    let attributes = [
        ("dtype", encode::dtype_attr(DataType::Float)),
        ("shape", encode::shape_attr(&vec![None, Some(8), Some(8), Some(3)])),
    ];
    graph.node("image", "PlaceholderWithDefault", &["default"], &attributes);
    graph.convolution("conv", "image", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 3],
    );
    let resolved = resolved(&graph);
    assert_eq!((resolved.input_tensor.as_str(), resolved.spec.input.width), ("image", 8));
}

#[test]
fn eight_bit_arithmetic_is_followed() {
    let quint8 = || encode::dtype_attr(DataType::Quint8);
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.floats("low", &[], &[0.0]).floats("high", &[], &[1.0]);
    graph.node("quantize", "QuantizeV2", &["input", "low", "high"], &[("T", quint8())]);
    graph.constant("weights", DataType::Quint8, &[1, 1, 3, 4], &[7; 12]);
    let attributes = [
        ("Tinput", quint8()),
        ("Tfilter", quint8()),
        ("strides", encode::ints_attr(&[1, 1, 1, 1])),
        ("padding", encode::text_attr("SAME")),
    ];
    let inputs = ["quantize", "weights", "quantize:1", "quantize:2", "low", "high"];
    graph.node("conv", "QuantizedConv2D", &inputs, &attributes);
    graph.node("shrink", "QuantizeDownAndShrinkRange", &["conv", "conv:1", "conv:2"], &[("Tinput", quint8())]);
    graph.node("floats", "Dequantize", &["shrink", "shrink:1", "shrink:2"], &[("T", quint8())]);
    graph.pool("pool", "floats").op("softmax", "Softmax", &["pool"]);
    let spec = resolved(&graph).spec;
    assert_eq!((spec.output.tensor.as_str(), spec.output.classes, spec.input.channels), ("softmax", 4, 3));
}

#[test]
fn a_batch_that_the_graph_fixes_is_freed_where_its_shapes_allow() {
    let mut graph = GraphBuilder::with_input(&[Some(4), Some(8), Some(8), Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 2], &[0.1; 54]).ints("target", &[4, 128]);
    graph.op("flat", "Reshape", &["conv", "target"]).product("logits", "flat", [128, 3]);
    assert_eq!(resolved(&graph).spec.input.batch, None);
    graph.ints("parts", &[4, 1]).ints("four", &[4, 3]).op("kept", "Reshape", &["logits", "four"]);
    graph.op("mean", "Tile", &["kept", "parts"]);
    assert_eq!(resolved(&graph).spec.output.tensor, "kept");
    let mut fixed = GraphBuilder::with_input(&[Some(4), Some(8), Some(8), Some(3)]);
    fixed.floats("each", &[4, 1, 1, 1], &[1.0, 2.0, 3.0, 4.0]).op("own", "Mul", &["input", "each"]);
    fixed.convolution("conv", "own", [3, 3, 3, 2], &[0.1; 54]).pool("pool", "conv").product("logits", "pool", [2, 3]);
    let spec = resolved(&fixed).spec;
    assert_eq!(spec.input.batch, Some(4));
    assert!(spec.evidence.iter().any(|entry| entry.field == "input.batch" && entry.because.contains("filled up")));
}

#[test]
fn one_colour_image_without_a_batch_is_no_batch_of_grey_ones() {
    let mut graph = GraphBuilder::with_input(&[Some(64), Some(64), Some(3)]);
    graph.op("square", "Square", &["input"]).ints("axis", &[0]).op("batch", "ExpandDims", &["square", "axis"]);
    graph.convolution("conv", "batch", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 3],
    );
    assert!(refused(&graph).to_string().contains("without a batch axis"));
}
