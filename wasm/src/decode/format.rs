//! What a file is, by its bytes.

use serde::{Deserialize, Serialize};

use crate::error::Error;

const CONVERT: &str = "convert it to JPEG, PNG, WebP, GIF or BMP and send that";
const NO_PICTURE: &str = "send a JPEG, PNG, WebP, GIF or BMP image";

/// What a JPEG can be decoded at, the largest first.
pub const SHRINKS: [u32; 4] = [8, 4, 2, 1];

/// The formats that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// JPEG: baseline and progressive.
    Jpeg,
    /// PNG, and the default picture of an APNG.
    Png,
    /// WebP: lossy, lossless, and the first frame of an animation.
    Webp,
    /// The first frame of a GIF.
    Gif,
    /// Windows and OS/2 bitmaps.
    Bmp,
}

impl Format {
    /// The [`shrink`](super::Photo::shrink) that an image of this format is decoded at, where `shrink_max` is the largest of
    /// use; a few JPEG files allow less.
    #[must_use]
    pub fn shrink(self, shrink_max: f64) -> u32 {
        match self {
            Self::Jpeg => SHRINKS.into_iter().find(|shrink| f64::from(*shrink) <= shrink_max).unwrap_or(1),
            _ => 1,
        }
    }

    /// The format of `image`.
    ///
    /// # Errors
    /// [`Error::ImageEmpty`] for no bytes, [`Error::ImageUnsupported`] naming what the bytes look like, and
    /// [`Error::ImageUndecodable`] for a PNG whose first bytes were damaged on the way.
    pub fn of(image: &[u8]) -> Result<Self, Error> {
        match image {
            [] => Err(Error::ImageEmpty),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::Webp),
            [b'B', b'M', ..] if is_bitmap_header(image) => Ok(Self::Bmp),
            [0x89 | 0x09, b'P', b'N', b'G', ..] => Err(super::undecodable(
                Self::Png,
                "its first 8 bytes are damaged, as happens when a file is transferred as text",
            )),
            _ => Err(unsupported(image)),
        }
    }

    /// The format as answers carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
        }
    }

    /// The format as people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        }
    }
}

/// Text may begin with "BM" too; the size of the information header settles it.
fn is_bitmap_header(image: &[u8]) -> bool {
    matches!(image.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

fn unsupported(image: &[u8]) -> Error {
    let (looks_like, advice) = look(image);
    Error::ImageUnsupported { looks_like, advice }
}

fn look(image: &[u8]) -> (String, &'static str) {
    let known = match image {
        [b'I', b'I', 0x2a | 0x2b, 0, ..] | [b'M', b'M', 0, 0x2a | 0x2b, ..] => ("a TIFF image", CONVERT),
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => media_container(brand),
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => ("a JPEG 2000 image", CONVERT),
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] | [0xff, 0x0a, ..] => ("a JPEG XL image", CONVERT),
        [0, 0, 1, 0, ..] => ("a Windows icon (ICO)", CONVERT),
        [b'8', b'B', b'P', b'S', ..] => ("a Photoshop document (PSD)", CONVERT),
        [b'q', b'o', b'i', b'f', ..] => ("a QOI image", CONVERT),
        [0x76, 0x2f, 0x31, 0x01, ..] => ("an OpenEXR image", CONVERT),
        [b'#', b'?', b'R', b'A', b'D', ..] => ("a Radiance HDR image", CONVERT),
        [b'D', b'D', b'S', b' ', ..] => ("a DDS texture", CONVERT),
        [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] => ("a PNM image", CONVERT),
        [b'%', b'P', b'D', b'F', ..] => ("a PDF document", NO_PICTURE),
        [b'%', b'!', b'P', b'S', ..] | [0xc5, 0xd0, 0xd3, 0xc6, ..] => ("a PostScript or EPS document", CONVERT),
        [b'P', b'K', 3, 4, ..] => ("a ZIP archive", NO_PICTURE),
        [0x1f, 0x8b, ..] => ("gzip-compressed data", NO_PICTURE),
        [b'R', b'I', b'F', b'F', ..] => ("a RIFF file (such as WAV or AVI) that is not WebP", NO_PICTURE),
        _ if image.get(257..262) == Some(b"ustar") => ("a tar archive", NO_PICTURE),
        _ if is_frozen_graph(image) => ("a frozen graph", "send it as the model and a picture as the image"),
        _ => match std::str::from_utf8(text_head(image)) {
            Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => text_kind(text),
            _ => {
                let start: Vec<String> = image.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
                return (format!("no known image format (its first bytes are {})", start.join(" ")), NO_PICTURE);
            }
        },
    };
    (known.0.to_owned(), known.1)
}

/// ISO base media brands (ISO/IEC 14496-12; 23008-12 for HEIF, AV1 Image File Format for AVIF).
fn media_container(brand: &[u8]) -> (&'static str, &'static str) {
    match brand.get(..4) {
        Some(b"avif" | b"avis") => ("an AVIF image", CONVERT),
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
            ("a HEIC/HEIF image", "convert it to JPEG (phones offer that as \"most compatible\") and send that")
        }
        _ => ("a video or another MP4-like container", NO_PICTURE),
    }
}

