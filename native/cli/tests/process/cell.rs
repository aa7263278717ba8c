//! The cell: what must not work from inside does not, and what a model needs does.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use menagerie_contract::{ErrorCode, ModelSpec};
use menagerie_engine::{
    RuntimeKind,
    graphdef::{Attribute, GraphBuilder},
};

use crate::host::{Host, Reply, engine, engine_on, runtimes};

/// What `check --cell` says of each attempt.
pub fn attempts(runtime: RuntimeKind, sandbox: &str) -> BTreeMap<String, String> {
    let output = engine_on(runtime, "check").arg("--cell").env("SANDBOX", sandbox).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map_while(|line| line.split_once(' '))
        .take_while(|(name, _)| *name != "menagerie-engine")
        .map(|(name, outcome)| (name.to_owned(), outcome.trim().to_owned()))
        .collect()
}

/// Attempts that end the process.
const DEADLY: &[&str] = &[
    "execute",
    "fork",
    "fork-bomb",
    "trace",
    "read-other-memory",
    "io-uring",
    "mount",
    "new-namespace",
    "bpf",
    "keys",
    "page-faults",
    "perf-events",
];

/// Attempts that need a privilege, a partner, or a kernel built for them, or that would change the machine: that they
/// fail outside says nothing. (`connect` finds nobody, `execute` becomes another program.)
const HANGS_ON_THE_SYSTEM: &[&str] = &[
    "connect",
    "execute",
    "read-other-memory",
    "io-uring",
    "mount",
    "new-namespace",
    "bpf",
    "keys",
    "page-faults",
    "perf-events",
    "x32-call",
    "i386-call",
];

#[test]
fn nothing_that_must_not_work_works_from_inside() {
    for runtime in runtimes() {
        let inside = attempts(runtime, "best-effort");
        assert!(inside.len() >= 32, "{inside:?}");
        for (name, outcome) in &inside {
            assert!(outcome.starts_with("refused"), "{name} on {}: {outcome}", runtime.name());
        }
        for name in DEADLY {
            assert_eq!(inside[*name], "refused, and the process ended", "{name} on {}", runtime.name());
        }
    }
    // The attempts are real: without a cell they work.
    for (name, outcome) in attempts(RuntimeKind::Tensorflow, "off") {
        if !HANGS_ON_THE_SYSTEM.contains(&name.as_str()) {
            assert_eq!(outcome, "WORKED", "{name}");
        }
    }
}

#[test]
fn hello_says_what_holds() {
    for runtime in runtimes() {
        hello_of(runtime);
    }
}

fn hello_of(runtime: RuntimeKind) {
    let hello = |sandbox: &str| {
        let mut host = Host::spawn(engine_on(runtime, "serve").env("SANDBOX", sandbox));
        let Some((0, Reply::Hello(hello))) = host.receive() else { panic!("no hello") };
        assert_eq!(hello.runtime.name, runtime.name());
        hello.sandbox
    };
    let sandbox = hello("best-effort");
    for name in ["environment", "memory", "cpu", "processes", "core", "descriptors", "seccomp"] {
        assert!(sandbox.held.iter().any(|held| held == name), "{name} is not in {sandbox:?}");
    }
    #[cfg(not(feature = "test-no-allow-list"))]
    assert!(!sandbox.missing.iter().any(|missing| missing.starts_with("allow-list")), "{sandbox:?}");
    let landlock = |list: &[String]| list.iter().any(|entry| entry.starts_with("landlock"));
    assert!(landlock(&sandbox.held) || landlock(&sandbox.missing), "{sandbox:?}");
    assert_eq!(hello("off").held, Vec::<String>::new());
}

#[test]
fn a_setting_that_is_none_is_named() {
    let (status, stderr) = Host::spawn(engine("serve").env("SANDBOX", "perhaps")).end();
    assert_eq!(status.code(), Some(1));
    assert!(stderr.contains("best-effort"), "{stderr}");
}

