//! Photo to pixels: the part that is asked for, fitted to the model's size, upright, as RGB or grey bytes.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use menagerie_contract::{InputSpec, Resize, answer::Crop};

use crate::{
    decode::Photo,
    error::Error,
    orientation::{Orientation, Region},
};

/// What fills the rest when a photo is padded: mid grey.
const PADDING: u8 = 128;
/// Bytes of an RGB pixel.
const RGB: usize = 3;

/// The pixels at the model's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// 3 (red, green, blue) or 1 (grey).
    pub channels: u32,
    /// `height * width * channels` bytes, rows from the top, channels interleaved.
    pub bytes: Vec<u8>,
}

/// The part of the upright photo that `crop` names: all of it without one.
///
/// # Errors
/// [`Error::FieldInvalid`] when a rectangle is empty or reaches out of the photo, or when a point lies outside of it or
/// its square is larger than the photo.
pub fn region(photo: &Photo, crop: Option<Crop>) -> Result<Region, Error> {
    let (photo_width, photo_height) = photo.size();
    let refuse = |message: String| {
        Err(Error::FieldInvalid(format!("{message}; the upright photo is {photo_width}x{photo_height} pixels")))
    };
    let inside =
        |start: u32, length: u32, end: u32| length > 0 && start.checked_add(length).is_some_and(|to| to <= end);
    let (x, y, width, height) = match crop {
        None => (0, 0, photo_width, photo_height),
        Some(Crop::Rectangle { x, y, width, height }) => {
            if !inside(x, width, photo_width) || !inside(y, height, photo_height) {
                return refuse(format!("crop={x},{y},{width},{height} is not a rectangle inside the photo"));
            }
            (x, y, width, height)
        }
        Some(Crop::Point { x, y, side }) => {
            let shorter = photo_width.min(photo_height);
            let side = side.unwrap_or((shorter / 2).max(1));
            if x >= photo_width || y >= photo_height {
                return refuse(format!("point={x},{y} lies outside of the photo"));
            }
            if side == 0 || side > shorter {
                return refuse(format!("point={x},{y},{side} asks for a side outside of 1 to {shorter}"));
            }
            let start = |center: u32, end: u32| center.saturating_sub(side / 2).min(end - side);
            (start(x, photo_width), start(y, photo_height), side, side)
        }
    };
    Ok(Region { x: f64::from(x), y: f64::from(y), width: f64::from(width), height: f64::from(height) })
}

/// Fits a region of the upright photo to the model's input.
///
/// The filter is the triangle (bilinear) filter, widened by the scale when shrinking, so that every photo pixel counts
/// (antialiasing, as Pillow's `BILINEAR` and TensorFlow's `antialias=True`). It works on 8-bit RGB, horizontally then
/// vertically, and gives the same bytes in SIMD and scalar code. The few pixels left are turned upright afterwards,
/// which is far cheaper than turning the photo.
///
/// A one-channel model gets the luma of Rec. 601 as Pillow's `convert("L")` computes it,
/// `(19595 R + 38470 G + 7471 B + 32768) >> 16`, after resizing.
///
/// # Errors
/// [`Error::Internal`] when the model's size or channels cannot be a picture.
pub fn resize(photo: &Photo, region: Region, input: &InputSpec) -> Result<Pixels, Error> {
    let (width, height) = (input.width, input.height);
    let rgb = match input.resize {
        Resize::Stretch => scale(photo, region, width, height)?,
        Resize::CenterCrop => scale(photo, center(region, width, height), width, height)?,
        Resize::Pad => {
            let (inner_width, inner_height) = fit_inside(region, width, height);
            let inner = scale(photo, region, inner_width, inner_height)?;
            pad(&inner, inner_width, inner_height, width, height)
        }
    };
    let bytes = match input.channels {
        1 => luma(&rgb),
        3 => rgb,
        other => return Err(Error::Internal(format!("a model with {other} input channels cannot see a photo"))),
    };
    Ok(Pixels { width, height, channels: input.channels, bytes })
}