/// A `GraphDef` starts with its first node (field 1, length-delimited), and names ops in clear text.
fn is_frozen_graph(image: &[u8]) -> bool {
    let head = image.get(..4096).unwrap_or(image);
    image.first() == Some(&0x0a)
        && [b"Placeholder".as_slice(), b"Const"].iter().any(|op| memchr::memmem::find(head, op).is_some())
}

/// The first bytes, cut where no character is split.
fn text_head(image: &[u8]) -> &[u8] {
    let head = image.get(..512).unwrap_or(image);
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => head.get(..error.valid_up_to()).unwrap_or(head),
        _ => head,
    }
}

fn text_kind(text: &str) -> (&'static str, &'static str) {
    let lower = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    if lower.contains("<svg") {
        ("an SVG drawing", "render it to PNG and send that")
    } else if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        ("an HTML page", "send the image itself, not the page that shows it")
    } else if lower.starts_with("data:image") {
        ("a data URL", "send the decoded bytes of the image")
    } else if lower.starts_with('<') {
        ("XML text", NO_PICTURE)
    } else if lower.starts_with('{') || lower.starts_with('[') {
        ("JSON text", NO_PICTURE)
    } else {
        ("plain text", NO_PICTURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_formats_are_known_by_their_first_bytes() {
        let bitmap = [b"BM\0\0\0\0\0\0\0\0\x36\0\0\0".as_slice(), &[40, 0, 0, 0]].concat();
        let cases: [(&[u8], Format); 5] = [
            (b"\xff\xd8\xff\xe0", Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"RIFF\x04\0\0\0WEBP", Format::Webp),
            (b"GIF89a", Format::Gif),
            (&bitmap, Format::Bmp),
        ];
        for (image, format) in cases {
            assert_eq!(Format::of(image), Ok(format));
        }
    }

    #[test]
    fn other_files_are_named_with_what_to_do() {
        let tar = [vec![b'a'; 257], b"ustar".to_vec()].concat();
        let cases: [(&[u8], &str); 16] = [
            (b"II\x2a\0", "a TIFF image"),
            (b"MM\0\x2a", "a TIFF image"),
            (b"\0\0\0\x1cftypavif", "an AVIF image"),
            (b"\0\0\0\x1cftypheic", "a HEIC/HEIF image"),
            (b"\0\0\0\x1cftypisom", "a video or another MP4-like container"),
            (b"%PDF-1.7", "a PDF document"),
            (b"PK\x03\x04", "a ZIP archive"),
            (&tar, "a tar archive"),
            (b"<?xml version=\"1.0\"?>\n<svg>", "an SVG drawing"),
            (b"<!DOCTYPE html>", "an HTML page"),
            (b"data:image/png;base64,", "a data URL"),
            (b"{\"a\":1}", "JSON text"),
            ("BMW is a car maker in München".as_bytes(), "plain text"),
            (b"\x0a\x2e\x0a\x05input\x12\x0bPlaceholder", "a frozen graph"),
            (b"P6 1 1 255", "a PNM image"),
            (b"\x01\x02\x03\x04\x05", "no known image format (its first bytes are 01 02 03 04)"),
        ];
        for (image, expected) in cases {
            match Format::of(image) {
                Err(Error::ImageUnsupported { looks_like, .. }) => assert_eq!(looks_like, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_long_text_with_a_split_character_is_still_text() {
        let text = "é".repeat(300);
        assert!(matches!(Format::of(&text.as_bytes()[1..]), Err(Error::ImageUnsupported { .. })));
        let odd = format!("x{text}");
        match Format::of(odd.as_bytes()) {
            Err(Error::ImageUnsupported { looks_like, .. }) => assert_eq!(looks_like, "plain text"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_bytes_and_a_png_sent_as_text_have_their_own_sentences() {
        assert_eq!(Format::of(b""), Err(Error::ImageEmpty));
        for damaged in [b"\x89PNG\n\x1a\n\0".as_slice(), b"\x09PNG\r\n\x1a\n"] {
            assert!(matches!(Format::of(damaged), Err(Error::ImageUndecodable { .. })));
        }
    }
}
