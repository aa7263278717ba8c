//! The map over the photo, as people can look at it.

use menagerie_contract::{ChannelOrder, InputSpec, Resize, ResizeFilter};

use crate::{
    decode::{Format, Photo},
    error::Error,
    model::Model,
    orientation::Orientation,
    picture::data_url,
    resize::{Pixels, region, resize},
};

/// Least pixels along the longer side of the picture; a smaller photo is enlarged by a whole factor.
const SIDE_PIXELS_MIN: u32 = 448;
/// How much of the map's colour covers the photo where the map is highest.
const COVER_MAX: f32 = 0.72;
/// What is left of the photo's colours, so that the map's stand out.
const COLOUR_LEFT: f32 = 0.2;
/// Colours of the map, from nothing to its highest value. They differ in lightness too, for those who see no colours.
const COLOURS: [[f32; 3]; 3] = [[110.0, 20.0, 130.0], [235.0, 75.0, 50.0], [255.0, 235.0, 90.0]];

/// A PNG in a data URL. Colours run from 0 to the highest value of the map; what is below 0 is not coloured.
pub fn painted(model: &Model, pixels: &Pixels, grid: &[Vec<f32>]) -> Result<String, Error> {
    let mut picture = enlarged(&model.spec.input, pixels)?;
    let top = grid.iter().flatten().fold(0.0, |top: f32, value| top.max(*value));
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    for (row, y) in picture.bytes.chunks_exact_mut(3 * picture.width as usize).zip(0_u32..) {
        for (pixel, x) in row.chunks_exact_mut(3).zip(0_u32..) {
            let height_here = value_at(grid, (f64::from(x) + 0.5) / width, (f64::from(y) + 0.5) / height);
            let heat = if top > 0.0 { (height_here / top).clamp(0.0, 1.0) } else { 0.0 };
            let grey = pixel.iter().map(|value| f32::from(*value)).sum::<f32>() / 3.0;
            for (value, colour) in pixel.iter_mut().zip(colour_of(heat)) {
                let cover = COVER_MAX * heat;
                let paled = grey + COLOUR_LEFT * (f32::from(*value) - grey);
                *value = ((1.0 - cover) * paled + cover * colour).round() as u8;
            }
        }
    }
    data_url(&picture)
}

/// The photo in RGB and large enough to look at.
fn enlarged(input: &InputSpec, pixels: &Pixels) -> Result<Pixels, Error> {
    let factor = SIDE_PIXELS_MIN.div_ceil(pixels.width.max(pixels.height)).max(1);
    let rgb = |value: &u8| [*value; 3];
    let photo = Photo {
        format: Format::Png,
        stored_width: pixels.width,
        stored_height: pixels.height,
        orientation: Orientation::default(),
        shrink: 1,
        stored_rgb: if pixels.channels == 1 {
            pixels.bytes.iter().flat_map(rgb).collect()
        } else {
            pixels.bytes.clone()
        },
    };
    let larger = InputSpec {
        width: factor * pixels.width,
        height: factor * pixels.height,
        channels: 3,
        channel_order: ChannelOrder::Rgb,
        resize: Resize::Stretch,
        resize_filter: ResizeFilter::Antialias,
        ..input.clone()
    };
    resize(&photo, region(photo.size(), None)?, &larger)
}

/// The map at a place, between the middles of its cells.
fn value_at(grid: &[Vec<f32>], across: f64, down: f64) -> f32 {
    let last = grid.len().saturating_sub(1);
    let split = |at: f64| {
        let place = (at * grid.len() as f64 - 0.5).clamp(0.0, last as f64);
        (place.floor() as usize, place.fract() as f32)
    };
    let ((left, right_share), (top, bottom_share)) = (split(across), split(down));
    let cell = |column: usize, row: usize| grid[row.min(last)][column.min(last)];
    let along = |row| (1.0 - right_share) * cell(left, row) + right_share * cell(left + 1, row);
    (1.0 - bottom_share) * along(top) + bottom_share * along(top + 1)
}

fn colour_of(heat: f32) -> [f32; 3] {
    let place = heat * (COLOURS.len() - 1) as f32;
    let from = (place as usize).min(COLOURS.len() - 2);
    let share = place - from as f32;
    [0, 1, 2].map(|channel| (1.0 - share) * COLOURS[from][channel] + share * COLOURS[from + 1][channel])
}
