//! An engine's frame to the tensor that a graph is fed, for a host whose graphs run on a server that takes tensors alone.

use menagerie_contract::{ChannelOrder, Dtype, Frame, InputSpec, Layout, counted, value_tables};

use crate::error::Error;

/// How the values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Little-endian, as wide as the input's dtype.
    Raw,
    /// A JSON list of all of them.
    Json,
    /// JSON lists nested as the tensor's axes, the batch first.
    NestedJson,
}

/// The tensor of an infer or a tensors frame: its values in the order of the axes, written in `form`, of as many images as
/// the frame has, or of `input.batch` with the last image repeated. A float32 is written in JSON with the digits that it
/// takes to be read again.
///
/// # Errors
/// [`Error::FieldInvalid`] where the frame does not hold whole images of this input, or more than the batch.
pub fn fed(input: &InputSpec, frame: &[u8], form: Form) -> Result<Vec<u8>, Error> {
    let (_, frame) = Frame::decode(frame)?;
    let values_per_image = input.width as usize * input.height as usize * input.channels as usize;
    let (image_count, mut values) = match (frame, input.dtype) {
        (Frame::Infer { image_count, pixels }, dtype) => {
            check(pixels.len(), image_count, values_per_image)?;
            let turned = if input.channel_order == ChannelOrder::Bgr { bgr(pixels) } else { pixels.to_vec() };
            let values = match dtype {
                Dtype::Uint8 => arranged(&turned, input),
                Dtype::Float32 => {
                    let mut values = Vec::with_capacity(turned.len() * size_of::<f32>());
                    for image in turned.chunks_exact(values_per_image) {
                        scaled(image, &input.mean, &input.std, input, &mut values);
                    }
                    values
                }
            };
            (image_count, values)
        }
        (Frame::Tensors { image_count, values }, Dtype::Float32) => {
            check(values.len(), image_count, values_per_image * size_of::<f32>())?;
            (image_count, values.to_vec())
        }
        (Frame::Tensors { .. }, Dtype::Uint8) => {
            return Err(Error::FieldInvalid("the model's graph takes uint8, so it takes no float32 tensor".into()));
        }
        _ => return Err(Error::Internal("only infer and tensors frames hold images".into())),
    };
    let batch = input.batch.unwrap_or(image_count);
    if image_count > batch {
        return Err(Error::FieldInvalid(format!("{image_count} images came; this model takes {batch} at once")));
    }
    let image_bytes = values.len() / image_count as usize;
    for _ in image_count..batch {
        values.extend_from_within(values.len() - image_bytes..);
    }
    Ok(match form {
        Form::Raw => values,
        Form::Json => json(&values, input.dtype, &[]),
        Form::NestedJson => json(&values, input.dtype, &axes(input)),
    })
}

/// Appends `(pixel - mean) / std` of one image as little-endian f32, in the order of the input's axes; its channels are in
/// the order of the graph's.
pub(crate) fn scaled(image: &[u8], mean: &[f32], std: &[f32], input: &InputSpec, values: &mut Vec<u8>) {
    let channels = input.channels as usize;
    let tables: Vec<[[u8; 4]; 256]> =
        value_tables(mean, std, input.channels).iter().map(|table| table.map(f32::to_le_bytes)).collect();
    if input.layout == Layout::Nchw {
        for (channel, table) in tables.iter().enumerate() {
            let plane = image.iter().skip(channel).step_by(channels);
            values.extend(plane.flat_map(|pixel| table[usize::from(*pixel)]));
        }
    } else if let [first, second, third] = tables.as_slice() {
        // By far the most frequent, and three times as fast.
        for [red, green, blue] in image.as_chunks::<3>().0 {
            let parts = [first[usize::from(*red)], second[usize::from(*green)], third[usize::from(*blue)]];
            values.extend_from_slice(parts.as_flattened());
        }
    } else {
        values.extend(image.iter().zip(tables.iter().cycle()).flat_map(|(pixel, table)| table[usize::from(*pixel)]));
    }
}

