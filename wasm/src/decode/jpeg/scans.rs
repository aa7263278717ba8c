//! A JPEG file of any number of scans, sequential or progressive: the coefficients of all blocks are gathered first, as far
//! as the size wanted needs them, and become samples in the end.
//!
//! The blocks that a damaged scan of a sequential file does not tell are grey, as browsers and libjpeg show them. A
//! progressive file is refused then.

use std::ops::Range;

use super::{
    super::{Format, undecodable},
    colors::{Plane, Room, write_row},
    frame::{Component, Frame},
    huffman::{Bits, Symbol, Table},
    idct::{BLOCK, Block},
    planes::{Shape, for_samples, shrunk_size, write_block},
    scan::{Part, Scan},
    segments::Intervals,
};
use crate::error::Error;

/// RGB as `baseline::decode` gives it; `None` for shapes that [`Shape::of`] does not have.
///
/// # Errors
/// [`Error::ImageUndecodable`] where a scan of a progressive file breaks off.
pub fn decode(frame: &Frame<'_>, shrink: u32) -> Result<Option<Vec<u8>>, Error> {
    let stores = frame.components.iter().map(|component| Store::of(frame, component, shrink));
    let Some(mut stores) = stores.collect::<Option<Vec<_>>>() else { return Ok(None) };
    for (index, scan) in frame.scans.iter().enumerate() {
        if !read_scan(frame, scan, &mut stores) && frame.is_progressive {
            return Err(undecodable(Format::Jpeg, format!("scan {} breaks off, or is damaged", index + 1)));
        }
    }
    let planes = stores.into_iter().zip(&frame.components);
    let planes: Vec<Plane> = planes.map(|(store, component)| store.into_plane(frame, component, shrink)).collect();
    let (width, height) = shrunk_size(frame, shrink);
    let mut rgb = vec![0; 3 * width * height];
    let mut room = Room::default();
    for (y, row) in rgb.chunks_exact_mut(3 * width).enumerate() {
        write_row(&planes, frame.colors, y, row, &mut room);
    }
    Ok(Some(rgb))
}

/// The coefficients of a component.
struct Store {
    shape: Shape,
    /// Blocks in a row of blocks.
    across: usize,
    /// Of each block those up to the last that is of use, in zigzag order, not yet multiplied.
    levels: Vec<i16>,
    /// Of each block which of all of its coefficients but the first are not 0: bit 1 for the second one in zigzag order.
    told: Vec<u64>,
}

impl Store {
    fn of(frame: &Frame<'_>, component: &Component, shrink: u32) -> Option<Self> {
        let shape = Shape::of(frame, component, shrink)?;
        let units = frame.units();
        let across = units.0 * component.across;
        let block_count = across * units.1 * component.down;
        Some(Self { across, levels: vec![0; (shape.last + 1) * block_count], told: vec![0; block_count], shape })
    }

    fn block(&mut self, index: usize) -> Option<Stored<'_>> {
        let count = self.shape.last + 1;
        Some(Stored {
            levels: self.levels.get_mut(count * index..)?.get_mut(..count)?,
            told: self.told.get_mut(index)?,
        })
    }

    fn into_plane(self, frame: &Frame<'_>, component: &Component, shrink: u32) -> Plane {
        let mut plane = self.shape.plane(frame, component, shrink);
        let write = for_samples!(self.shape.samples, write_block);
        let (across, down) = self.shape.samples;
        let coefficients = &self.shape.coefficients;
        let of_use = u64::MAX >> (BLOCK - 1 - self.shape.last);
        let mut block: Block = [0.0; BLOCK];
        let blocks = self.levels.chunks_exact(self.shape.last + 1).zip(&self.told).enumerate();
        for (index, (levels, told)) in blocks {
            block[0] = f32::from(levels[0]) * coefficients[0].factor;
            let mut told = told & of_use;
            let used = BLOCK - told.leading_zeros() as usize;
            while told != 0 {
                let at = told.trailing_zeros() as usize;
                block[coefficients[at].place as usize % BLOCK] = f32::from(levels[at]) * coefficients[at].factor;
                told &= told - 1;
            }
            let (x, y) = (index % self.across * across, index / self.across * down);
            if let Some(rows) = plane.bytes.get_mut(y * plane.stride + x..) {
                write(&mut block, used, rows, plane.stride);
            }
        }
        plane
    }
}

