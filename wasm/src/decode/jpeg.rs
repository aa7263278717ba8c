//! JPEG: baseline and progressive, 1, 3 or 4 components, in one scan or in several.
//!
//! CMYK and YCCK are taken as Adobe stores them, inverted, which is what every other reader assumes. Arithmetic-coded,
//! lossless, hierarchical and 12-bit files are refused. A file without its end marker was cut off and is refused, and so is
//! a progressive one with a scan that breaks off; damage inside a whole sequential file is shown as browsers and libjpeg
//! show it, with grey where nothing could be decoded.
//!
//! Work is bounded before it begins: by the pixels, and by what the bytes can pay for (`scan`).

mod baseline;
mod colors;
mod frame;
mod huffman;
mod idct;
mod planes;
mod scan;
mod scans;
mod segments;
mod tables;

use menagerie_contract::ImageLimits;

use self::frame::Frame;
use super::{Format, Photo, format::SHRINKS, undecodable};
use crate::error::Error;

pub fn decode(image: &[u8], limits: &ImageLimits, shrink_max: &dyn Fn((u32, u32)) -> f64) -> Result<Photo, Error> {
    let frame = Frame::of(image, limits)?;
    let (width, height) = (frame.width as u32, frame.height as u32);
    let shrink_max = shrink_max(frame.orientation.turn_size((width, height)));
    let asked = Format::Jpeg.shrink(shrink_max);
    let shrinks = SHRINKS.into_iter().filter(|shrink| *shrink <= asked);
    for shrink in shrinks {
        let decoded = match baseline::decode(&frame, shrink) {
            Some(stored_rgb) => Some(stored_rgb),
            None => scans::decode(&frame, shrink)?,
        };
        if let Some(stored_rgb) = decoded {
            let (stored_width, stored_height, orientation) = (width, height, frame.orientation);
            return Ok(Photo { format: Format::Jpeg, stored_width, stored_height, orientation, shrink, stored_rgb });
        }
    }
    Err(undecodable(Format::Jpeg, "its sampling factors are not supported"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_codings_are_unsupported_by_name() {
        let limits = ImageLimits { pixels_max: 100, side_pixels_max: 10 };
        for (marker, bits, kind) in [
            (0xc3, 8, "a lossless JPEG"),
            (0xc9, 8, "an arithmetic-coded JPEG"),
            (0xc5, 8, "a hierarchical JPEG"),
            (0xc1, 12, "a 12-bit JPEG"),
        ] {
            let image = [0xff, 0xd8, 0xff, marker, 0, 3, bits, 0xff, 0xd9];
            match decode(&image, &limits, &|_| 1.0) {
                Err(Error::ImageUnsupported { looks_like, .. }) => assert_eq!(looks_like, kind),
                other => panic!("{kind}: {other:?}"),
            }
        }
    }
}
