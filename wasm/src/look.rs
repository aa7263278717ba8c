//! What a photo looks like from afar, so that copies of it are known.

use menagerie_contract::{ChannelOrder, Dtype, InferOptions, InputSpec, Layout, Resize, ResizeFilter};
use menagerie_teach::Look;

use crate::{error::Error, pipeline::preprocess};

/// Steps across and down that are kept.
const STEPS: usize = 8;
/// Pixels a side of the thumbnail: one more.
const SIDE: usize = STEPS + 1;

/// Image bytes to the look of the upright photo, and its width and height.
///
/// # Errors
/// As [`crate::pipeline::prepare`].
pub fn look(image: &[u8], options: &InferOptions) -> Result<(Look, (u32, u32)), Error> {
    let (photo, pixels, _) = preprocess(image, &thumbnail(), options, &|| 0.0)?;
    let (rgb, _) = pixels.bytes.as_chunks::<3>();
    // Luma of ITU-R BT.601, in thousandths.
    let grey: Vec<u32> = rgb
        .iter()
        .map(|[red, green, blue]| 299 * u32::from(*red) + 587 * u32::from(*green) + 114 * u32::from(*blue))
        .collect();
    let mirrored: Vec<u32> = grey.chunks(SIDE).flat_map(|row| row.iter().rev()).copied().collect();
    let mean =
        |channel: usize| (rgb.iter().map(|pixel| usize::from(pixel[channel])).sum::<usize>() / rgb.len().max(1)) as u8;
    let look = Look { steps: steps(&grey), mirrored: steps(&mirrored), mean: [mean(0), mean(1), mean(2)] };
    Ok((look, photo.size()))
}

/// Whether it gets lighter from each pixel to the one on its right, and to the one below.
fn steps(grey: &[u32]) -> u128 {
    let steps = [(0..STEPS * STEPS, 1), (0..STEPS * STEPS, SIDE)].into_iter().flat_map(|(places, next)| {
        let at = |place: usize| place / STEPS * SIDE + place % STEPS;
        places.map(move |place| (at(place), at(place) + next))
    });
    steps.fold(0, |steps, (from, to)| steps << 1 | u128::from(grey.get(to) > grey.get(from)))
}

fn thumbnail() -> InputSpec {
    InputSpec {
        tensor: String::new(),
        dtype: Dtype::Uint8,
        layout: Layout::Nhwc,
        width: SIDE as u32,
        height: SIDE as u32,
        channels: 3,
        channel_order: ChannelOrder::Rgb,
        mean: vec![0.0; 3],
        std: vec![1.0; 3],
        resize: Resize::Stretch,
        crop_fraction: 1.0,
        resize_filter: ResizeFilter::Antialias,
        batch: None,
    }
}
