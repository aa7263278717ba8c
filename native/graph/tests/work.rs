//! Work is bounded by what came: whatever is small and tangled, repeated or packed is refused as too large, or costs no
//! more than its bytes are worth. Nothing here is timed; steps and bytes are counted.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod counting;
mod support;

use std::io::{Cursor, Read, Write};

use menagerie_contract::ErrorCode;
use menagerie_graph::{GraphLimits, detach, dtype::DataType, encode, resolve, wire::put_bytes};
use support::{GraphBuilder, request};

/// What reading any of these may hold at once: what the steps of a small graph can read, and what it may grow to.
const HELD_BYTES_MAX: usize = 384 << 20;
const CHANNELS: u64 = 16_384;
/// What archives of a megabyte unpack to.
const UNPACKED: u64 = 200 << 20;

/// A constant of floats that are all `value`, spelled once.
fn filled(graph: &mut GraphBuilder, name: &str, extents: &[u64], value: f32) {
    let mut tensor = encode::tensor_head(DataType::Float, extents);
    tensor.push(5 << 3 | 5);
    tensor.extend_from_slice(&value.to_le_bytes());
    let mut body = Vec::new();
    put_bytes(&mut body, 8, &tensor);
    graph.node(name, "Const", &[], &[("dtype", encode::dtype_attr(DataType::Float)), ("value", body)]);
}

fn small_input() -> GraphBuilder {
    GraphBuilder::with_input(&[None, Some(4), Some(4), Some(3)])
}

/// A class layer behind `from`.
fn classes(graph: &mut GraphBuilder, from: &str, channels: u64) {
    graph.pool("pool", from).product("logits", "pool", [channels, 5]).op("softmax", "Softmax", &["logits"]);
}

fn add_all(graph: &mut GraphBuilder, names: &[String]) {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    graph.op("sum", "AddN", &names);
}

/// A wide layer and an expression over its channels that reads 256 constants.
fn wide_with_expression() -> GraphBuilder {
    let mut graph = small_input();
    filled(&mut graph, "kernel", &[1, 1, 3, CHANNELS], 0.1);
    filled(&mut graph, "vector", &[CHANNELS], 0.5);
    let attributes = [("strides", encode::ints_attr(&[1, 1, 1, 1])), ("padding", encode::text_attr("SAME"))];
    graph.node("wide", "Conv2D", &["input", "kernel"], &attributes).op("e0", "Add", &["vector", "vector"]);
    for index in 1..8 {
        let before = format!("e{}", index - 1);
        graph.op(&format!("e{index}"), "Add", &[&before, &before]);
    }
    graph
}

fn in_a_row(graph: &mut GraphBuilder, count: usize, op: &str, from: &str, other: Option<&str>) -> String {
    let mut at = from.to_owned();
    for index in 0..count {
        let name = format!("row{index}");
        let inputs: Vec<&str> = [at.as_str()].into_iter().chain(other).collect();
        graph.op(&name, op, &inputs);
        at = name;
    }
    at
}

fn side_by_side(graph: &mut GraphBuilder, count: usize, op: &str, inputs: &[&str]) {
    let names: Vec<String> = (0..count).map(|index| format!("side{index}")).collect();
    for name in &names {
        graph.op(name, op, inputs);
    }
    add_all(graph, &names);
}

