//! Graphs cut off behind their features, and with a new class layer on them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::{fs, path::Path};

use menagerie_contract::{
    ChannelOrder, Dtype, InputSpec, ModelSpec, OutputKind, Resize, ResizeFilter, Source, SpecOverrides,
};
use menagerie_graph::{
    Graph, GraphError, GraphLimits,
    base::{Dense, End, Retrained, retrain},
    dtype::DataType,
    encode, parse, resolve,
};
use support::{GraphBuilder, Random, request, small_net, with};

fn cut(graph: &[u8], named: Option<&str>, end: End<'_>) -> Result<Retrained, GraphError> {
    retrain(graph, &request(), named, end, &GraphLimits::default())
}

fn head<'h>(weights: &'h [f32], biases: &'h [f32]) -> End<'h> {
    End::Head { hidden: None, classes: Dense { weights, biases } }
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

    let taught = cut(&net, None, head(&[0.5; 12], &[0.0; 3])).unwrap().graph;
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
    let odd = cut(&net, None, head(&[0.0; 7], &[0.0; 2])).unwrap_err().to_string();
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
        let taught = cut(&graph, None, head(&weights, &[0.0; 3])).unwrap();
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

/// How the maker of a real graph feeds it, as far as a manifest would say it.
fn stated(meta: &serde_json::Value) -> SpecOverrides {
    let preprocess = &meta["preprocess"];
    let numbers = |field: &str| match preprocess[field].as_array() {
        Some(values) => values.iter().map(|value| value.as_f64().unwrap() as f32).collect(),
        None => vec![preprocess[field].as_f64().unwrap() as f32],
    };
    let words = preprocess["resize"].as_str().unwrap();
    let is_cut = words.contains("centre crop");
    SpecOverrides {
        mean: Some(numbers("mean")),
        std: Some(numbers("std")),
        channel_order: match preprocess["order"].as_str().unwrap() {
            "gray" => None,
            "bgr" => Some(ChannelOrder::Bgr),
            _ => Some(ChannelOrder::Rgb),
        },
        width: preprocess["size"].as_u64().map(|size| size as u32),
        height: preprocess["size"].as_u64().map(|size| size as u32),
        resize: Some(match words {
            _ if is_cut => Resize::CenterCrop,
            _ if words.contains("pad to") => Resize::Pad,
            _ => Resize::Stretch,
        }),
        crop_fraction: is_cut.then_some(227.0 / 256.0),
        resize_filter: Some(match words {
            _ if words.contains("no antialias") => ResizeFilter::Bilinear,
            _ => ResizeFilter::Antialias,
        }),
        ..SpecOverrides::default()
    }
}

/// Teaches a base that is fed as `settings` say, and reads the new graph with nothing said.
fn assert_told(name: &str, graph: &[u8], settings: SpecOverrides) -> Option<bool> {
    let request = with(settings);
    let limits = GraphLimits::default();
    let wanted = resolve(graph, &request, &limits).unwrap().spec.input;
    let size = match retrain(graph, &request, None, End::Features, &limits) {
        Ok(found) => found.features.size as usize,
        Err(GraphError::NoFeatures(_)) => return None,
        Err(error) => panic!("{name}: {error}"),
    };
    let (weights, inner) = (vec![0.01; size * 3], vec![0.01; size * 4]);
    let classes = Dense { weights: &weights, biases: &[0.0; 3] };
    let plain = retrain(graph, &request, None, End::Head { hidden: None, classes }, &limits).unwrap().graph;
    let hidden = Some(Dense { weights: &inner, biases: &[0.0; 4] });
    let behind = Dense { weights: &[0.1; 12], biases: &[0.0; 3] };
    let deep = retrain(graph, &request, None, End::Head { hidden, classes: behind }, &limits).unwrap().graph;
    let mut is_inside = false;
    for taught in [&plain, &deep] {
        let ModelSpec { input, output, verdict, .. } = spec_of(taught);
        is_inside = input.dtype != wanted.dtype;
        let expected = InputSpec { tensor: "input".into(), batch: input.batch, ..wanted.clone() };
        let expected = if is_inside {
            let channels = wanted.channels as usize;
            let order = if channels == 1 { ChannelOrder::Gray } else { ChannelOrder::Rgb };
            let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
            InputSpec { dtype: Dtype::Uint8, mean, std, channel_order: order, ..expected }
        } else {
            // Near enough is the same: what is found has other last digits.
            InputSpec { mean: input.mean.clone(), std: input.std.clone(), ..expected }
        };
        assert_eq!(input, expected, "{name}");
        let close = |one: &[f32], other: &[f32]| {
            one.iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs().max(b.abs()))
        };
        assert!(is_inside || close(&input.mean, &wanted.mean) && close(&input.std, &wanted.std), "{name}");
        assert_eq!(
            (output.tensor.as_str(), output.kind, output.classes),
            ("final_result", OutputKind::Softmax, 3),
            "{name}"
        );
        assert!(verdict.allowed, "{name}");
    }
    Some(is_inside)
}

