//! The prepared graph: what is folded, what is left out, and that the numbers are right.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use menagerie_graph::{
    Constant, Graph, GraphLimits, Preparation, dtype::DataType, encode, parse, resolve, resolve_with,
};
use support::{GraphBuilder, request, small_net};

fn graph(bytes: &[u8]) -> Graph<'_> {
    let limits = GraphLimits::default();
    Graph::build(parse::parse(bytes, &limits).unwrap(), &limits).unwrap()
}

fn prepared(builder: &GraphBuilder) -> Vec<u8> {
    resolve(&builder.bytes, &request(), &GraphLimits::default()).unwrap().graph
}

fn ops(graph: &Graph<'_>) -> Vec<String> {
    let mut ops: Vec<String> = graph.iter().map(|(_, node)| node.op.to_owned()).collect();
    ops.sort();
    ops
}

/// Kernel of layer `layer` and bias of node `end`.
fn weights(graph: &Graph<'_>, layer: &str, end: &str) -> (Constant, Constant) {
    let constant = |name: &str| graph.constant(graph.input(graph.find(name).unwrap(), 1).unwrap()).unwrap();
    (constant(layer), constant(end))
}

fn assert_close(found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert!((found - wanted).abs() <= 1e-6 * wanted.abs().max(1.0), "{found} instead of {wanted}");
    }
}

/// Mean, variance, gamma, beta and epsilon of a BatchNorm over two channels, and the scale and shift that follow.
const MEAN: [f32; 2] = [1.0, -2.0];
const VARIANCE: [f32; 2] = [3.9, 0.15];
const GAMMA: [f32; 2] = [3.0, 0.25];
const BETA: [f32; 2] = [0.25, -1.0];
const EPSILON: f32 = 0.1;
const SCALE: [f32; 2] = [1.5, 0.5];
const SHIFT: [f32; 2] = [-1.25, 0.0];

fn moments(graph: &mut GraphBuilder, extents: &[u64]) {
    for (name, values) in [("mean", MEAN), ("variance", VARIANCE), ("gamma", GAMMA), ("beta", BETA)] {
        graph.floats(name, extents, &values);
    }
}

/// `input` normalised by ops one at a time, ending in `bn`.
fn unfused(graph: &mut GraphBuilder, input: &str) {
    graph.floats("epsilon", &[], &[EPSILON]).op("sum", "Add", &["variance", "epsilon"]).op("rsqrt", "Rsqrt", &["sum"]);
    graph.op("mul", "Mul", &["rsqrt", "gamma"]).op("mul_1", "Mul", &[input, "mul"]);
    graph.op("mul_2", "Mul", &["mean", "mul"]).op("sub", "Sub", &["beta", "mul_2"]).op("bn", "Add", &["mul_1", "sub"]);
}

/// A bias of 1 before the BatchNorm, and a factor of 2 behind it.
#[test]
fn a_chain_of_constants_behind_a_convolution_becomes_one_kernel_and_one_bias() {
    let mut source = GraphBuilder::with_input(&[None, Some(4), Some(4), Some(1)]);
    source.convolution("conv", "input", [1, 1, 1, 2], &[3.0, 5.0]);
    source.floats("bias", &[2], &[1.0, 1.0]).op("biased", "BiasAdd", &["conv", "bias"]);
    moments(&mut source, &[2]);
    unfused(&mut source, "biased");
    source.op("same", "Identity", &["bn"]).floats("two", &[], &[2.0]).op("twice", "Mul", &["two", "same"]);
    source.op("relu", "Relu", &["twice"]).pool("pool", "relu").product("logits", "pool", [2, 3]);
    let bytes = prepared(&source);
    let graph = graph(&bytes);
    let (kernel, bias) = weights(&graph, "conv", "twice");
    assert_close(&kernel.values, &[3.0 * SCALE[0] * 2.0, 5.0 * SCALE[1] * 2.0]);
    assert_close(&bias.values, &[(SCALE[0] + SHIFT[0]) * 2.0, (SCALE[1] + SHIFT[1]) * 2.0]);
    assert_eq!(
        ops(&graph),
        ["BiasAdd", "Const", "Const", "Const", "Const", "Conv2D", "MatMul", "Mean", "Placeholder", "Relu"]
    );
}