/// Bytes in the order of the input's axes.
fn arranged(pixels: &[u8], input: &InputSpec) -> Vec<u8> {
    if input.layout != Layout::Nchw {
        return pixels.to_vec();
    }
    let channels = input.channels as usize;
    let images = pixels.chunks_exact(input.width as usize * input.height as usize * channels);
    images.flat_map(|image| (0..channels).flat_map(|at| image.iter().skip(at).step_by(channels))).copied().collect()
}

/// Red and blue exchanged; grey stays grey.
pub(crate) fn bgr(pixels: &[u8]) -> Vec<u8> {
    pixels.as_chunks::<3>().0.iter().flat_map(|[red, green, blue]| [*blue, *green, *red]).collect()
}

fn check(bytes: usize, image_count: u32, image_bytes: usize) -> Result<(), Error> {
    if image_count > 0 && image_bytes > 0 && image_bytes.checked_mul(image_count as usize) == Some(bytes) {
        return Ok(());
    }
    Err(Error::FieldInvalid(format!(
        "{} came for {}; this model takes {image_bytes} for each, at least one image",
        counted(bytes, "byte", "bytes"),
        counted(image_count, "image", "images")
    )))
}

/// Lengths of the axes of one image.
fn axes(input: &InputSpec) -> Vec<usize> {
    let [height, width, channels] = [input.height, input.width, input.channels].map(|axis| axis as usize);
    match input.layout {
        Layout::Nhwc => vec![height, width, channels],
        Layout::Nchw => vec![channels, height, width],
        Layout::Nhw => vec![height, width],
        Layout::Flat => vec![height * width * channels],
    }
}

/// The values as JSON: a list that is nested by `axes`, which are those of one image.
fn json(values: &[u8], dtype: Dtype, axes: &[usize]) -> Vec<u8> {
    let value_bytes = if dtype == Dtype::Uint8 { 1 } else { size_of::<f32>() };
    // Of how many values each list within the outer one is, the longest first.
    let lengths: Vec<usize> = (0..axes.len()).map(|at| axes[at..].iter().product()).collect();
    let mut text = Vec::with_capacity(values.len() * 4);
    text.push(b'[');
    for (at, value) in values.chunks_exact(value_bytes).enumerate() {
        let begun = lengths.iter().filter(|length| at % **length == 0).count();
        if at > 0 {
            text.extend(std::iter::repeat_n(b']', begun));
            text.push(b',');
        }
        text.extend(std::iter::repeat_n(b'[', begun));
        // Writing numbers into memory cannot fail.
        let _: Result<(), _> = match value {
            [byte] => serde_json::to_writer(&mut text, byte),
            [a, b, c, d] => serde_json::to_writer(&mut text, &f32::from_le_bytes([*a, *b, *c, *d])),
            _ => Ok(()),
        };
    }
    text.extend(std::iter::repeat_n(b']', lengths.len() + 1));
    text
}

#[cfg(test)]
mod tests {
    use menagerie_contract::{Resize, ResizeFilter};

    use super::*;

    fn input(layout: Layout, channel_order: ChannelOrder, dtype: Dtype) -> InputSpec {
        InputSpec {
            tensor: "input".into(),
            dtype,
            layout,
            width: 2,
            height: 1,
            channels: 3,
            channel_order,
            mean: vec![10.0, 20.0, 30.0],
            std: vec![1.0, 2.0, 4.0],
            resize: Resize::Stretch,
            crop_fraction: 1.0,
            resize_filter: ResizeFilter::Antialias,
            batch: None,
        }
    }

    const PIXELS: [u8; 6] = [11, 22, 34, 13, 26, 42];

    fn frame(image_count: u32, pixels: &[u8]) -> Vec<u8> {
        Frame::Infer { image_count, pixels }.encode(7).unwrap()
    }

    fn floats(bytes: &[u8]) -> Vec<f32> {
        bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
    }

