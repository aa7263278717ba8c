//! What a graph of the size of `MobileNetV2` 1.4 costs: memory beside the file, which is asserted, and time on one core,
//! which is printed (`cargo test --release -p menagerie-graph --test cost -- --show-output`): machines differ.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod counting;
mod support;

use std::time::Instant;

use menagerie_graph::{Graph, GraphLimits, input, normalization, output, parse, prepare::prepare, shapes::Shapes};
use support::{GraphBuilder, request};

/// About 24 MB: fifty layers with unfused BatchNorm behind each.
fn large_graph() -> Vec<u8> {
    const CHANNELS: u64 = 346;
    let mut graph = GraphBuilder::with_input(&[Some(1), Some(32), Some(32), Some(3)]);
    graph.convolution("first", "input", [3, 3, 3, CHANNELS], &vec![0.01; 27 * CHANNELS as usize]);
    graph.floats("epsilon", &[], &[0.001]);
    let kernel = vec![0.01; (CHANNELS * CHANNELS) as usize];
    let per_channel = vec![0.5; CHANNELS as usize];
    let mut before = "first".to_owned();
    for index in 0..50 {
        let name = |part: &str| format!("layer{index}/{part}");
        graph.convolution(&name("conv"), &before, [1, 1, CHANNELS, CHANNELS], &kernel);
        for part in ["mean", "variance", "gamma", "beta"] {
            graph.floats(&name(part), &[CHANNELS], &per_channel);
        }
        graph.op(&name("add"), "Add", &[&name("variance"), "epsilon"]).op(&name("rsqrt"), "Rsqrt", &[&name("add")]);
        graph.op(&name("mul"), "Mul", &[&name("rsqrt"), &name("gamma")]);
        graph.op(&name("mul_1"), "Mul", &[&name("conv"), &name("mul")]);
        graph.op(&name("mul_2"), "Mul", &[&name("mean"), &name("mul")]);
        graph.op(&name("sub"), "Sub", &[&name("beta"), &name("mul_2")]);
        graph.op(&name("add_1"), "Add", &[&name("mul_1"), &name("sub")]);
        graph.op(&name("relu"), "Relu6", &[&name("add_1")]);
        before = name("relu");
    }
    graph.pool("pool", &before).product("logits", "pool", [CHANNELS, 1001]).op("softmax", "Softmax", &["logits"]);
    graph.bytes
}

#[test]
fn a_24_mb_graph_is_parsed_and_prepared_in_at_most_two_and_a_half_times_its_size() {
    let file = large_graph();
    assert!((23 << 20..28 << 20).contains(&file.len()), "{} bytes", file.len());
    let limits = GraphLimits::default();
    let count = counting::start();
    let start = Instant::now();
    let graph = Graph::build(parse::parse(&file, &limits).unwrap(), &limits).unwrap();
    let input = input::find(&graph, &request(), &limits).unwrap();
    let output = output::find(&graph, &input, &request(), &limits).unwrap();
    let needed = graph.between(input.node, [output.scores], false);
    let shapes = Shapes::propagate(&graph, &needed, input.node, &input.extents(1), &limits).unwrap();
    let prepared = prepare(&graph, &input, &output, &needed, &shapes, &limits).unwrap();
    let elapsed = start.elapsed();
    let peak = file.len() + count.peak_bytes();
    let share = peak as f64 / file.len() as f64;
    println!(
        "{} bytes parsed and prepared to {} in {:.1} ms, {share:.2} times the file at most",
        file.len(),
        prepared.graph.len(),
        elapsed.as_secs_f64() * 1000.0
    );
    assert!(share <= 2.5, "{share}");
    let start = Instant::now();
    let found = normalization::detect(&graph, &input, &output);
    println!("pre-processing found in {:.1} ms", start.elapsed().as_secs_f64() * 1000.0);
    assert_eq!(found.mean.len(), 3);
    println!(
        "{} steps taken, {:.2} for each byte",
        graph.steps.taken(),
        graph.steps.taken() as f64 / file.len() as f64
    );
    assert!(graph.steps.taken() < limits.steps_free / 4);
}
