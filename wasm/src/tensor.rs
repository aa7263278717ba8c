//! A tensor that a client made, in place of an image: checked against the model, and framed as it is.

use std::borrow::Cow;

use menagerie_contract::{
    ChannelOrder, ClientTensor, Dtype, Frame, ImageFacts, InferOptions, InputFacts, InputSpec, Layout, Timings, counted,
};

use crate::{
    error::Error,
    model::Model,
    picture::data_url,
    pipeline::{Seen, check},
    resize::{Pixels, grey_in_colour},
};

/// A tensor's bytes to one frame with one image and request id 0: an infer frame of pixels, a tensors frame of floats.
/// `clock` and `sha256` as in [`crate::pipeline::prepare`], which this stands in for.
///
/// # Errors
/// [`Error::FieldInvalid`] names the shape that the model takes, or the first value that is not finite.
pub fn prepare_tensor(
    model: &Model,
    tensor: &ClientTensor,
    bytes: &[u8],
    options: &InferOptions,
    clock: impl Fn() -> f64,
    sha256: impl FnOnce(&[u8]) -> Result<String, Error>,
) -> Result<(Vec<u8>, Seen), Error> {
    let began = clock();
    check(options)?;
    let input = &model.spec.input;
    if options.crop.is_some() {
        return Err(Error::FieldInvalid("a tensor has no crop and no point; they are for images".into()));
    }
    check_shape(tensor, bytes.len(), input)?;
    let (width, height) = (input.width, input.height);
    let is_greyed = tensor.dtype == Dtype::Uint8 && input.channels == 3 && input.channel_order == ChannelOrder::Gray;
    let bytes = if is_greyed { Cow::from(grey_in_colour(bytes)) } else { Cow::from(bytes) };
    let bytes = bytes.as_ref();
    let (frame, picture, format) = match tensor.dtype {
        Dtype::Uint8 => {
            let pixels = Pixels { width, height, channels: input.channels, bytes: Vec::new() };
            let picture = options.picture.then(|| data_url(&Pixels { bytes: bytes.to_vec(), ..pixels })).transpose()?;
            (Frame::Infer { image_count: 1, pixels: bytes }, picture, "pixels")
        }
        Dtype::Float32 => {
            if options.picture {
                return Err(Error::FieldInvalid("there is no picture of a float32 tensor; send uint8 pixels".into()));
            }
            check_finite(bytes)?;
            (Frame::Tensors { image_count: 1, values: bytes }, None, "tensor")
        }
    };
    let input = InputFacts { width, height, sha256: sha256(bytes)?, picture };
    let image = ImageFacts { width, height, format: format.into() };
    Ok((frame.encode(0)?, Seen { image, input, timings: Timings::default(), began }))
}

fn check_shape(tensor: &ClientTensor, bytes: usize, input: &InputSpec) -> Result<(), Error> {
    let (height, width, channels) = (u64::from(input.height), u64::from(input.width), u64::from(input.channels));
    let (name, value_bytes, layout) = match tensor.dtype {
        Dtype::Uint8 => ("uint8", 1, Layout::Nhwc),
        Dtype::Float32 if input.dtype != Dtype::Float32 => {
            let message =
                "the model's graph takes uint8, so it takes no float32 tensor; send uint8 pixels or the image";
            return Err(Error::FieldInvalid(message.into()));
        }
        Dtype::Float32 => ("float32", 4, input.layout),
    };
    let expected = match layout {
        Layout::Nhwc => vec![height, width, channels],
        Layout::Nchw => vec![channels, height, width],
        Layout::Nhw => vec![height, width],
        Layout::Flat => vec![height * width * channels],
    };
    let is_grey_plane = layout == Layout::Nhwc && channels == 1 && tensor.shape == [height, width];
    if tensor.shape != expected && !is_grey_plane {
        let shape = &tensor.shape;
        let message = format!("the {name} tensor of an image has the shape {shape:?}; this model takes {expected:?}");
        return Err(Error::FieldInvalid(message));
    }
    let expected_bytes = height * width * channels * value_bytes;
    if bytes as u64 == expected_bytes {
        return Ok(());
    }
    let message = format!(
        "the {name} tensor of an image has {}; its shape {expected:?} takes {expected_bytes}",
        counted(bytes, "byte", "bytes")
    );
    Err(Error::FieldInvalid(message))
}

fn check_finite(bytes: &[u8]) -> Result<(), Error> {
    let values = bytes.as_chunks::<4>().0;
    match values.iter().map(|value| f32::from_le_bytes(*value)).enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((at, value)) => Err(Error::FieldInvalid(format!(
            "value {at} of the float32 tensor is {value}; each must be a finite number"
        ))),
    }
}
