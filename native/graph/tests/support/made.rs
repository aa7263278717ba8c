//! Made-up nets, at least one for each op that has a translation to ONNX.

use menagerie_graph::{
    dtype::DataType,
    encode::{dtype_attr, flag_attr, float_attr, int_attr, ints_attr, text_attr},
};

use super::{GraphBuilder, Random};

/// Rows and columns of the input differ, so that no mix-up of axes goes unseen.
const ROWS: u64 = 8;
const COLUMNS: u64 = 10;
const DEEP: u64 = 4;

/// A net as it grows. `features` are signed, `positive` at least 0.5; both 8 x 10 x 4.
pub struct Made {
    pub graph: GraphBuilder,
    random: Random,
    count: u32,
}

/// A tensor with its extents for one image.
type Value = (String, Vec<u64>);

impl Made {
    fn new() -> Self {
        let mut made = Self {
            graph: GraphBuilder::with_input(&[None, Some(ROWS), Some(COLUMNS), Some(3)]),
            random: Random(0x0dd5_eed5),
            count: 0,
        };
        let kernel = made.numbers(3 * 3 * 3 * DEEP, 0.01);
        made.graph.convolution("features", "input", [3, 3, 3, DEEP], &kernel);
        made.graph.floats("half", &[], &[0.5]).op("abs", "Abs", &["features"]).op("positive", "Add", &["abs", "half"]);
        made
    }

    /// Between -`scale` and `scale`.
    fn numbers(&mut self, count: u64, scale: f32) -> Vec<f32> {
        (0..count).map(|_| (self.random.below(2001) as f32 / 1000.0 - 1.0) * scale).collect()
    }

    fn name(&mut self, op: &str) -> String {
        self.count += 1;
        format!("{}_{}", op.trim_start_matches('_'), self.count)
    }

    fn floats(&mut self, extents: &[u64], scale: f32) -> String {
        let name = self.name("floats");
        let values = self.numbers(extents.iter().product(), scale);
        self.graph.floats(&name, extents, &values);
        name
    }

    fn float(&mut self, value: f32) -> String {
        let name = self.name("float");
        self.graph.floats(&name, &[], &[value]);
        name
    }

    fn ints(&mut self, values: &[i32]) -> String {
        let name = self.name("ints");
        self.graph.ints(&name, values);
        name
    }

    fn int(&mut self, value: i32) -> String {
        let name = self.name("int");
        self.graph.constant(&name, DataType::Int32, &[], &value.to_le_bytes());
        name
    }

    /// Pairs: what stands before and behind each axis.
    fn sides(&mut self, values: &[i32; 8]) -> String {
        let name = self.name("sides");
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.graph.constant(&name, DataType::Int32, &[4, 2], &content);
        name
    }

    /// An op on floats with more attributes.
    fn with(&mut self, op: &str, inputs: &[&str], more: Vec<(&str, Vec<u8>)>) -> String {
        let name = self.name(op);
        let mut attributes = vec![("T", dtype_attr(DataType::Float))];
        attributes.extend(more);
        self.graph.node(&name, op, inputs, &attributes);
        name
    }

    fn op(&mut self, op: &str, inputs: &[&str]) -> String {
        self.with(op, inputs, Vec::new())
    }

    fn image(&self, name: impl Into<String>) -> Value {
        (name.into(), vec![ROWS, COLUMNS, DEEP])
    }

    /// Three classes of whatever `value` is.
    fn finish(mut self, (name, extents): Value) -> GraphBuilder {
        let count: u64 = extents.iter().product();
        let target = self.ints(&[-1, count as i32]);
        let flat = self.op("Reshape", &[&name, &target]);
        let weights = self.floats(&[count, 3], 2.0 / count as f32);
        let logits = self.op("MatMul", &[&flat, &weights]);
        self.graph.op("probabilities", "Softmax", &[&logits]);
        self.graph
    }
}

