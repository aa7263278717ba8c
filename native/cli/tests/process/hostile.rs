//! Graphs whose every op is allowed, and which do harm all the same: too much memory, no numbers, wrong shapes.
//!
//! All look harmless while they are loaded: what they do depends on the brightness of the image, and the first run sees
//! mid grey.
#![cfg(target_os = "linux")]

use menagerie_contract::{ErrorCode, LoadRequest, Source, SpecOverrides};
use menagerie_engine::{
    RuntimeKind,
    graphdef::{Attribute, GraphBuilder},
};

use crate::host::{Host, Reply, engine_on, runtimes};

const FLOAT: Attribute<'_> = Attribute::Type(1);
const INT32: Attribute<'_> = Attribute::Type(3);
const INDEX: (&str, Attribute<'_>) = ("Tidx", INT32);
/// Bytes of one image.
const IMAGE: usize = 8 * 8 * 3;
pub const GREY: [u8; IMAGE] = [128; IMAGE];
const WHITE: [u8; IMAGE] = [255; IMAGE];

/// A classifier of two classes that adds the scalar `extra`, a node of what `grow` adds. It finds `mean` (the mean colour)
/// and `side`: 1 for grey and darker images, 65025 for white ones.
pub fn classifier(extra: &str, grow: impl Fn(GraphBuilder) -> GraphBuilder) -> Vec<u8> {
    let graph = GraphBuilder::new()
        .placeholder("input", &[-1, 8, 8, 3])
        .indices("rows_and_columns", &[1, 2])
        .float_node("mean", "Mean", &["input", "rows_and_columns"], &[INDEX])
        .indices("every_axis", &[0, 1, 2, 3])
        .float_node("brightness", "Mean", &["input", "every_axis"], &[INDEX])
        .constant("grey", &[], &[128.0])
        .constant("steepness", &[], &[512.0])
        .constant("one", &[], &[1.0])
        .float_node("excess", "Sub", &["brightness", "grey"], &[])
        .float_node("positive", "Relu", &["excess"], &[])
        .float_node("steep", "Mul", &["positive", "steepness"], &[])
        .float_node("side_float", "AddV2", &["steep", "one"], &[])
        .node("side", "Cast", &["side_float"], &[("SrcT", FLOAT), ("DstT", INT32)])
        .node("sides", "Pack", &["side", "side"], &[("T", INT32), ("N", Attribute::Integer(2))]);
    grow(graph)
        .float_node("sum", "AddV2", &["mean", extra], &[])
        .constant("weights", &[3, 2], &[0.01, 0.02, 0.03, 0.01, 0.02, 0.03])
        .float_node("logits", "MatMul", &["sum", "weights"], &[])
        .finish()
}

/// The pixels reach the graph as they are.
pub fn raw() -> LoadRequest {
    let overrides = SpecOverrides { mean: Some(vec![0.0]), std: Some(vec![1.0]), ..SpecOverrides::default() };
    LoadRequest::new(Source::Request, overrides)
}

/// A process that has loaded `graph` and answered for grey; absent where the runtime refuses the graph by an op's name.
fn lulled(runtime: RuntimeKind, name: &str, graph: &[u8]) -> Option<Host> {
    let mut host = Host::spawn(engine_on(runtime, "serve").env("ENGINE_MEMORY_BYTES_MAX", (1 << 30).to_string()));
    host.receive();
    let reply = host.load_as(1, raw(), graph);
    if let Some((1, Reply::Error(problem))) = &reply
        && runtime == RuntimeKind::Onnx
    {
        assert!(problem.message.contains("has no ONNX translation"), "{name}: {problem}");
        return None;
    }
    assert!(matches!(reply, Some((1, Reply::Loaded(_)))), "{name}: {reply:?}");
    host.infer(2, 1, &GREY);
    let reply = host.receive();
    assert!(matches!(reply, Some((2, Reply::Scores(_)))), "{name}: {reply:?}");
    Some(host)
}

/// The messages of the failures that a white image ends in, one for each runtime that takes the graph.
fn failures(name: &str, graph: &[u8]) -> Vec<String> {
    runtimes().filter_map(|runtime| failure(runtime, name, graph)).collect()
}

fn failure(runtime: RuntimeKind, name: &str, graph: &[u8]) -> Option<String> {
    let mut host = lulled(runtime, name, graph)?;
    host.infer(3, 1, &WHITE);
    let Some((3, Reply::Error(problem))) = host.receive() else { panic!("{name}: no error") };
    assert_eq!(problem.code, ErrorCode::EngineFailed, "{name}: {problem}");
    host.infer(4, 1, &GREY);
    assert!(matches!(host.receive(), Some((4, Reply::Scores(_)))), "{name}: the next image is answered");
    Some(problem.message)
}

#[test]
fn memory_that_only_an_image_asks_for_is_not_given() {
    let square =
        |graph: GraphBuilder| graph.indices("both", &[0, 1]).float_node("extra", "Mean", &["large", "both"], &[INDEX]);
    let picture = |graph: GraphBuilder| graph.float_node("extra", "Mean", &["large", "every_axis"], &[INDEX]);
    let filled = classifier("extra", |graph| {
        square(graph.float_node("large", "Fill", &["sides", "one"], &[("index_type", INT32)]))
    });
    let tiled = classifier("extra", |graph| {
        let graph = graph.constant("tile", &[1, 1], &[1.0]);
        square(graph.float_node("large", "Tile", &["tile", "sides"], &[("Tmultiples", INT32)]))
    });
    let resized =
        classifier("extra", |graph| picture(graph.float_node("large", "ResizeBilinear", &["input", "sides"], &[])));
    // 65025 x 65025 floats are 17 GB.
    for (name, graph) in [("Fill", filled), ("Tile", tiled), ("ResizeBilinear", resized)] {
        for message in failures(name, &graph) {
            assert!(message.contains("OOM") || message.contains("memory"), "{name}: {message}");
        }
    }
}

#[test]
fn scores_that_are_no_numbers_are_a_failure_of_the_engine() {
    let graph = classifier("extra", |graph| {
        graph.float_node("negative", "Neg", &["positive"], &[]).float_node("extra", "Sqrt", &["negative"], &[])
    });
    for message in failures("Sqrt", &graph) {
        assert!(message.contains("no class can be named"), "{message}");
    }
}

#[test]
fn an_output_of_another_shape_is_a_failure_of_the_engine() {
    let graph = classifier("rows", |graph| {
        graph
            .constant("row", &[1, 3], &[0.0; 3])
            .node("axis", "Const", &[], &[("dtype", INT32), ("value", Attribute::Scalar(1))])
            .node("times", "Pack", &["side", "axis"], &[("T", INT32), ("N", Attribute::Integer(2))])
            .float_node("rows", "Tile", &["row", "times"], &[("Tmultiples", INT32)])
    });
    for message in failures("Tile", &graph) {
        assert!(message.contains("not 2 for each of 1 image") && !message.contains("1 images"), "{message}");
    }
}
