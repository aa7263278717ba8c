//! Rounding to the steps of a quantised type, which graphs that were trained for it do between their layers.
//!
//! Weights that are stored as 8-bit numbers are constants (`Dequantize`) and written as floats. Layers that compute with
//! 8-bit numbers have no translation.

use super::{
    super::writer::{Refusal, Writer},
    Rows,
    Rule::Written,
    arithmetic::need_floats,
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[
    ("FakeQuantWithMinMaxArgs", Written(by_attributes)),
    ("FakeQuantWithMinMaxVars", Written(by_inputs)),
    ("FakeQuantWithMinMaxVarsPerChannel", Written(by_inputs)),
];

fn by_attributes(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    let bounds = (node.float("min").unwrap_or(-6.0), node.float("max").unwrap_or(6.0));
    round(writer, id, &[bounds.0], &[bounds.1])
}

fn by_inputs(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let bound = |index: usize| {
        let values = writer.floats_of(writer.input(id, index)?);
        values.ok_or_else(|| writer.refusal(id, "its range is computed"))
    };
    let (lowest, highest) = (bound(1)?, bound(2)?);
    round(writer, id, &lowest, &highest)
}

/// The steps between two bounds, moved so that one of them is 0 (`Nudge` of
/// `tensorflow/core/kernels/fake_quant_ops_functor.h`).
struct Steps {
    lowest: f32,
    highest: f32,
    size: f32,
}

impl Steps {
    fn between(lowest: f32, highest: f32, first: f32, last: f32) -> Option<Self> {
        let size = (highest - lowest) / (last - first);
        if !(size.is_finite() && size > 0.0) {
            return None;
        }
        let zero = first - lowest / size;
        let zero = if zero < first {
            first
        } else if zero > last {
            last
        } else {
            zero.round()
        };
        Some(Self { lowest: (first - zero) * size, highest: (last - zero) * size, size })
    }
}

/// Rounds to steps as TensorFlow does: `floor((clamped - lowest) / size + 0.5) * size + lowest`.
fn round(writer: &mut Writer<'_>, id: NodeId, lowest: &[f32], highest: &[f32]) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let node = writer.graph.node(id);
    let bits = node.int("num_bits").unwrap_or(8);
    if !(2..=16).contains(&bits) {
        return Err(writer.refusal(id, format!("its num_bits is {bits}")));
    }
    let (first, last) = (f32::from(u8::from(node.flag("narrow_range"))), ((1_u32 << bits) - 1) as f32);
    let steps: Option<Vec<Steps>> =
        lowest.iter().zip(highest).map(|(lowest, highest)| Steps::between(*lowest, *highest, first, last)).collect();
    let steps = steps.filter(|steps| steps.len() == lowest.len().max(highest.len()) && !steps.is_empty());
    let steps = steps.ok_or_else(|| writer.refusal(id, "its range is empty"))?;
    let (mut value, is_turned) = writer.own(writer.input(id, 0)?)?;
    let count = steps.len() as u64;
    let extents = match (count, is_turned) {
        (1, _) => Vec::new(),
        (_, true) => vec![count, 1, 1],
        (_, false) => vec![count],
    };
    let mut of_steps =
        |of: fn(&Steps) -> f32| writer.floats(extents.clone(), &steps.iter().map(of).collect::<Vec<_>>());
    let (lowest, highest) = (of_steps(|steps| steps.lowest)?, of_steps(|steps| steps.highest)?);
    let (size, inverse) = (of_steps(|steps| steps.size)?, of_steps(|steps| 1.0 / steps.size)?);
    let half = writer.float(0.5)?;
    let chain: [(&'static str, Vec<String>); 7] = [
        ("Max", vec![lowest.clone()]),
        ("Min", vec![highest]),
        ("Sub", vec![lowest.clone()]),
        ("Mul", vec![inverse]),
        ("Add", vec![half]),
        ("Floor", Vec::new()),
        ("Mul", vec![size]),
    ];
    for (op, mut rest) in chain {
        rest.insert(0, value);
        value = writer.step(id, op, rest, Vec::new());
    }
    writer.put(id, "Add", vec![value, lowest], Vec::new(), is_turned)
}
