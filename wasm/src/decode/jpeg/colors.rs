//! Planes to RGB, a row at a time: chroma is brought to the size of luma as libjpeg does ("fancy upsampling",
//! `jdsample.c`), then colours are converted.
//!
//! Whole numbers: they give the same bits on every target.

use wide::{bytemuck::cast, i16x8, i32x4, u8x16};

/// Pixels that are worked on at once. Rows of planes are padded to a multiple of it.
pub const LANES: usize = 16;
const RGB: usize = 3;

/// The samples of one component, a byte each.
pub struct Plane {
    /// Rows of `stride` bytes; what lies beyond `width` and `height` is no part of the photo.
    pub bytes: Vec<u8>,
    /// A multiple of [`LANES`].
    pub stride: usize,
    pub width: usize,
    pub height: usize,
    /// Pixels that a sample stands for, across and down.
    pub subsampling: (usize, usize),
}

impl Plane {
    fn row(&self, y: usize) -> &[u8] {
        self.bytes.chunks_exact(self.stride).nth(y).unwrap_or_default()
    }
}

/// What the components of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// One component.
    Grey,
    /// YCbCr, three components.
    LumaChroma,
    /// Red, green and blue.
    Rgb,
    /// CMYK as Adobe stores it: 255 is no ink.
    Inks,
    /// YCCK as Adobe stores it: the complements of the inks as YCbCr, and black.
    LumaChromaBlack,
}

/// Room for one row.
#[derive(Default)]
pub struct Room {
    sums: Vec<i16>,
    upsampled: [Vec<u8>; 4],
    rgb: Vec<u8>,
}

/// Writes row `y` of the photo.
pub fn write_row(planes: &[Plane], colors: Colors, y: usize, row: &mut [u8], room: &mut Room) {
    let Room { sums, upsampled, rgb } = room;
    let mut rows = [[].as_slice(); 4];
    for ((row, plane), upsampled) in rows.iter_mut().zip(planes).zip(upsampled) {
        *row = upsample(plane, y, sums, upsampled);
    }
    let [first, second, third, black] = rows;
    match colors {
        Colors::Grey => row.as_chunks_mut().0.iter_mut().zip(first).for_each(|(pixel, luma)| *pixel = [*luma; RGB]),
        Colors::LumaChroma | Colors::LumaChromaBlack => write_luma_chroma([first, second, third], row, rgb),
        Colors::Rgb | Colors::Inks => {
            let samples = first.iter().zip(second).zip(third);
            let pixels = row.as_chunks_mut().0.iter_mut().zip(samples);
            pixels.for_each(|(pixel, ((first, second), third))| *pixel = [*first, *second, *third]);
        }
    }
    let inked = |ink: u8, black: u8| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8;
    match colors {
        Colors::Grey | Colors::LumaChroma | Colors::Rgb => {}
        Colors::Inks => row.as_chunks_mut::<RGB>().0.iter_mut().zip(black).for_each(|(pixel, black)| {
            *pixel = pixel.map(|ink| inked(ink, *black));
        }),
        Colors::LumaChromaBlack => row.as_chunks_mut::<RGB>().0.iter_mut().zip(black).for_each(|(pixel, black)| {
            *pixel = pixel.map(|complement| inked(255 - complement, *black));
        }),
    }
}

fn write_luma_chroma([luma, blue, red]: [&[u8]; 3], row: &mut [u8], rgb: &mut Vec<u8>) {
    // Pixels are written as four bytes, the last of which the next one overwrites.
    rgb.resize(RGB * (row.len() / RGB).next_multiple_of(LANES) + 1, 0);
    let samples = luma.as_chunks().0.iter().zip(blue.as_chunks().0).zip(red.as_chunks().0);
    for (index, ((luma, blue), red)) in samples.enumerate() {
        let start = RGB * LANES * index;
        let Some(place) = rgb.get_mut(start..).and_then(<[u8]>::first_chunk_mut) else { break };
        write_pixels(u8x16::new(*luma), u8x16::new(*blue), u8x16::new(*red), place);
    }
    row.copy_from_slice(&rgb[..row.len()]);
}