/// The largest centred part of `region` with the aspect ratio of `width` to `height`.
fn center(region: Region, width: u32, height: u32) -> Region {
    let aspect = f64::from(width) / f64::from(height);
    let cut_width = region.width.min(region.height * aspect);
    let cut_height = region.height.min(region.width / aspect);
    Region {
        x: region.x + (region.width - cut_width) / 2.0,
        y: region.y + (region.height - cut_height) / 2.0,
        width: cut_width,
        height: cut_height,
    }
}

/// The largest size with the aspect ratio of `region` inside `width` x `height`, to the nearest pixel.
fn fit_inside(region: Region, width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(width) / region.width).min(f64::from(height) / region.height);
    let side = |length: f64, limit: u32| ((length * scale).round() as u32).clamp(1, limit);
    (side(region.width, width), side(region.height, height))
}

/// Resizes a region of the upright photo to `width` x `height` upright RGB pixels.
fn scale(photo: &Photo, region: Region, width: u32, height: u32) -> Result<Vec<u8>, Error> {
    let orientation: Orientation = photo.orientation;
    let (photo_width, photo_height) = photo.size();
    let stored = orientation.stored_region(region, f64::from(photo_width), f64::from(photo_height));
    let (stored_width, stored_height) = orientation.turn_size((width, height));
    let mut rgb = vec![0; RGB * width as usize * height as usize];
    let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("the photo cannot be resized: {error}"));
    // Typed: the untyped calls compile every kernel for every pixel type, which takes minutes and a megabyte.
    let source = TypedImageRef::<U8x3>::from_buffer(photo.stored_width, photo.stored_height, &photo.stored_rgb)
        .map_err(|error| internal(&error))?;
    let mut target =
        TypedImage::<U8x3>::from_buffer(stored_width, stored_height, &mut rgb).map_err(|error| internal(&error))?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false).crop(
        stored.x,
        stored.y,
        stored.width,
        stored.height,
    );
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|error| internal(&error))?;
    Ok(orientation.upright::<RGB>(rgb, stored_width as usize, stored_height as usize))
}

/// Centres `inner` on grey; an odd rest goes to the right and the bottom.
fn pad(inner: &[u8], inner_width: u32, inner_height: u32, width: u32, height: u32) -> Vec<u8> {
    let mut padded = vec![PADDING; RGB * width as usize * height as usize];
    let left = RGB * ((width - inner_width) / 2) as usize;
    let top = ((height - inner_height) / 2) as usize;
    let inner_row_bytes = RGB * inner_width as usize;
    let rows = padded.chunks_exact_mut(RGB * width as usize).skip(top);
    for (row, inner_row) in rows.zip(inner.chunks_exact(inner_row_bytes)) {
        if let Some(place) = row.get_mut(left..left + inner_row_bytes) {
            place.copy_from_slice(inner_row);
        }
    }
    padded
}

fn luma(rgb: &[u8]) -> Vec<u8> {
    let grey = |&[red, green, blue]: &[u8; RGB]| {
        ((19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue) + 0x8000) >> 16) as u8
    };
    rgb.as_chunks().0.iter().map(grey).collect()
}

#[cfg(test)]
mod tests {
    use menagerie_contract::{ChannelOrder, Dtype, Layout};

    use super::*;
    use crate::decode::Format;

