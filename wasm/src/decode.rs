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
mod webp_sizes;

use menagerie_contract::ImageLimits;

pub use format::Format;

use crate::{error::Error, orientation::Orientation};

/// A decoded photo: opaque 8-bit RGB, rows from top to bottom as the file stores them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    /// Format of the file.
    pub format: Format,
    /// Stored pixels across, at least 1.
    pub stored_width: u32,
    /// Stored pixels down, at least 1.
    pub stored_height: u32,
    /// How to turn it upright.
    pub orientation: Orientation,
    /// `stored_width * stored_height * 3` bytes.
    pub stored_rgb: Vec<u8>,
}

impl Photo {
    /// Upright width and height.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.orientation.turn_size((self.stored_width, self.stored_height))
    }
}

/// Decodes an image.
///
/// Animated images give their first frame; grey, palette, 16-bit and CMYK images become RGB; transparent pixels are
/// composited on white. Embedded colour profiles and gamma are not applied.
///
/// # Errors
/// [`Error::ImageEmpty`], [`Error::ImageUnsupported`], [`Error::ImageTooLarge`], [`Error::ImageUndecodable`].
pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let format = Format::of(image)?;
    match format {
        Format::Jpeg => jpeg::decode(image, limits),
        Format::Png => png::decode(image, limits),
        Format::Webp => webp::decode(image, limits),
        Format::Gif => gif::decode(image, limits),
        Format::Bmp => bmp::decode(image, limits),
    }
}

/// Refuses a declared size that passes the limits, or has no pixels.
fn check_size(format: Format, width: u32, height: u32, limits: &ImageLimits) -> Result<(), Error> {
    let (wide, high) = (u64::from(width), u64::from(height));
    if wide == 0 || high == 0 {
        return Err(undecodable(format, format!("its header declares {width}x{height} pixels")));
    }
    let limit = if wide.max(high) > u64::from(limits.side_pixels_max) {
        format!("a side may have at most {}", limits.side_pixels_max)
    } else if wide * high > limits.pixels_max {
        format!("that is {} in all, and at most {} are allowed", wide * high, limits.pixels_max)
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
