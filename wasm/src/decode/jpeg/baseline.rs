//! A sequential JPEG file of one scan decoded unit by unit, as it comes, at full size or at half, a quarter or an eighth of
//! it: a model sees far less of a large photo still, and most of the work of a full decode would be averaged away.
//!
//! Whatever is damaged is left to [`super::scans`], which gives the same pixels of a whole file and grey where there are
//! none.

use wide::f32x4;

use super::{
    colors::{Plane, Room, write_row},
    frame::{Component, Frame},
    huffman::{Bits, Symbol, Table},
    idct::{BLOCK, Block, Samples},
    planes::{Coefficient, Shape, for_samples, shrunk_size, unit_size, write_block},
    scan::Part,
    segments::Intervals,
};

/// RGB of an image whose every pixel stands for a square of `shrink` (1, 2, 4 or 8) stored pixels a side; the sides are
/// rounded up.
///
/// `None` for other files, damaged ones, and shapes that [`Shape::of`] does not have.
pub fn decode(frame: &Frame<'_>, shrink: u32) -> Option<Vec<u8>> {
    let [scan] = frame.scans.as_slice() else { return None };
    if frame.is_progressive {
        return None;
    }
    let units = scan.units(frame);
    let unit_count = units.0 * units.1;
    let interval_units = if scan.restart_interval == 0 { unit_count } else { scan.restart_interval };
    let (size, unit_size) = (shrunk_size(frame, shrink), unit_size(frame, shrink));
    let (mut readers, mut planes) = (Vec::new(), Vec::new());
    for part in &scan.parts {
        let component = &frame.components[part.component];
        let shape = Shape::of(frame, component, shrink)?;
        planes.push(shape.plane(frame, component, shrink));
        readers.push(Reader::new(component, part, shape)?);
    }
    // The planes are in the order of the scan.
    if !scan.parts.is_sorted_by_key(|part| part.component) {
        return None;
    }
    let intervals = Intervals::of(scan.coded);
    let mut placed = intervals.placed().enumerate();

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
                let (place, (number, range)) = placed.next()?;
                if number != place {
                    return None;
                }
                bits = Bits::new(intervals.bytes.get(range)?);
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
        rows.by_ref().take(row_count).for_each(|(y, row)| write_row(&planes, frame.colors, y, row, &mut room));
    }
    rows.for_each(|(y, row)| write_row(&planes, frame.colors, y, row, &mut room));
    Some(rgb)
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
    shape: Shape,
    /// First coefficient of the block before, not yet multiplied.
    level: i32,
    block: Block,
}

impl<'a> Reader<'a> {
    fn new(component: &Component, part: &'a Part, shape: Shape) -> Option<Self> {
        let ac = part.ac.as_deref()?;
        Some(Self {
            blocks: (component.across, component.down),
            read_unit: for_samples!(shape.samples, Self::read_unit),
            dc: part.dc.as_deref()?,
            ac,
            leaps: if shape.last == BLOCK - 1 { Vec::new() } else { ac.leaps() },
            shape,
            level: 0,
            block: [0.0; BLOCK],
        })
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
                write_block::<ACROSS, DOWN>(&mut self.block, used, rows, stride)?;
            }
        }
        Some(())
    }

    /// Reads the coefficients of a block (T.81, F.2.2) and gives the number of those beyond which none is of use.
    #[inline]
    fn read_block(&mut self, bits: &mut Bits<'_>) -> Option<usize> {
        let symbol = bits.symbol(self.dc)?;
        self.level = self.level.wrapping_add(bits.take(symbol));
        self.block[0] = self.level as f32 * self.shape.coefficients[0].factor;
        let (mut at, used) = read_details(bits, self.ac, &self.shape.coefficients, self.shape.last, &mut self.block)?;
        while at < BLOCK - 1 {
            let leap = bits.leap(&self.leaps);
            let is_inside = leap.advance() > 0 && (at + leap.advance()) % Symbol::END < BLOCK - 1;
            let symbol = if is_inside { leap } else { bits.symbol(self.ac)? };
            bits.skip(symbol);
            at += symbol.advance();
        }
        // Some encoders end a block with a run that leads out of it.
        Some(used)
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
