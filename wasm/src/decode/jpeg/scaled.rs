//! A JPEG decoded to half, a quarter or an eighth of its size at once: a model sees far less of a large photo still, and
//! most of the work of a full decode would be averaged away.
//!
//! Only whole files of the commonest kind are decoded here. Whatever else comes, or is damaged, is left to the full
//! decode with its way of showing or refusing it.

use wide::f32x4;

use super::{
    frame::{Component, Frame},
    huffman::{Bits, Symbol, Table},
    idct::{BLOCK, Block, SIDE, Samples, to_bytes, weight, write_samples},
};

/// RGB of an image whose every pixel stands for a square of `shrink` (2, 4 or 8) stored pixels a side; the sides are
/// rounded up.
///
/// `None` for what the full decode has to see to.
pub fn decode(image: &[u8], shrink: u32) -> Option<Vec<u8>> {
    let frame = Frame::of(image)?;
    let (bytes, interval_ends) = unstuffed(frame.coded)?;
    let kept = SIDE / shrink as usize;
    let most = |blocks: fn(&Component) -> usize| frame.components.iter().map(blocks).max();
    let (across_most, down_most) = (most(|component| component.across)?, most(|component| component.down)?);
    let units_across = frame.width.div_ceil(SIDE * across_most);
    let units_down = frame.height.div_ceil(SIDE * down_most);
    let unit_count = units_across * units_down;
    let interval_units = if frame.restart_interval == 0 { unit_count } else { frame.restart_interval };
    if interval_ends.len() != unit_count.div_ceil(interval_units) {
        return None;
    }
    let mut intervals = interval_ends.iter().scan(0, |start, end| bytes.get(std::mem::replace(start, *end)..*end));
    let unit_size = (across_most * kept, down_most * kept);
    let planes = frame.components.iter().map(|component| Plane::new(&frame, component, unit_size, units_across));
    let mut planes: Vec<Plane<'_>> = planes.collect::<Option<_>>()?;

    let (width, height) = (frame.width.div_ceil(shrink as usize), frame.height.div_ceil(shrink as usize));
    let mut rgb = vec![0; 3 * width * height];
    let mut bits = Bits::new(&[]);
    let mut units_left = 0;
    for rows in rgb.chunks_mut(3 * width * unit_size.1) {
        for unit in 0..units_across {
            if units_left == 0 {
                if bits.overrun() {
                    return None;
                }
                bits = Bits::new(intervals.next()?);
                units_left = interval_units;
                for plane in &mut planes {
                    plane.level = 0;
                }
            }
            units_left -= 1;
            for plane in &mut planes {
                (plane.read_unit)(plane, &mut bits, unit)?;
            }
        }
        if bits.overrun() {
            return None;
        }
        write_rgb(&planes, rows, width);
    }
    Some(rgb)
}

/// The coded bytes without the zero that follows each 0xff, and where each restart interval ends among them. `None` where
/// the restart markers are out of order, or another marker than that of the end comes (ITU-T T.81, B.1.1.5 and B.2.1).
fn unstuffed(coded: &[u8]) -> Option<(Vec<u8>, Vec<usize>)> {
    const STUFFED: u8 = 0x00;
    const FILL: u8 = 0xff;
    const RESTART: u8 = 0xd0;
    const END: u8 = 0xd9;
    let mut bytes = Vec::with_capacity(coded.len());
    let mut ends = Vec::new();
    let mut rest = coded;
    loop {
        let (plain, tail) = rest.split_at(memchr::memchr(0xff, rest)?);
        bytes.extend_from_slice(plain);
        rest = &tail[1..];
        match *rest.first()? {
            FILL => continue,
            STUFFED => bytes.push(0xff),
            END => {
                ends.push(bytes.len());
                return Some((bytes, ends));
            }
            marker if marker == RESTART + (ends.len() % 8) as u8 => ends.push(bytes.len()),
            _ => return None,
        }
        rest = &rest[1..];
    }
}

/// A component, and its samples of one row of units.
struct Plane<'a> {
    samples: Vec<u8>,
    stride: usize,
    /// Blocks of a unit, across and down.
    blocks: (usize, usize),
    /// For the size that blocks are decoded to.
    read_unit: fn(&mut Self, &mut Bits<'_>, usize) -> Option<()>,
    dc: &'a Table,
    ac: &'a Table,
    /// What a coefficient is multiplied by, in zigzag order.
    factors: [f32; BLOCK],
    /// Where a coefficient lies in the block, in zigzag order.
    places: [u8; BLOCK],
    /// The last coefficient in zigzag order that is of use.
    last: usize,
    /// First coefficient of the block before, not yet multiplied.
    level: i32,
    block: Block,
}

