//! JPEG: baseline and progressive, 1, 3 or 4 components, by zune-jpeg.
//!
//! CMYK and YCCK are taken as Adobe stores them, inverted, which is what every other reader assumes. Arithmetic-coded,
//! lossless and 12-bit files are refused. Rows of a file that ends early would be filled with grey: such a file is
//! refused instead.

use menagerie_contract::ImageLimits;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use super::{Format, Photo, check_size, cut_off, undecodable};
use crate::{error::Error, orientation::Orientation};

/// Progressive files have about ten scans; each one costs a pass over all coefficients.
const SCANS_MAX: usize = 64;

pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(SCANS_MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(image), options);
    decoder.decode_headers().map_err(refusal)?;
    let header = decoder.info().ok_or_else(|| cut_off(Format::Jpeg))?;
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    check_size(Format::Jpeg, width, height, limits)?;
    if !has_end_marker(image) {
        return Err(cut_off(Format::Jpeg));
    }
    let stored_rgb = decoder.decode().map_err(refusal)?;
    Ok(Photo {
        format: Format::Jpeg,
        stored_width: width,
        stored_height: height,
        orientation: header.exif_data.as_deref().map_or_else(Orientation::default, Orientation::from_exif),
        stored_rgb,
    })
}

fn refusal(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(scheme) => Error::ImageUnsupported {
            looks_like: format!("a JPEG of a rare kind ({scheme:?})"),
            advice: "save it as an ordinary baseline or progressive JPEG and send that",
        },
        DecodeErrors::ExhaustedData => cut_off(Format::Jpeg),
        other => undecodable(Format::Jpeg, format!("{other:?}")),
    }
}

/// Whether the end marker (EOI) follows the scans. Segments are skipped by their length, so that the end of a
/// thumbnail inside one does not count (ITU-T T.81, annex B).
fn has_end_marker(image: &[u8]) -> bool {
    const STUFFED: u8 = 0x00;
    const TEMPORARY: u8 = 0x01;
    const FILL: u8 = 0xff;
    const END: u8 = 0xd9;
    let mut rest = image.get(2..).unwrap_or_default();
    while let Some(offset) = memchr::memchr(0xff, rest) {
        rest = &rest[offset + 1..];
        match rest {
            [END, ..] => return true,
            [FILL, ..] => {}
            [STUFFED | TEMPORARY | 0xd0..=0xd8, tail @ ..] => rest = tail,
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(1 + length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_marker_counts_only_outside_of_segments() {
        let thumbnail_with_end = b"\xff\xd8\xff\xe1\x00\x04\xff\xd9";
        assert!(!has_end_marker(thumbnail_with_end));
        let scan = b"\xff\xd8\xff\xe1\x00\x04\xff\xd9\xff\xda\x00\x02\x11\xff\x00\x22\xff\xd0\x33\xff\xff\xd9";
        assert!(has_end_marker(scan));
        for length in 0..scan.len() {
            assert!(!has_end_marker(&scan[..length]), "{length} bytes");
        }
    }
}
