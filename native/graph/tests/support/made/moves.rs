//! Ops that move values.

use menagerie_graph::{
    dtype::DataType,
    encode::{dtype_attr, flag_attr, int_attr, ints_attr, text_attr},
};

use super::{COLUMNS, Case, DEEP, ROWS, image, reduce, vector};

pub(super) const CASES: &[Case] = &[
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
        image(value)
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
        image(value)
    }),
    ("SpaceToDepth and DepthToSpace", |made| {
        let block = || vec![("block_size", int_attr(2))];
        let deep = made.with("SpaceToDepth", &["features"], block());
        let bias = made.floats(&[4 * DEEP], 1.0);
        let sum = made.op("Add", &[&deep, &bias]);
        let value = made.with("DepthToSpace", &[&sum], block());
        image(value)
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
];
