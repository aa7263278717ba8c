//! Cut, changed and crafted files: typed errors in linear time, never a panic.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::time::{Duration, Instant};

use menagerie_contract::ErrorCode;
use menagerie_graph::{GraphError, GraphLimits, detach, dtype::DataType, encode, labels, resolve};
use support::{GraphBuilder, Random, change, request, seeds, small_net};

/// How long one fuzz test goes on.
const FUZZ_TIME: Duration = Duration::from_secs(4);
/// Where that time is too short for them, as on an emulated processor, it takes longer.
const ROUNDS_MIN: u32 = 100;

fn refused(bytes: &[u8]) -> GraphError {
    resolve(bytes, &request(), &GraphLimits::default()).unwrap_err()
}

#[test]
fn a_graph_cut_at_any_length_never_panics() {
    for seed in seeds(4 << 20) {
        let step = (seed.len() / 60).max(1);
        for length in (0..seed.len()).step_by(step) {
            // Cut between two nodes, what is left may be a graph of its own.
            let _ = resolve(&seed[..length], &request(), &GraphLimits::default());
        }
    }
}

#[test]
fn a_graph_cut_inside_a_node_is_damaged() {
    let graph = small_net(5).bytes;
    let error = refused(&graph[..graph.len() - 3]);
    assert!(matches!(error, GraphError::Truncated { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::GraphInvalid);
}

#[test]
fn changed_bytes_never_panic() {
    let end = Instant::now() + FUZZ_TIME;
    let mut random = Random(0x5eed_0001);
    let mut rounds = 0;
    let seeds = seeds(300 << 10);
    while rounds < ROUNDS_MIN || Instant::now() < end {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        if bytes.is_empty() {
            continue;
        }
        for _ in 0..=random.below(8) {
            change(&mut bytes, &mut random);
        }
        let _ = resolve(&bytes, &request(), &GraphLimits::default());
        let _ = detach(&bytes, &GraphLimits::default());
        rounds += 1;
    }
    println!("{rounds} changed graphs");
}

#[test]
fn changed_label_files_never_panic() {
    let seeds: [&[u8]; 12] = [
        b"0:background\n1:tench\n2:goldfish\n",
        b"{\"0\": [\"n01440764\", \"tench\"], \"1\": [\"n01443537\", \"goldfish\"]}",
        b"index,label\n0,\"tench, Tinca\"\n1,goldfish\n",
        b"{0: 'tench',\n 1: 'goldfish'}",
        b"\xff\xfet\0e\0n\0c\0h\0\n\0",
        b"class_names = array(['tench', u'goldfish'], dtype='<U8');",
        b"OrderedDict([('tench', 0), ('gold\\'fish', 1)])",
        b"item {\n id: 1\n name: 'tench' # a fish\n}\nitem { name: \"goldfish\" id: 2 }",
        b"id;name;count\n1;tench;3\n2;\"goldfish\";4\n",
        b"- 'tench',\r\n- 'goldfish',\r\n\x1a",
        b"caf\xe9\r\nM\xfcll\r\n",
        b"{\"name\": \"tench\"}\n{\"name\": \"goldfish\"}",
    ];
    let mut random = Random(0x5eed_0002);
    for round in 0..40_000 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..=random.below(6) {
            change(&mut bytes, &mut random);
        }
        if let Ok(labels) = labels::read(&bytes) {
            assert!(!labels.names.is_empty());
        }
    }
}

#[test]
fn a_million_nodes_are_refused_by_count() {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    let mut one = GraphBuilder::default();
    one.node("a", "NoOp", &[], &[]);
    for _ in 0..1_000_000 {
        graph.bytes.extend_from_slice(&one.bytes);
    }
    let error = refused(&graph.bytes);
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().contains("100000 nodes"), "{error}");
}

