//! Where the blocks of a component go: the size that each is decoded to, and the plane that they fill.

use wide::f32x4;

use super::{
    colors::{LANES, Plane},
    frame::{Component, Frame},
    idct::{BLOCK, Block, SIDE, Samples, to_bytes, to_levels, weight, write_samples},
};

/// How the blocks of a component become samples.
pub struct Shape {
    /// Samples of a block, across and down: 1, 2, 4 or 8.
    pub samples: (usize, usize),
    /// In zigzag order.
    pub coefficients: [Coefficient; BLOCK],
    /// The last coefficient in zigzag order that is of use.
    pub last: usize,
    /// Pixels that a sample stands for, across and down.
    subsampling: (usize, usize),
}

/// What becomes of a coefficient.
#[derive(Clone, Copy, Default)]
pub struct Coefficient {
    /// What it is multiplied by.
    pub factor: f32,
    /// Where it lies in the block.
    pub place: u32,
}

/// The size of the photo where each pixel stands for a square of `shrink` stored ones a side.
pub fn shrunk_size(frame: &Frame<'_>, shrink: u32) -> (usize, usize) {
    (frame.width.div_ceil(shrink as usize), frame.height.div_ceil(shrink as usize))
}

/// Pixels of a unit across and down, shrunk.
pub fn unit_size(frame: &Frame<'_>, shrink: u32) -> (usize, usize) {
    let (across, down) = frame.factors();
    let kept = SIDE / shrink as usize;
    (across * kept, down * kept)
}

impl Shape {
    /// Where a component has fewer blocks in a unit, each is decoded to more samples as far as it has them, so that less
    /// has to be enlarged afterwards.
    ///
    /// `None` where a sample would stand for a part of a pixel, or a block would be more than twice as long as wide, or as
    /// wide as long; never at full size.
    pub fn of(frame: &Frame<'_>, component: &Component, shrink: u32) -> Option<Self> {
        let unit = unit_size(frame, shrink);
        let (across, across_pixels) = block_samples(unit.0, component.across)?;
        let (down, down_pixels) = block_samples(unit.1, component.down)?;
        if across > 2 * down || down > 2 * across {
            return None;
        }
        let (mut coefficients, mut last) = ([Coefficient::default(); BLOCK], 0);
        for (at, (u, v)) in zigzag().enumerate() {
            let factor = f32::from(component.quantization[at]) * weight(u) * weight(v);
            coefficients[at] = Coefficient { factor, place: (SIDE * u + v) as u32 };
            if u < across && v < down {
                last = at;
            }
        }
        Some(Self { samples: (across, down), coefficients, last, subsampling: (across_pixels, down_pixels) })
    }

    /// A plane for all blocks of the component, black.
    pub fn plane(&self, frame: &Frame<'_>, component: &Component, shrink: u32) -> Plane {
        let (size, units) = (shrunk_size(frame, shrink), frame.units());
        let stride = (units.0 * component.across * self.samples.0).next_multiple_of(LANES);
        Plane {
            bytes: vec![0; stride * units.1 * component.down * self.samples.1],
            stride,
            width: size.0.div_ceil(self.subsampling.0),
            height: size.1.div_ceil(self.subsampling.1),
            subsampling: self.subsampling,
        }
    }
}

/// Samples of a block along an axis, and the pixels that each of them stands for, where `blocks` make `unit` pixels.
fn block_samples(unit: usize, blocks: usize) -> Option<(usize, usize)> {
    let samples = (unit / blocks).min(SIDE);
    let pixels = unit / (blocks * samples);
    (blocks * samples * pixels == unit && samples.is_power_of_two()).then_some((samples, pixels))
}

/// Writes a block into `rows` of `stride` bytes and makes it 0 again; of its coefficients in zigzag order only the first
/// `used` are not 0.
#[inline]
pub fn write_block<const ACROSS: usize, const DOWN: usize>(
    block: &mut Block,
    used: usize,
    rows: &mut [u8],
    stride: usize,
) -> Option<()>
where
    [f32x4; ACROSS]: Samples,
    [f32x4; DOWN]: Samples,
{
    if used > 1 {
        write_samples::<ACROSS, DOWN>(block, used, rows, stride);
        block[..SIDE * ACROSS].fill(0.0);
    } else {
        let sample = to_bytes([to_levels(f32x4::splat(block[0])); 2])[0];
        for row in rows.chunks_mut(stride).take(DOWN) {
            *row.first_chunk_mut()? = [sample; ACROSS];
        }
    }
    Some(())
}

/// Calls a function of the samples of a block across and down, which the [`Shape`]s of a frame have.
macro_rules! for_samples {
    ($samples:expr, $($function:tt)+) => {
        match $samples {
            (1, 1) => $($function)+::<1, 1>,
            (1, 2) => $($function)+::<1, 2>,
            (2, 1) => $($function)+::<2, 1>,
            (2, 2) => $($function)+::<2, 2>,
            (2, 4) => $($function)+::<2, 4>,
            (4, 2) => $($function)+::<4, 2>,
            (4, 4) => $($function)+::<4, 4>,
            (4, 8) => $($function)+::<4, 8>,
            (8, 4) => $($function)+::<8, 4>,
            _ => $($function)+::<8, 8>,
        }
    };
}
pub(super) use for_samples;

/// Horizontal and vertical frequency along the zigzag (ITU-T T.81, figure 5).
fn zigzag() -> impl Iterator<Item = (usize, usize)> {
    (0..2 * SIDE - 1).flat_map(|diagonal| {
        let steps = (0..SIDE).filter(move |step| (diagonal + 1).saturating_sub(SIDE) <= *step && *step <= diagonal);
        steps.map(move |step| if diagonal % 2 == 0 { (step, diagonal - step) } else { (diagonal - step, step) })
    })
}