/// Graphs of at most 2 MB that would cost far more than they are, by name.
fn tangled() -> Vec<(&'static str, GraphBuilder)> {
    let mut graphs = Vec::new();

    let mut graph = wide_with_expression();
    let end = in_a_row(&mut graph, 10_000, "Mul", "wide", Some("e7"));
    classes(&mut graph, &end, CHANNELS);
    graphs.push(("an expression read for each of a row", graph));

    let mut graph = wide_with_expression();
    side_by_side(&mut graph, 5000, "Mul", &["wide", "e7"]);
    classes(&mut graph, "sum", CHANNELS);
    graphs.push(("an expression read for each that hangs on one node", graph));

    let mut graph = small_input();
    for index in 0..300 {
        filled(&mut graph, &format!("kernel{index}"), &[1, 1, 2048, 2048], 0.5);
    }
    classes(&mut graph, "input", 3);
    graphs.push(("constants that are spelled once", graph));

    let mut graph = small_input();
    let mut body = GraphBuilder::default();
    let arguments: Vec<String> = (0..30_000).map(|index| format!("x{index}")).collect();
    body.op("y", "Identity", &["x0"]);
    graph.function("wide", &arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[("y", "y:output:0")], &body);
    for index in 0..10_000 {
        graph.node(&format!("call{index}"), "wide", &["input"], &[]);
    }
    classes(&mut graph, "call0", 3);
    graphs.push(("many calls of a function of many arguments", graph));

    let mut graph = small_input();
    let mut body = GraphBuilder::default();
    body.op("deep0", "Relu", &["x"]);
    graph.function("level0", &["x"], &[("y", "deep0:activations:0")], &body);
    for level in 1..30 {
        let mut body = GraphBuilder::default();
        let below = format!("level{}", level - 1);
        body.node("a", &below, &["x"], &[]).node("b", &below, &["a:y:0"], &[]);
        graph.function(&format!("level{level}"), &["x"], &[("y", "b:y:0")], &body);
    }
    graph.node("call", "level29", &["input"], &[]);
    classes(&mut graph, "call", 3);
    graphs.push(("functions that double at each level", graph));

    let mut graph = small_input();
    let mut body = GraphBuilder::default();
    body.floats("weights", &[1 << 16], &vec![0.5; 1 << 16]).op("y", "Add", &["x", "weights:output:0"]);
    graph.function("heavy", &["x"], &[("y", "y:z:0")], &body);
    for index in 0..2000 {
        graph.node(&format!("call{index}"), "heavy", &["input"], &[]);
    }
    classes(&mut graph, "call0", 3);
    graphs.push(("many calls of a function with weights", graph));
    graphs
}

/// Graphs of as many bytes that look alike and are worth what they cost.
fn merely_long() -> Vec<(&'static str, GraphBuilder)> {
    let mut graphs = Vec::new();

    let mut graph = small_input();
    let end = in_a_row(&mut graph, 20_000, "Relu", "input", None);
    classes(&mut graph, &end, 3);
    graphs.push(("a long row", graph));

    let mut graph = GraphBuilder::with_input(&[None, None, None, Some(3)]);
    let end = in_a_row(&mut graph, 20_000, "Relu", "input", None);
    classes(&mut graph, &end, 3);
    graphs.push(("a long row of an open size", graph));

    let mut graph = small_input();
    side_by_side(&mut graph, 20_000, "Relu", &["input"]);
    classes(&mut graph, "sum", 3);
    graphs.push(("many on one node", graph));

    let mut graph = small_input();
    let names: Vec<String> = (0..2000).map(|index| format!("layer{index}")).collect();
    for name in &names {
        graph.convolution(name, "input", [1, 1, 3, 4], &[0.1; 12]);
    }
    add_all(&mut graph, &names);
    let end = in_a_row(&mut graph, 15_000, "Relu", "sum", None);
    graph.pool("pool", &end);
    graphs.push(("many last layers before a long row", graph));

    let mut graph = small_input();
    graph.floats("kernel", &[3, 3, 3, 4096], &vec![0.1; 27 * 4096]).floats("factors", &[4096], &vec![0.5; 4096]);
    let names: Vec<String> = (0..500).map(|index| format!("scaled{index}")).collect();
    let attributes = [("strides", encode::ints_attr(&[1, 1, 1, 1])), ("padding", encode::text_attr("SAME"))];
    for name in &names {
        graph.node(&format!("{name}/layer"), "Conv2D", &["input", "kernel"], &attributes);
        graph.op(name, "Mul", &[&format!("{name}/layer"), "factors"]);
    }
    add_all(&mut graph, &names);
    classes(&mut graph, "sum", 4096);
    graphs.push(("layers that share a kernel and are scaled", graph));

    let mut graph = small_input();
    graph.constant("half", DataType::Half, &[1, 1, 3, 20_000], &vec![0; 120_000]);
    graph.floats("kernel", &[1, 1, 3, 4], &[0.1; 12]);
    let names: Vec<String> = (0..1500).map(|index| format!("mean{index}")).collect();
    let cast = [("SrcT", encode::dtype_attr(DataType::Half)), ("DstT", encode::dtype_attr(DataType::Float))];
    graph.ints("inner", &[1, 2, 3]);
    for name in &names {
        let (wide, layer) = (format!("{name}/wide"), format!("{name}/layer"));
        graph.node(&wide, "Cast", &["half"], &cast).node(&layer, "Conv2D", &["input", &wide], &attributes);
        graph.node(name, "Mean", &[&layer, "inner"], &[("keep_dims", encode::flag_attr(true))]);
    }
    add_all(&mut graph, &names);
    graph.node("narrow", "Conv2D", &["input", "kernel"], &attributes).op("both", "Add", &["narrow", "sum"]);
    classes(&mut graph, "both", 4);
    graphs.push(("casts of one kernel", graph));
    graphs
}

