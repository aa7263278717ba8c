//! Graphs written as ONNX models: whole ones, or a refusal that names the op; never a panic.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::PathBuf,
};

use menagerie_contract::ErrorCode;
use menagerie_graph::{
    Graph, GraphError, GraphLimits, Resolved, dtype::DataType, encode::dtype_attr, onnx, parse, resolve, wire::Fields,
};
use support::{GraphBuilder, Random, change, made, request, seeds, small_net};

/// Changed graphs that are tried.
const ROUNDS: u32 = 3000;
/// Of them, models that are written down for the checker.
const KEPT: usize = 200;

fn resolved(graph: &GraphBuilder) -> Resolved {
    resolve(&graph.bytes, &request(), &GraphLimits::default()).unwrap()
}

fn written(graph: &GraphBuilder) -> Result<onnx::OnnxModel, GraphError> {
    onnx::write(&resolved(graph), &GraphLimits::default())
}

/// What the test of structure reads of a model.
struct Model<'m> {
    nodes: Vec<Node<'m>>,
    /// Names with extents, element type and bytes of values.
    initializers: Vec<(&'m str, Vec<i64>, i64, usize)>,
    inputs: Vec<&'m str>,
    outputs: Vec<&'m str>,
}

struct Node<'m> {
    op: &'m str,
    inputs: Vec<&'m str>,
    outputs: Vec<&'m str>,
}

impl<'m> Model<'m> {
    fn read(bytes: &'m [u8]) -> Self {
        let mut model = Self { nodes: vec![], initializers: vec![], inputs: vec![], outputs: vec![] };
        for (number, value) in Fields::new(part(bytes, 7)).map(Result::unwrap) {
            match number {
                1 => {
                    let body = value.bytes(1).unwrap();
                    let op = std::str::from_utf8(part(body, 4)).unwrap();
                    model.nodes.push(Node { op, inputs: texts(body, 1), outputs: texts(body, 2) });
                }
                5 => {
                    let body = value.bytes(5).unwrap();
                    let ints = |number: u32| {
                        let found = Fields::new(body).map(Result::unwrap).filter(move |field| field.0 == number);
                        found.map(|field| field.1.int(number).unwrap()).collect::<Vec<_>>()
                    };
                    model.initializers.push((texts(body, 8)[0], ints(1), ints(2)[0], part(body, 9).len()));
                }
                11 => model.inputs.extend(texts(value.bytes(11).unwrap(), 1)),
                12 => model.outputs.extend(texts(value.bytes(12).unwrap(), 1)),
                _ => {}
            }
        }
        model
    }

    /// Every name is made once, before it is read, and constants have the bytes of their extents.
    fn check(&self) {
        let mut known: HashSet<&str> = HashSet::new();
        for name in &self.inputs {
            assert!(known.insert(name), "{name} twice");
        }
        for (name, extents, element, bytes) in &self.initializers {
            assert!(known.insert(name), "{name} twice");
            let size = match element {
                2 | 3 | 9 => 1,
                4 | 5 => 2,
                1 | 6 | 12 => 4,
                7 | 13 => 8,
                other => panic!("{name} is of type {other}"),
            };
            assert_eq!(extents.iter().product::<i64>() * size, *bytes as i64, "{name}");
        }
        for node in &self.nodes {
            for input in node.inputs.iter().filter(|input| !input.is_empty()) {
                assert!(known.contains(input), "{} reads {input}, which is not there yet", node.op);
            }
            for output in &node.outputs {
                assert!(known.insert(output), "{output} twice");
            }
        }
        assert_eq!((self.inputs.len(), self.outputs.len()), (1, 1));
        assert!(known.contains(self.outputs[0]));
    }

    /// Operations of `op` that need the input.
    fn count_of_images(&self, op: &str) -> usize {
        let mut fed: HashSet<&str> = self.inputs.iter().copied().collect();
        let mut count = 0;
        for node in &self.nodes {
            if node.inputs.iter().any(|input| fed.contains(input)) {
                fed.extend(&node.outputs);
                count += usize::from(node.op == op);
            }
        }
        count
    }
}

fn texts(body: &[u8], number: u32) -> Vec<&str> {
    let found = Fields::new(body).map(Result::unwrap).filter(|field| field.0 == number);
    found.map(|field| field.1.text(number).unwrap()).collect()
}

fn part(body: &[u8], number: u32) -> &[u8] {
    let mut found = Fields::new(body).map(Result::unwrap).filter(|field| field.0 == number);
    found.next().map_or(&[], |field| field.1.bytes(number).unwrap())
}

/// The folder in which models are written down for the checks that are done in Python; absent where none are.
fn folder() -> Option<PathBuf> {
    std::env::var_os("MENAGERIE_ONNX_DIR").map(PathBuf::from)
}