#[test]
fn every_base_with_a_new_class_layer_is_read_right_with_nothing_said() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for id in ["flowers5", "waste6"] {
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(models.join(id).join("manifest.json")).unwrap()).unwrap();
        let field = |name: &str| manifest["input"][name].clone();
        let settings = serde_json::json!({
            "mean": field("mean"), "std": field("std"), "channel_order": field("channel_order"),
            "resize": field("resize"), "crop_fraction": field("crop_fraction"), "resize_filter": field("resize_filter"),
        });
        let graph = fs::read(models.join(id).join("graph.pb")).unwrap();
        assert_eq!(
            assert_told(id, &graph, serde_json::from_value(settings).unwrap()),
            Some(false),
            "{id} tells its scaling"
        );
    }
    let Some(zoo) = support::shared("zoo-data") else { return };
    let mut folders: Vec<_> = fs::read_dir(zoo).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut inside, mut without) = (Vec::new(), Vec::new());
    for folder in folders {
        let (Ok(graph), Ok(meta)) = (fs::read(folder.join("graph.pb")), fs::read(folder.join("meta.json"))) else {
            continue;
        };
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        match assert_told(&name, &graph, stated(&serde_json::from_slice(&meta).unwrap())) {
            Some(true) => inside.push(name),
            Some(false) => {}
            None => without.push(name),
        }
    }
    let untold = [
        "cifar10_samplenet_nchw",
        "dice6_rank3_logits",
        "imagenet_mobilenet_v1_0.50_224_quantized",
        "imagenet_mobilenet_v2_1.0_224",
        "vehicles3_dwconv_64",
        "wordornot_logits_labels_placeholder",
    ];
    assert_eq!(inside, untold, "they have their scaling inside; 128 is not the 127.5 that is found in three of them");
    assert_eq!(without, ["mnist_softmax_noshape"], "its class layer takes the pixels");
}

#[test]
fn a_note_on_the_image_says_how_photos_are_fitted_and_one_that_is_none_says_nothing() {
    let noted = |note: &str| {
        let extents = vec![None, Some(8), Some(8), Some(3)];
        let mut net = GraphBuilder::default();
        let shape = ("shape", encode::shape_attr(&extents));
        let dtype = ("dtype", encode::dtype_attr(DataType::Float));
        net.node("input", "Placeholder", &[], &[dtype, shape, ("_menagerie", encode::text_attr(note))]);
        net.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]).op("relu", "Relu", &["conv"]);
        spec_of(&net.pool("pool", "relu").product("logits", "pool", [4, 5]).bytes)
    };
    let plain = spec_of(&small_net(5).bytes).input;
    let spec = noted(r#"{"resize":"pad","channel_order":"BGR","mean":[9]}"#);
    assert_eq!((spec.input.resize, spec.input.channel_order), (Resize::Pad, ChannelOrder::Bgr));
    assert_eq!(spec.input.mean, plain.mean, "scalings are read from what the graph computes");
    let entry = spec.evidence.iter().find(|entry| entry.field == "input.resize").unwrap();
    assert_eq!((entry.source, entry.because.as_str()), (Source::Read, "the graph's own note says so"));
    for note in ["{", r#"{"resize":"sideways"}"#, r#"{"crop_fraction":7}"#, r#"{"resize":"pad","x":1}"#] {
        assert_eq!(noted(note).input, plain, "{note}");
    }
}