/// Samples of a row, one for each pixel. Where a sample stands for one or two pixels, three quarters of a pixel are the
/// sample that it lies in and one quarter is the neighbour on its side, along both axes; the biases are libjpeg's. Where it
/// stands for more, it is repeated.
fn upsample<'a>(plane: &'a Plane, y: usize, sums: &mut Vec<i16>, upsampled: &'a mut Vec<u8>) -> &'a [u8] {
    let (across, down) = plane.subsampling;
    let near = plane.row(y / down);
    if (across, down) == (1, 1) {
        return near;
    }
    if across.max(down) > 2 {
        upsampled.resize(across * plane.stride, 0);
        upsampled.chunks_exact_mut(across).zip(near).for_each(|(samples, sample)| samples.fill(*sample));
        return upsampled;
    }
    let is_upper = y.is_multiple_of(2);
    let far = match (down, is_upper) {
        (1, _) => near,
        (_, true) => plane.row((y / down).saturating_sub(1)),
        (_, false) => plane.row((y / down + 1).min(plane.height - 1)),
    };
    // A sample on either side: the ends repeat themselves.
    sums.resize(plane.stride + LANES, 0);
    let inner = sums.iter_mut().skip(1).zip(near.iter().zip(far));
    match down {
        1 => inner.for_each(|(sum, (near, _))| *sum = i16::from(*near)),
        _ => inner.for_each(|(sum, (near, far))| *sum = 3 * i16::from(*near) + i16::from(*far)),
    }
    sums[0] = sums[1];
    sums[plane.width + 1] = sums[plane.width];
    upsampled.resize(across * plane.stride, 0);
    match (across, down) {
        (1, _) => {
            let bias = if is_upper { 1 } else { 2 };
            upsampled.iter_mut().zip(&sums[1..]).for_each(|(sample, sum)| *sample = ((sum + bias) >> 2) as u8);
        }
        (_, 1) => double(sums, (1, 2), 2, upsampled),
        _ => double(sums, (8, 7), 4, upsampled),
    }
    upsampled
}

/// Two samples for each sum but the first and the last.
fn double(sums: &[i16], (even_bias, odd_bias): (i16, i16), shift: u32, doubled: &mut [u8]) {
    const HALF: usize = LANES / 2;
    for (pair, samples) in doubled.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let at = |offset: usize| {
            let sums = sums.get(HALF * pair + offset..).and_then(<[i16]>::first_chunk);
            sums.map_or(i16x8::ZERO, |sums| i16x8::new(*sums))
        };
        let own = at(1) + at(1) + at(1);
        let even = (own + at(0) + i16x8::splat(even_bias)) >> shift;
        let odd = (own + at(2) + i16x8::splat(odd_bias)) >> shift;
        *samples = cast(u8x16::unpack_low(u8x16::narrow_i16x8(even, even), u8x16::narrow_i16x8(odd, odd)));
    }
}

/// JFIF 1.02, "conversion to and from RGB".
#[inline]
fn write_pixels(luma: u8x16, blue: u8x16, red: u8x16, place: &mut [u8; RGB * LANES + 1]) {
    const FRACTION_BITS: u32 = 14;
    const TO_RED: (i16, i16) = (0, 22_970);
    const TO_GREEN: (i16, i16) = (-5_638, -11_700);
    const TO_BLUE: (i16, i16) = (29_032, 0);
    let (low, high) = (u8x16::unpack_low(blue, red), u8x16::unpack_high(blue, red));
    let chroma = [wide_low(low), wide_high(low), wide_low(high), wide_high(high)].map(|pair| pair - i16x8::splat(128));
    let level = |(blue, red)| {
        let weights = i16x8::new([blue, red, blue, red, blue, red, blue, red]);
        let [a, b, c, d] =
            chroma.map(|pair| (pair.dot(weights) + i32x4::splat(1 << (FRACTION_BITS - 1))) >> FRACTION_BITS);
        u8x16::narrow_i16x8(
            wide_low(luma) + i16x8::from_i32x8_saturate(cast([a, b])),
            wide_high(luma) + i16x8::from_i32x8_saturate(cast([c, d])),
        )
    };
    let (red, green, blue) = (level(TO_RED), level(TO_GREEN), level(TO_BLUE));
    let (red_blue, green) = (
        [u8x16::unpack_low(red, blue), u8x16::unpack_high(red, blue)],
        [u8x16::unpack_low(green, u8x16::ZERO), u8x16::unpack_high(green, u8x16::ZERO)],
    );
    for half in 0..2 {
        let quarters =
            [u8x16::unpack_low(red_blue[half], green[half]), u8x16::unpack_high(red_blue[half], green[half])];
        for (quarter, pixels) in quarters.into_iter().enumerate() {
            let pixels: [[u8; 4]; 4] = cast(pixels);
            for (index, pixel) in pixels.into_iter().enumerate() {
                let start = RGB * (8 * half + 4 * quarter + index);
                place[start..start + 4].copy_from_slice(&pixel);
            }
        }
    }
}