#[test]
fn fused_batch_norm_folds_in_every_version_and_layout() {
    for op in ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"] {
        for format in ["NHWC", "NCHW"] {
            let extents =
                if format == "NHWC" { [None, Some(4), Some(4), Some(1)] } else { [None, Some(1), Some(4), Some(4)] };
            let mut source = GraphBuilder::with_input(&extents);
            let format = || ("data_format", encode::text_attr(format));
            source.floats("kernel", &[1, 1, 1, 2], &[3.0, 5.0]);
            let float = || ("T", encode::dtype_attr(DataType::Float));
            let window = [
                float(),
                format(),
                ("strides", encode::ints_attr(&[1, 1, 1, 1])),
                ("padding", encode::text_attr("VALID")),
            ];
            source.node("conv", "Conv2D", &["input", "kernel"], &window);
            moments(&mut source, &[2]);
            let mut epsilon = vec![0x25];
            epsilon.extend_from_slice(&EPSILON.to_le_bytes());
            let attributes = [float(), format(), ("epsilon", epsilon), ("is_training", encode::flag_attr(false))];
            source.node("bn", op, &["conv", "gamma", "beta", "mean", "variance"], &attributes);
            source.ints("target", &[-1, 32]).op("flat", "Reshape", &["bn", "target"]).product(
                "logits",
                "flat",
                [32, 3],
            );
            let bytes = prepared(&source);
            let graph = graph(&bytes);
            let (kernel, bias) = weights(&graph, "conv", "bn");
            assert_close(&kernel.values, &[3.0 * SCALE[0], 5.0 * SCALE[1]]);
            assert_close(&bias.values, &SHIFT);
            assert_eq!(graph.node(graph.find("bn").unwrap()).text("data_format"), Some("NHWC"));
        }
    }
}

