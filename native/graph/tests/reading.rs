//! Graphs that were saved in a roundabout way and mean something plain: training switches, variables made constants that
//! are still read, functions, an input that the caller names in the middle, archives of other tools.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::{
    fs,
    io::{Cursor, Write},
};

use menagerie_contract::{LoadRequest, ModelSpec, OutputKind, SpecOverrides};
use menagerie_graph::{GraphLimits, Resolved, dtype::DataType, encode, resolve, wire::put_bytes};
use support::{GraphBuilder, request, small_net, with};

fn resolved(what: &str, graph: &[u8], request: &LoadRequest) -> Resolved {
    resolve(graph, request, &GraphLimits::default()).unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn fed_at(name: &str) -> LoadRequest {
    with(SpecOverrides { input_tensor: Some(name.into()), ..SpecOverrides::default() })
}

fn function_attr(name: &str) -> Vec<u8> {
    let (mut function, mut out) = (Vec::new(), Vec::new());
    put_bytes(&mut function, 1, name.as_bytes());
    put_bytes(&mut out, 10, &function);
    out
}

fn truth(graph: &mut GraphBuilder, name: &str, value: bool) {
    graph.constant(name, DataType::Bool, &[], &[u8::from(value)]);
}

/// A net whose batch normalisation stands behind a switch, with `condition` made by the caller and weights that are read
/// `read` from constants.
fn normalised(condition: impl Fn(&mut GraphBuilder), read: impl Fn(&mut GraphBuilder, &str, &str)) -> GraphBuilder {
    let float = || ("T", encode::dtype_attr(DataType::Float));
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    graph.convolution("conv", "input", [3, 3, 3, 4], &[0.1; 108]);
    condition(&mut graph);
    let training = [float(), ("is_training", encode::flag_attr(true))];
    let answering = [float(), ("is_training", encode::flag_attr(false)), ("epsilon", encode::float_attr(0.001))];
    graph.node("image", "Switch", &["conv", "condition"], &[float()]);
    for (name, value) in [("gamma", 2.0), ("beta", 1.0), ("mean", 0.5), ("variance", 4.0)] {
        graph.floats(name, &[4], &[value; 4]);
        graph.node(&format!("{name}/switch"), "Switch", &[name, "condition"], &[float()]);
        read(&mut graph, &format!("{name}/read"), &format!("{name}/switch"));
    }
    graph.node(
        "gamma/trained",
        "ReadVariableOp",
        &["gamma/switch:1"],
        &[("dtype", encode::dtype_attr(DataType::Float))],
    );
    graph.node(
        "train",
        "FusedBatchNorm",
        &["image:1", "gamma/trained", "beta/switch:1", "mean", "variance"],
        &training,
    );
    let weights = ["image", "gamma/read", "beta/read", "mean/read", "variance/read"];
    graph.node("answer", "FusedBatchNorm", &weights, &answering);
    graph.node("merged", "Merge", &["answer", "train"], &[float(), ("N", encode::int_attr(2))]);
    graph.op("relu", "Relu", &["merged"]).pool("pool", "relu").product("logits", "pool", [4, 5]);
    graph.op("softmax", "Softmax", &["logits"]);
    graph
}

fn read_variable(graph: &mut GraphBuilder, name: &str, from: &str) {
    graph.node(name, "ReadVariableOp", &[from], &[("dtype", encode::dtype_attr(DataType::Float))]);
}

#[test]
fn a_training_switch_is_settled_however_its_condition_is_written() {
    type Condition = (&'static str, fn(&mut GraphBuilder));
    let conditions: [Condition; 8] = [
        ("constant", |graph| truth(graph, "condition", false)),
        ("placeholder with default", |graph| {
            truth(graph, "phase/input", false);
            graph.node(
                "phase",
                "PlaceholderWithDefault",
                &["phase/input"],
                &[("dtype", encode::dtype_attr(DataType::Bool))],
            );
            graph.node("condition", "Identity", &["phase"], &[("T", encode::dtype_attr(DataType::Bool))]);
        }),
        ("learning phase that defaults to training", |graph| {
            truth(graph, "input_1", true);
            let dtype = [("dtype", encode::dtype_attr(DataType::Bool))];
            graph.node("bn/keras_learning_phase", "PlaceholderWithDefault", &["input_1"], &dtype);
            graph.node("condition", "Identity", &["bn/keras_learning_phase"], &[]);
        }),
        ("placeholder", |graph| {
            graph.node("condition", "Placeholder", &[], &[("dtype", encode::dtype_attr(DataType::Bool))]);
        }),
        ("switch of itself", |graph| {
            truth(graph, "phase", false);
            graph.node("cond", "Switch", &["phase", "phase"], &[]).node("switch_t", "Identity", &["cond:1"], &[]);
            graph.node("condition", "Identity", &["phase"], &[]);
        }),
        ("negation", |graph| {
            truth(graph, "inference", true);
            graph.node("condition", "LogicalNot", &["inference"], &[]);
        }),
        ("number compared", |graph| {
            graph.constant("phase", DataType::Int32, &[], &[0; 4]).constant("one", DataType::Int32, &[], &[1, 0, 0, 0]);
            graph.node("condition", "Equal", &["phase", "one"], &[("T", encode::dtype_attr(DataType::Int32))]);
        }),
        ("number cast", |graph| {
            graph.node("learning_phase", "Placeholder", &[], &[("dtype", encode::dtype_attr(DataType::Int32))]);
            graph.node("condition", "Cast", &["learning_phase"], &[("DstT", encode::dtype_attr(DataType::Bool))]);
        }),
    ];
    for (what, condition) in conditions {
        let graph = normalised(condition, read_variable);
        let answer = resolved(what, &graph.bytes, &request());
        let ops = &answer.spec.graph.ops;
        assert!(!ops.contains_key("Switch") && !ops.contains_key("ReadVariableOp"), "{what}: {ops:?}");
        assert_eq!((answer.spec.output.kind, answer.spec.output.classes), (OutputKind::Softmax, 5), "{what}");
        // Folded, so the weights are known to be constants.
        assert!(!answer.graph.windows(14).any(|name| name == b"FusedBatchNorm"), "{what}");
    }
}

#[test]
fn a_constant_is_read_through_whatever_hands_it_on() {
    type Reading = (&'static str, fn(&mut GraphBuilder, &str, &str));
    let readings: [Reading; 3] = [
        ("plainly", read_variable),
        ("behind identities", |graph, name, from| {
            let (first, second) = (format!("{name}/1"), format!("{name}/2"));
            graph.op(&first, "Identity", &[from]).op(&second, "Identity", &[&first]);
            read_variable(graph, name, &second);
        }),
        ("before an identity", |graph, name, from| {
            let read = format!("{name}/op");
            read_variable(graph, &read, from);
            graph.op(name, "Identity", &[&read]);
        }),
    ];
    for (what, read) in readings {
        let graph = normalised(|graph| truth(graph, "condition", false), read);
        assert_eq!(resolved(what, &graph.bytes, &request()).spec.graph.parameters, 108 + 16 + 20, "{what}");
    }
}

#[test]
fn a_choice_by_a_known_value_takes_its_side() {
    let mut graph = small_net(5);
    truth(&mut graph, "phase", false);
    graph.node("noise", "RandomUniform", &["logits/kernel"], &[]).op("noisy", "Add", &["logits", "noise"]);
    graph.op("chosen", "SelectV2", &["phase", "noisy", "logits"]).op("softmax", "Softmax", &["chosen"]);
    let spec = resolved("select", &graph.bytes, &request()).spec;
    assert_eq!(spec.output.tensor, "softmax");
    assert!(!spec.graph.ops.contains_key("RandomUniform"), "{:?}", spec.graph.ops);
}

#[test]
fn what_is_refused_is_refused_for_a_true_reason() {
    let float = || ("T", encode::dtype_attr(DataType::Float));
    let reason =
        |graph: &GraphBuilder| resolve(&graph.bytes, &request(), &GraphLimits::default()).unwrap_err().to_string();

    let mut computed = small_net(5);
    computed.ints("every", &[0, 1, 2, 3]).op("scalar", "Max", &["input", "every"]).floats("zero", &[], &[0.0]).op(
        "positive",
        "Greater",
        &["scalar", "zero"],
    );
    computed.node("branch", "Switch", &["logits", "positive"], &[float()]);
    computed.node("merged", "Merge", &["branch", "branch:1"], &[float()]).op("softmax", "Softmax", &["merged"]);
    let text = reason(&computed);
    assert!(text.contains("branch") && !text.contains("for ever"), "{text}");

    let mut absent = small_net(5);
    absent.node("call", "StatefulPartitionedCall", &["logits"], &[("f", function_attr("nowhere"))]);
    let text = reason(&absent);
    assert!(text.contains("not in the file") && !text.contains("for ever"), "{text}");

    let mut variable = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    variable.node("handle", "VarHandleOp", &[], &[("dtype", encode::dtype_attr(DataType::Float))]);
    read_variable(&mut variable, "kernel", "handle");
    variable.pool("pool", "input").op("logits", "MatMul", &["pool", "kernel"]).op("softmax", "Softmax", &["logits"]);
    let text = reason(&variable);
    assert!(text.contains("variable") && text.contains("freeze"), "{text}");

    let mut looped = small_net(5);
    looped.node("loop", "While", &["logits"], &[]).op("softmax", "Softmax", &["loop"]);
    assert!(reason(&looped).contains("for ever"));
}

/// A net in functions: `outer` calls `layers` calls `dense`, which reads its weights by `read`.
fn in_functions(op: &str, read: bool) -> GraphBuilder {
    let call = |name: &str| vec![("f", function_attr(name))];
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    let attributes = [("strides", encode::ints_attr(&[1, 1, 1, 1])), ("padding", encode::text_attr("SAME"))];
    let float = || ("T", encode::dtype_attr(DataType::Float));
    let mut dense = GraphBuilder::default();
    let kernel = if read {
        read_variable(&mut dense, "MatMul/ReadVariableOp", "kernel");
        "MatMul/ReadVariableOp:value:0"
    } else {
        "kernel"
    };
    dense.op("MatMul", "MatMul", &["x", kernel]).op("Identity", "Identity", &["MatMul:product:0"]);
    graph.function("dense", &["x", "kernel"], &[("identity", "Identity:output:0")], &dense);
    let mut layers = GraphBuilder::default();
    layers.node("conv/Conv2D", "Conv2D", &["image", "kernel"], &[&[float()][..], &attributes].concat());
    layers.op("relu", "Relu", &["conv/Conv2D:output:0"]).ints("axes", &[1, 2]);
    layers.op("pool", "Mean", &["relu:activations:0", "axes:output:0"]);
    layers.node("dense", op, &["pool:output:0", "weights", "^relu"], &call("dense"));
    layers.op("softmax", "Softmax", &["dense:output:0"]);
    graph.function("layers", &["image", "kernel", "weights"], &[("scores", "softmax:softmax:0")], &layers);
    let mut outer = GraphBuilder::default();
    outer.node("inner", op, &["image", "kernel", "weights"], &call("layers"));
    outer.node("Identity", "Identity", &["inner:output:0", "^inner"], &[float()]);
    graph.function("outer", &["image", "kernel", "weights"], &[("identity", "Identity:output:0")], &outer);
    graph.floats("conv/kernel", &[3, 3, 3, 4], &[0.1; 108]).floats("dense/kernel", &[4, 5], &[0.5; 20]);
    graph.node("call", op, &["input", "conv/kernel", "dense/kernel"], &call("outer"));
    graph
}

#[test]
fn functions_stand_in_the_place_of_their_calls() {
    for (op, read) in [("StatefulPartitionedCall", true), ("PartitionedCall", false), ("PartitionedCall", true)] {
        let mut graph = in_functions(op, read);
        for tail in [false, true] {
            if tail {
                graph.op("Identity", "Identity", &["call"]);
            }
            let Resolved { spec, .. } = resolved(op, &graph.bytes, &request());
            assert_eq!((spec.output.kind, spec.output.classes), (OutputKind::Softmax, 5), "{op}");
            assert_eq!(spec.output.tensor, if tail { "Identity" } else { "call" }, "{op}");
            assert_eq!((spec.graph.parameters, spec.input.width), (128, 8), "{op}");
        }
    }
}

/// A net behind a branch for the training and one for the answer, taken by `condition`, a node that `add` makes.
fn branched(condition: &str, add: impl Fn(&mut GraphBuilder)) -> GraphBuilder {
    let mut graph = GraphBuilder::with_input(&[None, Some(8), Some(8), Some(3)]);
    let mut body = GraphBuilder::default();
    body.op("half", "Mul", &["x", "y"]).op("rest", "Sub", &["x", "half:z:0"]);
    graph.function("parts", &["x", "y"], &[("half", "half:z:0"), ("rest", "rest:z:0")], &body);
    let mut random = GraphBuilder::default();
    random.op("noise", "RandomUniformLike", &["x"]).op("noisy", "Add", &["x", "noise:output:0"]);
    graph.function("train", &["x"], &[("y", "noisy:sum:0")], &random);
    let mut plain = GraphBuilder::default();
    plain.op("Identity", "Identity", &["x"]).op("same", "Identity", &["Identity:output:0"]);
    graph.function("answer", &["x"], &[("y", "same:output:0")], &plain);
    add(&mut graph);
    graph.floats("factor", &[], &[0.5]).node("parted", "parts", &["input", "factor"], &[]);
    let branches = [("then_branch", function_attr("train")), ("else_branch", function_attr("answer"))];
    graph.node("branch", "StatelessIf", &[condition, "parted:1"], &branches);
    // As TensorFlow names it, which is the name of a node of the branch too.
    graph.op("branch/Identity", "Identity", &["branch"]);
    graph.pool("pool", "branch/Identity").product("logits", "pool", [3, 5]).op("softmax", "Softmax", &["logits"]);
    graph
}

#[test]
fn a_function_is_called_by_its_name_too_and_a_branch_by_a_known_value() {
    type Condition = (&'static str, fn(&mut GraphBuilder));
    let default_true = |graph: &mut GraphBuilder| {
        truth(graph, "default", true);
        let boolean = [("dtype", encode::dtype_attr(DataType::Bool))];
        graph.node("is_training", "PlaceholderWithDefault", &["default"], &boolean);
    };
    let conditions: [Condition; 5] = [
        ("phase", |graph| truth(graph, "phase", false)),
        ("is_training", default_true),
        ("not", |graph| {
            truth(graph, "answers", true);
            graph.op("not", "LogicalNot", &["answers"]);
        }),
        ("and", |graph| {
            truth(graph, "yes", true);
            graph.placeholder("fed", DataType::Bool, &[]).op("and", "LogicalAnd", &["yes", "fed"]);
        }),
        ("equal", |graph| {
            graph.ints("one", &[1]).ints("two", &[2]).op("equal", "Equal", &["one", "two"]);
        }),
    ];
    for (condition, add) in conditions {
        let spec = resolved(condition, &branched(condition, add).bytes, &request()).spec;
        assert_eq!((spec.output.tensor.as_str(), spec.output.classes), ("softmax", 5), "{condition}");
        assert_eq!(spec.graph.ops.get("Sub"), Some(&1), "{condition}: {:?}", spec.graph.ops);
        assert_eq!(spec.graph.ops.get("Add"), None, "{condition}: {:?}", spec.graph.ops);
    }
}

#[test]
fn a_function_that_nobody_calls_may_be_broken() {
    let mut graph = in_functions("PartitionedCall", true);
    let mut broken = GraphBuilder::default();
    broken.op("y", "Relu", &["nowhere"]);
    graph.function("unused", &["x"], &[("y", "y:activations:0")], &broken);
    put_bytes(&mut graph.bytes, 2, &[0x0a, 0x02, 0x0a, 0x05]);
    assert_eq!(resolved("unused", &graph.bytes, &request()).spec.output.classes, 5);
}

/// A head of `front`, then a net that is fed at `Mul`.
fn headed(front: impl Fn(&mut GraphBuilder)) -> GraphBuilder {
    let mut graph = GraphBuilder::default();
    front(&mut graph);
    graph.floats("mean", &[], &[127.5]).floats("scale", &[], &[1.0 / 127.5]);
    graph.op("Sub", "Sub", &["front", "mean"]).op("Mul", "Mul", &["Sub", "scale"]);
    graph.convolution("conv", "Mul", [3, 3, 3, 4], &[0.1; 108]).pool("pool", "conv").product("logits", "pool", [4, 5]);
    graph.op("softmax", "Softmax", &["logits"]);
    graph
}

#[test]
fn naming_an_input_in_the_middle_cuts_off_what_stands_in_front_of_it() {
    type Front = (&'static str, fn(&mut GraphBuilder));
    let fronts: [Front; 4] = [
        ("placeholder", |graph| {
            graph.placeholder("front", DataType::Float, &[None, Some(8), Some(8), Some(3)]);
        }),
        ("decoder of a constant", |graph| {
            graph.constant("contents", DataType::String, &[], &[]);
            graph.node("decoded", "DecodeJpeg", &["contents"], &[("channels", encode::int_attr(3))]);
            let cast = [("SrcT", encode::dtype_attr(DataType::Uint8)), ("DstT", encode::dtype_attr(DataType::Float))];
            graph.node("cast", "Cast", &["decoded"], &cast).ints("size", &[8, 8]).constant(
                "axis",
                DataType::Int32,
                &[],
                &[0; 4],
            );
            graph.op("batch", "ExpandDims", &["cast", "axis"]).op("front", "ResizeBilinear", &["batch", "size"]);
        }),
        ("queue of files", |graph| {
            graph.node("queue", "FIFOQueueV2", &[], &[]).node("reader", "QueueDequeueV2", &["queue"], &[]);
            graph.ints("size", &[8, 8]).op("front", "ResizeBilinear", &["reader", "size"]);
        }),
        ("two placeholders", |graph| {
            graph.placeholder("left", DataType::Float, &[None, Some(8), Some(8), Some(3)]);
            graph.placeholder("right", DataType::Float, &[None, Some(8), Some(8), Some(3)]);
            graph.op("front", "Add", &["left", "right"]);
        }),
    ];
    for (what, front) in fronts {
        let graph = headed(front);
        for name in ["Mul", "Mul:0", "Sub", "front"] {
            let ModelSpec { input, output, .. } =
                resolved(&format!("{what} at {name}"), &graph.bytes, &fed_at(name)).spec;
            assert_eq!(input.tensor, name.trim_end_matches(":0"), "{what}");
            assert_eq!((input.width, input.height, input.channels, input.batch), (8, 8, 3, None), "{what} at {name}");
            assert_eq!((output.tensor.as_str(), output.classes), ("softmax", 5), "{what} at {name}");
        }
    }
}

#[test]
fn a_head_that_decodes_files_is_fed_pixels_wherever_it_is_named() {
    let graph = headed(|graph| {
        graph.constant("contents", DataType::String, &[], &[]);
        graph.node("decoded", "DecodeJpeg", &["contents"], &[("channels", encode::int_attr(3))]);
        let cast = [("SrcT", encode::dtype_attr(DataType::Uint8)), ("DstT", encode::dtype_attr(DataType::Float))];
        graph
            .node("cast", "Cast", &["decoded"], &cast)
            .constant("axis", DataType::Int32, &[], &[0; 4])
            .ints("size", &[8, 8]);
        graph.op("batch", "ExpandDims", &["cast", "axis"]).op("front", "ResizeBilinear", &["batch", "size"]);
    });
    for (name, tensor) in [("contents:0", "front"), ("decoded", "front"), ("cast", "cast"), ("batch", "batch")] {
        let Resolved { spec, .. } = resolved(name, &graph.bytes, &fed_at(name));
        let ModelSpec { input, output, .. } = spec;
        assert_eq!((input.tensor.as_str(), input.width, input.channels, input.batch), (tensor, 8, 3, None), "{name}");
        assert_eq!(output.classes, 5, "{name}");
    }
}

#[test]
fn an_input_in_the_middle_of_the_layers_is_refused_by_what_it_takes() {
    let graph = headed(|graph| {
        graph.placeholder("front", DataType::Float, &[None, Some(8), Some(8), Some(3)]);
    });
    let error = resolve(&graph.bytes, &fed_at("conv"), &GraphLimits::default()).unwrap_err();
    assert!(error.to_string().contains("4 channels"), "{error}");
    let error = resolve(&graph.bytes, &fed_at("mean"), &GraphLimits::default()).unwrap_err();
    assert!(error.to_string().contains("constant"), "{error}");
    let error = resolve(&graph.bytes, &fed_at("nowhere"), &GraphLimits::default()).unwrap_err();
    assert!(error.to_string().contains("no such node"), "{error}");
}

#[test]
fn an_archive_may_write_its_paths_with_backslashes() {
    let Some(folder) = support::shared("zoo-data/samplenet_tf2_savedmodel") else { return };
    let files = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"];
    for prefix in ["", "my model\\", ".\\a\\b\\", "my model\\1/"] {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        for file in files {
            archive.start_file(format!("{prefix}{}", file.replace('/', "\\")), options).unwrap();
            archive.write_all(&fs::read(folder.join(file)).unwrap()).unwrap();
        }
        let archive = archive.finish().unwrap().into_inner();
        assert_eq!(resolved(prefix, &archive, &request()).spec.output.classes, 10, "{prefix}");
    }
}
