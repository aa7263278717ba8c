//! Weights beside the graph: what is taken out, what stays, and kernels that are computed from the photo.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::borrow::Cow;

use menagerie_graph::{Detached, Graph, GraphError, GraphLimits, attr::Attr, detach, dtype::DataType, encode, parse};
use support::{GraphBuilder, seeds, small_net};

fn taken_apart(bytes: &[u8]) -> Detached<'_> {
    detach(bytes, &GraphLimits::default()).unwrap()
}

fn read(bytes: &[u8]) -> Graph<'_> {
    let limits = GraphLimits::default();
    Graph::build(parse::parse(bytes, &limits).unwrap(), &limits).unwrap()
}

fn ops(graph: &Graph<'_>) -> Vec<String> {
    graph.iter().map(|(_, node)| format!("{} {}", node.name, node.op)).collect()
}

#[test]
fn kernels_become_placeholders_of_their_shape_and_all_else_stays() {
    let source = small_net(5);
    let Detached { graph, weights } = taken_apart(&source.bytes);
    let found: Vec<_> = weights.iter().map(|weight| (weight.name, weight.shape.clone())).collect();
    assert_eq!(found, [("conv/kernel", vec![3, 3, 3, 4]), ("logits/kernel", vec![4, 5])]);
    assert_eq!(*weights[0].content, 0.1_f32.to_le_bytes().repeat(108));
    let (before, after) = (read(&source.bytes), read(&graph));
    let kernel = after.node(after.find("conv/kernel").unwrap());
    assert_eq!(kernel.attr("shape"), Some(Attr::Shape(Some(vec![Some(3), Some(3), Some(3), Some(4)]))));
    assert_eq!(kernel.dtype("dtype"), Some(DataType::Float));
    let wanted: Vec<_> = ops(&before).iter().map(|line| line.replace("/kernel Const", "/kernel Placeholder")).collect();
    assert_eq!(ops(&after), wanted);
    for (id, node) in before.iter().filter(|(_, node)| !node.name.ends_with("/kernel")) {
        assert_eq!(
            (&node.inputs, &node.attributes),
            (&after.node(id).inputs, &after.node(id).attributes),
            "{}",
            node.name
        );
    }
}

#[test]
fn a_constant_that_something_else_reads_stays() {
    let mut source = small_net(5);
    source.op("other", "Neg", &["conv/kernel"]);
    let names: Vec<_> = taken_apart(&source.bytes).weights.iter().map(|weight| weight.name).collect();
    assert_eq!(names, ["logits/kernel"]);
}

#[test]
fn a_kernel_that_is_stored_in_another_way_is_fed_as_floats() {
    let mut source = GraphBuilder::with_input(&[None, Some(2)]);
    // A shape without values: all of them are zero.
    source.constant("listed", DataType::Float, &[2, 2], &[]).op("first", "MatMul", &["input", "listed"]);
    // 1, 2, 3 and 4.
    source.constant("half", DataType::Half, &[2, 2], &[0, 0x3c, 0, 0x40, 0, 0x42, 0, 0x44]);
    let cast = [("SrcT", encode::dtype_attr(DataType::Half)), ("DstT", encode::dtype_attr(DataType::Float))];
    source.node("cast", "Cast", &["half"], &cast).op("second", "MatMul", &["first", "cast"]);
    source.constant("codes", DataType::Quint8, &[2, 2], &[0, 1, 2, 255]);
    source.floats("low", &[], &[0.0]).floats("high", &[], &[255.0]);
    let attributes = [("T", encode::dtype_attr(DataType::Quint8)), ("mode", encode::text_attr("MIN_FIRST"))];
    source.node("expanded", "Dequantize", &["codes", "low", "high"], &attributes);
    source.op("third", "MatMul", &["second", "expanded"]);
    let Detached { graph, weights } = taken_apart(&source.bytes);
    let found: Vec<_> = weights.iter().map(|weight| (weight.name, weight.shape.as_slice(), &*weight.content)).collect();
    let bytes = |values: [f32; 4]| values.map(f32::to_le_bytes).concat();
    let (cast, expanded) = (bytes([1.0, 2.0, 3.0, 4.0]), bytes([0.0, 1.0, 2.0, 255.0]));
    let square = &[2, 2][..];
    assert_eq!(
        found,
        [("listed", square, &[0; 16][..]), ("cast", square, &cast[..]), ("expanded", square, &expanded[..])]
    );
    let wanted = [
        "input Placeholder",
        "listed Placeholder",
        "first MatMul",
        "cast Placeholder",
        "second MatMul",
        "expanded Placeholder",
        "third MatMul",
    ];
    assert_eq!(ops(&read(&graph)), wanted, "what they were computed of is gone");
}

