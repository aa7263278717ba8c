//! Graphs of images with their channels first, which are written with channels last. That they answer as before is for the
//! engine's tests.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use menagerie_contract::Layout;
use menagerie_graph::{
    Graph, GraphLimits,
    attr::Attr,
    dtype::DataType,
    encode::{self, int_attr, ints_attr},
    parse, resolve,
};
use support::{GraphBuilder, request};

/// A convolution of a photo with channels first, and what `between` puts between it and the mean of rows and columns.
fn source(between: impl FnOnce(&mut GraphBuilder) -> &str) -> GraphBuilder {
    let mut source = GraphBuilder::with_input(&[None, Some(3), Some(8), Some(6)]);
    source.floats("kernel", &[3, 3, 3, 4], &[0.5; 108]);
    let window = [
        ("T", encode::dtype_attr(DataType::Float)),
        ("data_format", encode::text_attr("NCHW")),
        ("strides", ints_attr(&[1, 1, 2, 3])),
        ("padding", encode::text_attr("SAME")),
    ];
    source.node("conv", "Conv2D", &["input", "kernel"], &window);
    let end = between(&mut source).to_owned();
    source.ints("axes", &[2, 3]).op("pool", "Mean", &[&end, "axes"]).product("scores", "pool", [4, 3]);
    source
}

#[test]
fn layers_keep_their_names_and_kernels_and_the_photo_is_fed_turned() {
    let source = source(|source| {
        source.op("relu", "Relu", &["conv"]);
        "relu"
    });
    let limits = GraphLimits::default();
    let resolved = resolve(&source.bytes, &request(), &limits).unwrap();
    assert_eq!((resolved.spec.input.layout, resolved.input_layout), (Layout::Nchw, Layout::Nhwc));
    assert_eq!((resolved.input_tensor.as_str(), resolved.output_tensor.as_str()), ("input", "scores"));
    let graph = Graph::build(parse::parse(&resolved.graph, &limits).unwrap(), &limits).unwrap();
    let node = |name: &str| graph.node(graph.find(name).unwrap());
    assert_eq!(node("input").attr("shape"), Some(Attr::Shape(Some(vec![None, Some(8), Some(6), Some(3)]))));
    let conv = node("conv");
    assert_eq!((conv.text("data_format"), conv.ints("strides")), (Some("NHWC"), Some(vec![1, 2, 3, 1])));
    assert_eq!(graph.node(conv.inputs[0].node).name, "input");
    assert_eq!(graph.constant(conv.inputs[1].node).unwrap().shape, [3, 3, 3, 4]);
    assert_eq!(graph.constant_ints(node("pool").inputs[1].node), Some(vec![1, 2]));
    assert_eq!(graph.len(), 8, "nothing is added, and what is read no more is left out");
}

#[test]
fn parts_that_nothing_reads_cost_nothing() {
    let source = source(|source| {
        source.constant("axis", DataType::Int32, &[], &0_i32.to_le_bytes());
        let parts = [("T", encode::dtype_attr(DataType::Float)), ("num_split", int_attr(i64::from(u32::MAX)))];
        source.node("parts", "Split", &["axis", "conv"], &parts).op("end", "Relu", &["parts:4000000000"]);
        "end"
    });
    // Whether there are as many is for libtensorflow to say.
    let resolved = resolve(&source.bytes, &request(), &GraphLimits::default()).unwrap();
    assert!(resolved.graph.len() < source.bytes.len() + 1000);
}