#[test]
fn depthwise_and_matrix_layers_fold_along_their_own_channels() {
    let mut source = GraphBuilder::with_input(&[None, Some(4), Some(4), Some(1)]);
    source.floats("deep_kernel", &[2, 1, 1, 2], &[3.0, 5.0, 7.0, 9.0]);
    let window = [
        ("T", encode::dtype_attr(DataType::Float)),
        ("strides", encode::ints_attr(&[1, 1, 1, 1])),
        ("padding", encode::text_attr("SAME")),
    ];
    source.node("deep", "DepthwiseConv2dNative", &["input", "deep_kernel"], &window);
    source
        .floats("factors", &[1, 1, 1, 2], &[10.0, 100.0])
        .op("scaled", "Mul", &["deep", "factors"])
        .pool("pool", "scaled");
    source.floats("kernel", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let transposed = [("T", encode::dtype_attr(DataType::Float)), ("transpose_b", encode::flag_attr(true))];
    source.node("product", "MatMul", &["pool", "kernel"], &transposed);
    source.floats("rows", &[2], &[10.0, 100.0]).op("logits", "Mul", &["product", "rows"]);
    let bytes = prepared(&source);
    let graph = graph(&bytes);
    assert_close(&weights(&graph, "deep", "scaled").0.values, &[30.0, 500.0, 70.0, 900.0]);
    assert_close(&weights(&graph, "product", "logits").0.values, &[10.0, 20.0, 300.0, 400.0]);
}

#[test]
fn what_varies_over_the_picture_or_is_used_twice_is_not_folded() {
    let mut source = GraphBuilder::with_input(&[None, Some(2), Some(2), Some(1)]);
    source.convolution("conv", "input", [1, 1, 1, 2], &[3.0, 5.0]);
    source.floats("map", &[1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).op(
        "mapped",
        "Mul",
        &["conv", "map"],
    );
    source.convolution("second", "mapped", [1, 1, 2, 2], &[1.0; 4]).floats("half", &[], &[0.5]);
    source.op("left", "Mul", &["second", "half"]).op("both", "Add", &["left", "second"]);
    source.pool("pool", "both").product("logits", "pool", [2, 3]);
    let bytes = prepared(&source);
    let graph = graph(&bytes);
    let kernel = |name: &str| graph.constant(graph.input(graph.find(name).unwrap(), 1).unwrap()).unwrap().values;
    assert_close(&kernel("conv"), &[3.0, 5.0]);
    assert_close(&kernel("second"), &[1.0; 4]);
}

/// Paddings of rows and columns before a 3 x 3 layer with stride 2, and the padding that the prepared layer has.
#[test]
fn a_pad_that_adds_what_same_does_is_left_to_the_layer() {
    for (side, [before, after], wanted) in
        [(8, [0, 1], "SAME"), (7, [1, 1], "SAME"), (8, [1, 1], "VALID"), (8, [1, 0], "VALID"), (7, [0, 1], "VALID")]
    {
        for op in ["Conv2D", "DepthwiseConv2dNative"] {
            let mut source = GraphBuilder::with_input(&[None, Some(side), Some(side), Some(1)]);
            let paddings: Vec<u8> =
                [0, 0, before, after, before, after, 0, 0].into_iter().flat_map(i32::to_le_bytes).collect();
            source.constant("paddings", DataType::Int32, &[4, 2], &paddings);
            source.op("same", "Identity", &["input"]).op("pad", "Pad", &["same", "paddings"]);
            source.floats("kernel", &[3, 3, 1, 2], &[0.5; 18]);
            let window = [
                ("T", encode::dtype_attr(DataType::Float)),
                ("strides", encode::ints_attr(&[1, 2, 2, 1])),
                ("padding", encode::text_attr("VALID")),
            ];
            source.node("conv", op, &["pad", "kernel"], &window);
            source.pool("pool", "conv").product("logits", "pool", [2, 3]);
            let bytes = prepared(&source);
            let graph = graph(&bytes);
            let conv = graph.find("conv").unwrap();
            let case = format!("{op}, side {side}, {before} and {after}");
            assert_eq!(graph.node(conv).text("padding"), Some(wanted), "{case}");
            assert_eq!(graph.find("pad").is_none(), wanted == "SAME", "{case}");
            assert_eq!(graph.input(conv, 0) == graph.find("input"), wanted == "SAME", "{case}");
        }
    }
}

#[test]
fn passages_and_control_inputs_are_left_out_and_names_stay() {
    let mut source = small_net(5);
    source.op("quiet", "CheckNumerics", &["logits"]).op("stopped", "StopGradient", &["quiet"]);
    source.node("end", "Identity", &["stopped", "^quiet"], &[("T", encode::dtype_attr(DataType::Float))]);
    let resolved = resolve(&source.bytes, &request(), &GraphLimits::default()).unwrap();
    let graph = graph(&resolved.graph);
    assert_eq!((resolved.input_tensor.as_str(), resolved.output_tensor.as_str()), ("input", "end"));
    assert!(graph.find("end").is_some() && graph.find("conv").is_some() && graph.find("quiet").is_none());
    assert!(graph.iter().all(|(_, node)| node.controls.is_empty()));
}

#[test]
fn an_input_of_another_type_gets_a_cast() {
    let mut source = GraphBuilder::default();
    source.placeholder("input", DataType::Half, &[None, Some(8), Some(8), Some(3)]);
    source.node(
        "floats",
        "Cast",
        &["input"],
        &[("SrcT", encode::dtype_attr(DataType::Half)), ("DstT", encode::dtype_attr(DataType::Float))],
    );
    source.convolution("conv", "floats", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 3],
    );
    let bytes = prepared(&source);
    let graph = graph(&bytes);
    assert_eq!(graph.node(graph.find("input").unwrap()).dtype("dtype"), Some(DataType::Float));
    let cast = graph.find("input/cast").unwrap();
    assert_eq!(graph.node(cast).dtype("DstT"), Some(DataType::Half));
    assert_eq!(graph.input(graph.find("floats").unwrap(), 0), Some(cast));
}

#[test]
fn attributes_that_old_graphs_lack_are_filled_in() {
    let mut source = small_net(5);
    source.node("softmax", "Softmax", &["logits"], &[]);
    let bytes = prepared(&source);
    let graph = graph(&bytes);
    assert_eq!(graph.node(graph.find("softmax").unwrap()).dtype("T"), Some(DataType::Float));
}

#[test]
fn an_unprepared_graph_is_the_files_own() {
    let source = small_net(5);
    let resolved = resolve_with(&source.bytes, &request(), &GraphLimits::default(), Preparation::None).unwrap();
    assert_eq!(resolved.graph, source.bytes);
}

/// Values by `tf.raw_ops.Dequantize` of TensorFlow 2.21 for the range -1.3 to 2.6.
#[test]
fn quantised_weights_expand_as_tensorflow_expands_them() {
    let codes = |dtype: DataType| if dtype == DataType::Quint8 { [0, 17, 128, 255] } else { [128, 251, 0, 127] };
    for (mode, dtype, wanted) in [
        ("MIN_COMBINED", DataType::Quint8, [-1.3, -1.04, 0.657_647, 2.6]),
        ("MIN_COMBINED", DataType::Qint8, [-1.3, 0.581_176_4, 0.657_647, 2.6]),
        ("MIN_FIRST", DataType::Quint8, [-1.3, -1.04, 0.657_647, 2.6]),
        ("MIN_FIRST", DataType::Qint8, [-1.3, 0.581_176_4, 0.657_647, 2.6]),
        ("SCALED", DataType::Quint8, [0.0, 0.173_333_32, 1.305_097_9, 2.6]),
        ("SCALED", DataType::Qint8, [-2.620_472_4, -0.102_362_2, 0.0, 2.6]),
    ] {
        let mut source = GraphBuilder::default();
        source.constant("codes", dtype, &[4], &codes(dtype)).floats("low", &[], &[-1.3]).floats("high", &[], &[2.6]);
        let attributes = [("T", encode::dtype_attr(dtype)), ("mode", encode::text_attr(mode))];
        source.node("weights", "Dequantize", &["codes", "low", "high"], &attributes);
        let graph = graph(&source.bytes);
        assert_close(&graph.constant(graph.find("weights").unwrap()).unwrap().values, &wanted);
    }
}
