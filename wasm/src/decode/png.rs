//! PNG: every colour type, depth and interlacing; of an APNG the default picture.
//!
//! 16-bit samples keep their high byte. Orientation comes from the `eXIf` chunk, or from the text profile that
//! `ImageMagick` and exiftool write.

use std::io::Cursor;

use menagerie_contract::ImageLimits;
use png::{ColorType, Decoder, DecodingError, Info, Limits, Transformations};

use super::{
    Format, Photo,
    alpha::{composite_grey_alpha, composite_rgba, grey_to_rgb},
    check_size, cut_off, undecodable,
};
use crate::{error::Error, orientation::Orientation};

/// What chunks other than the pixels may take, in bytes.
const METADATA_BYTES_MAX: usize = 16 << 20;
/// A profile of 64 KiB is 128 KiB of hexadecimal digits, with its line ends a little more.
const PROFILE_TEXT_BYTES_MAX: usize = 160 << 10;
/// Keyword of an EXIF block as hexadecimal text.
const PROFILE_KEYWORDS: [&str; 2] = ["Raw profile type exif", "Raw profile type APP1"];

pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(image), Limits { bytes: METADATA_BYTES_MAX });
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(refusal)?;
    let (width, height) = (header.width, header.height);
    check_size(Format::Png, width, height, limits, image.len())?;

    if names_unknown_compression(image) {
        return Err(undecodable(Format::Png, "its colour profile names an unknown compression method"));
    }
    let mut reader = decoder.read_info().map_err(refusal)?;
    let too_big = || undecodable(Format::Png, "its pixels do not fit into memory");
    let mut pixels = vec![0; reader.output_buffer_size().ok_or_else(too_big)?];
    let frame = reader.next_frame(&mut pixels).map_err(refusal)?;
    if (frame.width, frame.height) != (width, height) {
        return Err(undecodable(Format::Png, "its first frame is smaller than the picture"));
    }
    if reader.info().animation_control.is_none() {
        reader.finish().map_err(refusal)?;
    }
    Ok(Photo {
        format: Format::Png,
        stored_width: width,
        stored_height: height,
        orientation: orientation(reader.info()),
        shrink: 1,
        stored_rgb: match frame.color_type {
            ColorType::Rgb => pixels,
            ColorType::Rgba => composite_rgba(pixels),
            ColorType::Grayscale => grey_to_rgb(&pixels),
            ColorType::GrayscaleAlpha => composite_grey_alpha(&pixels),
            ColorType::Indexed => return Err(undecodable(Format::Png, "its palette was not expanded")),
        },
    })
}

/// Whether an `iCCP` chunk names another compression method than 0, the only one there is (PNG, third edition,
/// 11.3.2.3). The profile itself is not used.
fn names_unknown_compression(image: &[u8]) -> bool {
    let mut chunks = image.get(8..).unwrap_or_default();
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let [l0, l1, l2, l3, kind @ ..] = *head;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        match &kind {
            b"IDAT" => return false,
            b"iCCP" => {
                let mut after_name = rest.iter().take(length).skip_while(|byte| **byte != 0).skip(1);
                return after_name.next().is_none_or(|method| *method != 0);
            }
            _ => chunks = rest.get(length.saturating_add(4)..).unwrap_or_default(),
        }
    }
    false
}

fn refusal(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => cut_off(Format::Png),
        other => undecodable(Format::Png, other),
    }
}

fn orientation(info: &Info) -> Orientation {
    if let Some(exif) = &info.exif_metadata {
        return Orientation::from_exif(exif);
    }
    profile_text(info)
        .and_then(|text| exif_of_profile(&text))
        .map_or_else(Orientation::default, |exif| Orientation::from_exif(&exif))
}

fn profile_text(info: &Info) -> Option<String> {
    let is_profile = |keyword: &str| PROFILE_KEYWORDS.contains(&keyword);
    if let Some(chunk) = info.uncompressed_latin1_text.iter().find(|chunk| is_profile(&chunk.keyword)) {
        return Some(chunk.text.clone());
    }
    let mut chunk = info.compressed_latin1_text.iter().find(|chunk| is_profile(&chunk.keyword))?.clone();
    chunk.decompress_text_with_limit(PROFILE_TEXT_BYTES_MAX).ok()?;
    chunk.get_text().ok()
}

/// A raw profile is its name, its length in decimal, then hexadecimal digits over several lines
/// (`ImageMagick`, `coders/png.c`, `Magick_png_write_raw_profile`).
fn exif_of_profile(text: &str) -> Option<Vec<u8>> {
    let mut lines = text.trim_start().lines().skip(1);
    let byte_count: usize = lines.next()?.trim().parse().ok()?;
    let digits: Vec<u8> = lines.flat_map(str::chars).filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    let (pairs, _) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    (bytes.len() == byte_count).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_profile_is_read_only_when_its_length_fits() {
        assert_eq!(exif_of_profile("\nexif\n       3\n4578\n69\n"), Some(b"Exi".to_vec()));
        for damaged in ["", "exif", "exif\n4\n457869", "exif\nx\n45", "exif\n2\n4578zz69"] {
            assert_eq!(exif_of_profile(damaged), None, "{damaged:?}");
        }
    }
}