type Case = (&'static str, fn(&mut Made) -> Value);

/// Nets by name.
pub fn nets() -> Vec<(String, GraphBuilder)> {
    let mut nets = Vec::new();
    let mut add = |name: &str, build: &dyn Fn(&mut Made) -> Value| {
        let mut made = Made::new();
        let value = build(&mut made);
        nets.push((name.to_owned(), made.finish(value)));
    };
    for op in SIGNED {
        add(op, &|made| {
            let value = made.op(op, &["features"]);
            made.image(value)
        });
    }
    for op in POSITIVE {
        add(op, &|made| {
            let value = made.op(op, &["positive"]);
            made.image(value)
        });
    }
    for op in BINARY {
        add(op, &|made| {
            let (single, each) = (made.float(1.5), made.floats(&[DEEP], 1.0));
            let first = made.op(op, &["positive", &single]);
            let second = made.op(op, &[&each, &first]);
            let third = made.op(op, &["positive", &second]);
            made.image(third)
        });
    }
    for op in COMPARISONS {
        add(op, &|made| {
            let each = made.floats(&[DEEP], 1.0);
            let chosen = made.op(op, &["features", &each]);
            let value = made.op("SelectV2", &[&chosen, "features", "positive"]);
            made.image(value)
        });
    }
    for (name, case) in CASES {
        add(name, case);
    }
    nets
}

const SIGNED: &[&str] = &[
    "Neg",
    "Abs",
    "Sign",
    "Exp",
    "Floor",
    "Ceil",
    "Round",
    "Rint",
    "Sin",
    "Cos",
    "Erf",
    "Erfc",
    "Square",
    "Expm1",
    "Relu",
    "Elu",
    "Selu",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Relu6",
    "Softmax",
    "LogSoftmax",
    "Identity",
    "Snapshot",
    "StopGradient",
    "PreventGradient",
];
const POSITIVE: &[&str] = &["Log", "Sqrt", "Rsqrt", "Log1p", "Reciprocal", "Inv"];
const BINARY: &[&str] =
    &["Add", "AddV2", "Sub", "Mul", "Div", "RealDiv", "DivNoNan", "Maximum", "Minimum", "SquaredDifference"];
const COMPARISONS: &[&str] = &["Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"];

/// A layer over `features` with a kernel of `extents` and these attributes beside strides, padding and dilations.
fn layer(made: &mut Made, op: &str, extents: [u64; 4], more: Vec<(&str, Vec<u8>)>) -> String {
    let kernel = made.floats(&extents, 0.3);
    made.with(op, &["features", &kernel], more)
}

fn window(strides: [i64; 4], padding: &str) -> Vec<(&'static str, Vec<u8>)> {
    vec![("strides", ints_attr(&strides)), ("padding", text_attr(padding))]
}

fn pool(made: &mut Made, op: &str, padding: &str) -> String {
    let mut attributes = window([1, 2, 3, 1], padding);
    attributes.push(("ksize", ints_attr(&[1, 3, 2, 1])));
    made.with(op, &["features"], attributes)
}

fn reduce(made: &mut Made, op: &str, axes: &[i32], keep: bool) -> String {
    let axes = made.ints(axes);
    made.with(op, &["features", &axes], vec![("keep_dims", flag_attr(keep))])
}

fn batch_norm(made: &mut Made, op: &str) -> Value {
    // Of a sum, into which it cannot be folded.
    let sum = made.op("Add", &["features", "positive"]);
    let (scale, shift, mean) = (made.floats(&[DEEP], 1.0), made.floats(&[DEEP], 1.0), made.floats(&[DEEP], 1.0));
    let root = made.floats(&[DEEP], 1.0);
    let variance = made.op("Square", &[&root]);
    let attributes =
        vec![("U", dtype_attr(DataType::Float)), ("epsilon", float_attr(0.01)), ("is_training", flag_attr(false))];
    let value = made.with(op, &[&sum, &scale, &shift, &mean, &variance], attributes);
    made.image(value)
}

fn resize(made: &mut Made, op: &str, size: [i32; 2], flag: Option<&'static str>) -> Value {
    let size_of = made.ints(&size);
    let attributes = flag.map(|flag| (flag, flag_attr(true))).into_iter().collect();
    let value = made.with(op, &["features", &size_of], attributes);
    (value, vec![size[0] as u64, size[1] as u64, DEEP])
}

fn fused(made: &mut Made, op: &str, extents: [u64; 4], activation: &str) -> Value {
    let (kernel, bias) = (made.floats(&extents, 0.3), made.floats(&[DEEP], 0.5));
    let mut attributes = window([1, 1, 1, 1], "SAME");
    attributes.extend([("fused_ops", texts_attr(&["BiasAdd", activation])), ("num_args", int_attr(1))]);
    if op == "_FusedConv2D" {
        attributes.push(("TArgs", types_attr(DataType::Float)));
    }
    let value = made.with(op, &["features", &kernel, &bias], attributes);
    made.image(value)
}

/// A list of one type.
fn types_attr(dtype: DataType) -> Vec<u8> {
    use menagerie_graph::wire::{put_bytes, put_int};
    let (mut list, mut out) = (Vec::new(), Vec::new());
    put_int(&mut list, 6, i64::from(dtype.number()));
    put_bytes(&mut out, 1, &list);
    out
}

fn texts_attr(texts: &[&str]) -> Vec<u8> {
    use menagerie_graph::wire::put_bytes;
    let (mut list, mut out) = (Vec::new(), Vec::new());
    for text in texts {
        put_bytes(&mut list, 2, text.as_bytes());
    }
    put_bytes(&mut out, 1, &list);
    out
}

/// The vector of an image's features.
fn vector(made: &mut Made) -> String {
    reduce(made, "Mean", &[1, 2], false)
}

const CASES: &[Case] = &[
    ("Pow", |made| {
        let power = made.float(1.7);
        let value = made.op("Pow", &["positive", &power]);
        made.image(value)
    }),
    ("FloorDiv", |made| {
        let each = made.floats(&[DEEP], 0.3);
        let divisor = made.op("Add", &["positive", &each]);
        let value = made.op("FloorDiv", &["features", &divisor]);
        made.image(value)
    }),
    ("LeakyRelu", |made| {
        let value = made.with("LeakyRelu", &["features"], vec![("alpha", float_attr(0.3))]);
        made.image(value)
    }),
    ("Cast", |made| {
        let types = |from, to| vec![("SrcT", dtype_attr(from)), ("DstT", dtype_attr(to))];
        let ten = made.float(10.0);
        let large = made.op("Mul", &["features", &ten]);
        let whole = made.with("Cast", &[&large], types(DataType::Float, DataType::Int32));
        let value = made.with("Cast", &[&whole], types(DataType::Int32, DataType::Float));
        made.image(value)
    }),
    ("Logical", |made| {
        let zero = made.float(0.0);
        let (less, greater) = (made.op("Less", &["features", &zero]), made.op("Greater", &["positive", &zero]));
        let (is_nan, is_inf) = (made.op("IsNan", &["features"]), made.op("IsInf", &["features"]));
        let (and, or) = (made.op("LogicalAnd", &[&less, &greater]), made.op("LogicalOr", &[&is_nan, &is_inf]));
        let not = made.op("LogicalNot", &[&and]);
        let either = made.op("LogicalOr", &[&not, &or]);
        let value = made.op("Select", &[&either, "features", "positive"]);
        made.image(value)
    }),
    ("AddN", |made| {
        let value = made.with("AddN", &["features", "positive", "features"], vec![("N", int_attr(3))]);
        made.image(value)
    }),
    ("ClipByValue", |made| {
        let (lowest, highest) = (made.float(-0.5), made.float(0.7));
        let value = made.op("ClipByValue", &["features", &lowest, &highest]);
        made.image(value)
    }),
    ("strides and SAME", |made| {
        let value = layer(made, "Conv2D", [3, 2, DEEP, 5], window([1, 2, 3, 1], "SAME"));
        (value, vec![4, 4, 5])
    }),
    ("dilations and VALID", |made| {
        let mut attributes = window([1, 1, 1, 1], "VALID");
        attributes.push(("dilations", ints_attr(&[1, 2, 3, 1])));
        let value = layer(made, "Conv2D", [3, 2, DEEP, 5], attributes);
        (value, vec![4, 7, 5])
    }),
    ("explicit paddings", |made| {
        let mut attributes = window([1, 1, 1, 1], "EXPLICIT");
        attributes.push(("explicit_paddings", ints_attr(&[0, 0, 1, 2, 0, 3, 0, 0])));
        let value = layer(made, "Conv2D", [3, 3, DEEP, 5], attributes);
        (value, vec![9, 11, 5])
    }),
    ("groups", |made| {
        let value = layer(made, "Conv2D", [3, 3, 2, 6], window([1, 1, 1, 1], "SAME"));
        (value, vec![ROWS, COLUMNS, 6])
    }),
    ("DepthwiseConv2dNative", |made| {
        let value = layer(made, "DepthwiseConv2dNative", [3, 3, DEEP, 2], window([1, 2, 2, 1], "SAME"));
        (value, vec![4, 5, 8])
    }),
    ("computed kernels", |made| {
        let (left, right) = (made.floats(&[3, 3, DEEP, 2], 0.3), made.floats(&[3, 3, DEEP, 2], 1.0));
        let kernel = made.op("Mul", &[&left, &right]);
        let plain = made.with("Conv2D", &["features", &kernel], window([1, 1, 1, 1], "SAME"));
        let deep = made.with("DepthwiseConv2dNative", &["features", &kernel], window([1, 1, 1, 1], "SAME"));
        let axis = made.int(3);
        let value = made.with("ConcatV2", &[&plain, &deep, &axis], vec![("N", int_attr(2))]);
        (value, vec![ROWS, COLUMNS, 10])
    }),
    ("BiasAdd", |made| {
        let bias = made.floats(&[DEEP], 1.0);
        let value = made.op("BiasAdd", &["positive", &bias]);
        let value = made.op("BiasAddV1", &[&value, &bias]);
        made.image(value)
    }),
    ("_FusedConv2D", |made| fused(made, "_FusedConv2D", [3, 3, DEEP, DEEP], "Relu6")),
    ("_FusedDepthwiseConv2dNative", |made| fused(made, "_FusedDepthwiseConv2dNative", [3, 3, DEEP, 1], "Relu")),
    ("_FusedMatMul", |made| {
        let (vector, weights, bias) = (vector(made), made.floats(&[DEEP, 6], 1.0), made.floats(&[6], 1.0));
        let attributes = vec![("fused_ops", texts_attr(&["BiasAdd", "Relu"])), ("num_args", int_attr(1))];
        (made.with("_FusedMatMul", &[&vector, &weights, &bias], attributes), vec![6])
    }),
    ("MatMul", |made| {
        let (vector, weights) = (vector(made), made.floats(&[6, DEEP], 1.0));
        let product = made.with("MatMul", &[&vector, &weights], vec![("transpose_b", flag_attr(true))]);
        let bias = made.floats(&[6], 1.0);
        (made.op("Add", &[&bias, &product]), vec![6])
    }),
    ("BatchMatMul", |made| {
        let target = made.ints(&[-1, 80, 4]);
        let small = made.float(0.01);
        let scaled = made.op("Mul", &["features", &small]);
        let rows = made.op("Reshape", &[&scaled, &target]);
        let square = made.with("BatchMatMulV2", &[&rows, &rows], vec![("adj_x", flag_attr(true))]);
        let again = made.with("BatchMatMulV2", &[&square, &square], vec![("adj_y", flag_attr(true))]);
        let types = vec![
            ("Ta", dtype_attr(DataType::Float)),
            ("Tb", dtype_attr(DataType::Float)),
            ("Tout", dtype_attr(DataType::Float)),
        ];
        let last = made.with("BatchMatMulV3", &[&again, &square], types);
        (made.op("BatchMatMul", &[&again, &last]), vec![4, 4])
    }),
    ("Einsum", |made| {
        let weights = made.floats(&[DEEP, 5], 1.0);
        let attributes = vec![("equation", text_attr("bhwc,cd->bhwd")), ("N", int_attr(2))];
        (made.with("Einsum", &["features", &weights], attributes), vec![ROWS, COLUMNS, 5])
    }),
    ("MaxPool", |made| (pool(made, "MaxPool", "SAME"), vec![4, 4, DEEP])),
    ("AvgPool", |made| (pool(made, "AvgPool", "SAME"), vec![4, 4, DEEP])),
    ("VALID pools", |made| (pool(made, "AvgPool", "VALID"), vec![3, 3, DEEP])),
    ("FusedBatchNorm", |made| batch_norm(made, "FusedBatchNorm")),
    ("FusedBatchNormV2", |made| batch_norm(made, "FusedBatchNormV2")),
    ("FusedBatchNormV3", |made| batch_norm(made, "FusedBatchNormV3")),
    ("BatchNormWithGlobalNormalization", |made| {
        let each: Vec<String> = (0..3).map(|_| made.floats(&[DEEP], 1.0)).collect();
        let variance = made.op("Square", &[&each[0]]);
        let attributes = vec![("variance_epsilon", float_attr(0.01)), ("scale_after_normalization", flag_attr(true))];
        let inputs = ["positive", &each[0], &variance, &each[1], &each[2]];
        let value = made.with("BatchNormWithGlobalNormalization", &inputs, attributes);
        made.image(value)
    }),
    ("LRN", |made| {
        let attributes = vec![
            ("depth_radius", int_attr(1)),
            ("bias", float_attr(1.2)),
            ("alpha", float_attr(0.4)),
            ("beta", float_attr(0.6)),
        ];
        let value = made.with("LRN", &["features"], attributes);
        made.image(value)
    }),
    ("Mean", |made| {
        let pooled = reduce(made, "Mean", &[1, 2], true);
        let value = made.op("Mul", &["features", &pooled]);
        made.image(value)
    }),
    ("Sum", |made| (reduce(made, "Sum", &[-1], false), vec![ROWS, COLUMNS])),
    ("Max", |made| (reduce(made, "Max", &[1], false), vec![COLUMNS, DEEP])),
    ("Min", |made| (reduce(made, "Min", &[2], true), vec![ROWS, 1, DEEP])),
    ("Prod", |made| (reduce(made, "Prod", &[3], true), vec![ROWS, COLUMNS, 1])),
    ("EuclideanNorm", |made| (reduce(made, "EuclideanNorm", &[1, 3], false), vec![COLUMNS])),
    ("ArgMax and ArgMin", |made| {
        let axis = made.int(3);
        let first = made.op("ArgMax", &["features", &axis]);
        let last = made.with("ArgMin", &["features", &axis], vec![("output_type", dtype_attr(DataType::Int32))]);
        let floats = |made: &mut Made, value: &str, from| {
            made.with("Cast", &[value], vec![("SrcT", dtype_attr(from)), ("DstT", dtype_attr(DataType::Float))])
        };
        let (first, last) = (floats(made, &first, DataType::Int64), floats(made, &last, DataType::Int32));
        (made.op("Sub", &[&first, &last]), vec![ROWS, COLUMNS])
    }),
    ("Reshape and Transpose", |made| {
        let (target, order) = (made.ints(&[-1, 80, 4]), made.ints(&[0, 2, 1]));
        let rows = made.op("Reshape", &["features", &target]);
        (made.op("Transpose", &[&rows, &order]), vec![4, 80])
    }),
    ("Squeeze and ExpandDims", |made| {
        let pooled = reduce(made, "Mean", &[1, 2], true);
        let flat = made.with("Squeeze", &[&pooled], vec![("squeeze_dims", ints_attr(&[1, 2]))]);
        let axis = made.int(1);
        let once = made.op("ExpandDims", &[&flat, &axis]);
        let twice = made.op("ExpandDims", &[&once, &axis]);
        let value = made.op("Add", &["features", &twice]);
        made.image(value)
    }),
    ("channels first and last", |made| {
        let (first, last, other) = (made.ints(&[0, 3, 1, 2]), made.ints(&[0, 2, 3, 1]), made.ints(&[0, 2, 1, 3]));
        let turned = made.op("Transpose", &["features", &first]);
        let bias = made.floats(&[DEEP, 1, 1], 1.0);
        let sum = made.op("Add", &[&turned, &bias]);
        let back = made.op("Transpose", &[&sum, &last]);
        let value = made.op("Transpose", &[&back, &other]);
        (value, vec![COLUMNS, ROWS, DEEP])
    }),
    ("Concat", |made| {
        let axis = made.int(2);
        let value = made.with("Concat", &[&axis, "features", "positive"], vec![("N", int_attr(2))]);
        (value, vec![ROWS, 2 * COLUMNS, DEEP])
    }),
    ("ConcatV2", |made| {
        let axis = made.int(-1);
        let value = made.with("ConcatV2", &["features", "positive", &axis], vec![("N", int_attr(2))]);
        (value, vec![ROWS, COLUMNS, 2 * DEEP])
    }),
    ("Pack and Unpack", |made| {
        let attributes = |axis| vec![("axis", int_attr(axis))];
        let mut pack = attributes(1);
        pack.push(("N", int_attr(2)));
        let packed = made.with("Pack", &["features", "positive"], pack);
        let mut unpack = attributes(4);
        unpack.push(("num", int_attr(DEEP as i64)));
        let parts = made.with("Unpack", &[&packed], unpack);
        let value = made.op("Sub", &[&format!("{parts}:2"), &parts]);
        (value, vec![2, ROWS, COLUMNS])
    }),
    ("Split", |made| {
        let axis = made.int(3);
        let parts = made.with("Split", &[&axis, "features"], vec![("num_split", int_attr(2))]);
        let value = made.op("Mul", &[&parts, &format!("{parts}:1")]);
        (value, vec![ROWS, COLUMNS, 2])
    }),
    ("SplitV", |made| {
        let (sizes, axis) = (made.ints(&[3, -1]), made.int(2));
        let parts = made.with(
            "SplitV",
            &["features", &sizes, &axis],
            vec![("num_split", int_attr(2)), ("Tlen", dtype_attr(DataType::Int32))],
        );
        (format!("{parts}:1"), vec![ROWS, COLUMNS - 3, DEEP])
    }),
    ("Tile", |made| {
        let repeats = made.ints(&[1, 1, 2, 3]);
        (made.op("Tile", &["features", &repeats]), vec![ROWS, 2 * COLUMNS, 3 * DEEP])
    }),
    ("GatherV2", |made| {
        let (places, axis) = (made.ints(&[3, 0, 2]), made.int(3));
        let attributes = vec![
            ("Tparams", dtype_attr(DataType::Float)),
            ("Tindices", dtype_attr(DataType::Int32)),
            ("Taxis", dtype_attr(DataType::Int32)),
        ];
        (made.with("GatherV2", &["features", &places, &axis], attributes), vec![ROWS, COLUMNS, 3])
    }),
    ("Gather", |made| {
        let vectors = made.floats(&[5, DEEP], 1.0);
        let places = made.ints(&[4, 1, 1, 0]);
        let attributes = vec![("Tparams", dtype_attr(DataType::Float)), ("Tindices", dtype_attr(DataType::Int32))];
        let chosen = made.with("Gather", &[&vectors, &places], attributes);
        let vector = vector(made);
        (made.with("MatMul", &[&vector, &chosen], vec![("transpose_b", flag_attr(true))]), vec![4])
    }),
    ("BroadcastTo", |made| {
        let (extents, each) = (made.ints(&[ROWS as i32, COLUMNS as i32, DEEP as i32]), made.floats(&[DEEP], 1.0));
        let all = made.op("BroadcastTo", &[&each, &extents]);
        let value = made.op("Mul", &["features", &all]);
        made.image(value)
    }),
    ("SpaceToDepth and DepthToSpace", |made| {
        let block = || vec![("block_size", int_attr(2))];
        let deep = made.with("SpaceToDepth", &["features"], block());
        let bias = made.floats(&[4 * DEEP], 1.0);
        let sum = made.op("Add", &[&deep, &bias]);
        let value = made.with("DepthToSpace", &[&sum], block());
        made.image(value)
    }),
    ("Slice", |made| {
        let (begin, size) = (made.ints(&[0, 1, 2, 1]), made.ints(&[-1, 5, -1, 2]));
        let value = made.with("Slice", &["features", &begin, &size], vec![("Index", dtype_attr(DataType::Int32))]);
        (value, vec![5, COLUMNS - 2, 2])
    }),
    ("StridedSlice", |made| {
        let (begin, end, step) = (made.ints(&[0, 7, 1, 0]), made.ints(&[0, 0, 9, 4]), made.ints(&[1, -2, 2, 1]));
        let attributes =
            vec![("Index", dtype_attr(DataType::Int32)), ("begin_mask", int_attr(1)), ("end_mask", int_attr(1 | 2))];
        (made.with("StridedSlice", &["features", &begin, &end, &step], attributes), vec![4, 4, DEEP])
    }),
    ("StridedSlice that drops an axis", |made| {
        let (begin, end, step) = (made.ints(&[0, -1]), made.ints(&[0, 0]), made.ints(&[1, 1]));
        let attributes = vec![
            ("Index", dtype_attr(DataType::Int32)),
            ("begin_mask", int_attr(1)),
            ("end_mask", int_attr(1)),
            ("shrink_axis_mask", int_attr(2)),
        ];
        (made.with("StridedSlice", &["features", &begin, &end, &step], attributes), vec![COLUMNS, DEEP])
    }),
    ("Pad", |made| {
        let sides = made.sides(&[0, 0, 1, 2, 0, 1, 0, 3]);
        (made.op("Pad", &["features", &sides]), vec![ROWS + 3, COLUMNS + 1, DEEP + 3])
    }),
    ("PadV2", |made| {
        let (sides, value) = (made.sides(&[0, 0, 1, 0, 0, 2, 0, 0]), made.float(0.7));
        (made.op("PadV2", &["features", &sides, &value]), vec![ROWS + 1, COLUMNS + 2, DEEP])
    }),
    ("MirrorPad", |made| {
        let sides = made.sides(&[0, 0, 1, 2, 3, 0, 0, 0]);
        let attributes = vec![("mode", text_attr("REFLECT"))];
        (made.with("MirrorPad", &["features", &sides], attributes), vec![ROWS + 3, COLUMNS + 3, DEEP])
    }),
    ("ResizeBilinear", |made| resize(made, "ResizeBilinear", [5, 17], None)),
    ("ResizeBilinear on corners", |made| resize(made, "ResizeBilinear", [13, 7], Some("align_corners"))),
    ("ResizeBilinear on centres", |made| resize(made, "ResizeBilinear", [11, 6], Some("half_pixel_centers"))),
    ("ResizeNearestNeighbor", |made| resize(made, "ResizeNearestNeighbor", [16, 15], None)),
    ("FakeQuantWithMinMaxArgs", |made| {
        let attributes = vec![("min", float_attr(-1.0)), ("max", float_attr(1.3)), ("num_bits", int_attr(4))];
        let value = made.with("FakeQuantWithMinMaxArgs", &["features"], attributes);
        made.image(value)
    }),
    ("FakeQuantWithMinMaxVars", |made| {
        let (lowest, highest) = (made.float(-0.8), made.float(1.1));
        let attributes = vec![("narrow_range", flag_attr(true))];
        let value = made.with("FakeQuantWithMinMaxVars", &["features", &lowest, &highest], attributes);
        made.image(value)
    }),
    ("FakeQuantWithMinMaxVarsPerChannel", |made| {
        made.graph.floats("lowest", &[DEEP], &[-1.0, -0.5, -0.25, 0.0]);
        made.graph.floats("highest", &[DEEP], &[1.0, 0.75, 0.5, 0.25]);
        let value = made.op("FakeQuantWithMinMaxVarsPerChannel", &["features", "lowest", "highest"]);
        made.image(value)
    }),
];
