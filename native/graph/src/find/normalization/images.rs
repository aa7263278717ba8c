//! Synthetic photos: dead leaves with the statistics of natural images, the same in every run.
//!
//! Discs of random size and colour that hide one another have the edges, the scale invariance and the flat regions of
//! photos (Ruderman 1997, "Origins of scaling in natural images"; Lee, Mumford, Huang 2001). The colour statistics are
//! those of downscaled web photos; nobody's photo is carried.

use std::ops::Range;

/// Mean of red, green and blue on 0–255.
pub const MEAN: [f32; 3] = [126.0, 118.0, 104.0];
/// Their standard deviation.
pub const STD: [f32; 3] = [66.0, 64.0, 68.0];
/// Lower Cholesky factor of the covariance: [`STD`] with the correlations RG 0.88, GB 0.90, RB 0.76.
const COLOUR_FACTOR: [[f32; 3]; 3] = [[66.0, 0.0, 0.0], [56.3, 30.4, 0.0], [51.7, 33.1, 29.3]];
/// Share of the colour variance that is between images.
const BETWEEN_IMAGES: f32 = 0.28;
/// Disc radii in pixels of a photo with 256 pixels a side; their density falls with the cube of the radius.
const RADIUS_MIN: f32 = 3.0;
const RADIUS_MAX: f32 = 90.0;
/// Half width of the uniform grey noise.
const NOISE: f32 = 4.0;

/// Square windows of photos, red, green and blue in 0–255, rows × columns × 3 one after the other.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Number of windows, each from another photo.
    pub count: usize,
    /// Pixels a side.
    pub side: usize,
    /// `count * side * side * 3` values.
    pub pixels: Vec<f32>,
}

impl Windows {
    /// Means of the three values that `of` makes of a pixel, and their covariance row by row.
    #[must_use]
    pub fn statistics(&self, of: impl Fn(&[f32]) -> [f32; 3]) -> ([f64; 3], [f64; 9]) {
        let (mut sums, mut products) = ([0.0_f64; 3], [0.0_f64; 9]);
        for pixel in self.pixels.chunks_exact(3) {
            let values = of(pixel).map(f64::from);
            for (row, value) in values.iter().enumerate() {
                sums[row] += value;
                (0..3).for_each(|column| products[row * 3 + column] += value * values[column]);
            }
        }
        let count = (self.pixels.len() / 3).max(1) as f64;
        let means = sums.map(|sum| sum / count);
        let covariance = std::array::from_fn(|at| products[at] / count - means[at / 3] * means[at % 3]);
        (means, covariance)
    }
}

/// Draws `count` windows of `side` pixels out of photos that were scaled to `photo_side` pixels.
#[must_use]
pub fn dead_leaves(count: usize, side: usize, photo_side: usize) -> Windows {
    let mut pixels = Vec::with_capacity(count * side * side * 3);
    for index in 0..count {
        pixels.extend(window(side, photo_side, &mut Random::new(index as u64)));
    }
    Windows { count, side, pixels }
}

/// One window. Discs are laid from the front backwards, until all but a few pixels are covered; those take the colour of
/// their neighbour.
fn window(side: usize, photo_side: usize, random: &mut Random) -> Vec<f32> {
    const BARE: f32 = -1.0;
    const DISCS_MAX: usize = 1 << 16;
    let radii = Radii::new(side as f32, photo_side as f32 / 256.0);
    let tint = random.colour(BETWEEN_IMAGES.sqrt());
    let own = (1.0 - BETWEEN_IMAGES).sqrt();
    let mut pixels = vec![BARE; side * side * 3];
    let mut bare = side * side;
    for _ in 0..DISCS_MAX {
        if bare * 100 <= side * side {
            break;
        }
        let radius = radii.draw(random);
        let span = side as f32 - 1.0 + 2.0 * radius;
        let (x, y) = (random.uniform() * span - radius, random.uniform() * span - radius);
        let mut rgb = None;
        for row in between(y, radius, side) {
            let half = (radius * radius - (row as f32 - y).powi(2)).max(0.0).sqrt();
            for column in between(x, half, side) {
                let pixel = &mut pixels[(row * side + column) * 3..][..3];
                if pixel[0] >= 0.0 {
                    continue;
                }
                let [red, green, blue] = *rgb.get_or_insert_with(|| random.colour(own));
                let noise = NOISE * (2.0 * random.uniform() - 1.0);
                for (channel, offset) in [red, green, blue].into_iter().enumerate() {
                    pixel[channel] = (MEAN[channel] + tint[channel] + offset + noise).clamp(0.0, 255.0);
                }
                bare -= 1;
            }
        }
    }
    let mut last = MEAN;
    for pixel in pixels.chunks_exact_mut(3) {
        if pixel[0] < 0.0 {
            pixel.copy_from_slice(&last);
        }
        last.copy_from_slice(pixel);
    }
    pixels
}

