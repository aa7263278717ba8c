//! The first frame of a GIF, on its logical screen; what the frame leaves open is transparent and so white.

use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};
use menagerie_contract::ImageLimits;

use super::{Format, Photo, alpha::composite_rgba, check_size, cut_off, undecodable};
use crate::{error::Error, orientation::Orientation};

/// First byte of an extension block.
const EXTENSION: u8 = 0x21;
/// First byte of an image descriptor.
const IMAGE: u8 = 0x2c;

pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let (width, height) = screen_size(image).ok_or_else(|| cut_off(Format::Gif))?;
    check_size(Format::Gif, width, height, limits, image.len())?;
    if let Some((frame_width, frame_height)) = first_frame_size(image) {
        check_size(Format::Gif, frame_width, frame_height, limits, image.len())?;
    }
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.set_memory_limit(MemoryLimit::Bytes(NonZeroU64::MIN.saturating_add(limits.pixels_max.saturating_mul(4))));
    let mut decoder = options.read_info(image).map_err(refusal)?;
    let frame = decoder.next_frame_info().map_err(refusal)?;
    let frame = frame.ok_or_else(|| undecodable(Format::Gif, "it has no frame"))?;
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (frame_width, frame_height) = (u32::from(frame.width), u32::from(frame.height));
    let mut rgba = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut rgba).map_err(refusal)?;
    let frame_rgb = composite_rgba(rgba);
    Ok(Photo {
        format: Format::Gif,
        stored_width: width,
        stored_height: height,
        orientation: Orientation::default(),
        shrink: 1,
        stored_rgb: if (left, top, frame_width, frame_height) == (0, 0, width, height) {
            frame_rgb
        } else {
            place(&frame_rgb, frame_width as usize, (left, top), (width as usize, height as usize))
        },
    })
}

/// Puts a frame on a white screen; what reaches out is left out.
fn place(frame: &[u8], frame_width: usize, (left, top): (usize, usize), (width, height): (usize, usize)) -> Vec<u8> {
    let mut screen = vec![255; 3 * width * height];
    let visible_bytes = 3 * frame_width.min(width.saturating_sub(left));
    if visible_bytes > 0 {
        let rows = screen.chunks_exact_mut(3 * width).skip(top);
        for (row, frame_row) in rows.zip(frame.chunks_exact(3 * frame_width)) {
            row[3 * left..][..visible_bytes].copy_from_slice(&frame_row[..visible_bytes]);
        }
    }
    screen
}

/// Width and height of the logical screen (`GIF89a` specification, section 18).
fn screen_size(image: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, h0, h1] = *image.get(6..)?.first_chunk()?;
    Some((u32::from(u16::from_le_bytes([w0, w1])), u32::from(u16::from_le_bytes([h0, h1]))))
}

/// Width and height of the first frame, from its descriptor alone: the decoder tells them only once it has read on.
/// `None` where the file ends before it (`GIF89a` specification, sections 18 to 20 and 23 to 26).
fn first_frame_size(image: &[u8]) -> Option<(u32, u32)> {
    let table_bytes = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut blocks = image.get(13 + table_bytes(*image.get(10)?)..)?;
    while let [EXTENSION, _label, sub_blocks @ ..] = blocks {
        blocks = sub_blocks;
        while let Some(length @ 1..) = blocks.first() {
            blocks = blocks.get(1 + usize::from(*length)..)?;
        }
        blocks = blocks.get(1..)?;
    }
    let [IMAGE, _, _, _, _, w0, w1, h0, h1, ..] = *blocks else { return None };
    Some((u32::from(u16::from_le_bytes([w0, w1])), u32::from(u16::from_le_bytes([h0, h1]))))
}

fn refusal(error: DecodingError) -> Error {
    match error {
        DecodingError::UnexpectedEof => cut_off(Format::Gif),
        other => undecodable(Format::Gif, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_lies_on_white_and_is_cut_where_it_reaches_out() {
        let frame: Vec<u8> = (1..=4).flat_map(|value| [value; 3]).collect();
        let grey = |screen: Vec<u8>| screen.chunks(3).map(|pixel| pixel[0]).collect::<Vec<_>>();
        assert_eq!(grey(place(&frame, 2, (1, 0), (3, 2))), [255, 1, 2, 255, 3, 4]);
        assert_eq!(grey(place(&frame, 2, (2, 1), (3, 2))), [255, 255, 255, 255, 255, 1]);
        assert_eq!(grey(place(&frame, 2, (3, 9), (3, 2))), [255; 6]);
    }
}
