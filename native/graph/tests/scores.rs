//! What the values at the end of a graph are: scores of classes, one logit, probabilities however they are spelled, or
//! something that is no class at all.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::fs;

use menagerie_contract::{LoadRequest, ModelSpec, OutputKind, SpecOverrides};
use menagerie_graph::{GraphError, GraphLimits, encode, inspect, labels, resolve};
use support::{GraphBuilder, request, small_net, with};

/// A name, and what stands behind the last layer.
type Form = (&'static str, fn(&mut GraphBuilder));

fn inspected(graph: &GraphBuilder, request: &LoadRequest) -> ModelSpec {
    inspect(&graph.bytes, request, &GraphLimits::default()).unwrap()
}

fn labelled(count: u32) -> LoadRequest {
    LoadRequest { label_count: Some(count), ..request() }
}

fn named(output: &str) -> LoadRequest {
    with(SpecOverrides { output_tensor: Some(output.into()), ..SpecOverrides::default() })
}

/// Warnings of the output alone.
fn doubts(spec: &ModelSpec) -> Vec<&String> {
    spec.warnings.iter().filter(|warning| warning.starts_with("Output ")).collect()
}

/// A net of `classes` values whose last layer is a product named `name`.
fn net_ending_in(name: &str, classes: u64) -> GraphBuilder {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]).op("relu", "Relu", &["conv"]).pool("pool", "relu");
    graph.product(name, "pool", [4, classes]);
    graph
}

/// A net of one value that goes on as `more` has it, from `dense/product` to a node `end`.
fn single(more: impl Fn(&mut GraphBuilder)) -> GraphBuilder {
    let mut graph = net_ending_in("dense/product", 1);
    graph.floats("zero", &[], &[0.0]).floats("one", &[], &[1.0]).floats("half", &[], &[0.5]);
    graph.floats("minus", &[1], &[-1.0]).ints("last", &[1]).ints("all", &[-1]).ints("column", &[-1, 1]);
    more(&mut graph);
    graph
}

#[test]
fn one_value_without_a_sigmoid_is_the_logit_of_the_second_of_two_labels() {
    let reshapes: [Form; 7] = [
        ("as it is", |_| {}),
        ("bias", |graph| {
            graph.floats("bias", &[1], &[0.3]).op("end", "BiasAdd", &["dense/product", "bias"]);
        }),
        ("identity", |graph| {
            graph.op("through", "Identity", &["dense/product"]).op("end", "StopGradient", &["through"]);
        }),
        ("squeeze of all axes", |graph| {
            graph.op("end", "Squeeze", &["dense/product"]);
        }),
        ("list", |graph| {
            graph.op("end", "Reshape", &["dense/product", "all"]);
        }),
        ("column", |graph| {
            graph.op("middle", "Squeeze", &["dense/product"]).op("end", "Reshape", &["middle", "column"]);
        }),
        ("scaled", |graph| {
            graph.op("end", "Mul", &["dense/product", "half"]);
        }),
    ];
    for (form, more) in reshapes {
        let graph = single(more);
        let spec = inspected(&graph, &labelled(2));
        assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Logits, 1), "{form}");
        assert_eq!(doubts(&spec), Vec::<&String>::new(), "{form}");
        assert_eq!(spec.input.batch, None, "{form}");
        let labels = labels::read(b"roses\nsunflowers\n").unwrap();
        let (_, names) = labels.align(spec.output.classes, spec.output.kind, None).unwrap();
        assert_eq!(names, ["roses", "sunflowers"], "{form}");
    }
}

#[test]
fn one_value_of_a_graph_with_a_fixed_batch_is_one_for_each_image() {
    let mut graph = GraphBuilder::with_input(&[Some(4), Some(8), Some(8), Some(3)]);
    graph.pool("pool", "input").product("dense", "pool", [3, 1]).ints("all", &[-1]).op(
        "end",
        "Reshape",
        &["dense", "all"],
    );
    assert_eq!(inspected(&graph, &labelled(2)).output.classes, 1);
}

