//! WebP: lossy, lossless, and the first frame of an animation, by image-webp.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};
use menagerie_contract::ImageLimits;

use super::{
    Format, Photo,
    alpha::composite_rgba,
    check_size, cut_off, undecodable,
    webp_codes::groups_in_excess,
    webp_sizes::{declared_sizes, is_whole, lossless_streams},
};
use crate::{error::Error, orientation::Orientation};

/// Largest EXIF block that is looked at, in bytes.
const METADATA_BYTES_MAX: usize = 1 << 20;

pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    for (width, height) in declared_sizes(image) {
        check_size(Format::Webp, width, height, limits, image.len())?;
    }
    if !is_whole(image) {
        return Err(cut_off(Format::Webp));
    }
    for (stream, size) in lossless_streams(image) {
        if let Some(groups) = groups_in_excess(stream, size) {
            let detail = format!("its {groups} groups of codes are more than {}x{} pixels are worth", size.0, size.1);
            return Err(undecodable(Format::Webp, detail));
        }
    }
    let mut decoder = WebPDecoder::new(Cursor::new(image)).map_err(refusal)?;
    decoder.set_memory_limit(METADATA_BYTES_MAX);
    let (width, height) = decoder.dimensions();
    check_size(Format::Webp, width, height, limits, image.len())?;
    let orientation = match decoder.exif_metadata() {
        Ok(Some(exif)) => Orientation::from_exif(&exif),
        _ => Orientation::default(),
    };
    let too_big = || undecodable(Format::Webp, "its pixels do not fit into memory");
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or_else(too_big)?];
    decoder.read_image(&mut pixels).map_err(refusal)?;
    Ok(Photo {
        format: Format::Webp,
        stored_width: width,
        stored_height: height,
        orientation,
        shrink: 1,
        stored_rgb: if decoder.has_alpha() { composite_rgba(pixels) } else { pixels },
    })
}

fn refusal(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => cut_off(Format::Webp),
        other => undecodable(Format::Webp, other),
    }
}