impl<'a> Plane<'a> {
    /// Where a component has fewer blocks in a unit, each is decoded to more samples, so that nothing has to be enlarged
    /// afterwards. `None` where that is impossible.
    fn new(
        frame: &'a Frame<'_>,
        component: &Component,
        (unit_width, unit_height): (usize, usize),
        units_across: usize,
    ) -> Option<Self> {
        if unit_width % component.across != 0 || unit_height % component.down != 0 {
            return None;
        }
        let (across, down) = (unit_width / component.across, unit_height / component.down);
        let read_unit = match (across, down) {
            (1, 1) => Self::read_unit::<1, 1>,
            (1, 2) => Self::read_unit::<1, 2>,
            (2, 1) => Self::read_unit::<2, 1>,
            (2, 2) => Self::read_unit::<2, 2>,
            (2, 4) => Self::read_unit::<2, 4>,
            (4, 2) => Self::read_unit::<4, 2>,
            (4, 4) => Self::read_unit::<4, 4>,
            (4, 8) => Self::read_unit::<4, 8>,
            (8, 4) => Self::read_unit::<8, 4>,
            (8, 8) => Self::read_unit::<8, 8>,
            _ => return None,
        };
        let tables = frame.tables(component)?;
        let (mut factors, mut places, mut last) = ([0.0; BLOCK], [0; BLOCK], 0);
        for (at, (u, v)) in zigzag().enumerate() {
            factors[at] = f32::from(tables.quantization[at]) * weight(u) * weight(v);
            places[at] = (SIDE * u + v) as u8;
            if u < across && v < down {
                last = at;
            }
        }
        let stride = units_across * unit_width;
        Some(Self {
            samples: vec![0; stride * unit_height],
            stride,
            blocks: (component.across, component.down),
            read_unit,
            dc: tables.dc,
            ac: tables.ac,
            factors,
            places,
            last,
            level: 0,
            block: [0.0; BLOCK],
        })
    }

    /// Reads the blocks of a unit into the samples.
    fn read_unit<const ACROSS: usize, const DOWN: usize>(&mut self, bits: &mut Bits<'_>, unit: usize) -> Option<()>
    where
        [f32x4; ACROSS]: Samples,
        [f32x4; DOWN]: Samples,
    {
        for down in 0..self.blocks.1 {
            for across in 0..self.blocks.0 {
                let has_details = self.read_block(bits)?;
                let x = (unit * self.blocks.0 + across) * ACROSS;
                let rows = self.samples.get_mut(down * DOWN * self.stride + x..)?;
                if has_details {
                    write_samples::<ACROSS, DOWN>(&self.block, rows, self.stride);
                    self.block[..SIDE * ACROSS].fill(0.0);
                } else {
                    let sample = to_bytes(f32x4::splat(self.block[0]))[0];
                    for row in rows.chunks_mut(self.stride).take(DOWN) {
                        *row.first_chunk_mut()? = [sample; ACROSS];
                    }
                }
            }
        }
        Some(())
    }

    /// Reads the coefficients of a block (T.81, F.2.2) and says whether there are any but the first.
    fn read_block(&mut self, bits: &mut Bits<'_>) -> Option<bool> {
        let symbol = bits.symbol(self.dc)?;
        self.level = self.level.wrapping_add(bits.take(symbol));
        self.block[0] = self.level as f32 * self.factors[0];
        let mut has_details = false;
        let mut at = 0;
        while at < self.last {
            let symbol = bits.symbol(self.ac)?;
            let value = bits.take(symbol);
            at += usize::from(symbol.advance);
            if at >= BLOCK {
                return (at >= Symbol::END).then_some(has_details);
            }
            self.block[usize::from(self.places[at]) % BLOCK] = value as f32 * self.factors[at];
            has_details = true;
        }
        while at < BLOCK - 1 {
            let leap = bits.leap(self.ac);
            let is_inside = leap.advance > 0 && (at + usize::from(leap.advance)) % Symbol::END < BLOCK - 1;
            let symbol = if is_inside { leap } else { bits.symbol(self.ac)? };
            bits.skip(symbol);
            at += usize::from(symbol.advance);
        }
        // A run that leads out of the block is damage.
        (!(BLOCK..Symbol::END).contains(&at)).then_some(has_details)
    }
}

/// Horizontal and vertical frequency along the zigzag (T.81, figure 5).
fn zigzag() -> impl Iterator<Item = (usize, usize)> {
    (0..2 * SIDE - 1).flat_map(|diagonal| {
        let steps = (0..SIDE).filter(move |step| (diagonal + 1).saturating_sub(SIDE) <= *step && *step <= diagonal);
        steps.map(move |step| if diagonal % 2 == 0 { (step, diagonal - step) } else { (diagonal - step, step) })
    })
}

/// Rows of samples to rows of pixels.
fn write_rgb(planes: &[Plane<'_>], rows: &mut [u8], width: usize) {
    for (index, row) in rows.chunks_mut(3 * width).enumerate() {
        let samples = |plane: &'_ Plane<'_>| index * plane.stride..index * plane.stride + width;
        let pixels = row.as_chunks_mut().0.iter_mut();
        match planes {
            [luma, blue, red] => {
                let luma = &luma.samples[samples(luma)];
                let blue = &blue.samples[samples(blue)];
                let red = &red.samples[samples(red)];
                for (((pixel, luma), blue), red) in pixels.zip(luma).zip(blue).zip(red) {
                    *pixel = rgb(*luma, *blue, *red);
                }
            }
            [luma, ..] => pixels.zip(&luma.samples[samples(luma)]).for_each(|(pixel, luma)| *pixel = [*luma; 3]),
            [] => {}
        }
    }
}

/// JFIF 1.02, "conversion to and from RGB", with 16 bits of fraction.
#[inline]
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let luma = (i32::from(luma) << 16) + 0x8000;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let channels = [luma + 91_881 * red, luma - 22_554 * blue - 46_802 * red, luma + 116_130 * blue];
    channels.map(|channel| (channel >> 16).clamp(0, 255) as u8)
}