#[test]
fn a_sigmoid_is_known_by_what_it_does_in_every_spelling() {
    let spellings: [Form; 7] = [
        ("op", |graph| {
            graph.op("end", "Sigmoid", &["dense/product"]);
        }),
        ("reciprocal", |graph| {
            graph.op("neg", "Neg", &["dense/product"]).op("exp", "Exp", &["neg"]).op("sum", "AddV2", &["exp", "one"]);
            graph.op("end", "Reciprocal", &["sum"]);
        }),
        ("quotient", |graph| {
            graph.op("neg", "Mul", &["minus", "dense/product"]).op("exp", "Exp", &["neg"]);
            graph.op("sum", "Add", &["one", "exp"]).op("end", "RealDiv", &["one", "sum"]);
        }),
        ("exponentials", |graph| {
            graph.op("exp", "Exp", &["dense/product"]).op("sum", "AddV2", &["exp", "one"]);
            graph.op("end", "RealDiv", &["exp", "sum"]);
        }),
        ("tanh", |graph| {
            graph.op("small", "Mul", &["dense/product", "half"]).op("tanh", "Tanh", &["small"]);
            graph.op("sum", "AddV2", &["tanh", "one"]).op("end", "Mul", &["sum", "half"]);
        }),
        ("clipped line", |graph| {
            graph.op("line", "AddV2", &["dense/product", "half"]).op("most", "Minimum", &["line", "one"]);
            graph.op("end", "Maximum", &["most", "zero"]);
        }),
        ("behind a squeeze", |graph| {
            graph.op("flat", "Squeeze", &["dense/product"]).op("end", "Sigmoid", &["flat"]);
        }),
    ];
    for (form, more) in spellings {
        let graph = single(more);
        for request in [request(), labelled(2), named("end")] {
            let spec = inspected(&graph, &request);
            assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Sigmoid, 1), "{form}");
            assert_eq!(spec.output.tensor, "end", "{form}");
            assert_eq!(doubts(&spec), Vec::<&String>::new(), "{form}");
        }
    }
}

#[test]
fn a_probability_beside_what_it_lacks_is_that_of_two_classes() {
    let graph = single(|graph| {
        graph.op("p", "Sigmoid", &["dense/product"]).op("q", "Sub", &["one", "p"]);
        graph.node("end", "ConcatV2", &["p", "q", "last"], &[]);
    });
    for request in [request(), labelled(2), named("end")] {
        let spec = inspected(&graph, &request);
        assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Softmax, 2));
        assert_eq!(spec.output.tensor, "end");
    }
}

#[test]
fn a_softmax_of_one_value_is_refused_whoever_asks_for_it() {
    let graph = single(|graph| {
        graph.op("end", "Softmax", &["dense/product"]);
    });
    for kind in [None, Some(OutputKind::Logits), Some(OutputKind::Softmax)] {
        let asked = with(SpecOverrides { output_kind: kind, ..SpecOverrides::default() });
        let error = resolve(&graph.bytes, &asked, &GraphLimits::default()).unwrap_err();
        assert!(error.to_string().contains("always 1"), "{error}");
    }
    let asked = with(SpecOverrides { output_kind: Some(OutputKind::Softmax), ..SpecOverrides::default() });
    let error = resolve(&single(|_| {}).bytes, &asked, &GraphLimits::default()).unwrap_err();
    assert!(matches!(&error, GraphError::Override { field: "output_kind", .. }), "{error}");
    assert!(error.to_string().contains("`logits`"), "{error}");
}

#[test]
fn one_unbounded_value_that_nobody_calls_a_class_is_warned_of() {
    let spec = inspected(&single(|_| {}), &request());
    assert!(doubts(&spec)[0].contains("regression"), "{:?}", spec.warnings);
    assert_eq!(doubts(&inspected(&net_ending_in("head/logits", 1), &request())), Vec::<&String>::new());
    let said = with(SpecOverrides { output_kind: Some(OutputKind::Logits), ..SpecOverrides::default() });
    assert_eq!(doubts(&inspected(&single(|_| {}), &said)), Vec::<&String>::new());
    let rectified = single(|graph| {
        graph.op("age", "Relu", &["dense/product"]);
    });
    assert!(doubts(&inspected(&rectified, &labelled(2)))[0].contains("never negative"));
}

