//! Image bytes to an RGB photo.
//!
//! The format is judged by the bytes, never by a name. Size limits are checked against the header before any pixel is
//! decoded. An image has to be whole: a file that ends early is refused, however much of it could be shown.

mod alpha;
mod bmp;
mod bmp_runs;
mod format;
mod gif;
mod jpeg;
mod png;
mod webp;
mod webp_codes;
mod webp_sizes;

use menagerie_contract::ImageLimits;
use serde::{Deserialize, Serialize};

pub use format::Format;

use crate::{error::Error, orientation::Orientation};

/// A decoded photo: opaque 8-bit RGB, rows from top to bottom as the file stores them, at full or at reduced size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// Format of the file.
    pub format: Format,
    /// Stored pixels across, at least 1.
    pub stored_width: u32,
    /// Stored pixels down, at least 1.
    pub stored_height: u32,
    /// How to turn it upright.
    pub orientation: Orientation,
    /// Stored pixels a side of the square that each decoded pixel stands for: 1, 2, 4 or 8.
    pub shrink: u32,
    /// 3 bytes for each pixel of [`Photo::decoded_size`]; no part of its JSON.
    #[serde(skip)]
    pub stored_rgb: Vec<u8>,
}

impl Photo {
    /// Upright width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.orientation.turn_size((self.stored_width, self.stored_height))
    }

    /// The photo with its pixels, which its JSON lacks.
    ///
    /// # Errors
    /// [`Error::Internal`] where these are not as many.
    pub fn with_pixels(self, stored_rgb: Vec<u8>) -> Result<Self, Error> {
        let (width, height) = self.decoded_size();
        let bytes = 3 * width as usize * height as usize;
        if stored_rgb.len() == bytes {
            return Ok(Self { stored_rgb, ..self });
        }
        Err(Error::Internal(format!("a photo of {bytes} bytes came with {}", stored_rgb.len())))
    }

    /// Decoded pixels across and down, as stored: those at the right and the bottom may stand for less than a square.
    #[must_use]
    pub fn decoded_size(&self) -> (u32, u32) {
        (self.stored_width.div_ceil(self.shrink), self.stored_height.div_ceil(self.shrink))
    }
}

/// Decodes an image at its full size, as [`decode_shrunk`] says.
///
/// # Errors
/// Those of [`decode_shrunk`].
pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    decode_shrunk(image, limits, &|_| 1.0)
}

/// Decodes an image, where the format allows it at a fraction of its size and for a fraction of the work.
///
/// `shrink_max` gives, for the upright width and height, the largest [`Photo::shrink`] that is still of use.
///
/// Animated images give their first frame; grey, palette, 16-bit and CMYK images become RGB; transparent pixels are
/// composited on white. Embedded colour profiles and gamma are not applied.
///
/// # Errors
/// [`Error::ImageEmpty`], [`Error::ImageUnsupported`], [`Error::ImageTooLarge`], [`Error::ImageUndecodable`].
pub fn decode_shrunk(
    image: &[u8],
    limits: &ImageLimits,
    shrink_max: &dyn Fn((u32, u32)) -> f64,
) -> Result<Photo, Error> {
    let format = Format::of(image)?;
    match format {
        Format::Jpeg => jpeg::decode(image, limits, shrink_max),
        Format::Png => png::decode(image, limits),
        Format::Webp => webp::decode(image, limits),
        Format::Gif => gif::decode(image, limits),
        Format::Bmp => bmp::decode(image, limits),
    }
}

/// Width times height as the header declares them, with nothing decoded; `None` where no header can be read.
#[must_use]
pub fn declared_pixels(image: &[u8]) -> Option<u64> {
    match decode(image, &ImageLimits { pixels_max: 0, side_pixels_max: u32::MAX }) {
        Err(Error::ImageTooLarge { width, height, .. }) => Some(width * height),
        _ => None,
    }
}

/// Pixels that an image may have whatever its bytes are, within the limits.
const PIXELS_FREE: u64 = 4_000_000;
/// Further pixels that a byte pays for. A blank page takes the fewest bytes: deflate makes 1032 of one (RFC 1951), of 8
/// pixels each.
const PIXELS_PER_BYTE: u64 = 1 << 14;

/// Refuses a declared size that passes the limits or what a file of `image_bytes` pays for, or has no pixels.
fn check_size(format: Format, width: u32, height: u32, limits: &ImageLimits, image_bytes: usize) -> Result<(), Error> {
    let (wide, high) = (u64::from(width), u64::from(height));
    let paid = PIXELS_FREE + PIXELS_PER_BYTE * image_bytes as u64;
    if wide == 0 || high == 0 {
        return Err(undecodable(format, format!("its header declares {width}x{height} pixels")));
    }
    let limit = if wide.max(high) > u64::from(limits.side_pixels_max) {
        format!("a side may have at most {}", limits.side_pixels_max)
    } else if wide * high > limits.pixels_max {
        format!("that is {} in all, and at most {} are allowed", wide * high, limits.pixels_max)
    } else if wide * high > paid {
        format!("that is {} in all, and {image_bytes} bytes may have at most {paid}", wide * high)
    } else {
        return Ok(());
    };
    Err(Error::ImageTooLarge { width: wide, height: high, limit })
}

fn undecodable(format: Format, detail: impl std::fmt::Display) -> Error {
    Error::ImageUndecodable { format: format.name(), detail: detail.to_string() }
}

fn cut_off(format: Format) -> Error {
    undecodable(format, "the file ends early")
}
