//! The inverse DCT of a block, at full and at reduced size.
//!
//! Of the 8 coefficients along an axis the first N make N samples, each in the middle of the 8/N that it stands for:
//! `Σ_{u<N} weight(u) X_u cos((2x+1)uπ/2N)`, which is the inverse DCT of ITU-T T.81, A.3.3, with N for 8. The frequencies
//! that N samples cannot show are dropped. libjpeg's reduced sizes are the same sums.
//!
//! Sums and products of floating-point numbers, in one order: they give the same bits on every target.

use std::{array::from_fn, f32::consts::FRAC_1_SQRT_2};

use wide::{bytemuck::cast, f32x4, i16x8, i32x4, u8x16};

/// Coefficients along an axis of a block.
pub const SIDE: usize = 8;
/// Coefficients of a block.
pub const BLOCK: usize = SIDE * SIDE;

/// Rows or columns that are worked on at once.
const LANES: usize = 4;

/// Coefficients times their weights along both axes: those of one horizontal frequency side by side.
pub type Block = [f32; BLOCK];

/// The factor of coefficient `u` along an axis.
pub fn weight(u: usize) -> f32 {
    if u == 0 { FRAC_1_SQRT_2 / 2.0 } else { 0.5 }
}

/// Coefficients that suffice for [`Samples::of_four`] along both axes: those before this one in zigzag order.
pub const FOUR_BY_FOUR: usize = 10;

/// Writes the `ACROSS` x `DOWN` samples of a block into the first columns of `rows`, which are `stride` bytes long.
/// `used` is the number of coefficients, in zigzag order, beyond which all are 0.
#[inline]
pub fn write_samples<const ACROSS: usize, const DOWN: usize>(block: &Block, used: usize, rows: &mut [u8], stride: usize)
where
    [f32x4; ACROSS]: Samples,
    [f32x4; DOWN]: Samples,
{
    let is_small = used <= FOUR_BY_FOUR;
    let columns: [[f32x4; ACROSS]; SIDE / LANES] = from_fn(|group| {
        let at = |u: usize| {
            let at = SIDE * u + LANES * group;
            f32x4::new([block[at], block[at + 1], block[at + 2], block[at + 3]])
        };
        match (group, is_small) {
            (0, true) => Samples::of_four(from_fn(at)),
            (0, false) => from_fn(at).samples(),
            (_, false) if DOWN > LANES => from_fn(at).samples(),
            _ => [f32x4::ZERO; ACROSS],
        }
    });
    let levels: [[i32x4; DOWN]; SIDE / LANES] = from_fn(|group| {
        let turned = |part: usize| {
            let columns = &columns[part];
            f32x4::transpose(from_fn(|x| columns.get(LANES * group + x).copied().unwrap_or(f32x4::ZERO)))
        };
        let samples: [f32x4; DOWN] = if LANES * group >= ACROSS {
            [f32x4::ZERO; DOWN]
        } else if is_small {
            Samples::of_four(turned(0))
        } else {
            let turned = [turned(0), turned(1)];
            from_fn(|v| turned[v / LANES][v % LANES]).samples()
        };
        samples.map(to_levels)
    });
    for (y, row) in rows.chunks_mut(stride).take(DOWN).enumerate() {
        let bytes = to_bytes([levels[0][y], levels[1][y]]);
        match row.first_chunk_mut::<SIDE>() {
            Some(row) if ACROSS == SIDE => *row = bytes,
            _ => row.iter_mut().zip(bytes).take(ACROSS).for_each(|(sample, byte)| *sample = byte),
        }
    }
}

/// Undoes the level shift and rounds: numbers of this size have no fraction, and lie one apart.
#[inline]
pub fn to_levels(samples: f32x4) -> i32x4 {
    const WHOLE: f32 = 12_582_912.0;
    let whole: i32x4 = cast(samples + f32x4::splat(WHOLE + 128.0));
    whole - i32x4::splat(WHOLE.to_bits().cast_signed())
}

/// Saturates.
#[inline]
pub fn to_bytes(levels: [i32x4; SIDE / LANES]) -> [u8; SIDE] {
    let levels = i16x8::from_i32x8_saturate(cast(levels));
    let [bytes, _]: [[u8; SIDE]; 2] = cast(u8x16::narrow_i16x8(levels, levels));
    bytes
}

/// Coefficients to samples along an axis, four rows or columns at once.
pub trait Samples: Sized {
    fn samples(self) -> Self;

    /// The same where all coefficients but the first four are 0, or do not exist.
    fn of_four(coefficients: [f32x4; 4]) -> Self;
}

impl Samples for [f32x4; 1] {
    #[inline]
    fn samples(self) -> Self {
        self
    }

    #[inline]
    fn of_four([x0, ..]: [f32x4; 4]) -> Self {
        [x0]
    }
}

impl Samples for [f32x4; 2] {
    #[inline]
    fn samples(self) -> Self {
        let [even, odd] = self;
        mirrored([even], [odd * FRAC_1_SQRT_2])
    }