#[test]
fn every_real_graph_answers_in_the_cell_as_it_does_outside() {
    let shared = env::var_os("MENAGERIE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let Ok(folders) = fs::read_dir(shared.join("zoo-data")) else {
        println!("skipped: no test data at {}; set MENAGERIE_SHARED", shared.display());
        return;
    };
    let paths = folders.map(|folder| folder.unwrap().path().join("graph.pb"));
    let cases = paths.flat_map(|path| runtimes().map(move |runtime| (path.clone(), runtime)));
    for (path, runtime) in cases {
        let Ok(graph) = fs::read(&path) else { continue };
        let scores = |sandbox: &str| {
            let mut host = Host::spawn(engine_on(runtime, "serve").env("SANDBOX", sandbox));
            host.receive();
            let (_, Reply::Loaded(loaded)) = host.load(1, &graph) else { panic!("{}: not loaded", path.display()) };
            host.infer(2, 1, &vec![100; image_bytes(&loaded.spec)]);
            let Some((2, Reply::Scores(scores))) = host.receive() else { panic!("{}: no scores", path.display()) };
            scores.values
        };
        let (inside, outside) = (scores("best-effort"), scores("off"));
        assert_eq!(inside.len(), outside.len());
        // One of them may be optimised already.
        for (inside, outside) in inside.iter().zip(&outside) {
            assert!(
                (inside - outside).abs() <= 1e-4 * outside.abs().max(1.0),
                "{}: {inside}, {outside}",
                path.display()
            );
        }
    }
}

fn image_bytes(spec: &ModelSpec) -> usize {
    (spec.input.width * spec.input.height * spec.input.channels) as usize
}

/// A classifier of 256 x 256 pictures with `layers` convolutions of `channels` channels.
fn heavy_graph(channels: i64, layers: usize) -> Vec<u8> {
    let window = [("strides", Attribute::Ints(&[1, 1, 1, 1])), ("padding", Attribute::Text("SAME"))];
    let mut graph = GraphBuilder::new().placeholder("input", &[1, 256, 256, 3]);
    let (mut last, mut last_channels) = ("input".to_owned(), 3);
    for layer in 0..layers {
        let (name, weights) = (format!("layer{layer}"), format!("weights{layer}"));
        let values = vec![0.01; (9 * last_channels * channels) as usize];
        graph = graph.constant(&weights, &[3, 3, last_channels, channels], &values).float_node(
            &name,
            "Conv2D",
            &[&last, &weights],
            &window,
        );
        (last, last_channels) = (name, channels);
    }
    graph
        .indices("axes", &[1, 2])
        .float_node("pooled", "Mean", &[&last, "axes"], &[("Tidx", Attribute::Type(3))])
        .float_node("output", "Softmax", &["pooled"], &[])
        .finish()
}

#[test]
fn a_graph_that_is_seen_to_want_more_memory_than_allowed_is_refused() {
    // One activation has 256 x 256 x 512 x 4 = 134 million bytes, and two are held at a time.
    let mut host = Host::spawn(engine("serve").env("ENGINE_MEMORY_BYTES_MAX", (200 << 20).to_string()));
    host.receive();
    let (1, Reply::Error(problem)) = host.load(1, &heavy_graph(512, 3)) else { panic!("no error") };
    assert_eq!(problem.code, ErrorCode::GraphTooLarge);
    assert!(problem.message.contains("209715200 bytes"), "{problem}");
}

#[test]
fn a_graph_that_runs_for_too_long_ends_with_its_process() {
    for runtime in runtimes() {
        let mut host = Host::spawn(engine_on(runtime, "serve").env("ENGINE_CPU_SECONDS_MAX", "1"));
        host.receive();
        assert_eq!(host.try_load(1, &heavy_graph(128, 60)), None, "on {}", runtime.name());
        assert_eq!(host.end().0.code(), None, "the kernel ends it");
    }
}
