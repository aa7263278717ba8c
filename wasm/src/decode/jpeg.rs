//! JPEG: baseline and progressive, 1, 3 or 4 components.
//!
//! CMYK and YCCK are taken as Adobe stores them, inverted, which is what every other reader assumes. Arithmetic-coded,
//! lossless and 12-bit files are refused. A file without its end marker was cut off and is refused; damage inside a
//! whole file is shown as browsers and libjpeg show it, with grey where nothing could be decoded.
//!
//! The commonest kind of file is decoded by `baseline`, at a fraction of its size where that is enough.

mod baseline;
mod colors;
mod frame;
mod huffman;
mod idct;

use menagerie_contract::ImageLimits;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::{JpegDecoder, errors::DecodeErrors};

use super::{Format, Photo, check_size, cut_off, undecodable};
use crate::{error::Error, orientation::Orientation};

/// Progressive files have about ten scans; each one costs a pass over all coefficients.
const SCANS_MAX: usize = 64;

pub fn decode(image: &[u8], limits: &ImageLimits, shrink_max: &dyn Fn((u32, u32)) -> f64) -> Result<Photo, Error> {
    let outline = Outline::of(image);
    if let Some(kind) = outline.frame_marker.and_then(rare_kind) {
        return Err(Error::ImageUnsupported {
            looks_like: format!("{kind} JPEG"),
            advice: "save it as an ordinary baseline or progressive JPEG and send that",
        });
    }
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(SCANS_MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(image), options);
    decoder.decode_headers().map_err(|error| refusal(&error))?;
    let header = decoder.info().ok_or_else(|| cut_off(Format::Jpeg))?;
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    check_size(Format::Jpeg, width, height, limits)?;
    if !matches!(header.components, 1 | 3 | 4) {
        return Err(undecodable(Format::Jpeg, format!("it has {} colour components", header.components)));
    }
    if !outline.ended {
        return Err(cut_off(Format::Jpeg));
    }
    let orientation = header.exif_data.as_deref().map_or_else(Orientation::default, Orientation::from_exif);
    let shrink_max = shrink_max(orientation.turn_size((width, height)));
    let shrink = [8, 4, 2].into_iter().find(|shrink| f64::from(*shrink) <= shrink_max).unwrap_or(1);
    let (shrink, stored_rgb) = match baseline::decode(image, shrink) {
        Some(stored_rgb) => (shrink, stored_rgb),
        None => (1, decoder.decode().map_err(|error| refusal(&error))?),
    };
    Ok(Photo { format: Format::Jpeg, stored_width: width, stored_height: height, orientation, shrink, stored_rgb })
}

fn refusal(error: &DecodeErrors) -> Error {
    let detail = match error {
        DecodeErrors::Format(detail) => detail.clone(),
        DecodeErrors::FormatStatic(detail) => (*detail).to_owned(),
        other => format!("{other:?}").trim().to_owned(),
    };
    undecodable(Format::Jpeg, detail)
}

/// The coding that a start-of-frame marker names, where it is not decoded (ITU-T T.81, table B.1).
fn rare_kind(frame_marker: u8) -> Option<&'static str> {
    match frame_marker {
        0xc0..=0xc2 => None,
        0xc3 | 0xcb => Some("a lossless"),
        0xc9 | 0xca => Some("an arithmetic-coded"),
        _ => Some("a hierarchical"),
    }
}

/// A JPEG file by its markers alone.
#[derive(Debug, PartialEq, Eq)]
struct Outline {
    /// The first start-of-frame marker.
    frame_marker: Option<u8>,
    /// Whether the end marker follows. Segments are skipped by their length, so that the end of a thumbnail inside one
    /// does not count.
    ended: bool,
}

impl Outline {
    /// Markers: ITU-T T.81, annex B.
    fn of(image: &[u8]) -> Self {
        const STUFFED: u8 = 0x00;
        const TEMPORARY: u8 = 0x01;
        const FILL: u8 = 0xff;
        const END: u8 = 0xd9;
        let mut frame_marker = None;
        let mut rest = image.get(2..).unwrap_or_default();
        while let Some(offset) = memchr::memchr(0xff, rest) {
            rest = &rest[offset + 1..];
            match rest {
                [END, ..] => return Self { frame_marker, ended: true },
                [FILL, ..] => {}
                [STUFFED | TEMPORARY | 0xd0..=0xd8, tail @ ..] => rest = tail,
                [marker, high, low, ..] => {
                    let is_frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                    if is_frame && frame_marker.is_none() {
                        frame_marker = Some(*marker);
                    }
                    let length = usize::from(u16::from_be_bytes([*high, *low]));
                    rest = rest.get(1 + length..).unwrap_or_default();
                }
                _ => break,
            }
        }
        Self { frame_marker, ended: false }
    }
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;

    #[test]
    fn the_end_marker_counts_only_outside_of_segments() {
        let thumbnail_with_end = b"\xff\xd8\xff\xe1\x00\x04\xff\xd9";
        assert!(!Outline::of(thumbnail_with_end).ended);
        let scan =
            b"\xff\xd8\xff\xe1\x00\x04\xff\xd9\xff\xc2\x00\x02\xff\xda\x00\x02\x11\xff\x00\x22\xff\xd0\x33\xff\xff\xd9";
        assert_eq!(Outline::of(scan), Outline { frame_marker: Some(0xc2), ended: true });
        for length in 0..scan.len() {
            assert!(!Outline::of(&scan[..length]).ended, "{length} bytes");
        }
    }

    /// Rings that grow narrower outwards, in a file of the given sampling.
    fn rings(sampling: SamplingFactor, width: u16, height: u16) -> Vec<u8> {
        let level = |x: u16, y: u16, channel: u16| {
            let (x, y) = (f64::from(x), f64::from(y + 20 * channel));
            (128.0 + 90.0 * ((x * x + y * y) / 900.0).sin()) as u8
        };
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb: Vec<u8> = pixels.flat_map(|(x, y)| [0, 1, 2].map(|channel| level(x, y, channel))).collect();
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 90);
        encoder.set_sampling_factor(sampling);
        encoder.encode(&rgb, width, height, ColorType::Rgb).unwrap();
        file
    }

    #[test]
    fn the_commonest_kind_of_file_is_decoded_as_by_zune_jpeg() {
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2] {
            for (width, height) in [(67, 45), (64, 48), (1, 1), (3, 2), (17, 33)] {
                let file = rings(sampling, width, height);
                let ours = baseline::decode(&file, 1).unwrap();
                let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
                let zune = JpegDecoder::new_with_options(ZCursor::new(&file), options).decode().unwrap();
                assert_eq!(ours.len(), zune.len());
                let differences = ours.iter().zip(&zune).map(|(ours, zune)| f64::from(ours.abs_diff(*zune)));
                let mean = differences.sum::<f64>() / ours.len() as f64;
                assert!(mean < 1.0, "{sampling:?}, {width}x{height}: {mean}");
            }
        }
    }

    #[test]
    fn rare_codings_are_unsupported_by_name() {
        let limits = ImageLimits { pixels_max: 100, side_pixels_max: 10 };
        for (marker, kind) in
            [(0xc3, "a lossless JPEG"), (0xc9, "an arithmetic-coded JPEG"), (0xc5, "a hierarchical JPEG")]
        {
            let image = [0xff, 0xd8, 0xff, marker, 0, 2, 0xff, 0xd9];
            match decode(&image, &limits, &|_| 1.0) {
                Err(Error::ImageUnsupported { looks_like, .. }) => assert_eq!(looks_like, kind),
                other => panic!("{kind}: {other:?}"),
            }
        }
    }
}
