//! Views of a photo to the frame that an engine runs.

use menagerie_contract::{ChannelOrder, Dtype, Frame, InputSpec, Layout, Scaling};

use super::ways::Ways;
use crate::{error::Error, model::Model, resize::luma};

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
            Dtype::Float32 => scaled(view, &way.value, input, &mut payload),
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

/// Appends `(pixel - mean) / std` as little-endian f32, with axes and channels in the order of the graph.
fn scaled(view: &[u8], way: &Scaling, input: &InputSpec, values: &mut Vec<u8>) {
    let channels = input.channels as usize;
    let arranged = turned(view, input.channels, way.channel_order, ChannelOrder::Rgb);
    let tables: Vec<[[u8; 4]; 256]> = (0..channels)
        .map(|channel| {
            let of = |given: &[f32], absent| given.get(channel).or(given.first()).copied().unwrap_or(absent);
            let (mean, std) = (of(&way.mean, 0.0), of(&way.std, 1.0));
            std::array::from_fn(|pixel| ((pixel as f32 - mean) / std).to_le_bytes())
        })
        .collect();
    if input.layout == Layout::Nchw {
        for (channel, table) in tables.iter().enumerate() {
            let plane = arranged.iter().skip(channel).step_by(channels);
            values.extend(plane.flat_map(|pixel| table[usize::from(*pixel)]));
        }
    } else {
        values.extend(arranged.iter().zip(tables.iter().cycle()).flat_map(|(pixel, table)| table[usize::from(*pixel)]));
    }
}

/// The pixels of which a graph with channels in the order `from` is given what `wanted` makes of these.
fn turned(view: &[u8], channels: u32, wanted: ChannelOrder, from: ChannelOrder) -> Vec<u8> {
    let is_turned = |order| order == ChannelOrder::Bgr;
    match wanted {
        _ if channels == 1 => view.to_vec(),
        ChannelOrder::Gray => luma(view).into_iter().flat_map(|grey| [grey; 3]).collect(),
        _ if is_turned(wanted) == is_turned(from) => view.to_vec(),
        _ => view.as_chunks::<3>().0.iter().flat_map(|[red, green, blue]| [*blue, *green, *red]).collect(),
    }
}