/// The first eight bytes as numbers of 16 bits: `i16x8::from_u8x16_low` is slow in WebAssembly.
#[inline]
fn wide_low(bytes: u8x16) -> i16x8 {
    cast(u8x16::unpack_low(bytes, u8x16::ZERO))
}

/// The last eight.
#[inline]
fn wide_high(bytes: u8x16) -> i16x8 {
    cast(u8x16::unpack_high(bytes, u8x16::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, subsampling: (usize, usize), level: impl Fn(usize, usize) -> u8) -> Plane {
        let stride = width.next_multiple_of(LANES);
        let bytes = (0..height).flat_map(|y| (0..stride).map(move |x| (x, y))).map(|(x, y)| level(x, y)).collect();
        Plane { bytes, stride, width, height, subsampling }
    }

    #[test]
    fn three_quarters_are_the_own_sample_and_one_quarter_the_neighbour() {
        let plane = |subsampling| plane(3, 2, subsampling, |x, y| [[0, 100, 200], [40, 140, 255]][y % 2][x.min(2)]);
        let row = |subsampling, y| {
            let (mut sums, mut upsampled) = (Vec::new(), Vec::new());
            upsample(&plane(subsampling), y, &mut sums, &mut upsampled)[..3 * subsampling.0].to_vec()
        };
        assert_eq!(row((1, 1), 1), [40, 140, 255]);
        assert_eq!(row((2, 1), 0), [0, 25, 75, 125, 175, 200]);
        assert_eq!(
            [0, 1, 2, 3].map(|y| row((1, 2), y)),
            [[0, 100, 200], [10, 110, 214], [30, 130, 241], [40, 140, 255]]
        );
        assert_eq!(row((2, 2), 0), [0, 25, 75, 125, 175, 200]);
        assert_eq!(row((2, 2), 1), [10, 35, 85, 136, 188, 214]);
    }

    #[test]
    fn colors_are_those_of_jfif_rounded_to_the_nearest() {
        for blue in (0..=255).step_by(5) {
            for red in 0..=255 {
                let luma = |x: usize| (x * 17) as u8;
                let planes = [
                    plane(16, 1, (1, 1), |x, _| luma(x)),
                    plane(16, 1, (1, 1), |_, _| blue),
                    plane(16, 1, (1, 1), |_, _| red),
                ];
                let mut row = [0; 48];
                write_row(&planes, Colors::LumaChroma, 0, &mut row, &mut Room::default());
                let (blue, red) = (f64::from(blue) - 128.0, f64::from(red) - 128.0);
                for (x, pixel) in row.as_chunks::<3>().0.iter().enumerate() {
                    let luma = f64::from(luma(x));
                    let exact = [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue];
                    for (level, exact) in pixel.iter().zip(exact) {
                        let difference = (f64::from(*level) - exact.clamp(0.0, 255.0)).abs();
                        assert!(difference < 0.51, "{luma} {blue} {red}: {level}, {exact}");
                    }
                }
            }
        }
    }
}