/// A graph of about `10 * scale` nodes with chains, a fan, many uses of a chain's end, an open size, and expressions of
/// constants that double: each would hang a quadratic or exponential walk.
fn tangled(scale: usize) -> Vec<u8> {
    let mut graph = GraphBuilder::with_input(&[None, None, None, Some(3)]);
    graph.floats("double0", &[1], &[1.0]).floats("far0", &[1], &[1.0]).op("step0", "Relu", &["input"]);
    for index in 0..2 * scale {
        let next = index + 1;
        let double = format!("double{index}");
        graph.op(&format!("double{next}"), "Add", &[&double, &double]);
        graph.op(&format!("step{next}"), "Identity", &[&format!("step{index}")]);
        graph.op(&format!("far{next}"), "Identity", &[&format!("far{index}")]);
        graph.op(&format!("leaf{index}"), "Relu", &["step0"]);
    }
    let last = |name: &str| format!("{name}{}", 2 * scale);
    graph.op("sum0", "Add", &[&last("step"), &last("far")]);
    for index in 0..2 * scale {
        graph.op(&format!("sum{}", index + 1), "Add", &[&format!("sum{index}"), &last("far")]);
    }
    graph.op("scaled", "Mul", &[&last("sum"), &last("double")]);
    graph.convolution("conv", "scaled", [1, 1, 3, 2], &[1.0; 6]).op("affine", "Mul", &["conv", &last("double")]);
    graph.pool("pool", "affine").product("logits", "pool", [2, 3]);
    graph.bytes
}

#[test]
fn time_grows_with_the_number_of_nodes_and_no_faster() {
    let quickest = |bytes: &[u8]| {
        let runs = (0..3).map(|_| {
            let start = Instant::now();
            let resolved = resolve(bytes, &request(), &GraphLimits::default()).unwrap();
            assert_eq!(resolved.spec.output.tensor, "logits");
            start.elapsed().as_secs_f64()
        });
        runs.fold(f64::INFINITY, f64::min)
    };
    let (small, large) = (quickest(&tangled(1_000)), quickest(&tangled(8_000)));
    println!("10,000 nodes in {small:.3} s, 80,000 in {large:.3} s");
    // Linear time gives 8, quadratic time 64; the machine may be busy.
    assert!(large < 32.0 * small, "{large} s against {small} s");
}

#[test]
fn contradictions_are_named_with_their_node() {
    let float = || encode::dtype_attr(DataType::Float);
    let base = || GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    for (graph, code, node) in [
        (base().op("twin", "Relu", &["input"]).op("twin", "Relu", &["input"]).clone(), ErrorCode::GraphInvalid, "twin"),
        (base().op("lost", "Relu", &["nowhere"]).clone(), ErrorCode::GraphInvalid, "nowhere"),
        (base().op("lost", "Relu", &["input:x"]).clone(), ErrorCode::GraphInvalid, "lost"),
        (
            base().op("ring_a", "Add", &["input", "ring_b"]).op("ring_b", "Relu", &["ring_a"]).clone(),
            ErrorCode::GraphInvalid,
            "ring_",
        ),
        (base().op("self", "Relu", &["self"]).clone(), ErrorCode::GraphInvalid, "self"),
        (base().constant("lie", DataType::Float, &[1 << 40], &[0; 4]).clone(), ErrorCode::GraphInvalid, "lie"),
        (base().constant("short", DataType::Float, &[2], &[0; 4]).clone(), ErrorCode::GraphInvalid, "short"),
        (base().node("", "Relu", &["input"], &[("T", float())]).clone(), ErrorCode::GraphInvalid, "name"),
    ] {
        let error = refused(&graph.bytes);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(node), "{error}");
    }
}

#[test]
fn a_tensor_beyond_the_limit_is_refused_before_it_is_made() {
    let mut graph = GraphBuilder::with_input(&[None, Some(64), Some(64), Some(3)]);
    graph.ints("times", &[1, 4096, 4096, 1]).op("tile", "Tile", &["input", "times"]);
    graph.convolution("conv", "tile", [1, 1, 3, 2], &[1.0; 6]).pool("pool", "conv").product("logits", "pool", [2, 3]);
    let error = refused(&graph.bytes);
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().contains("tile"), "{error}");
}