fn zip_of_zeros(bytes: u64) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("saved_model.pb", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(bytes), &mut archive).unwrap();
    archive.finish().unwrap().into_inner()
}

fn tar_gz_of_zeros(name: &str, bytes: u64) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_cksum();
    let mut archive = tar::Builder::new(&mut gzip);
    archive.append_data(&mut header, name, std::io::repeat(0).take(bytes)).unwrap();
    archive.finish().unwrap();
    drop(archive);
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}

#[test]
fn a_small_file_costs_what_its_bytes_are_worth_or_is_refused() {
    let limits = GraphLimits::default();
    let mut held_most = 0;
    for (what, graph) in tangled() {
        assert!(graph.bytes.len() < 2 << 20, "{what}: {} bytes", graph.bytes.len());
        let count = counting::start();
        let error = resolve(&graph.bytes, &request(), &limits).unwrap_err();
        assert_eq!(error.code(), ErrorCode::GraphTooLarge, "{what}: {error}");
        held_most = held_most.max(count.peak_bytes());
    }
    for (what, graph) in merely_long() {
        assert!(graph.bytes.len() < 2 << 20, "{what}: {} bytes", graph.bytes.len());
        let count = counting::start();
        let resolved = resolve(&graph.bytes, &request(), &limits).unwrap();
        let grown = resolved.graph.len() as u64;
        assert!(grown <= limits.grown_bytes_max(graph.bytes.len() as u64), "{what}: prepared to {grown} bytes");
        let detached = detach(&resolved.graph, &limits).unwrap();
        let weights: usize = detached.weights.iter().map(|weight| weight.content.len()).sum();
        assert!(weights as u64 <= limits.grown_bytes_max(grown) + grown, "{what}: {weights} bytes of weights");
        held_most = held_most.max(count.peak_bytes());
    }
    for (what, archive) in [
        ("zip", zip_of_zeros(UNPACKED)),
        ("tar.gz", tar_gz_of_zeros("saved_model.pb", UNPACKED)),
        ("tar.gz of another file", tar_gz_of_zeros("other.bin", UNPACKED)),
    ] {
        let count = counting::start();
        let error = resolve(&archive, &request(), &limits).unwrap_err();
        assert_eq!(error.code(), ErrorCode::GraphTooLarge, "{what}: {error}");
        assert!(error.to_string().contains("unpacked"), "{what}: {error}");
        held_most = held_most.max(count.peak_bytes());
    }
    println!("at most {held_most} bytes held");
    assert!(held_most <= HELD_BYTES_MAX, "{held_most} bytes held");
}

#[test]
fn steps_are_counted_down_and_their_end_is_an_error_that_says_so() {
    let graph = support::small_net(5);
    let few = GraphLimits { steps_free: 4, steps_per_byte_max: 0, ..GraphLimits::default() };
    let error = resolve(&graph.bytes, &request(), &few).unwrap_err();
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().contains("more than 4 steps"), "{error}");
    let by_bytes = GraphLimits { steps_free: 0, ..GraphLimits::default() };
    assert!(resolve(&graph.bytes, &request(), &by_bytes).is_ok());
}

#[test]
fn the_real_archive_of_functions_is_refused_before_it_is_inlined() {
    let Some(folder) = support::shared("attacks") else { return };
    let error =
        resolve(&std::fs::read(folder.join("func.zip")).unwrap(), &request(), &GraphLimits::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().contains("functions"), "{error}");
}
