//! Graphs cut off behind their features, and with a new class layer on them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::fs;

use menagerie_contract::{InputSpec, ModelSpec, OutputKind, SpecOverrides};
use menagerie_graph::{
    Graph, GraphError, GraphLimits,
    base::{End, Retrained, retrain},
    parse, resolve,
};
use support::{GraphBuilder, Random, request, small_net, with};

fn cut(graph: &[u8], named: Option<&str>, end: End<'_>) -> Result<Retrained, GraphError> {
    retrain(graph, &request(), named, end, &GraphLimits::default())
}

fn spec_of(graph: &[u8]) -> ModelSpec {
    resolve(graph, &request(), &GraphLimits::default()).unwrap().spec
}

fn ops(file: &[u8]) -> Vec<String> {
    let limits = GraphLimits::default();
    let graph = Graph::build(parse::parse(file, &limits).unwrap(), &limits).unwrap();
    graph.iter().filter(|(_, node)| node.op != "Const").map(|(_, node)| format!("{} {}", node.op, node.name)).collect()
}

#[test]
fn what_the_class_layer_takes_are_the_features_and_a_new_one_takes_its_place() {
    let net = small_net(5).op("softmax", "Softmax", &["logits"]).bytes.clone();
    let features = cut(&net, None, End::Features).unwrap();
    assert_eq!((features.features.tensor.as_str(), features.features.size, features.has_mirror), ("pool", 4, true));
    let [tensor, size] = features.features.evidence.as_slice() else { panic!("two fields") };
    assert!(tensor.because.contains("the MatMul \"logits\""), "{}", tensor.because);
    assert!(size.because.contains("4 values"), "{}", size.because);
    let before = ["Placeholder input", "Conv2D conv", "Relu relu", "Mean pool", "Reshape features"];
    assert_eq!(ops(&features.graph), before);
    let mirrored = cut(&net, None, End::MirroredFeatures).unwrap();
    assert!(ops(&mirrored.graph).contains(&"ReverseV2 input/mirrored".to_owned()));

    let taught = cut(&net, None, End::Head { weights: &[0.5; 12], biases: &[0.0; 3] }).unwrap().graph;
    let spec = spec_of(&taught);
    assert_eq!(
        (spec.output.tensor.as_str(), spec.output.kind, spec.output.classes),
        ("final_result", OutputKind::Softmax, 3)
    );
    assert!(spec.verdict.allowed);
    let again = cut(&taught, None, End::Features).unwrap();
    assert_eq!((again.features.tensor.as_str(), again.features.size), ("features", 4));
    assert!(ops(&again.graph).contains(&"Reshape features/base".to_owned()), "{:?}", ops(&again.graph));
}

#[test]
fn a_picture_of_features_is_averaged() {
    let mut net = small_net(5);
    net.convolution("classes", "relu", [1, 1, 4, 6], &[0.1; 24]).pool("last", "classes").op(
        "out",
        "Softmax",
        &["last"],
    );
    let end = with(SpecOverrides { output_tensor: Some("out".into()), ..SpecOverrides::default() });
    let found = retrain(&net.bytes, &end, None, End::Features, &GraphLimits::default()).unwrap();
    assert_eq!(
        (found.features.tensor.as_str(), found.features.averaged, found.features.size),
        ("relu", Some([1, 2]), 4)
    );
    assert!(ops(&found.graph).contains(&"Mean features".to_owned()));
}

#[test]
fn features_are_those_that_are_named_and_other_names_are_refused() {
    let net = small_net(5).bytes.clone();
    let named = cut(&net, Some("logits"), End::Features).unwrap();
    assert_eq!((named.features.tensor.as_str(), named.features.size), ("logits", 5));
    for (name, words) in [("nothing", "no such node"), ("input", "does not depend on the image")] {
        let error = cut(&net, Some(name), End::Features).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let odd = cut(&net, None, End::Head { weights: &[0.0; 7], biases: &[0.0; 2] }).unwrap_err().to_string();
    assert!(odd.contains("do not fit 4 features and 2 classes"), "{odd}");
}

#[test]
fn a_graph_whose_only_layer_takes_the_image_has_no_features() {
    let mut flat = GraphBuilder::with_input(&[None, Some(784)]);
    flat.product("logits", "input", [784, 10]).op("softmax", "Softmax", &["logits"]);
    assert!(matches!(cut(&flat.bytes, None, End::Features), Err(GraphError::NoFeatures(_))));
}

/// Nets whose pre-processing is read out of their convolutions, whatever class layer and names they have.
const READ_ALIKE: &str = "mobilenet";

#[test]
fn real_graphs_are_cut_off_and_mobilenets_are_read_as_before_with_a_new_class_layer() {
    let Some(zoo) = support::shared("zoo-data") else { return };
    let mut folders: Vec<_> = fs::read_dir(zoo).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut alike, mut without) = (0, Vec::new());
    for folder in folders {
        let Ok(graph) = fs::read(folder.join("graph.pb")) else { continue };
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(found) = cut(&graph, None, End::Features) else {
            without.push(name);
            continue;
        };
        let mut random = Random(1);
        let weights: Vec<f32> = (0..found.features.size * 3).map(|_| random.below(201) as f32 / 1000.0 - 0.1).collect();
        let taught = cut(&graph, None, End::Head { weights: &weights, biases: &[0.0; 3] }).unwrap();
        let (before, after) = (spec_of(&graph), spec_of(&taught.graph));
        let names = (after.input.tensor.as_str(), after.output.tensor.as_str(), after.output.classes);
        assert_eq!(names, ("input", "final_result", 3), "{name}");
        if name.contains(READ_ALIKE) {
            assert_eq!(
                InputSpec { tensor: String::new(), ..before.input },
                InputSpec { tensor: String::new(), ..after.input },
                "{name}"
            );
            alike += 1;
        }
    }
    assert_eq!(alike, 7);
    assert_eq!(without, ["mnist_softmax_noshape"], "its class layer takes the pixels");
}