    #[inline]
    fn of_four([x0, x1, ..]: [f32x4; 4]) -> Self {
        [x0, x1].samples()
    }
}

impl Samples for [f32x4; 4] {
    #[inline]
    fn samples(self) -> Self {
        let [x0, x1, x2, x3] = self;
        mirrored([x0, x2].samples(), [x1 * COS_2 + x3 * COS_6, x1 * COS_6 - x3 * COS_2])
    }

    #[inline]
    fn of_four(coefficients: [f32x4; 4]) -> Self {
        coefficients.samples()
    }
}

impl Samples for [f32x4; 8] {
    #[inline]
    fn samples(self) -> Self {
        let [x0, x1, x2, x3, x4, x5, x6, x7] = self;
        let odd = [
            x1 * COS_1 + x3 * COS_3 + x5 * COS_5 + x7 * COS_7,
            x1 * COS_3 - x3 * COS_7 - x5 * COS_1 - x7 * COS_5,
            x1 * COS_5 - x3 * COS_1 + x5 * COS_7 + x7 * COS_3,
            x1 * COS_7 - x3 * COS_5 + x5 * COS_3 - x7 * COS_1,
        ];
        mirrored([x0, x2, x4, x6].samples(), odd)
    }

    #[inline]
    fn of_four([x0, x1, x2, x3]: [f32x4; 4]) -> Self {
        let odd = [x1 * COS_1 + x3 * COS_3, x1 * COS_3 - x3 * COS_7, x1 * COS_5 - x3 * COS_1, x1 * COS_7 - x3 * COS_5];
        mirrored(mirrored([x0, x0], [x2 * COS_2, x2 * COS_6]), odd)
    }
}

/// cos(kπ/16)
const COS_1: f32 = 0.980_785_25;
const COS_2: f32 = 0.923_879_5;
const COS_3: f32 = 0.831_469_6;
const COS_5: f32 = 0.555_570_24;
const COS_6: f32 = 0.382_683_43;
const COS_7: f32 = 0.195_090_32;

/// The first half of the samples is `even + odd`, the second one, backwards, `even - odd`: cosines of even frequency
/// mirror each other around the middle, those of odd frequency with the other sign.
#[inline]
fn mirrored<const HALF: usize, const N: usize>(even: [f32x4; HALF], odd: [f32x4; HALF]) -> [f32x4; N] {
    from_fn(|x| if x < HALF { even[x] + odd[x] } else { even[N - 1 - x] - odd[N - 1 - x] })
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// The formula of the module, term by term.
    fn sums(block: &Block, across: usize, down: usize, x: usize, y: usize) -> f64 {
        let cosine = |frequency: usize, at: usize, count: usize| {
            (((2 * at + 1) * frequency) as f64 * PI / (2 * count) as f64).cos()
        };
        (0..across)
            .flat_map(|u| (0..down).map(move |v| (u, v)))
            .map(|(u, v)| f64::from(block[SIDE * u + v]) * cosine(u, x, across) * cosine(v, y, down))
            .sum()
    }

    fn check<const ACROSS: usize, const DOWN: usize>()
    where
        [f32x4; ACROSS]: Samples,
        [f32x4; DOWN]: Samples,
    {
        let mut state = 1_u32;
        for _ in 0..50 {
            let block: Block = from_fn(|_| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                (state >> 16) as f32 / 1024.0 - 32.0
            });
            let mut rows = [0; BLOCK];
            write_samples::<ACROSS, DOWN>(&block, BLOCK, &mut rows, SIDE);
            for y in 0..DOWN {
                for x in 0..ACROSS {
                    let exact = (sums(&block, ACROSS, DOWN, x, y) + 128.0).clamp(0.0, 255.0);
                    let sample = f64::from(rows[SIDE * y + x]);
                    assert!((sample - exact).abs() < 0.501, "{ACROSS}x{DOWN} at {x},{y}: {sample}, {exact}");
                }
            }
        }
    }

    #[test]
    fn samples_are_the_sums_of_the_formula() {
        check::<1, 1>();
        check::<2, 1>();
        check::<1, 2>();
        check::<2, 2>();
        check::<4, 2>();
        check::<4, 4>();
        check::<8, 4>();
        check::<4, 8>();
        check::<8, 8>();
    }

    #[test]
    fn a_block_of_one_level_has_that_level_at_every_size() {
        let mut block = [0.0; BLOCK];
        // A level of 50 above the middle has 8 times that as its first coefficient.
        block[0] = 400.0 * weight(0) * weight(0);
        let mut rows = [0; BLOCK];
        write_samples::<8, 8>(&block, BLOCK, &mut rows, SIDE);
        assert_eq!(rows, [178; BLOCK]);
        write_samples::<1, 1>(&block, 1, &mut rows, SIDE);
        assert_eq!(rows[0], 178);
    }
}
