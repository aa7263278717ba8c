//! A JPEG decoded to RGB, at full size or at half, a quarter or an eighth of it: a model sees far less of a large photo
//! still, and most of the work of a full decode would be averaged away.
//!
//! Only whole files of the commonest kind are decoded here. Whatever else comes, or is damaged, is left to zune-jpeg with
//! its way of showing or refusing it.

use wide::f32x4;

use super::{
    colors::{LANES, Plane, Room, write_row},
    frame::{Component, Frame},
    huffman::{Bits, Symbol, Table},
    idct::{BLOCK, Block, SIDE, Samples, to_bytes, to_levels, weight, write_samples},
};

/// RGB of an image whose every pixel stands for a square of `shrink` (1, 2, 4 or 8) stored pixels a side; the sides are
/// rounded up.
///
/// `None` for what is left to zune-jpeg.
pub fn decode(image: &[u8], shrink: u32) -> Option<Vec<u8>> {
    let frame = Frame::of(image)?;
    let (bytes, interval_ends) = unstuffed(frame.coded)?;
    let kept = SIDE / shrink as usize;
    let most = |blocks: fn(&Component) -> usize| frame.components.iter().map(blocks).max();
    let (across_most, down_most) = (most(|component| component.across)?, most(|component| component.down)?);
    let units = (frame.width.div_ceil(SIDE * across_most), frame.height.div_ceil(SIDE * down_most));
    let unit_count = units.0 * units.1;
    let interval_units = if frame.restart_interval == 0 { unit_count } else { frame.restart_interval };
    if interval_ends.len() != unit_count.div_ceil(interval_units) {
        return None;
    }
    let mut intervals = interval_ends.iter().scan(0, |start, end| bytes.get(std::mem::replace(start, *end)..*end));
    let size = (frame.width.div_ceil(shrink as usize), frame.height.div_ceil(shrink as usize));
    let unit_size = (across_most * kept, down_most * kept);
    let (mut readers, mut planes) = (Vec::new(), Vec::new());
    for component in &frame.components {
        let (reader, plane) = Reader::new(&frame, component, size, unit_size, units)?;
        readers.push(reader);
        planes.push(plane);
    }

    let mut rgb = vec![0; 3 * size.0 * size.1];
    let mut rows = rgb.chunks_exact_mut(3 * size.0).enumerate();
    let mut room = Room::default();
    let mut bits = Bits::new(&[]);
    let mut units_left = 0;
    for down in 0..units.1 {
        for across in 0..units.0 {
            if units_left == 0 {
                if bits.overrun() {
                    return None;
                }
                bits = Bits::new(intervals.next()?);
                units_left = interval_units;
                for reader in &mut readers {
                    reader.level = 0;
                }
            }
            units_left -= 1;
            for (reader, plane) in readers.iter_mut().zip(&mut planes) {
                (reader.read_unit)(reader, &mut bits, plane, across, down)?;
            }
        }
        if bits.overrun() {
            return None;
        }
        // The last row of a unit takes its share of the next one's chroma.
        let row_count = if down == 0 { unit_size.1 - 1 } else { unit_size.1 };
        rows.by_ref().take(row_count).for_each(|(y, row)| write_row(&planes, y, row, &mut room));
    }
    rows.for_each(|(y, row)| write_row(&planes, y, row, &mut room));
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

/// What reads the blocks of a component into its plane.
struct Reader<'a> {
    /// Blocks of a unit, across and down.
    blocks: (usize, usize),
    /// For the size that blocks are decoded to.
    read_unit: fn(&mut Self, &mut Bits<'_>, &mut Plane, usize, usize) -> Option<()>,
    dc: &'a Table,
    ac: &'a Table,
    /// Of `ac`; none where all coefficients are of use.
    leaps: Vec<Symbol>,
    /// In zigzag order.
    coefficients: [Coefficient; BLOCK],
    /// The last coefficient in zigzag order that is of use.
    last: usize,
    /// First coefficient of the block before, not yet multiplied.
    level: i32,
    block: Block,
}

impl<'a> Reader<'a> {
    /// Where a component has fewer blocks in a unit, each is decoded to more samples as far as it has them, so that less
    /// has to be enlarged afterwards. `None` where a sample would stand for more than two pixels along an axis, or for a
    /// part of one.
    fn new(
        frame: &'a Frame<'_>,
        component: &Component,
        size: (usize, usize),
        unit_size: (usize, usize),
        units: (usize, usize),
    ) -> Option<(Self, Plane)> {
        let (across, across_pixels) = block_samples(unit_size.0, component.across)?;
        let (down, down_pixels) = block_samples(unit_size.1, component.down)?;
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
        let (mut coefficients, mut last) = ([Coefficient::default(); BLOCK], 0);
        for (at, (u, v)) in zigzag().enumerate() {
            let factor = f32::from(tables.quantization[at]) * weight(u) * weight(v);
            coefficients[at] = Coefficient { factor, place: (SIDE * u + v) as u32 };
            if u < across && v < down {
                last = at;
            }
        }
        let stride = (units.0 * component.across * across).next_multiple_of(LANES);
        let plane = Plane {
            bytes: vec![0; stride * units.1 * component.down * down],
            stride,
            width: size.0.div_ceil(across_pixels),
            height: size.1.div_ceil(down_pixels),
            subsampling: (across_pixels, down_pixels),
        };
        let reader = Self {
            blocks: (component.across, component.down),
            read_unit,
            dc: tables.dc,
            ac: tables.ac,
            leaps: if last == BLOCK - 1 { Vec::new() } else { tables.ac.leaps() },
            coefficients,
            last,
            level: 0,
            block: [0.0; BLOCK],
        };
        Some((reader, plane))
    }

    /// Reads the blocks of a unit into the plane.
    fn read_unit<const ACROSS: usize, const DOWN: usize>(
        &mut self,
        bits: &mut Bits<'_>,
        plane: &mut Plane,
        unit_across: usize,
        unit_down: usize,
    ) -> Option<()>
    where
        [f32x4; ACROSS]: Samples,
        [f32x4; DOWN]: Samples,
    {
        let stride = plane.stride;
        for down in 0..self.blocks.1 {
            for across in 0..self.blocks.0 {
                let used = self.read_block(bits)?;
                let x = (unit_across * self.blocks.0 + across) * ACROSS;
                let y = (unit_down * self.blocks.1 + down) * DOWN;
                let rows = plane.bytes.get_mut(y * stride + x..)?;
                if used > 1 {
                    write_samples::<ACROSS, DOWN>(&self.block, used, rows, stride);
                    self.block[..SIDE * ACROSS].fill(0.0);
                } else {
                    let sample = to_bytes([to_levels(f32x4::splat(self.block[0])); 2])[0];
                    for row in rows.chunks_mut(stride).take(DOWN) {
                        *row.first_chunk_mut()? = [sample; ACROSS];
                    }
                }
            }
        }
        Some(())
    }

    /// Reads the coefficients of a block (T.81, F.2.2) and gives the number of those beyond which none is of use.
    #[inline]
    fn read_block(&mut self, bits: &mut Bits<'_>) -> Option<usize> {
        let symbol = bits.symbol(self.dc)?;
        self.level = self.level.wrapping_add(bits.take(symbol));
        self.block[0] = self.level as f32 * self.coefficients[0].factor;
        let (mut at, used) = read_details(bits, self.ac, &self.coefficients, self.last, &mut self.block)?;
        while at < BLOCK - 1 {
            let leap = bits.leap(&self.leaps);
            let is_inside = leap.advance() > 0 && (at + leap.advance()) % Symbol::END < BLOCK - 1;
            let symbol = if is_inside { leap } else { bits.symbol(self.ac)? };
            bits.skip(symbol);
            at += symbol.advance();
        }
        // A run that leads out of the block is damage.
        (!(BLOCK..Symbol::END).contains(&at)).then_some(used)
    }
}

/// Reads the coefficients after the first one, up to the `last` that is of use, and gives the place of the one that was
/// read last, or more at the end of a block, and the number of those beyond which none is of use.
///
/// A function of its own, whose arguments are known to be apart, so that the bits are kept in registers.
#[inline]
fn read_details(
    bits: &mut Bits<'_>,
    table: &Table,
    coefficients: &[Coefficient; BLOCK],
    last: usize,
    block: &mut Block,
) -> Option<(usize, usize)> {
    let mut own = *bits;
    let (mut at, mut used) = (0, 1);
    while at < last {
        let symbol = own.symbol(table)?;
        let value = own.take(symbol);
        at += symbol.advance();
        let Some(coefficient) = coefficients.get(at) else { break };
        block[coefficient.place as usize % BLOCK] = value as f32 * coefficient.factor;
        used = at + 1;
    }
    *bits = own;
    Some((at, used))
}

/// What becomes of a coefficient.
#[derive(Clone, Copy, Default)]
struct Coefficient {
    /// What it is multiplied by.
    factor: f32,
    /// Where it lies in the block.
    place: u32,
}

/// Samples of a block along an axis, and the pixels that each of them stands for, where `blocks` make `unit` pixels.
fn block_samples(unit: usize, blocks: usize) -> Option<(usize, usize)> {
    let samples = (unit / blocks).min(SIDE);
    let pixels = unit / (blocks * samples);
    (blocks * samples * pixels == unit && pixels <= 2).then_some((samples, pixels))
}

/// Horizontal and vertical frequency along the zigzag (T.81, figure 5).
fn zigzag() -> impl Iterator<Item = (usize, usize)> {
    (0..2 * SIDE - 1).flat_map(|diagonal| {
        let steps = (0..SIDE).filter(move |step| (diagonal + 1).saturating_sub(SIDE) <= *step && *step <= diagonal);
        steps.map(move |step| if diagonal % 2 == 0 { (step, diagonal - step) } else { (diagonal - step, step) })
    })
}