#[test]
fn a_few_bytes_do_not_become_a_huge_tensor() {
    // 2^27 floats spelled as one value: dtype, shape and `float_val`.
    let mut tensor = encode::tensor_head(DataType::Float, &[1 << 27]);
    tensor.extend_from_slice(&[0x2d, 0, 0, 0x80, 0x3f]);
    let mut value = Vec::new();
    menagerie_graph::wire::put_bytes(&mut value, 8, &tensor);
    let mut graph = small_net(5);
    graph.node("huge", "Const", &[], &[("dtype", encode::dtype_attr(DataType::Float)), ("value", value)]);
    let error = refused(&graph.bytes);
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().contains("huge"), "{error}");
}

#[test]
fn an_endless_name_is_refused() {
    let mut graph = small_net(5);
    graph.op(&"x".repeat(100_000), "Relu", &["input"]);
    let error = refused(&graph.bytes);
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let limits = GraphLimits { file_bytes_max: 100, ..GraphLimits::default() };
    let error = resolve(&small_net(5).bytes, &request(), &limits).unwrap_err();
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
    assert!(error.to_string().contains("100 bytes"), "{error}");
}

#[test]
fn tensors_that_are_too_much_together_are_refused_though_each_is_small_enough() {
    // Each of eight is 64 x 64 x 3 x 4096 x 4 bytes = 192 MiB, and all are held until the last sum.
    let mut graph = GraphBuilder::with_input(&[None, Some(64), Some(64), Some(3)]);
    graph.ints("times", &[1, 64, 64, 1]);
    for index in 0..8 {
        graph.op(&format!("tile{index}"), "Tile", &["input", "times"]);
    }
    graph.op("sum0", "Identity", &["tile0"]);
    for index in 1..8 {
        graph.op(&format!("sum{index}"), "Add", &[&format!("sum{}", index - 1), &format!("tile{index}")]);
    }
    graph.convolution("conv", "sum7", [1, 1, 3, 2], &[1.0; 6]).pool("pool", "conv").product("logits", "pool", [2, 3]);
    assert!(resolve(&graph.bytes, &request(), &GraphLimits::default()).is_ok());
    let limits = GraphLimits { memory_bytes_max: 1 << 30, ..GraphLimits::default() };
    let error = resolve(&graph.bytes, &request(), &limits).unwrap_err();
    assert!(matches!(error, GraphError::MemoryTooLarge { bytes, limit: 0x4000_0000 } if bytes > 1 << 30), "{error}");
    assert_eq!(error.code(), ErrorCode::GraphTooLarge);
}

#[test]
fn tensors_that_take_turns_are_not_counted_together() {
    let mut graph = GraphBuilder::with_input(&[None, Some(64), Some(64), Some(3)]);
    graph.ints("times", &[1, 64, 64, 1]).op("step0", "Tile", &["input", "times"]);
    for index in 0..40 {
        graph.op(&format!("step{}", index + 1), "Relu", &[&format!("step{index}")]);
    }
    graph.convolution("conv", "step40", [1, 1, 3, 2], &[1.0; 6]).pool("pool", "conv").product("logits", "pool", [2, 3]);
    let bytes = resolve(&graph.bytes, &request(), &GraphLimits::default()).unwrap().spec.graph.memory_bytes_estimate;
    // Two steps of 192 MiB at a time.
    assert!((384 << 20..400 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn a_constant_expression_and_a_resize_are_counted() {
    let filled = |graph: &mut GraphBuilder| {
        graph.ints("extents", &[1, 4096, 4096, 3]).floats("value", &[], &[1.0]);
        graph.op("filled", "Fill", &["extents", "value"]).pool("mean", "filled");
    };
    let resized = |graph: &mut GraphBuilder| {
        graph.ints("extents", &[4096, 4096]).op("large", "ResizeBilinear", &["input", "extents"]).pool("mean", "large");
    };
    for (name, grow) in [("fill", &filled as &dyn Fn(&mut GraphBuilder)), ("resize", &resized)] {
        let mut graph = GraphBuilder::with_input(&[None, Some(64), Some(64), Some(3)]);
        grow(&mut graph);
        graph.pool("pool", "input").op("sum", "Add", &["pool", "mean"]).product("logits", "sum", [3, 3]);
        let spec = resolve(&graph.bytes, &request(), &GraphLimits::default()).unwrap().spec;
        let bytes = spec.graph.memory_bytes_estimate;
        assert!(bytes > 192 << 20, "{name}: {bytes}");
    }
}
