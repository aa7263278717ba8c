//! Photo to pixels: the part that is asked for, fitted to the model's size, upright, as RGB or grey bytes.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use menagerie_contract::{ChannelOrder, InputSpec, Resize, ResizeFilter, answer::Crop, spec::CROP_FRACTION_MIN};

use crate::{
    decode::Photo,
    error::Error,
    orientation::{Orientation, Region},
};

/// What fills the rest when a photo is padded: mid grey.
const PADDING: u8 = 128;
/// Decoded pixels along a side for each that the model sees, at least, where a photo is decoded at a reduced size.
pub const OVERSAMPLING: f64 = 2.0;
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

/// The part of an upright photo of this width and height that `crop` names: all of it without one.
///
/// # Errors
/// [`Error::FieldInvalid`] when a rectangle is empty or reaches out of the photo, or when a point lies outside of it or
/// its square is larger than the photo.
pub fn region((photo_width, photo_height): (u32, u32), crop: Option<Crop>) -> Result<Region, Error> {
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

/// The largest [`Photo::shrink`] of an upright photo of `size` that leaves the resize twice the pixels of what it makes
/// along both sides. Only a filter that averages all pixels allows any.
#[must_use]
pub fn shrink_max(size: (u32, u32), crop: Option<Crop>, input: &InputSpec) -> f64 {
    // What cannot be fitted is refused after decoding.
    match region(size, crop).and_then(|region| fit(region, input)) {
        Ok((region, width, height)) if input.resize_filter == ResizeFilter::Antialias => {
            (region.width / f64::from(width)).min(region.height / f64::from(height)) / OVERSAMPLING
        }
        _ => 1.0,
    }
}

/// Fits a region of the upright photo to the model's input.
///
/// `input.resize_filter` is the filter. It works on 8-bit RGB with pixel centres at halves, horizontally then
/// vertically, and gives the same bytes in SIMD and scalar code. The few pixels left are turned upright afterwards,
/// which is far cheaper than turning the photo.
///
/// A one-channel model, and one whose three channels are all grey, gets the luma of Rec. 601 as Pillow's `convert("L")` computes it,
/// `(19595 R + 38470 G + 7471 B + 32768) >> 16`, after resizing.
///
/// # Errors
/// [`Error::Internal`] when the model's size or channels cannot be a picture.
pub fn resize(photo: &Photo, region: Region, input: &InputSpec) -> Result<Pixels, Error> {
    let (width, height) = (input.width, input.height);
    let (region, inner_width, inner_height) = fit(region, input)?;
    let inner = scale(photo, region, inner_width, inner_height, input.resize_filter)?;
    let rgb = match input.resize {
        Resize::Stretch | Resize::CenterCrop => inner,
        Resize::Pad => pad(&inner, inner_width, inner_height, width, height),
    };
    let bytes = match (input.channels, input.channel_order) {
        (1, _) => luma(&rgb),
        (3, ChannelOrder::Gray) => grey_in_colour(&rgb),
        (3, _) => rgb,
        (other, _) => return Err(Error::Internal(format!("a model with {other} input channels cannot see a photo"))),
    };
    Ok(Pixels { width, height, channels: input.channels, bytes })
}

/// What of `region` is resized, and to which width and height.
fn fit(region: Region, input: &InputSpec) -> Result<(Region, u32, u32), Error> {
    let (width, height) = (input.width, input.height);
    Ok(match input.resize {
        Resize::Stretch => (region, width, height),
        Resize::CenterCrop => (center(region, input)?, width, height),
        Resize::Pad => {
            let (inner_width, inner_height) = fit_inside(region, width, height);
            (region, inner_width, inner_height)
        }
    })
}

/// The rectangle of an upright photo of `size` that the whole input shows, with what is padded.
///
/// # Errors
/// As [`region`] and [`resize`].
pub fn shown(size: (u32, u32), crop: Option<Crop>, input: &InputSpec) -> Result<Region, Error> {
    let (seen, inner_width, inner_height) = fit(region(size, crop)?, input)?;
    let along = |start: f64, length: f64, inner: u32, whole: u32| {
        let scale = length / f64::from(inner);
        (start - scale * f64::from((whole - inner) / 2), scale * f64::from(whole))
    };
    let (x, width) = along(seen.x, seen.width, inner_width, input.width);
    let (y, height) = along(seen.y, seen.height, inner_height, input.height);
    Ok(Region { x, y, width, height })
}

/// The largest centred part of `region` with the aspect ratio of the input, and of that the middle: as if it was scaled
/// to the input's size divided by `crop_fraction` and the input cut out there. Both cuts start at a whole pixel, rounded
/// down, as the tools do that models are trained with.
fn center(region: Region, input: &InputSpec) -> Result<Region, Error> {
    let fraction = f64::from(input.crop_fraction);
    if !(f64::from(CROP_FRACTION_MIN)..=1.0).contains(&fraction) {
        return Err(Error::Internal(format!("a crop_fraction of {fraction} is no share of a photo")));
    }
    let aspect = f64::from(input.width) / f64::from(input.height);
    let middle = |length: f64, widest: f64, side: u32| {
        let whole = length.min(widest);
        let kept = f64::from(side);
        let scaled = (kept / fraction).round();
        let start = ((length - whole) / 2.0).floor() + whole * ((scaled - kept) / 2.0).floor() / scaled;
        (start, whole * kept / scaled)
    };
    let (x, width) = middle(region.width, region.height * aspect, input.width);
    let (y, height) = middle(region.height, region.width / aspect, input.height);
    Ok(Region { x: region.x + x, y: region.y + y, width, height })
}

/// The largest size with the aspect ratio of `region` inside `width` x `height`, to the nearest pixel.
fn fit_inside(region: Region, width: u32, height: u32) -> (u32, u32) {
    let scale = (f64::from(width) / region.width).min(f64::from(height) / region.height);
    let side = |length: f64, limit: u32| ((length * scale).round() as u32).clamp(1, limit);
    (side(region.width, width), side(region.height, height))
}

/// Resizes a region of the upright photo to `width` x `height` upright RGB pixels.
fn scale(photo: &Photo, region: Region, width: u32, height: u32, filter: ResizeFilter) -> Result<Vec<u8>, Error> {
    let orientation: Orientation = photo.orientation;
    let (photo_width, photo_height) = photo.size();
    let stored = orientation.stored_region(region, f64::from(photo_width), f64::from(photo_height));
    let (stored_width, stored_height) = orientation.turn_size((width, height));
    let shrink = f64::from(photo.shrink);
    let mut rgb = vec![0; RGB * width as usize * height as usize];
    let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("the photo cannot be resized: {error}"));
    // Typed: the untyped calls compile every kernel for every pixel type, which takes minutes and a megabyte.
    let (decoded_width, decoded_height) = photo.decoded_size();
    let source = TypedImageRef::<U8x3>::from_buffer(decoded_width, decoded_height, &photo.stored_rgb)
        .map_err(|error| internal(&error))?;
    let mut target =
        TypedImage::<U8x3>::from_buffer(stored_width, stored_height, &mut rgb).map_err(|error| internal(&error))?;
    let algorithm = match filter {
        ResizeFilter::Antialias => ResizeAlg::Convolution(FilterType::Bilinear),
        ResizeFilter::Bilinear => ResizeAlg::Interpolation(FilterType::Bilinear),
        ResizeFilter::Nearest => ResizeAlg::Nearest,
    };
    let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false).crop(
        stored.x / shrink,
        stored.y / shrink,
        stored.width / shrink,
        stored.height / shrink,
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

/// Grey of RGB, as [`resize`] has it.
pub(crate) fn luma(rgb: &[u8]) -> Vec<u8> {
    let grey = |&[red, green, blue]: &[u8; RGB]| {
        ((19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue) + 0x8000) >> 16) as u8
    };
    rgb.as_chunks().0.iter().map(grey).collect()
}

