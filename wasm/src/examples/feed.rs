//! Views of a photo to the frame that an engine runs.

use menagerie_contract::{ChannelOrder, Dtype, Frame};

use super::ways::Ways;
use crate::{
    error::Error,
    fed::{bgr, scaled},
    model::Model,
    resize::grey_in_colour,
};

/// One frame with views of a photo, as many as `scalings`, each scaled in its way, for an engine that has `model` loaded.
///
/// # Errors
/// [`Error::Internal`] where there are not as many views, or no such way of scaling.
pub fn feed(model: &Model, views: &[u8], scalings: &[u32]) -> Result<Vec<u8>, Error> {
    let ways = Ways::of(&model.spec).scalings;
    let input = &model.spec.input;
    let view_bytes = input.width as usize * input.height as usize * input.channels as usize;
    if scalings.is_empty() || views.len() != view_bytes * scalings.len() {
        return Err(Error::Internal(format!("{} bytes are not {} views", views.len(), scalings.len())));
    }
    let mut payload = Vec::new();
    for (view, place) in views.chunks_exact(view_bytes).zip(scalings) {
        let way = ways.get(*place as usize).ok_or_else(|| Error::Internal(format!("there is no scaling {place}")))?;
        match input.dtype {
            Dtype::Float32 => {
                let arranged = turned(view, input.channels, way.value.channel_order, ChannelOrder::Rgb);
                scaled(&arranged, &way.value.mean, &way.value.std, input, &mut payload);
            }
            Dtype::Uint8 => payload.extend(turned(view, input.channels, way.value.channel_order, input.channel_order)),
        }
    }
    let image_count = scalings.len() as u32;
    let frame = match input.dtype {
        Dtype::Float32 => Frame::Tensors { image_count, values: &payload },
        Dtype::Uint8 => Frame::Infer { image_count, pixels: &payload },
    };
    Ok(frame.encode(0)?)
}

/// The pixels of which a graph with channels in the order `from` is given what `wanted` makes of these.
fn turned(view: &[u8], channels: u32, wanted: ChannelOrder, from: ChannelOrder) -> Vec<u8> {
    let is_turned = |order| order == ChannelOrder::Bgr;
    match wanted {
        _ if channels == 1 => view.to_vec(),
        ChannelOrder::Gray => grey_in_colour(view),
        _ if is_turned(wanted) == is_turned(from) => view.to_vec(),
        _ => bgr(view),
    }
}