/// One block of a [`Store`].
struct Stored<'a> {
    levels: &'a mut [i16],
    told: &'a mut u64,
}

impl Stored<'_> {
    fn set(&mut self, at: usize, level: i32) {
        if level != 0 {
            *self.told |= 1 << at;
        }
        if let Some(place) = self.levels.get_mut(at) {
            *place = level as i16;
        }
    }

    /// Adds a bit to a coefficient away from 0 (ITU-T T.81, G.1.2.3).
    fn refine(&mut self, at: usize, low: u32) {
        if let Some(level) = self.levels.get_mut(at)
            && *level & (1 << low) == 0
        {
            *level = level.wrapping_add(level.signum() << low);
        }
    }

    fn clear(&mut self) {
        self.levels.fill(0);
        *self.told = 0;
    }
}

/// Reads a scan as far as it is whole, and gives whether it is.
fn read_scan(frame: &Frame<'_>, scan: &Scan<'_>, stores: &mut [Store]) -> bool {
    let (across, down) = scan.units(frame);
    let unit_count = across * down;
    let interval_units = if scan.restart_interval == 0 { unit_count } else { scan.restart_interval };
    let mut missing = unit_count.div_ceil(interval_units);
    let intervals = Intervals::of(scan.coded);
    for (number, range) in intervals.placed() {
        let first = number * interval_units;
        if first >= unit_count {
            break;
        }
        let mut bits = Bits::new(&intervals.bytes[range]);
        let units = first..unit_count.min(first + interval_units);
        let read = match scan.parts.as_slice() {
            [part] if scan.band.0 > 0 => read_band(scan, part, &mut stores[part.component], across, units, &mut bits),
            _ => read_units(frame, scan, stores, units, &mut bits),
        };
        missing -= usize::from(read.is_some());
    }
    missing == 0
}

/// Reads units of a scan that has the first coefficients, up to the first block that is not whole.
fn read_units(
    frame: &Frame<'_>,
    scan: &Scan<'_>,
    stores: &mut [Store],
    units: Range<usize>,
    bits: &mut Bits<'_>,
) -> Option<()> {
    let (row_units, _) = scan.units(frame);
    let mut befores = [0; 4];
    for unit in units {
        let (unit_down, unit_across) = (unit / row_units, unit % row_units);
        for (part, before) in scan.parts.iter().zip(&mut befores) {
            let store = &mut stores[part.component];
            let (across, down) = scan.unit_blocks(frame, part);
            for index in 0..across * down {
                let (x, y) = (unit_across * across + index % across, unit_down * down + index / across);
                let mut block = store.block(y * store.across + x)?;
                let read = read_block(scan, part, before, &mut block, bits);
                if read.is_none() || bits.overrun() {
                    block.clear();
                    return None;
                }
            }
        }
    }
    Some(())
}

fn read_block(
    scan: &Scan<'_>,
    part: &Part,
    before: &mut i32,
    block: &mut Stored<'_>,
    bits: &mut Bits<'_>,
) -> Option<()> {
    if scan.high > 0 {
        // T.81, G.1.2.1.
        block.levels[0] |= i16::from(bits.bit()) << scan.low;
        return Some(());
    }
    let symbol = bits.symbol(part.dc.as_deref()?)?;
    *before = before.wrapping_add(bits.take(symbol));
    block.levels[0] = (*before << scan.low) as i16;
    let Some(table) = part.ac.as_deref() else { return Some(()) };
    let mut at = 0;
    while at < BLOCK - 1 {
        let symbol = bits.symbol(table)?;
        let level = bits.take(symbol);
        at += symbol.advance();
        // Some encoders end a block with a run that leads out of it.
        if at < BLOCK {
            block.set(at, level);
        }
    }
    Some(())
}