/// [`luma`] in each of three channels. Pixels that are grey already stay as they are.
pub(crate) fn grey_in_colour(rgb: &[u8]) -> Vec<u8> {
    luma(rgb).into_iter().flat_map(|grey| [grey; RGB]).collect()
}

#[cfg(test)]
mod tests {
    use menagerie_contract::{Dtype, Layout};

    use super::*;
    use crate::decode::Format;

    fn photo(width: u32, height: u32, value: u16, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Photo {
        let stored_rgb = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y));
        Photo {
            format: Format::Png,
            stored_width: width,
            stored_height: height,
            orientation: Orientation::from_value(value),
            shrink: 1,
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
            crop_fraction: 1.0,
            resize_filter: ResizeFilter::Antialias,
            batch: None,
        }
    }

    fn pixels(photo: &Photo, crop: Option<Crop>, input: &InputSpec) -> Vec<u8> {
        resize(photo, region(photo.size(), crop).unwrap(), input).unwrap().bytes
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
    fn the_plain_filters_look_at_their_neighbours_alone() {
        let ramp = photo(8, 1, 1, |x, _| [10 * x as u8; 3]);
        let shrunk =
            |resize_filter| pixels(&ramp, None, &InputSpec { resize_filter, ..input(2, 1, Resize::Stretch, 1) });
        let spikes = photo(8, 1, 1, |x, _| if x == 2 || x == 6 { [200; 3] } else { [0; 3] });
        let thinned =
            |resize_filter| pixels(&spikes, None, &InputSpec { resize_filter, ..input(2, 1, Resize::Stretch, 1) });
        // The centre of the first of two pixels lies at 2.0 of 8: between pixels 1 and 2.
        assert_eq!(shrunk(ResizeFilter::Bilinear), [15, 55]);
        assert_eq!(thinned(ResizeFilter::Bilinear), [100, 100]);
        assert_eq!(shrunk(ResizeFilter::Nearest), [20, 60]);
        assert_eq!(thinned(ResizeFilter::Nearest), [200, 200]);
        assert!(thinned(ResizeFilter::Antialias).iter().all(|value| (30..80).contains(value)));
    }

    #[test]
    fn three_channels_may_all_be_grey() {
        let red = photo(1, 1, 1, |_, _| [255, 0, 0]);
        let grey = InputSpec { channel_order: ChannelOrder::Gray, ..input(1, 1, Resize::Stretch, 3) };
        assert_eq!(pixels(&red, None, &grey), [76; 3]);
    }

    #[test]
    fn a_fraction_keeps_the_middle_of_the_centre() {
        let rings = photo(12, 8, 1, |x, y| if (4..8).contains(&x) && (2..6).contains(&y) { [9; 3] } else { [0; 3] });
        let half = |crop_fraction| InputSpec { crop_fraction, ..input(4, 4, Resize::CenterCrop, 1) };
        assert_eq!(pixels(&rings, None, &half(0.5)), [9; 16]);
        // 5 of 8 pixels are cut out from pixel 1 on, not 1.5.
        let columns = photo(8, 8, 1, |x, _| [x as u8; 3]);
        let cut = InputSpec { crop_fraction: 5.0 / 8.0, ..input(5, 5, Resize::CenterCrop, 1) };
        assert_eq!(pixels(&columns, None, &cut)[..5], [1, 2, 3, 4, 5]);
        for fraction in [0.0, 1.5, f32::NAN] {
            let whole = region(rings.size(), None).unwrap();
            assert!(matches!(resize(&rings, whole, &half(fraction)), Err(Error::Internal(_))), "{fraction}");
        }
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
        let at = |x, y, side| region(photo.size(), Some(Crop::Point { x, y, side })).unwrap();
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
            match region(photo.size(), Some(crop)) {
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
