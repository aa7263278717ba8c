//! What stands between bytes of pixels and what a graph is fed: its scaling and the order of its channels, as nodes.

use menagerie_contract::{ChannelOrder, Layout};

use crate::{
    data::dtype::DataType,
    encode::{self, Content, Piece},
    find::found::{InputFound, Normalization},
};

const FLOATS: &str = "input/floats";
const ORDER: &str = "input/order";
const ORDERED: &str = "input/ordered";
const MEAN: &str = "input/mean";
const CENTRED: &str = "input/centred";
const STD: &str = "input/std";
const SCALED: &str = "input/scaled";
/// Names of nodes that may be written.
pub const NAMES: [&str; 7] = [FLOATS, ORDER, ORDERED, MEAN, CENTRED, STD, SCALED];

/// From bytes of RGB or grey, at the node `pixels`, to what the input takes: `(pixel - mean) / std` in 32 bits, as the engine
/// computes it. The name of the last node, and the nodes.
pub fn of(pixels: &str, input: &InputFound, settings: &Normalization) -> (&'static str, Vec<Piece<'static>>) {
    let float = || ("T", Content::from(encode::dtype_attr(DataType::Float)));
    let mut pieces = vec![Piece::cast(FLOATS.into(), pixels.to_owned().into(), DataType::Uint8, DataType::Float)];
    let mut last = FLOATS;
    if settings.channel_order == ChannelOrder::Bgr
        && let Some(axis) = channel_axis(input.layout)
    {
        let value = encode::tensor_attr(DataType::Int32, &[1], &axis.to_le_bytes());
        pieces.push(Piece::constant(ORDER.into(), DataType::Int32, value.into()));
        let attributes = vec![float(), ("Tidx", encode::dtype_attr(DataType::Int32).into())];
        pieces.push(Piece {
            name: ORDERED.into(),
            op: "ReverseV2",
            inputs: vec![last.into(), ORDER.into()],
            attributes,
        });
        last = ORDERED;
    }
    for (name, op, by, values, nothing) in
        [(CENTRED, "Sub", MEAN, &settings.mean, 0.0), (SCALED, "RealDiv", STD, &settings.std, 1.0_f32)]
    {
        if values.iter().all(|value| (value - nothing).abs() <= 0.0) {
            continue;
        }
        let (extents, values) = operand(values, input);
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let value = encode::tensor_attr(DataType::Float, &extents, &content);
        pieces.push(Piece::constant(by.into(), DataType::Float, value.into()));
        pieces.push(Piece { name: name.into(), op, inputs: vec![last.into(), by.into()], attributes: vec![float()] });
        last = name;
    }
    (last, pieces)
}

/// Where channels lie side by side; absent where they lie among pixels in one list, or there is one.
pub const fn channel_axis(layout: Layout) -> Option<i32> {
    match layout {
        Layout::Nhwc => Some(3),
        Layout::Nchw => Some(1),
        Layout::Nhw | Layout::Flat => None,
    }
}

/// Values by channel in a shape that spreads over the image.
fn operand(values: &[f32], input: &InputFound) -> (Vec<u64>, Vec<f32>) {
    let is_one = values.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq());
    let count = values.len() as u64;
    match (is_one, input.layout) {
        (true, _) => (Vec::new(), values.iter().copied().take(1).collect()),
        (false, Layout::Nchw) => (vec![count, 1, 1], values.to_vec()),
        (false, Layout::Flat) => {
            let pixels = u64::from(input.width) * u64::from(input.height);
            (vec![pixels * count], values.repeat(pixels as usize))
        }
        (false, Layout::Nhwc | Layout::Nhw) => (vec![count], values.to_vec()),
    }
}
