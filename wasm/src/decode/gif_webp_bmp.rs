//! GIF (first frame on its canvas), WebP and BMP, by the `image` crate.

use std::io::Cursor;

use image::{
    ColorType, ImageDecoder, ImageError, Limits,
    codecs::{bmp::BmpDecoder, gif::GifDecoder, webp::WebPDecoder},
};
use menagerie_contract::ImageLimits;

use super::{
    Format, Photo,
    alpha::{composite_grey_alpha, composite_rgba, grey_to_rgb},
    check_size, cut_off, undecodable,
    webp_sizes::declared_sizes,
};
use crate::{error::Error, orientation::Orientation};

/// Decoders keep at most a second RGBA copy of the picture beside the one they fill.
const BYTES_PER_PIXEL_MAX: u64 = 8;
/// What a decoder may take for tables, palettes and metadata, in bytes.
const TABLES_BYTES_MAX: u64 = 16 << 20;

pub fn decode_gif(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let (width, height) = screen_size(image).ok_or_else(|| cut_off(Format::Gif))?;
    check_size(Format::Gif, width, height, limits)?;
    let decoder = GifDecoder::new(Cursor::new(image)).map_err(|error| refusal(Format::Gif, error))?;
    read(Format::Gif, decoder, limits)
}

pub fn decode_bmp(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let (width, height) = bitmap_size(image).ok_or_else(|| cut_off(Format::Bmp))?;
    check_size(Format::Bmp, width, height, limits)?;
    let decoder = BmpDecoder::new(Cursor::new(image)).map_err(|error| refusal(Format::Bmp, error))?;
    read(Format::Bmp, decoder, limits)
}

pub fn decode_webp(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let sizes = declared_sizes(image).ok_or_else(|| cut_off(Format::Webp))?;
    for (width, height) in sizes {
        check_size(Format::Webp, width, height, limits)?;
    }
    let decoder = WebPDecoder::new(Cursor::new(image)).map_err(|error| refusal(Format::Webp, error))?;
    read(Format::Webp, decoder, limits)
}

fn read(format: Format, mut decoder: impl ImageDecoder, limits: &ImageLimits) -> Result<Photo, Error> {
    let (width, height) = decoder.dimensions();
    check_size(format, width, height, limits)?;
    let mut allowance = Limits::no_limits();
    allowance.max_alloc = Some(limits.pixels_max.saturating_mul(BYTES_PER_PIXEL_MAX).saturating_add(TABLES_BYTES_MAX));
    decoder.set_limits(allowance).map_err(|error| refusal(format, error))?;
    let orientation = match decoder.exif_metadata() {
        Ok(Some(exif)) => Orientation::from_exif(&exif),
        _ => Orientation::default(),
    };
    let color = decoder.color_type();
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).map_err(|error| refusal(format, error))?;
    Ok(Photo {
        format,
        stored_width: width,
        stored_height: height,
        orientation,
        stored_rgb: match color {
            ColorType::Rgb8 => pixels,
            ColorType::Rgba8 => composite_rgba(pixels),
            ColorType::L8 => grey_to_rgb(&pixels),
            ColorType::La8 => composite_grey_alpha(&pixels),
            other => return Err(undecodable(format, format!("its pixels are of the kind {other:?}"))),
        },
    })
}

/// Width and height of the logical screen.
fn screen_size(image: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, h0, h1] = *image.get(6..)?.first_chunk()?;
    Some((u32::from(u16::from_le_bytes([w0, w1])), u32::from(u16::from_le_bytes([h0, h1]))))
}

/// Width and height of a bitmap; a negative height means rows from top to bottom.
fn bitmap_size(image: &[u8]) -> Option<(u32, u32)> {
    let header_bytes = image.get(14)?;
    if *header_bytes == 12 {
        let [w0, w1, h0, h1] = *image.get(18..)?.first_chunk()?;
        return Some((u32::from(u16::from_le_bytes([w0, w1])), u32::from(u16::from_le_bytes([h0, h1]))));
    }
    let field = |offset: usize| image.get(offset..)?.first_chunk().map(|bytes| i32::from_le_bytes(*bytes));
    Some((field(18)?.max(0).unsigned_abs(), field(22)?.unsigned_abs()))
}

fn refusal(format: Format, error: ImageError) -> Error {
    match error {
        ImageError::Unsupported(what) => Error::ImageUnsupported {
            looks_like: format!("a {} of a rare kind ({what})", format.name()),
            advice: "save it as an ordinary PNG or JPEG and send that",
        },
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => cut_off(format),
        other => undecodable(format, other),
    }
}
