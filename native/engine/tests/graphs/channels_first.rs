//! Graphs of images with their channels first, each op and what stands between: prepared they answer as libtensorflow does
//! when it runs the file itself on oneDNN, whatever kernels run here.

use menagerie_contract::{OutputKind, SpecOverrides};
use menagerie_engine::{
    Model,
    graphdef::{Attribute, GraphBuilder},
};
use menagerie_graph::{Graph, GraphLimits, dtype::DataType, encode, parse};

use crate::{
    direct,
    surroundings::{library, request},
};

/// Extents of the photo behind the batch, and of `x`, which each graph starts with.
const INPUT: [u64; 3] = [3, 11, 9];
const X: [i64; 3] = [4, 11, 9];
const CLASSES: i64 = 5;

const INT: Attribute<'_> = Attribute::Type(3);
const NCHW: (&str, Attribute<'_>) = ("data_format", Attribute::Text("NCHW"));
const SAME: (&str, Attribute<'_>) = ("padding", Attribute::Text("SAME"));
const VALID: (&str, Attribute<'_>) = ("padding", Attribute::Text("VALID"));
const STRIDE: (&str, Attribute<'_>) = ("strides", Attribute::Ints(&[1, 1, 1, 1]));
/// `AttrValue`s of a truth value.
const TRUE: Attribute<'_> = Attribute::Encoded(&[0x28, 1]);
const FALSE: Attribute<'_> = Attribute::Encoded(&[0x28, 0]);

/// Numbers between -0.5 and 0.5 that look as if drawn.
fn drawn(count: i64) -> Vec<f32> {
    (0..count).map(|at| ((at * 7919 + 31) % 1009) as f32 / 1009.0 - 0.5).collect()
}

/// A graph in the making, ops of floats with channels first.
struct Net(GraphBuilder);

impl Net {
    /// From the photo through a layer to `x`.
    fn new() -> Self {
        Self::of_photo().convolution("x", "input", [1, 1, 3, 4], &[STRIDE, SAME])
    }

    /// The photo as `input`.
    fn of_photo() -> Self {
        Self(GraphBuilder::new().placeholder("input", &[-1, 3, 11, 9]))
    }

    fn op(self, name: &str, op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> Self {
        Self(self.0.float_node(name, op, inputs, attributes))
    }

    fn floats(self, name: &str, extents: &[i64]) -> Self {
        Self(self.0.constant(name, extents, &drawn(extents.iter().product())))
    }

    fn ints(self, name: &str, values: &[i32]) -> Self {
        Self(self.0.indices(name, values))
    }

    fn scalar(self, name: &str, value: i32) -> Self {
        Self(self.0.node(name, "Const", &[], &[("dtype", INT), ("value", Attribute::Scalar(value))]))
    }

    /// A constant of two numbers for each of some axes.
    fn pairs(self, name: &str, pairs: &[[i32; 2]]) -> Self {
        let content: Vec<u8> = pairs.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let value = encode::tensor_attr(DataType::Int32, &[pairs.len() as u64, 2], &content);
        Self(self.0.node(name, "Const", &[], &[("dtype", INT), ("value", Attribute::Encoded(&value))]))
    }

    fn layer(self, op: &str, name: &str, input: &str, kernel: [i64; 4], attributes: &[(&str, Attribute<'_>)]) -> Self {
        let weights = format!("{name}/kernel");
        let attributes = [attributes, &[NCHW]].concat();
        self.floats(&weights, &kernel).op(name, op, &[input, &weights], &attributes)
    }

    fn convolution(self, name: &str, input: &str, kernel: [i64; 4], attributes: &[(&str, Attribute<'_>)]) -> Self {
        self.layer("Conv2D", name, input, kernel, attributes)
    }

    fn transpose(self, name: &str, input: &str, order: &[i32]) -> Self {
        let axes = format!("{name}/order");
        self.ints(&axes, order).op(name, "Transpose", &[input, &axes], &[("Tperm", INT)])
    }

    fn reshape(self, name: &str, input: &str, extents: &[i32]) -> Self {
        let target = format!("{name}/target");
        self.ints(&target, extents).op(name, "Reshape", &[input, &target], &[("Tshape", INT)])
    }

    fn reduce(self, op: &str, name: &str, input: &str, axes: &[i32], keeps: bool) -> Self {
        let list = format!("{name}/axes");
        let attributes = [("Tidx", INT), ("keep_dims", if keeps { TRUE } else { FALSE })];
        self.ints(&list, axes).op(name, op, &[input, &list], &attributes)
    }

    fn concat(self, name: &str, parts: &[&str], axis: i32) -> Self {
        let at = format!("{name}/axis");
        let inputs = [parts, &[&at]].concat();
        let attributes = [("N", Attribute::Integer(parts.len() as i64)), ("Tidx", INT)];
        self.scalar(&at, axis).op(name, "ConcatV2", &inputs, &attributes)
    }

    /// The classes of `input`, of which each value has a weight of its own: their order counts.
    fn classes(self, input: &str, values: i64) -> Self {
        self.reshape("flat", input, &[-1, values as i32]).product("scores", "flat", [values, CLASSES])
    }

    fn product(self, name: &str, input: &str, extents: [i64; 2]) -> Self {
        let weights = format!("{name}/kernel");
        self.floats(&weights, &extents).op(name, "MatMul", &[input, &weights], &[])
    }
}

/// Checks that the prepared graph of `net` answers as `truth` does when it is fed directly, that it holds no layer of
/// images with channels first, and that it transposes `transposes` times.
fn compare(name: &str, net: Net, truth: Option<Net>, transposes: usize) {
    let graph = net.0.finish();
    let overrides = SpecOverrides {
        mean: Some(vec![0.0]),
        std: Some(vec![255.0]),
        output_kind: Some(OutputKind::Logits),
        ..SpecOverrides::default()
    };
    let resolved = menagerie_graph::resolve(&graph, &request(overrides), &GraphLimits::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let (input, output) = (resolved.spec.input.tensor.clone(), resolved.output_tensor.clone());
    check_ops(name, &resolved.graph, transposes);

    let [channels, rows, columns] = INPUT.map(|extent| extent as usize);
    let pixels: Vec<u8> = (0..channels * rows * columns).map(|at| ((at * 89 + 7) % 256) as u8).collect();
    let mut tensor = Vec::with_capacity(pixels.len());
    for channel in 0..channels {
        tensor.extend(pixels.iter().skip(channel).step_by(channels).map(|pixel| f32::from(*pixel) / 255.0));
    }
    let whole = truth.map_or(graph, |truth| truth.0.finish());
    let batch = resolved.spec.input.batch.map_or(1, u64::from);
    let extents = [batch, INPUT[0], INPUT[1], INPUT[2]];
    let wanted = direct::run(&whole, [&input, &output], &extents, &tensor.repeat(batch as usize));

    let model = Model::open(&library(), resolved, 1).unwrap_or_else(|error| panic!("{name}: {error}"));
    for round in ["as it is", "optimised"] {
        let found = model.run(&pixels, 1).unwrap_or_else(|error| panic!("{name}, {round}: {error}")).values;
        let given: Vec<u8> = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(model.run_tensors(&given, 1).unwrap().values, found, "{name}, {round}: the tensor itself");
        let scale = wanted.iter().fold(1.0_f32, |scale, value| scale.max(value.abs()));
        assert_eq!(found.len() * batch as usize, wanted.len(), "{name}, {round}");
        for (class, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
            assert!((found - wanted).abs() <= 1e-4 * scale, "{name}, {round}, class {class}: {found}, not {wanted}");
        }
        model.optimize().unwrap_or_else(|error| panic!("{name}, optimised: {error}"));
    }
}

fn check_ops(name: &str, prepared: &[u8], transposes: usize) {
    let limits = GraphLimits::default();
    let graph = Graph::build(parse::parse(prepared, &limits).unwrap(), &limits).unwrap();
    let mut found = 0;
    for (_, node) in graph.iter() {
        assert!(node.op == "BiasAdd" || !node.is_channels_first(), "{name}: {} is left as it was", node.name);
        found += usize::from(node.op == "Transpose");
    }
    assert_eq!(found, transposes, "{name}: transpositions");
}

fn values([channels, rows, columns]: [i64; 3]) -> i64 {
    channels * rows * columns
}

#[test]
fn layers() {
    let net = |attributes: &[(&str, Attribute<'_>)], kernel| Net::new().convolution("y", "x", kernel, attributes);
    let strided = [("strides", Attribute::Ints(&[1, 1, 2, 3])), SAME];
    compare("strides", net(&strided, [3, 2, 4, 6]).classes("y", 6 * 6 * 3), None, 1);
    let dilated = [STRIDE, VALID, ("dilations", Attribute::Ints(&[1, 1, 2, 3]))];
    compare("dilations", net(&dilated, [3, 3, 4, 6]).classes("y", 6 * 7 * 3), None, 1);
    let sides = ("explicit_paddings", Attribute::Ints(&[0, 0, 0, 0, 2, 1, 0, 3]));
    let padded = [STRIDE, ("padding", Attribute::Text("EXPLICIT")), sides];
    compare("paddings of its own", net(&padded, [3, 3, 4, 6]).classes("y", 6 * 12 * 10), None, 1);
    compare("groups", net(&[STRIDE, SAME], [3, 3, 2, 6]).classes("y", 6 * 99), None, 1);
    let deep = Net::new().layer("DepthwiseConv2dNative", "y", "x", [3, 3, 4, 2], &[STRIDE, VALID]);
    compare("depthwise", deep.classes("y", 8 * 9 * 7), None, 1);
    let biased = Net::new().convolution("y", "x", [3, 3, 4, 6], &[STRIDE, SAME]).floats("bias", &[6]);
    let biased = biased.op("biased", "BiasAdd", &["y", "bias"], &[NCHW]).op("relu", "Relu", &["biased"], &[]);
    compare("bias", biased.classes("relu", 6 * 99), None, 1);
}

#[test]
fn poolings() {
    for op in ["MaxPool", "AvgPool"] {
        for (padding, rows, columns) in [(SAME, 6, 3), (VALID, 5, 3)] {
            let window =
                [("ksize", Attribute::Ints(&[1, 1, 3, 2])), ("strides", Attribute::Ints(&[1, 1, 2, 3])), padding, NCHW];
            compare(op, Net::new().op("y", op, &["x"], &window).classes("y", 4 * rows * columns), None, 1);
        }
    }
    let window = [NCHW, VALID];
    let net = Net::new().ints("size", &[1, 1, 3, 2]).ints("strides", &[1, 1, 2, 3]);
    let net = net.op("y", "MaxPoolV2", &["x", "size", "strides"], &window).classes("y", 4 * 5 * 3);
    let fixed = [("ksize", Attribute::Ints(&[1, 1, 3, 2])), ("strides", Attribute::Ints(&[1, 1, 2, 3])), VALID, NCHW];
    let truth = Net::new().op("y", "MaxPool", &["x"], &fixed).classes("y", 4 * 5 * 3);
    compare("MaxPoolV2", net, Some(truth), 1);
}

#[test]
fn normalisation_that_folds_into_no_layer() {
    let net = Net::new().op("relu", "Relu", &["x"], &[]);
    let net = ["gamma", "beta", "mean"].into_iter().fold(net, |net, name| net.floats(name, &[4]));
    let net = net.floats("drawn", &[4]).op("variance", "Square", &["drawn"], &[]);
    let inputs = ["relu", "gamma", "beta", "mean", "variance"];
    let epsilon = Attribute::Encoded(&[0x25, 0, 0, 0x80, 0x3e]);
    let attributes = [NCHW, ("epsilon", epsilon), ("is_training", FALSE)];
    compare("FusedBatchNorm", net.op("y", "FusedBatchNorm", &inputs, &attributes).classes("y", 4 * 99), None, 1);
}

#[test]
fn branches_that_meet() {
    let net = || Net::new().convolution("left", "x", [3, 3, 4, 4], &[STRIDE, SAME]).op("right", "Relu6", &["x"], &[]);
    let sum = net().op("y", "AddV2", &["left", "right"], &[]).reduce("Mean", "pool", "y", &[2, 3], false);
    compare("residual sum", sum.product("scores", "pool", [4, CLASSES]), None, 0);
    let three = net().op("y", "AddN", &["left", "right", "x"], &[("N", Attribute::Integer(3))]);
    compare("AddN", three.classes("y", 4 * 99), None, 1);
    for axis in [1, -3] {
        let joined = net().concat("y", &["left", "x", "right"], axis).reduce("Max", "pool", "y", &[-1, -2], false);
        compare("concatenated channels", joined.product("scores", "pool", [12, CLASSES]), None, 0);
    }
    compare("concatenated rows", net().concat("y", &["left", "right"], 2).classes("y", 4 * 22 * 9), None, 1);
    let chosen =
        net().op("asked", "Greater", &["left", "x"], &[]).op("y", "SelectV2", &["asked", "left", "right"], &[]);
    compare("SelectV2", chosen.classes("y", 4 * 99), None, 1);
    // The photo itself joins: it is fed turned as well.
    let photo = Net::new().concat("y", &["x", "input"], 1).classes("y", 7 * 99);
    compare("the photo among the channels", photo, None, 1);
}

#[test]
fn constants_that_are_broadcast() {
    for extents in [&[4, 1, 1][..], &[1, 4, 1, 1], &[11, 9], &[9], &[1, 11, 1], &[4, 11, 9], &[1], &[]] {
        for (op, inputs) in [("Mul", ["relu", "constant"]), ("Sub", ["constant", "relu"])] {
            let net = Net::new().op("relu", "Relu", &["x"], &[]).floats("constant", extents);
            let net = net.op("y", op, &inputs, &[]).classes("y", values(X));
            compare(&format!("{op} with {extents:?}"), net, None, 1);
        }
    }
    let computed = Net::new().op("relu", "Relu", &["x"], &[]).floats("drawn", &[4, 1, 1]);
    let computed = computed.op("constant", "Exp", &["drawn"], &[]).op("y", "Mul", &["relu", "constant"], &[]);
    // The constant's own transposition moves nothing.
    compare("a computed constant", computed.classes("y", values(X)), None, 2);
    let clipped = Net::new().floats("low", &[]).op("high", "Neg", &["low"], &[]);
    let clipped = clipped.op("y", "ClipByValue", &["x", "low", "high"], &[]);
    compare("ClipByValue", clipped.classes("y", values(X)), None, 1);
}

#[test]
fn axes_that_are_reduced() {
    let net = |op: &str, axes: &[i32], keeps| Net::new().reduce(op, "y", "x", axes, keeps);
    compare("rows and columns", net("Mean", &[2, 3], false).classes("y", 4), None, 0);
    compare("rows and columns, kept", net("Mean", &[2, 3], true).classes("y", 4), None, 1);
    compare("channels", net("Max", &[1], false).classes("y", 99), None, 0);
    compare("channels, kept", net("Sum", &[-3], true).classes("y", 99), None, 1);
    compare("rows", net("Min", &[2], false).classes("y", 4 * 9), None, 1);
    let strongest = Net::new().scalar("axis", 1).op("class", "ArgMax", &["x", "axis"], &[("Tidx", INT)]);
    let cast = [("SrcT", Attribute::Type(9)), ("DstT", Attribute::Type(1))];
    let strongest = Net(strongest.0.node("y", "Cast", &["class"], &cast));
    compare("the strongest channel", strongest.classes("y", 99), None, 0);
}

#[test]
fn axes_of_one_that_are_dropped() {
    let pooled = || Net::new().reduce("Mean", "pool", "x", &[2, 3], true);
    let squeeze = |axes| [("squeeze_dims", Attribute::Ints(axes))];
    let listed = pooled().op("y", "Squeeze", &["pool"], &squeeze(&[2, 3])).product("scores", "y", [4, CLASSES]);
    compare("Squeeze of rows and columns", listed, None, 0);
    let rows = Net::new().reduce("Mean", "pool", "x", &[2], true).op("y", "Squeeze", &["pool"], &squeeze(&[-2]));
    compare("Squeeze of rows", rows.classes("y", 4 * 9), None, 1);
    // A last layer that is a convolution: the scores themselves are an image of one pixel.
    let scores = pooled().convolution("scores", "pool", [1, 1, 4, CLASSES], &[STRIDE, SAME]);
    compare("scores of four axes", scores, None, 1);
}

#[test]
fn borders() {
    let sides = [[0, 0], [1, 0], [2, 1], [0, 3]];
    let net = || Net::new().pairs("sides", &sides);
    let count = 5 * 14 * 12;
    let zeros = net().op("y", "Pad", &["x", "sides"], &[("Tpaddings", INT)]);
    compare("Pad", zeros.classes("y", count), None, 1);
    let value = net().floats("value", &[]).op("y", "PadV2", &["x", "sides", "value"], &[("Tpaddings", INT)]);
    compare("PadV2", value.classes("y", count), None, 1);
    let mirror = [("Tpaddings", INT), ("mode", Attribute::Text("REFLECT"))];
    compare("MirrorPad", net().op("y", "MirrorPad", &["x", "sides"], &mirror).classes("y", count), None, 1);
}

#[test]
fn transpositions_of_the_files_own() {
    let lrn = Net::new().transpose("rows_first", "x", &[0, 2, 3, 1]).op("lrn", "LRN", &["rows_first"], &[]);
    let lrn = lrn.transpose("back", "lrn", &[0, 3, 1, 2]).convolution("y", "back", [3, 3, 4, 2], &[STRIDE, SAME]);
    compare("LRN between layers", lrn.reduce("Mean", "pool", "y", &[2, 3], false).classes("pool", 2), None, 0);
    let flat = Net::new().transpose("rows_first", "x", &[0, 2, 3, 1]);
    compare("a vector of channels last", flat.classes("rows_first", values(X)), None, 0);
    let turned = Net::new().transpose("columns_first", "x", &[0, 3, 2, 1]);
    compare("another order", turned.classes("columns_first", values(X)), None, 1);
    let soft = Net::new().transpose("rows_first", "x", &[0, 2, 3, 1]).op("soft", "Softmax", &["rows_first"], &[]);
    compare("Softmax over channels", soft.transpose("y", "soft", &[0, 3, 1, 2]).classes("y", values(X)), None, 1);
    compare("Softmax over columns", Net::new().op("y", "Softmax", &["x"], &[]).classes("y", values(X)), None, 1);
    let size = Net::new().transpose("rows_first", "x", &[0, 2, 3, 1]).ints("size", &[5, 7]);
    let size = size.op("small", "ResizeBilinear", &["rows_first", "size"], &[]).transpose("y", "small", &[0, 3, 1, 2]);
    let size = size.convolution("z", "y", [1, 1, 4, 2], &[STRIDE, SAME]).reduce("Mean", "pool", "z", &[2, 3], false);
    compare("ResizeBilinear between layers", size.classes("pool", 2), None, 0);
}

#[test]
fn parts_of_images() {
    let parts =
        Net::new().scalar("axis", 1).op("parts", "Split", &["axis", "x"], &[("num_split", Attribute::Integer(2))]);
    let parts = parts.op("left", "Relu", &["parts:1"], &[]).op("y", "Sub", &["left", "parts"], &[]);
    compare("Split", parts.classes("y", 2 * 99), None, 1);
    let sizes = Net::new().scalar("axis", 1).ints("sizes", &[3, 1]);
    let attributes = [("num_split", Attribute::Integer(2)), ("Tlen", INT)];
    let sizes =
        sizes.op("parts", "SplitV", &["x", "sizes", "axis"], &attributes).op("y", "Mul", &["parts", "parts:1"], &[]);
    compare("SplitV", sizes.classes("y", 3 * 99), None, 1);
    let slice = Net::new().ints("begin", &[0, 1, 2, 0]).ints("size", &[-1, 2, 5, -1]);
    let slice = slice.op("y", "Slice", &["x", "begin", "size"], &[("Index", INT)]);
    compare("Slice", slice.classes("y", 2 * 5 * 9), None, 1);
    let tile = Net::new().ints("times", &[1, 1, 2, 3]).op("y", "Tile", &["x", "times"], &[("Tmultiples", INT)]);
    compare("Tile", tile.classes("y", 4 * 22 * 27), None, 1);

    let strided = |masks: &[(&'static str, Attribute<'_>)], lists: [&[i32]; 3]| {
        let net = Net::new().ints("begin", lists[0]).ints("end", lists[1]).ints("strides", lists[2]);
        net.op("y", "StridedSlice", &["x", "begin", "end", "strides"], &[&[("Index", INT)], masks].concat())
    };
    let masks = [("begin_mask", Attribute::Integer(0b0101)), ("end_mask", Attribute::Integer(0b1001))];
    let every = strided(&masks, [&[0, 1, 0, -1], &[0, 3, 9, 0], &[1, 1, 2, -2]]);
    compare("StridedSlice", every.classes("y", 2 * 5 * 5), None, 1);
    let masks = [("begin_mask", Attribute::Integer(1)), ("end_mask", Attribute::Integer(1))];
    let short = strided(&masks, [&[0, 1], &[0, 3], &[1, 1]]);
    compare("StridedSlice of the first axes", short.classes("y", 2 * 99), None, 1);
    let shrink = [&masks[..], &[("shrink_axis_mask", Attribute::Integer(2))]].concat();
    let one = strided(&shrink, [&[0, 2], &[0, 3], &[1, 1]]);
    compare("StridedSlice of one channel", one.classes("y", 99), None, 0);
}

#[test]
fn blocks_and_channels() {
    let index = [("Tblock_shape", INT), ("Tpaddings", INT)];
    let crop = [("Tblock_shape", INT), ("Tcrops", INT)];
    let net = Net::new().ints("block", &[1, 2, 2]).pairs("sides", &[[0, 0], [2, 3], [2, 3]]);
    let net = net.op("cut", "SpaceToBatchND", &["x", "block", "sides"], &index);
    let net = net.convolution("layer", "cut", [3, 3, 4, 4], &[STRIDE, VALID]).pairs("crops", &[[0, 0], [0, 1], [0, 1]]);
    let net = net.op("y", "BatchToSpaceND", &["layer", "block", "crops"], &crop);
    compare("a layer on blocks", net.reduce("Mean", "pool", "y", &[2, 3], false).classes("pool", 4), None, 0);

    for (op, count) in [("DepthToSpace", 22 * 18), ("SpaceToDepth", 16 * 22 * 18 / 4)] {
        let block = ("block_size", Attribute::Integer(2));
        let image = if op == "DepthToSpace" { "x" } else { "large" };
        let start = || {
            let net = Net::new().ints("times", &[1, 1, 2, 2]);
            net.op("large", "Tile", &["x", "times"], &[("Tmultiples", INT)])
        };
        let truth = start().transpose("last", image, &[0, 2, 3, 1]).op("blocks", op, &["last"], &[block]);
        let truth = truth.transpose("y", "blocks", &[0, 3, 1, 2]).classes("y", count);
        compare(op, start().op("y", op, &[image], &[block, NCHW]).classes("y", count), Some(truth), 1);
    }

    let excited = Net::new().reduce("Mean", "pool", "x", &[2, 3], false).product("dense", "pool", [4, 4]);
    let excited = excited.op("gate", "Sigmoid", &["dense"], &[]).reshape("gates", "gate", &[-1, 4, 1, 1]);
    let excited = excited.op("y", "Mul", &["x", "gates"], &[]).reduce("Mean", "mean", "y", &[2, 3], false);
    // Of one value a channel: it moves nothing.
    compare("squeeze and excitation", excited.classes("mean", 4), None, 1);

    let shuffled =
        Net::new().reshape("groups", "x", &[-1, 2, 2, 11, 9]).transpose("swapped", "groups", &[0, 2, 1, 3, 4]);
    let shuffled = shuffled.reshape("y", "swapped", &[-1, 4, 11, 9]);
    let shuffled =
        shuffled.convolution("z", "y", [1, 1, 4, 2], &[STRIDE, SAME]).reduce("Mean", "pool", "z", &[2, 3], false);
    compare("shuffled channels", shuffled.classes("pool", 2), None, 3);
}

#[test]
fn beginnings_and_ends() {
    let centred = Net::of_photo().floats("mean", &[3, 1, 1]).op("centred", "Sub", &["input", "mean"], &[]);
    let centred = centred.convolution("y", "centred", [3, 3, 3, 2], &[STRIDE, SAME]);
    compare("a photo that is centred", centred.classes("y", 2 * 99), None, 1);
    let computed = Net::new().op("shape", "Shape", &["x"], &[("out_type", INT)]).scalar("rest", -1);
    let computed = computed.ints("from", &[0]).ints("to", &[1]);
    let slice = [("T", INT), ("Index", INT), ("shrink_axis_mask", Attribute::Integer(1))];
    let computed = Net(computed.0.node("batch", "StridedSlice", &["shape", "from", "to", "to"], &slice));
    let pack = [("T", INT), ("N", Attribute::Integer(2))];
    let computed = Net(computed.0.node("target", "Pack", &["batch", "rest"], &pack));
    let computed = computed.op("y", "Reshape", &["x", "target"], &[("Tshape", INT)]);
    compare("a vector of a computed shape", computed.product("scores", "y", [values(X), CLASSES]), None, 1);
    let half = [("SrcT", Attribute::Type(1)), ("DstT", Attribute::Type(19))];
    let back = [("SrcT", Attribute::Type(19)), ("DstT", Attribute::Type(1))];
    let halves = || Net(Net::new().0.node("half", "Cast", &["x"], &half));
    let window = [("ksize", Attribute::Ints(&[1, 1, 3, 3])), ("strides", Attribute::Ints(&[1, 1, 2, 2])), VALID, NCHW];
    let typed = [&[("T", Attribute::Type(19))], &window[..]].concat();
    let pooled = Net(halves().0.node("pool", "MaxPool", &["half"], &typed).node("y", "Cast", &["pool"], &back));
    // oneDNN has no pooling of halves: the truth pools floats of the same values.
    let truth = Net(halves().0.node("wide", "Cast", &["half"], &back)).op("y", "MaxPool", &["wide"], &window);
    compare("halves", pooled.classes("y", 4 * 5 * 4), Some(truth.classes("y", 4 * 5 * 4)), 1);
}