/// Whether libtensorflow takes it is for libtensorflow to say.
#[test]
fn a_kernel_of_another_type_stays() {
    let mut source = GraphBuilder::with_input(&[None, Some(2)]);
    source.constant("half", DataType::Half, &[2, 2], &[0; 8]);
    source.node("first", "MatMul", &["input", "half"], &[("T", encode::dtype_attr(DataType::Half))]);
    source.op("second", "MatMul", &["input", "half"]);
    source.constant("integers", DataType::Int32, &[2, 2], &[0; 16]).op("third", "MatMul", &["input", "integers"]);
    assert!(taken_apart(&source.bytes).weights.is_empty());
}

#[test]
fn a_layer_whose_kernel_is_computed_from_the_photo_computes_in_float64() {
    let mut source = GraphBuilder::with_input(&[Some(2), Some(2)]);
    source.op("input/float64", "Neg", &["input"]);
    let attributes = [("T", encode::dtype_attr(DataType::Float)), ("transpose_a", encode::flag_attr(true))];
    source.node("product", "MatMul", &["input", "input/float64"], &attributes).op("end", "Relu", &["product"]);
    let Detached { graph, weights } = taken_apart(&source.bytes);
    assert!(weights.is_empty());
    let graph = read(&graph);
    assert_eq!(
        ops(&graph),
        [
            "input Placeholder",
            "input/float64 Neg",
            "product/image64 Cast",
            "product/kernel64 Cast",
            "product/float64 MatMul",
            "product Cast",
            "end Relu"
        ]
    );
    let layer = graph.node(graph.find("product/float64").unwrap());
    assert_eq!(layer.dtype("T"), Some(DataType::Double));
    assert!(layer.flag("transpose_a"));
    let back = graph.node(graph.find("product").unwrap());
    assert_eq!((back.dtype("SrcT"), back.dtype("DstT")), (Some(DataType::Double), Some(DataType::Float)));
}

#[test]
fn a_fused_layer_whose_kernel_is_computed_from_the_photo_is_refused() {
    let mut source = GraphBuilder::with_input(&[Some(2), Some(2)]);
    source.floats("bias", &[2], &[1.0, 2.0]);
    let attributes = [("T", encode::dtype_attr(DataType::Float)), ("num_args", encode::int_attr(1))];
    source.node("product", "_FusedMatMul", &["input", "input", "bias"], &attributes);
    let error = detach(&source.bytes, &GraphLimits::default()).unwrap_err();
    let GraphError::OpForbidden(op) = &error else { panic!("{error}") };
    assert_eq!((op.op.as_str(), op.node.as_str()), ("_FusedMatMul", "product"));
    assert!(error.to_string().contains("computed from the photo"), "{error}");
}

#[test]
fn of_every_graph_the_scores_are_left_and_no_kernel_twice() {
    for bytes in seeds(30 << 20) {
        let Ok(prepared) = menagerie_graph::resolve(&bytes, &support::request(), &GraphLimits::default()) else {
            continue;
        };
        let Detached { graph, weights } = taken_apart(&prepared.graph);
        let after = read(&graph);
        assert!(after.find(&prepared.output_tensor).is_some() && after.find(&prepared.input_tensor).is_some());
        for weight in &weights {
            assert_eq!(after.node(after.find(weight.name).unwrap()).op, "Placeholder");
        }
        let borrowed = weights.iter().filter(|weight| matches!(weight.content, Cow::Borrowed(_)));
        let content: usize = borrowed.map(|weight| weight.content.len()).sum();
        assert!(graph.len() + content <= prepared.graph.len() + 64 * weights.len());
    }
}
