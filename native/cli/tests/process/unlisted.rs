//! Graphs that the allow-list refuses, on a build without it: the cell alone holds.
//!
//! `cargo test -p menagerie-cli --features test-no-allow-list --test process unlisted`
#![cfg(target_os = "linux")]

use std::{env, fs, process};

use menagerie_engine::graphdef::{Attribute, GraphBuilder};
use menagerie_graph::{dtype::DataType, encode, wire::put_bytes};

use crate::{
    host::{Host, Reply, engine},
    hostile::{GREY, classifier, raw},
};

const FLOAT: Attribute<'_> = Attribute::Type(1);
const INT32: Attribute<'_> = Attribute::Type(3);

/// `AttrValue` with a tensor of texts.
fn texts(extents: &[u64], values: &[&str]) -> Vec<u8> {
    let mut tensor = encode::tensor_head(DataType::String, extents);
    for value in values {
        put_bytes(&mut tensor, 8, value.as_bytes());
    }
    let mut attribute = Vec::new();
    put_bytes(&mut attribute, 8, &tensor);
    attribute
}

fn text_constant(graph: GraphBuilder, name: &str, extents: &[u64], values: &[&str]) -> GraphBuilder {
    let attributes = [("dtype", Attribute::Type(7)), ("value", Attribute::Encoded(&texts(extents, values)))];
    graph.node(name, "Const", &[], &attributes)
}

fn as_float(graph: GraphBuilder, integer: &str) -> GraphBuilder {
    graph.node("extra", "Cast", &[integer], &[("SrcT", INT32), ("DstT", FLOAT)])
}

/// Adds the length of a file.
fn reading(path: &str) -> Vec<u8> {
    classifier("extra", |graph| {
        let graph = text_constant(graph, "path", &[], &[path]).node("bytes", "ReadFile", &["path"], &[]).node(
            "length",
            "StringLength",
            &["bytes"],
            &[],
        );
        as_float(graph, "length")
    })
}

/// Adds the number of files.
fn listing(pattern: &str) -> Vec<u8> {
    classifier("extra", |graph| {
        let graph = text_constant(graph, "pattern", &[], &[pattern])
            .node("names", "MatchingFiles", &["pattern"], &[])
            .node("count", "Size", &["names"], &[("T", Attribute::Type(7)), ("out_type", INT32)]);
        as_float(graph, "count")
    })
}

/// Adds 1 behind a loop that never ends (control flow of version 1).
fn looping() -> Vec<u8> {
    let frame = |constant: bool| {
        [("T", FLOAT), ("frame_name", Attribute::Text("endless"))]
            .into_iter()
            .chain(constant.then_some(("is_constant", Attribute::Encoded(&[0x28, 1]))))
    };
    classifier("extra", |graph| {
        graph
            .constant("start", &[], &[0.0])
            .constant("end", &[], &[1.0])
            .node("enter", "Enter", &["start"], &frame(false).collect::<Vec<_>>())
            .node("limit", "Enter", &["end"], &frame(true).collect::<Vec<_>>())
            .float_node("merge", "Merge", &["enter", "next"], &[("N", Attribute::Integer(2))])
            .float_node("less", "Less", &["merge", "limit"], &[])
            .node("goes_on", "LoopCond", &["less"], &[])
            .float_node("switch", "Switch", &["merge", "goes_on"], &[])
            .float_node("body", "Neg", &["switch:1"], &[])
            .float_node("next", "NextIteration", &["body"], &[])
            .float_node("extra", "Exit", &["switch:0"], &[])
    })
}

/// The scores that a process in the cell, or without one, gives a grey image; `None` when it fails.
fn scores(sandbox: &str, graph: &[u8]) -> Option<Vec<f32>> {
    let mut host = Host::spawn(engine("serve").env("SANDBOX", sandbox));
    host.receive();
    let (1, Reply::Loaded(_)) = host.load_as(1, raw(), graph)? else { return None };
    host.infer(2, 1, &GREY);
    let (2, Reply::Scores(scores)) = host.receive()? else { return None };
    Some(scores.values)
}

#[test]
fn a_graph_cannot_tell_a_file_that_is_there_from_one_that_is_not() {
    let canary = env::temp_dir().join(format!("menagerie-canary-{}", process::id()));
    fs::write(&canary, "secret").unwrap();
    let path = canary.to_str().unwrap();
    let paths = [path, &format!("{path}-missing")];
    for (name, [there, missing]) in [("ReadFile", paths.map(reading)), ("MatchingFiles", paths.map(listing))] {
        assert_eq!(scores("best-effort", &there), scores("best-effort", &missing), "{name}");
        // The graphs are real: without a cell they see the file.
        assert_ne!(scores("off", &there), scores("off", &missing), "{name} without a cell");
    }
    fs::remove_file(canary).unwrap();
}

#[test]
fn an_endless_loop_ends_with_its_process() {
    let mut host = Host::spawn(engine("serve").env("ENGINE_CPU_SECONDS_MAX", "2"));
    host.receive();
    assert_eq!(host.load_as(1, raw(), &looping()), None);
    assert_eq!(host.end().0.code(), None, "the kernel ends it");
}

#[test]
fn this_build_says_what_it_is() {
    let mut host = Host::spawn(&mut engine("serve"));
    let Some((0, Reply::Hello(hello))) = host.receive() else { panic!("no hello") };
    assert!(hello.sandbox.missing.iter().any(|missing| missing.starts_with("allow-list")), "{:?}", hello.sandbox);
}
