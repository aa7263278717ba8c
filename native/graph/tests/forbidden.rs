//! What a stranger's graph might want to do: each op that reaches beyond arithmetic is refused by name.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![cfg(not(feature = "test-no-allow-list"))]

mod support;

use menagerie_contract::ErrorCode;
use menagerie_graph::{GraphLimits, dtype::DataType, encode, resolve, wire::put_bytes};
use support::{GraphBuilder, request};

const FORBIDDEN: &[&str] = &[
    // Files.
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "Save",
    "SaveV2",
    "SaveSlices",
    "Restore",
    "RestoreV2",
    "RestoreSlice",
    "MergeV2Checkpoints",
    "ShardedFilename",
    "WholeFileReaderV2",
    "TFRecordReaderV2",
    "TextLineReaderV2",
    "ReaderReadV2",
    "LookupTableExportV2",
    "InitializeTableFromTextFileV2",
    // Other programs, and what they see.
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "Print",
    "PrintV2",
    "DebugIdentityV2",
    "DebugNumericSummaryV2",
    // State that outlives a run.
    "VariableV2",
    "VarHandleOp",
    "ReadVariableOp",
    "AssignVariableOp",
    "Assign",
    "TemporaryVariable",
    "HashTableV2",
    "LookupTableFindV2",
    "MutableHashTableV2",
    "GetSessionHandleV2",
    "FIFOQueueV2",
    "QueueEnqueueV2",
    "QueueDequeueV2",
    "RandomShuffleQueueV2",
    "Barrier",
    "Stage",
    "StackV2",
    "TensorArrayV3",
    // Work without an end.
    "If",
    "StatelessIf",
    "While",
    "StatelessWhile",
    "Case",
    "For",
    "Enter",
    "LoopCond",
    "NextIteration",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "RemoteCall",
    "SymbolicGradient",
    "MapDefun",
    // Data sets, other machines, other compilers.
    "TensorDataset",
    "IteratorGetNext",
    "_Send",
    "_Recv",
    "CollectiveReduce",
    "TPUExecute",
    "XlaLaunch",
    "TRTEngineOp",
    "NoSuchCustomOp",
];

/// A classifier in which `op` stands between the image and the scores.
fn through(op: &str, attributes: &[(&str, Vec<u8>)]) -> GraphBuilder {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    let float = ("T", encode::dtype_attr(DataType::Float));
    graph.node("intruder", op, &["input"], &[&[float], attributes].concat());
    graph.convolution("conv", "intruder", [1, 1, 3, 4], &[0.1; 12]).pool("pool", "conv").product(
        "logits",
        "pool",
        [4, 5],
    );
    graph
}

fn assert_refused(what: &str, graph: &GraphBuilder, op: &str) {
    let Err(error) = resolve(&graph.bytes, &request(), &GraphLimits::default()) else { panic!("{what} is taken") };
    assert_eq!(error.code(), ErrorCode::GraphOpForbidden, "{what}: {error}");
    assert!(error.to_string().contains(op), "{what}: {error}");
}

#[test]
fn an_op_that_reaches_beyond_arithmetic_is_refused_by_name_where_scores_pass_through_it() {
    for op in FORBIDDEN {
        assert_refused(op, &through(op, &[]), op);
    }
}

#[test]
fn it_is_refused_where_it_only_feeds_a_layer() {
    // To read a constant is to hand it on.
    for op in FORBIDDEN.iter().filter(|op| **op != "ReadVariableOp") {
        let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
        graph.floats("seed", &[3], &[0.0; 3]).op("intruder", op, &["seed"]).op("sum", "Add", &["input", "intruder"]);
        graph.convolution("conv", "sum", [1, 1, 3, 4], &[0.1; 12]).pool("pool", "conv").product(
            "logits",
            "pool",
            [4, 5],
        );
        assert_refused(op, &graph, op);
    }
}

/// `AttrValue` with the name of a function.
fn function_attr(name: &str) -> Vec<u8> {
    let (mut function, mut out) = (Vec::new(), Vec::new());
    put_bytes(&mut function, 1, name.as_bytes());
    put_bytes(&mut out, 10, &function);
    out
}

/// Adds a function `endless` of one float that calls itself (`function.proto`).
fn add_recursive_function(graph: &mut GraphBuilder) {
    let mut body = GraphBuilder::default();
    body.node("again", "endless", &["x"], &[]);
    graph.function("endless", &["x"], &[("y", "again:y:0")], &body);
}

#[test]
fn functions_that_call_themselves_are_refused_however_they_are_called() {
    for op in ["endless", "PartitionedCall", "StatefulPartitionedCall"] {
        let mut graph = through(op, &[("f", function_attr("endless"))]);
        add_recursive_function(&mut graph);
        assert_refused(op, &graph, op);
    }
}

#[test]
fn an_allowed_op_may_neither_call_a_function_nor_hold_texts() {
    let graph = through("Identity", &[("f", function_attr("endless"))]);
    assert_refused("function", &graph, "Identity");
    let graph = through("Identity", &[("element", encode::dtype_attr(DataType::String))]);
    assert_refused("text", &graph, "Identity");
    let graph = through("Identity", &[("element", encode::dtype_attr(DataType::Resource))]);
    assert_refused("resource", &graph, "Identity");
}