#[test]
fn a_class_layer_may_be_written_as_an_einsum() {
    for (equation, extents) in [("ab,bc->ac", [4, 5]), ("ij, kj -> ik", [5, 4])] {
        let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
        graph
            .convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108])
            .op("relu", "Relu", &["conv"])
            .pool("pool", "relu");
        graph.floats("kernel", &extents, &[0.1; 20]);
        let equation = [("equation", encode::text_attr(equation))];
        graph.node("dense/Einsum", "Einsum", &["pool", "kernel"], &equation);
        graph.floats("bias", &[5], &[0.1; 5]).op("dense/add", "AddV2", &["dense/Einsum", "bias"]);
        let spec = inspected(&graph, &labelled(5));
        assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Logits, 5));
        assert_eq!(doubts(&spec), Vec::<&String>::new());
    }
}

#[test]
fn a_net_without_a_class_layer_is_warned_of_until_its_labels_fit() {
    let mut pooled = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    pooled.convolution("conv", "input", [3, 3, 3, 16], &[0.1; 432]).op("relu", "Relu6", &["conv"]).pool("pool", "relu");
    let mut scaled = net_ending_in("dense", 16);
    scaled.op("square", "Square", &["dense"]).ints("axis", &[1]).op("sum", "Sum", &["square", "axis"]);
    scaled.op("rsqrt", "Rsqrt", &["sum"]).op("unit", "Mul", &["dense", "rsqrt"]);
    let named = net_ending_in("face_embedding", 16);
    let mut swished = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    swished.convolution("conv", "input", [3, 3, 3, 16], &[0.1; 432]).op("gate", "Sigmoid", &["conv"]);
    swished.op("swish", "Mul", &["conv", "gate"]).pool("pool", "swish");
    let mut gated = net_ending_in("dense", 16);
    gated.op("gate", "Sigmoid", &["dense"]).op("end", "Mul", &["dense", "gate"]);
    let mut sharpened = net_ending_in("dense", 16);
    sharpened.floats("beta", &[], &[1.0]).op("sharp", "Mul", &["dense", "beta"]).op("gate", "Sigmoid", &["sharp"]);
    sharpened.op("end", "Mul", &["dense", "gate"]);
    let mut normalised = net_ending_in("dense", 16);
    normalised.floats("variance", &[16], &[0.5; 16]).floats("mean", &[16], &[0.1; 16]).op(
        "rsqrt",
        "Rsqrt",
        &["variance"],
    );
    normalised.op("norm", "Mul", &["dense", "rsqrt"]).op("end", "Sub", &["norm", "mean"]);
    let mut graphs = vec![("pooled", pooled), ("scaled", scaled), ("named", named), ("swish", swished)];
    graphs.extend([("swish at the end", gated), ("with beta", sharpened), ("batch normalisation", normalised)]);
    graphs.extend(["Relu", "Elu", "Selu", "LeakyRelu", "Softplus", "Softsign", "Tanh"].map(|activation| {
        let mut graph = net_ending_in("dense", 16);
        graph.op("through", "Identity", &["dense"]).op("end", activation, &["through"]);
        (activation, graph)
    }));
    for (form, graph) in graphs {
        let spec = inspected(&graph, &request());
        assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Logits, 16), "{form}");
        assert!(doubts(&spec).iter().any(|warning| warning.contains("16 features")), "{form}: {:?}", spec.warnings);
        assert_eq!(doubts(&inspected(&graph, &labelled(16))), Vec::<&String>::new(), "{form}");
        assert!(!doubts(&inspected(&graph, &labelled(3))).is_empty(), "{form}");
    }
    let mut tempered = net_ending_in("dense", 16);
    tempered.floats("temperature", &[], &[1.7]).floats("bias", &[16], &[0.3; 16]);
    tempered.op("biased", "BiasAdd", &["dense", "bias"]).op("end", "RealDiv", &["biased", "temperature"]);
    for graph in [small_net(16), tempered] {
        assert_eq!(doubts(&inspected(&graph, &request())), Vec::<&String>::new());
    }
}

#[test]
fn a_real_net_of_one_logit_is_told_apart_by_its_sign() {
    let Some(folder) = support::shared("tries/single-logit") else { return };
    let graph = fs::read(folder.join("graph.pb")).unwrap();
    let spec = resolve(&graph, &labelled(2), &GraphLimits::default()).unwrap().spec;
    assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Logits, 1));
    let names = fs::read(folder.join("labels.txt")).unwrap();
    let (_, names) = labels::read(&names).unwrap().align(1, spec.output.kind, None).unwrap();
    assert_eq!(names, ["roses", "sunflowers"]);
}
