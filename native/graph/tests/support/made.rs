//! Made-up nets, at least one for each op that has a translation to ONNX.

mod layers;
mod moves;

use menagerie_graph::{
    dtype::DataType,
    encode::{dtype_attr, flag_attr},
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

/// A tensor like the features.
fn image(name: impl Into<String>) -> Value {
    (name.into(), vec![ROWS, COLUMNS, DEEP])
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
            image(value)
        });
    }
    for op in POSITIVE {
        add(op, &|made| {
            let value = made.op(op, &["positive"]);
            image(value)
        });
    }
    for op in BINARY {
        add(op, &|made| {
            let (single, each) = (made.float(1.5), made.floats(&[DEEP], 1.0));
            let first = made.op(op, &["positive", &single]);
            let second = made.op(op, &[&each, &first]);
            let third = made.op(op, &["positive", &second]);
            image(third)
        });
    }
    for op in COMPARISONS {
        add(op, &|made| {
            let each = made.floats(&[DEEP], 1.0);
            let chosen = made.op(op, &["features", &each]);
            let value = made.op("SelectV2", &[&chosen, "features", "positive"]);
            image(value)
        });
    }
    for (name, case) in layers::CASES.iter().chain(moves::CASES) {
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

fn reduce(made: &mut Made, op: &str, axes: &[i32], keep: bool) -> String {
    let axes = made.ints(axes);
    made.with(op, &["features", &axes], vec![("keep_dims", flag_attr(keep))])
}

/// The vector of an image's features.
fn vector(made: &mut Made) -> String {
    reduce(made, "Mean", &[1, 2], false)
}
