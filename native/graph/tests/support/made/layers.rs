//! Layers, what stands between them, and images of another size.

use menagerie_graph::{
    dtype::DataType,
    encode::{dtype_attr, flag_attr, float_attr, int_attr, ints_attr, text_attr},
    wire::{put_bytes, put_int},
};

use super::{COLUMNS, Case, DEEP, Made, ROWS, Value, image, reduce, vector};

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

fn batch_norm(made: &mut Made, op: &str) -> Value {
    // Of a sum, into which it cannot be folded.
    let sum = made.op("Add", &["features", "positive"]);
    let (scale, shift, mean) = (made.floats(&[DEEP], 1.0), made.floats(&[DEEP], 1.0), made.floats(&[DEEP], 1.0));
    let root = made.floats(&[DEEP], 1.0);
    let variance = made.op("Square", &[&root]);
    let attributes =
        vec![("U", dtype_attr(DataType::Float)), ("epsilon", float_attr(0.01)), ("is_training", flag_attr(false))];
    let value = made.with(op, &[&sum, &scale, &shift, &mean, &variance], attributes);
    image(value)
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
    image(value)
}

/// A list of one type.
fn types_attr(dtype: DataType) -> Vec<u8> {
    let (mut list, mut out) = (Vec::new(), Vec::new());
    put_int(&mut list, 6, i64::from(dtype.number()));
    put_bytes(&mut out, 1, &list);
    out
}

fn texts_attr(texts: &[&str]) -> Vec<u8> {
    let (mut list, mut out) = (Vec::new(), Vec::new());
    for text in texts {
        put_bytes(&mut list, 2, text.as_bytes());
    }
    put_bytes(&mut out, 1, &list);
    out
}

pub(super) const CASES: &[Case] = &[
    ("Pow", |made| {
        let power = made.float(1.7);
        let value = made.op("Pow", &["positive", &power]);
        image(value)
    }),
    ("FloorDiv", |made| {
        let each = made.floats(&[DEEP], 0.3);
        let divisor = made.op("Add", &["positive", &each]);
        let value = made.op("FloorDiv", &["features", &divisor]);
        image(value)
    }),
    ("LeakyRelu", |made| {
        let value = made.with("LeakyRelu", &["features"], vec![("alpha", float_attr(0.3))]);
        image(value)
    }),
    ("Cast", |made| {
        let types = |from, to| vec![("SrcT", dtype_attr(from)), ("DstT", dtype_attr(to))];
        let ten = made.float(10.0);
        let large = made.op("Mul", &["features", &ten]);
        let whole = made.with("Cast", &[&large], types(DataType::Float, DataType::Int32));
        let value = made.with("Cast", &[&whole], types(DataType::Int32, DataType::Float));
        image(value)
    }),
    ("Logical", |made| {
        let zero = made.float(0.0);
        let (less, greater) = (made.op("Less", &["features", &zero]), made.op("Greater", &["positive", &zero]));
        let (is_nan, is_inf) = (made.op("IsNan", &["features"]), made.op("IsInf", &["features"]));
        let (and, or) = (made.op("LogicalAnd", &[&less, &greater]), made.op("LogicalOr", &[&is_nan, &is_inf]));
        let not = made.op("LogicalNot", &[&and]);
        let either = made.op("LogicalOr", &[&not, &or]);
        let value = made.op("Select", &[&either, "features", "positive"]);
        image(value)
    }),
    ("AddN", |made| {
        let value = made.with("AddN", &["features", "positive", "features"], vec![("N", int_attr(3))]);
        image(value)
    }),
    ("ClipByValue", |made| {
        let (lowest, highest) = (made.float(-0.5), made.float(0.7));
        let value = made.op("ClipByValue", &["features", &lowest, &highest]);
        image(value)
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
        image(value)
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
        image(value)
    }),
    ("LRN", |made| {
        let attributes = vec![
            ("depth_radius", int_attr(1)),
            ("bias", float_attr(1.2)),
            ("alpha", float_attr(0.4)),
            ("beta", float_attr(0.6)),
        ];
        let value = made.with("LRN", &["features"], attributes);
        image(value)
    }),
    ("Mean", |made| {
        let pooled = reduce(made, "Mean", &[1, 2], true);
        let value = made.op("Mul", &["features", &pooled]);
        image(value)
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
    ("ResizeBilinear", |made| resize(made, "ResizeBilinear", [5, 17], None)),
    ("ResizeBilinear on corners", |made| resize(made, "ResizeBilinear", [13, 7], Some("align_corners"))),
    ("ResizeBilinear on centres", |made| resize(made, "ResizeBilinear", [11, 6], Some("half_pixel_centers"))),
    ("ResizeNearestNeighbor", |made| resize(made, "ResizeNearestNeighbor", [16, 15], None)),
    ("FakeQuantWithMinMaxArgs", |made| {
        let attributes = vec![("min", float_attr(-1.0)), ("max", float_attr(1.3)), ("num_bits", int_attr(4))];
        let value = made.with("FakeQuantWithMinMaxArgs", &["features"], attributes);
        image(value)
    }),
    ("FakeQuantWithMinMaxVars", |made| {
        let (lowest, highest) = (made.float(-0.8), made.float(1.1));
        let attributes = vec![("narrow_range", flag_attr(true))];
        let value = made.with("FakeQuantWithMinMaxVars", &["features", &lowest, &highest], attributes);
        image(value)
    }),
    ("FakeQuantWithMinMaxVarsPerChannel", |made| {
        made.graph.floats("lowest", &[DEEP], &[-1.0, -0.5, -0.25, 0.0]);
        made.graph.floats("highest", &[DEEP], &[1.0, 0.75, 0.5, 0.25]);
        let value = made.op("FakeQuantWithMinMaxVarsPerChannel", &["features", "lowest", "highest"]);
        image(value)
    }),
];