#[test]
fn every_op_with_a_translation_is_written_in_a_made_up_net() {
    let mut ops = BTreeSet::new();
    for (name, net) in made::nets() {
        let resolved = resolved(&net);
        let graph =
            Graph::build(parse::parse(&resolved.graph, &GraphLimits::default()).unwrap(), &GraphLimits::default())
                .unwrap();
        ops.extend(graph.iter().map(|(_, node)| node.op.to_owned()));
        let model = onnx::write(&resolved, &GraphLimits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        Model::read(&model.bytes).check();
        if let Some(folder) = folder() {
            fs::write(folder.join(format!("{name}.pb")), &net.bytes).unwrap();
            fs::write(folder.join(format!("{name}.onnx")), &model.bytes).unwrap();
        }
    }
    // What is left out of prepared graphs.
    let passages = ["CheckNumerics", "EnsureShape", "PlaceholderWithDefault", "IdentityN"];
    let made: Vec<&str> = net_ops();
    let missing: Vec<_> = onnx::translated()
        .into_iter()
        .filter(|op| !ops.contains(*op) && !made.contains(op) && !passages.contains(op))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_page_lists_the_ops_that_have_a_translation() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/export.md")).unwrap();
    let list = page.split("These ops have a translation:").nth(1).unwrap().split("Any other op").next().unwrap();
    let listed: Vec<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(listed, onnx::translated());
}

/// Ops of the nets as they are made, before passages are left out and layers folded.
fn net_ops() -> Vec<&'static str> {
    let names: BTreeSet<String> = made::nets()
        .iter()
        .flat_map(|(_, net)| {
            let graph =
                Graph::build(parse::parse(&net.bytes, &GraphLimits::default()).unwrap(), &GraphLimits::default());
            graph.unwrap().iter().map(|(_, node)| node.op.to_owned()).collect::<Vec<_>>()
        })
        .collect();
    onnx::translated().into_iter().filter(|op| names.contains(*op)).collect()
}

#[test]
fn changed_graphs_are_written_whole_or_refused() {
    let seeds: Vec<Vec<u8>> = made::nets().into_iter().map(|(_, net)| net.bytes).collect();
    let mut random = Random(0x5eed_0018);
    let mut kept = Vec::new();
    for _ in 0..ROUNDS {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            change(&mut bytes, &mut random);
        }
        let Ok(resolved) = resolve(&bytes, &request(), &GraphLimits::default()) else { continue };
        match onnx::write(&resolved, &GraphLimits::default()) {
            Ok(model) => {
                Model::read(&model.bytes).check();
                kept.push(model.bytes);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    println!("{} of {ROUNDS} changed graphs were written", kept.len());
    assert!(kept.len() >= KEPT, "too few to say anything");
    if let Some(folder) = folder() {
        for (index, model) in kept.iter().take(KEPT).enumerate() {
            fs::write(folder.join(format!("changed-{index}.onnx")), model).unwrap();
        }
    }
}

#[test]
fn an_op_without_a_translation_is_named_with_its_node() {
    let mut net = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    net.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]);
    net.ints("axis", &[1]).op("turned", "ReverseV2", &["conv", "axis"]).pool("pool", "turned");
    net.product("logits", "pool", [4, 3]).op("probabilities", "Softmax", &["logits"]);
    let error = written(&net).unwrap_err();
    assert_eq!(error.code(), ErrorCode::GraphUntranslated);
    assert_eq!(error.to_string(), r#"op ReverseV2 (node "turned") has no ONNX translation"#);
}

#[test]
fn an_op_that_nothing_needs_any_more_may_have_no_translation() {
    // The target is known from the shapes alone, whatever computes it.
    let mut net = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    net.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]);
    net.op("shape", "Shape", &["conv"]).ints("one", &[1]).ints("zero", &[0]).ints("rest", &[-1]);
    net.op("target", "Reshape", &["rest", "one"]).ints("columns", &[256]);
    net.constant("axis", DataType::Int32, &[], &[0; 4]);
    net.op("both", "ConcatV2", &["target", "columns", "axis"]).op("flat", "Reshape", &["conv", "both"]);
    net.product("logits", "flat", [256, 3]).op("probabilities", "Softmax", &["logits"]);
    let model = written(&net).unwrap();
    let model = Model::read(&model.bytes);
    model.check();
    assert!(model.nodes.iter().all(|node| !matches!(node.op, "Shape" | "Concat")));
}

#[test]
fn images_are_turned_at_the_ends_alone() {
    let mut net = small_net(3);
    net.op("probabilities", "Softmax", &["logits"]);
    let model = written(&net).unwrap();
    let ops: Vec<&str> = Model::read(&model.bytes).nodes.iter().map(|node| node.op).collect();
    assert_eq!(ops, ["Transpose", "Conv", "Relu", "GlobalAveragePool", "Squeeze", "Gemm", "Softmax"]);
}

#[test]
fn the_graphs_beside_the_project_turn_an_image_at_most_twice() {
    for bytes in seeds(30 << 20) {
        let Ok(resolved) = resolve(&bytes, &request(), &GraphLimits::default()) else { continue };
        let model = onnx::write(&resolved, &GraphLimits::default()).unwrap();
        let model = Model::read(&model.bytes);
        model.check();
        assert!(model.count_of_images("Transpose") <= 2);
    }
}

#[test]
fn a_weight_that_two_layers_read_stands_once() {
    let mut net = small_net(4);
    net.op("again", "MatMul", &["logits", "logits/kernel"]).op("probabilities", "Softmax", &["again"]);
    let model = written(&net).unwrap();
    let model = Model::read(&model.bytes);
    assert_eq!(model.initializers.iter().filter(|(_, extents, ..)| *extents == [4, 4]).count(), 1);
}

#[test]
fn a_graph_that_counts_in_halves_is_refused() {
    let mut net = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    let cast = |from, to| [("SrcT", dtype_attr(from)), ("DstT", dtype_attr(to))];
    net.node("halves", "Cast", &["input"], &cast(DataType::Float, DataType::Half));
    net.node("floats", "Cast", &["halves"], &cast(DataType::Half, DataType::Float));
    net.convolution("conv", "floats", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv");
    net.product("logits", "pool", [4, 3]).op("probabilities", "Softmax", &["logits"]);
    let error = written(&net).unwrap_err().to_string();
    assert!(error.contains("halves") && error.contains("float16"), "{error}");
}