/// Reads units of a scan of one component without its first coefficients (T.81, G.1.2.2 and G.1.2.3).
fn read_band(
    scan: &Scan<'_>,
    part: &Part,
    store: &mut Store,
    units_across: usize,
    units: Range<usize>,
    bits: &mut Bits<'_>,
) -> Option<()> {
    let table = part.ac.as_deref()?;
    let (first, last) = scan.band;
    let of_band = u64::MAX >> (BLOCK - 1 - last) & u64::MAX << first;
    let mut unit = units.start;
    // Blocks from this one on of which nothing more is new.
    let mut ended = 0;
    while unit < units.end {
        if ended > 0 && scan.high == 0 {
            let passed = ended.min(units.end - unit);
            (unit, ended) = (unit + passed, ended - passed);
            continue;
        }
        let mut block = store.block(unit / units_across * store.across + unit % units_across)?;
        let told_before = *block.told & of_band;
        if ended > 0 {
            refine_rest(told_before, scan.low, &mut block, bits);
            ended -= 1;
        } else if scan.high == 0 {
            ended = read_new(table, scan, &mut block, bits)?;
        } else {
            ended = read_refined(table, scan, told_before, &mut block, bits)?;
        }
        if bits.overrun() {
            return None;
        }
        unit += 1;
    }
    Some(())
}

/// Reads the band of a block that no scan has told yet, and gives the number of further blocks that end with it.
fn read_new(table: &Table, scan: &Scan<'_>, block: &mut Stored<'_>, bits: &mut Bits<'_>) -> Option<usize> {
    let (first, last) = scan.band;
    let mut at = first - 1;
    while at < last {
        let symbol = bits.symbol(table)?;
        if symbol.advance() == Symbol::END {
            return Some(run_of(symbol, bits) - 1);
        }
        let level = bits.take(symbol);
        at += symbol.advance();
        if at <= last {
            block.set(at, level << scan.low);
        }
    }
    Some(0)
}

/// Reads the next bit of the coefficients of a band that are not 0, with those that are no longer.
fn read_refined(
    table: &Table,
    scan: &Scan<'_>,
    told: u64,
    block: &mut Stored<'_>,
    bits: &mut Bits<'_>,
) -> Option<usize> {
    let (first, last) = scan.band;
    let mut at = first;
    while at <= last {
        let symbol = bits.symbol(table)?;
        if symbol.advance() == Symbol::END {
            let run = run_of(symbol, bits);
            refine_rest(told & u64::MAX << at, scan.low, block, bits);
            return Some(run - 1);
        }
        if symbol.value_bits() > 1 {
            return None;
        }
        let level = bits.take(symbol) << scan.low;
        let mut zeros = symbol.advance() - 1;
        while at <= last {
            if told >> at & 1 == 1 {
                refine_rest(1 << at, scan.low, block, bits);
            } else if zeros == 0 {
                break;
            } else {
                zeros -= 1;
            }
            at += 1;
        }
        if level != 0 && at <= last {
            block.set(at, level);
        }
        at += 1;
    }
    Some(0)
}

/// Reads a bit for each of the coefficients in `told`.
fn refine_rest(mut told: u64, low: u32, block: &mut Stored<'_>, bits: &mut Bits<'_>) {
    while told != 0 {
        if bits.bit() {
            block.refine(told.trailing_zeros() as usize, low);
        }
        told &= told - 1;
    }
}

/// Blocks that end with a symbol, this one included.
fn run_of(symbol: Symbol, bits: &mut Bits<'_>) -> usize {
    (1 << symbol.value_bits()) + bits.take_plain(symbol) as usize
}