    fn photo(width: u32, height: u32, value: u16, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Photo {
        let stored_rgb = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y));
        Photo {
            format: Format::Png,
            stored_width: width,
            stored_height: height,
            orientation: Orientation::from_value(value),
            stored_rgb: stored_rgb.collect(),
        }
    }

    fn input(width: u32, height: u32, resize: Resize, channels: u32) -> InputSpec {
        InputSpec {
            tensor: "input".into(),
            dtype: Dtype::Float32,
            layout: Layout::Nhwc,
            width,
            height,
            channels,
            channel_order: ChannelOrder::Rgb,
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
            resize,
            batch: None,
        }
    }

    fn pixels(photo: &Photo, crop: Option<Crop>, input: &InputSpec) -> Vec<u8> {
        resize(photo, region(photo, crop).unwrap(), input).unwrap().bytes
    }

    #[test]
    fn a_photo_of_the_models_size_is_not_changed() {
        let photo = photo(4, 3, 1, |x, y| [x as u8, y as u8, 7]);
        assert_eq!(pixels(&photo, None, &input(4, 3, Resize::Stretch, 3)), photo.stored_rgb);
    }

    #[test]
    fn shrinking_counts_every_pixel() {
        let stripes = photo(64, 64, 1, |x, _| if x % 2 == 0 { [0; 3] } else { [255; 3] });
        let shrunk = pixels(&stripes, None, &input(4, 4, Resize::Stretch, 3));
        assert!(shrunk.iter().all(|value| (124..=131).contains(value)), "{shrunk:?}");
    }

    #[test]
    fn center_crop_takes_the_middle_and_pad_keeps_all_on_grey() {
        let thirds = |x, _| [[255, 0, 0], [0, 255, 0], [0, 0, 255]][x as usize / 4];
        let photo = photo(12, 4, 1, thirds);
        let middle = pixels(&photo, None, &input(4, 4, Resize::CenterCrop, 3));
        assert_eq!(middle, [0, 255, 0].repeat(16));
        let padded = pixels(&photo, None, &input(12, 8, Resize::Pad, 3));
        let (top, rest) = padded.split_at(2 * 36);
        let (inner, bottom) = rest.split_at(4 * 36);
        assert_eq!((top, bottom), (&[PADDING; 72][..], &[PADDING; 72][..]));
        assert_eq!(inner, photo.stored_rgb);
    }

    #[test]
    fn pad_puts_the_odd_rest_to_the_right_and_the_bottom() {
        let photo = photo(1, 2, 1, |_, _| [9; 3]);
        let padded = pixels(&photo, None, &input(2, 2, Resize::Pad, 3));
        assert_eq!(padded, [9, 9, 9, 128, 128, 128, 9, 9, 9, 128, 128, 128]);
    }

    #[test]
    fn a_crop_is_in_upright_pixels_whatever_the_orientation() {
        let upright = photo(4, 2, 1, |x, y| [10 * (4 * y + x) as u8; 3]);
        let crop = Some(Crop::Rectangle { x: 2, y: 0, width: 1, height: 2 });
        let expected = pixels(&upright, crop, &input(1, 2, Resize::Stretch, 1));
        assert_eq!(expected, [20, 60]);
        let lying = photo(2, 4, 6, |x, y| [10 * (4 * x + (3 - y)) as u8; 3]);
        assert_eq!(pixels(&lying, crop, &input(1, 2, Resize::Stretch, 1)), expected);
        assert_eq!(
            pixels(&lying, None, &input(4, 2, Resize::Stretch, 3)),
            pixels(&upright, None, &input(4, 2, Resize::Stretch, 3))
        );
    }

    #[test]
    fn a_point_is_moved_inside_and_has_half_the_shorter_side() {
        let photo = photo(20, 10, 1, |_, _| [0; 3]);
        let at = |x, y, side| region(&photo, Some(Crop::Point { x, y, side })).unwrap();
        assert_eq!(at(10, 5, None), Region { x: 8.0, y: 3.0, width: 5.0, height: 5.0 });
        assert_eq!(at(0, 9, Some(4)), Region { x: 0.0, y: 6.0, width: 4.0, height: 4.0 });
        assert_eq!(at(19, 0, Some(10)), Region { x: 10.0, y: 0.0, width: 10.0, height: 10.0 });
    }

    #[test]
    fn a_crop_that_reaches_out_names_field_value_and_size() {
        let photo = photo(20, 10, 1, |_, _| [0; 3]);
        let rectangle = |x, y, width, height| Crop::Rectangle { x, y, width, height };
        for crop in [
            rectangle(0, 0, 21, 1),
            rectangle(0, 0, 0, 5),
            rectangle(u32::MAX, 0, 2, 2),
            Crop::Point { x: 20, y: 0, side: None },
            Crop::Point { x: 0, y: 0, side: Some(11) },
            Crop::Point { x: 0, y: 0, side: Some(0) },
        ] {
            match region(&photo, Some(crop)) {
                Err(Error::FieldInvalid(message)) => assert!(message.contains("20x10"), "{message}"),
                other => panic!("{crop:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn luma_is_that_of_pillow() {
        assert_eq!(luma(&[255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 10, 10]), [76, 150, 29, 10]);
        assert!((0..=255).all(|grey| luma(&[grey; 3]) == [grey]));
    }
}