/// The pixels of 0 up to `side` within `reach` of `centre`.
fn between(centre: f32, reach: f32, side: usize) -> Range<usize> {
    let first = (centre - reach).ceil().max(0.0) as usize;
    let end = ((centre + reach).floor() + 1.0).clamp(0.0, side as f32) as usize;
    first..end.max(first)
}

/// Radii of the discs that touch a window: density `r^-3` times the area `(side + 2r)^2` where their centres may lie,
/// as the mixture of its three terms, each drawn by inversion.
struct Radii {
    smallest: f32,
    largest: f32,
    weights: [f32; 3],
}

impl Radii {
    fn new(side: f32, scale: f32) -> Self {
        // Smaller discs than a pixel fall between the pixels.
        let smallest = (RADIUS_MIN * scale).max(0.75);
        let largest = (RADIUS_MAX * scale).max(2.0 * smallest);
        let weights = [
            side * side * (smallest.powi(-2) - largest.powi(-2)) / 2.0,
            4.0 * side * (smallest.recip() - largest.recip()),
            4.0 * (largest / smallest).ln(),
        ];
        Self { smallest, largest, weights }
    }

    fn draw(&self, random: &mut Random) -> f32 {
        let (smallest, largest) = (self.smallest, self.largest);
        let chosen = random.uniform() * self.weights.iter().sum::<f32>();
        let share = random.uniform();
        let between = |power: i32| smallest.powi(power) * (1.0 - share) + largest.powi(power) * share;
        if chosen < self.weights[0] {
            between(-2).sqrt().recip()
        } else if chosen < self.weights[0] + self.weights[1] {
            between(-1).recip()
        } else {
            smallest * (largest / smallest).powf(share)
        }
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014): small, and equal on every platform.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678_9ABC_DEF1)
    }

    /// 0 up to 1.
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Standard normal, as the sum of twelve uniforms.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }

    /// A colour offset with `share` of the colour spread.
    fn colour(&mut self, share: f32) -> [f32; 3] {
        let normal: [f32; 3] = std::array::from_fn(|_| share * self.normal());
        COLOUR_FACTOR.map(|row| row.iter().zip(normal).map(|(factor, value)| factor * value).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_the_same_every_time_and_have_the_colour_statistics_of_photos() {
        let windows = dead_leaves(256, 16, 224);
        assert_eq!(windows.pixels, dead_leaves(256, 16, 224).pixels);
        let count = (windows.pixels.len() / 3) as f32;
        let of_channel = |channel: usize| windows.pixels.iter().skip(channel).step_by(3).copied();
        for (channel, (mean, std)) in [(126.0, 66.0), (118.0, 64.0), (104.0, 68.0)].into_iter().enumerate() {
            let found_mean = of_channel(channel).sum::<f32>() / count;
            let found_std = (of_channel(channel).map(|value| (value - found_mean).powi(2)).sum::<f32>() / count).sqrt();
            assert!((found_mean - mean).abs() < 8.0, "mean {found_mean} against {mean}");
            assert!((found_std - std).abs() < 10.0, "std {found_std} against {std}");
        }
    }

    #[test]
    fn neighbours_are_alike_and_far_pixels_are_not() {
        let windows = dead_leaves(64, 32, 224);
        let green = |window: usize, row: usize, column: usize| {
            windows.pixels[((window * 32 + row) * 32 + column) * 3 + 1] - MEAN[1]
        };
        let correlation = |distance: usize| {
            let (mut product, mut square) = (0.0, 0.0);
            for window in 0..windows.count {
                for row in 0..32 {
                    product += green(window, row, 0) * green(window, row, distance);
                    square += green(window, row, 0).powi(2);
                }
            }
            product / square
        };
        assert!(correlation(1) > 0.8, "{}", correlation(1));
        assert!(correlation(31) < 0.65 && correlation(31) > 0.1, "{}", correlation(31));
    }
}