    #[test]
    fn each_layout_and_channel_order_has_its_place_for_every_pixel() {
        let cases = [
            (Layout::Nhwc, ChannelOrder::Rgb, [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]),
            (Layout::Flat, ChannelOrder::Rgb, [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]),
            (Layout::Nchw, ChannelOrder::Rgb, [1.0, 3.0, 1.0, 3.0, 1.0, 3.0]),
            (Layout::Nhwc, ChannelOrder::Bgr, [24.0, 1.0, -4.75, 32.0, 3.0, -4.25]),
            (Layout::Nchw, ChannelOrder::Bgr, [24.0, 32.0, 1.0, 3.0, -4.75, -4.25]),
        ];
        for (layout, order, expected) in cases {
            let input = input(layout, order, Dtype::Float32);
            let bytes = fed(&input, &frame(1, &PIXELS), Form::Raw).unwrap();
            assert_eq!(floats(&bytes), expected, "{layout:?} {order:?}");
        }
    }

    #[test]
    fn bytes_are_fed_as_they_are_to_a_uint8_input() {
        let nhwc = input(Layout::Nhwc, ChannelOrder::Bgr, Dtype::Uint8);
        assert_eq!(fed(&nhwc, &frame(1, &PIXELS), Form::Raw).unwrap(), [34, 22, 11, 42, 26, 13]);
        let nchw = input(Layout::Nchw, ChannelOrder::Rgb, Dtype::Uint8);
        assert_eq!(fed(&nchw, &frame(1, &PIXELS), Form::Raw).unwrap(), [11, 13, 22, 26, 34, 42]);
    }

    #[test]
    fn a_batch_is_filled_up_with_its_last_image() {
        let input = InputSpec { batch: Some(3), ..input(Layout::Nhwc, ChannelOrder::Rgb, Dtype::Uint8) };
        let pixels = [PIXELS, [1, 2, 3, 4, 5, 6]].concat();
        let bytes = fed(&input, &frame(2, &pixels), Form::Raw).unwrap();
        assert_eq!(bytes, [&pixels[..], &[1, 2, 3, 4, 5, 6]].concat());
        let error = fed(&input, &frame(4, &[0; 24]), Form::Raw).unwrap_err();
        assert_eq!(error.to_string(), "4 images came; this model takes 3 at once");
    }

    #[test]
    fn values_that_are_given_are_fed_as_they_are() {
        let values: Vec<u8> =
            [0.1_f32, -2.5, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let frame = Frame::Tensors { image_count: 1, values: &values }.encode(0).unwrap();
        let float = input(Layout::Nchw, ChannelOrder::Bgr, Dtype::Float32);
        assert_eq!(fed(&float, &frame, Form::Raw).unwrap(), values);
        assert_eq!(fed(&float, &frame, Form::Json).unwrap(), b"[0.1,-2.5,3.0,4.0,5.0,6.0]");
        assert!(fed(&input(Layout::Nchw, ChannelOrder::Bgr, Dtype::Uint8), &frame, Form::Raw).is_err());
    }

    #[test]
    fn json_is_nested_as_the_axes_are() {
        let two = frame(2, &[PIXELS, [1, 2, 3, 4, 5, 6]].concat());
        let cases = [
            (Layout::Nhwc, "[[[[11,22,34],[13,26,42]]],[[[1,2,3],[4,5,6]]]]"),
            (Layout::Nchw, "[[[[11,13]],[[22,26]],[[34,42]]],[[[1,4]],[[2,5]],[[3,6]]]]"),
            (Layout::Flat, "[[11,22,34,13,26,42],[1,2,3,4,5,6]]"),
        ];
        for (layout, expected) in cases {
            let input = input(layout, ChannelOrder::Rgb, Dtype::Uint8);
            let text = fed(&input, &two, Form::NestedJson).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{layout:?}");
        }
    }

    #[test]
    fn a_frame_that_does_not_hold_whole_images_is_refused() {
        let input = input(Layout::Nhwc, ChannelOrder::Rgb, Dtype::Float32);
        for (image_count, bytes) in [(0, 0), (1, 5), (2, 6), (1, 7)] {
            let error = fed(&input, &frame(image_count, &vec![0; bytes]), Form::Raw).unwrap_err();
            assert!(matches!(error, Error::FieldInvalid(_)), "{image_count} images in {bytes} bytes: {error}");
        }
    }
}
