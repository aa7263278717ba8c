//! The scans of a JPEG file, and whether they can be what they say: each block costs a scan a bit or more, so that a scan
//! which breaks off is known before it is decoded, and the work of a file is bounded by its bytes.

use std::rc::Rc;

use super::{
    super::{Format, undecodable},
    frame::Frame,
    huffman::Table,
    idct::BLOCK,
    segments::Segment,
    tables::Tables,
};
use crate::error::Error;

/// Most scans of a file: encoders write about ten. libjpeg-turbo advises a limit ("Two Issues with the JPEG Standard",
/// 2018).
const SCANS_MAX: usize = 64;
/// Times that each block may be visited whatever the bytes are: encoders visit it 4 to 11 times.
const VISITS_PER_BLOCK: u64 = 16;
/// Further visits that a byte pays for: one for each bit.
const VISITS_PER_BYTE: u64 = 8;
/// Blocks that one code for the ends of blocks covers at most, and the bits that it takes at least (ITU-T T.81, G.1.2.2).
const RUN_BLOCKS_MAX: u64 = 0x7fff;
const RUN_BITS_MIN: u64 = 15;
/// Largest exponent of a successive approximation (T.81, B.2.3).
const LOW_BIT_MAX: u32 = 13;

pub struct Scan<'a> {
    pub parts: Vec<Part>,
    /// First and last coefficient in zigzag order.
    pub band: (usize, usize),
    /// The bit that the scan before ended with; 0 in the first scan of a band.
    pub high: u32,
    /// The lowest bit that this scan tells.
    pub low: u32,
    /// Units between two restart markers; 0 without them.
    pub restart_interval: usize,
    /// Restart markers included.
    pub coded: &'a [u8],
}

/// A component in a scan.
pub struct Part {
    /// Its place in the frame.
    pub component: usize,
    /// The tables that the scan reads.
    pub dc: Option<Rc<Table>>,
    pub ac: Option<Rc<Table>>,
}

impl<'a> Scan<'a> {
    /// T.81, B.2.3.
    pub fn read(
        segment: &Segment<'a>,
        frame: &Frame<'_>,
        tables: &mut Tables<'a>,
        restart_interval: usize,
    ) -> Result<Self, Error> {
        let damaged = || undecodable(Format::Jpeg, "the header of a scan is damaged");
        if frame.scans.len() >= SCANS_MAX {
            return Err(undecodable(Format::Jpeg, format!("it has more than {SCANS_MAX} scans")));
        }
        let [count, rest @ ..] = segment.payload else { return Err(damaged()) };
        let (choices, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or_else(damaged)?;
        let [first, last, bits, ..] = *rest else { return Err(damaged()) };
        let (band, high, low) = if frame.is_progressive {
            ((usize::from(first), usize::from(last)), u32::from(bits >> 4), u32::from(bits & 15))
        } else {
            ((0, BLOCK - 1), 0, 0)
        };
        let mut parts: Vec<Part> = Vec::new();
        for [id, places] in choices.as_chunks().0 {
            let component = frame.components.iter().position(|component| component.id == *id).ok_or_else(damaged)?;
            if parts.iter().any(|part| part.component == component) {
                return Err(damaged());
            }
            let no_table = || undecodable(Format::Jpeg, "a Huffman table is missing or damaged");
            let dc = if band.0 == 0 && high == 0 { Some(tables.dc(places >> 4).ok_or_else(no_table)?) } else { None };
            let ac = if band.1 > 0 {
                Some(tables.ac(places & 15, frame.is_progressive).ok_or_else(no_table)?)
            } else {
                None
            };
            parts.push(Part { component, dc, ac });
        }
        if parts.is_empty() {
            return Err(damaged());
        }
        Ok(Self { parts, band, high, low, restart_interval, coded: segment.coded })
    }

    pub fn holds(&self, component: usize) -> bool {
        self.parts.iter().any(|part| part.component == component)
    }

    /// Units of the scan across and down: blocks, where it has one component.
    pub fn units(&self, frame: &Frame<'_>) -> (usize, usize) {
        match self.parts.as_slice() {
            [part] => frame.own_blocks(&frame.components[part.component]),
            _ => frame.units(),
        }
    }

    /// Blocks of a component in a unit, across and down.
    pub fn unit_blocks(&self, frame: &Frame<'_>, part: &Part) -> (usize, usize) {
        let component = &frame.components[part.component];
        if self.parts.len() == 1 { (1, 1) } else { (component.across, component.down) }
    }

    fn blocks(&self, frame: &Frame<'_>) -> u64 {
        let (across, down) = self.units(frame);
        let of_unit = |part: &Part| {
            let (across, down) = self.unit_blocks(frame, part);
            (across * down) as u64
        };
        (across * down) as u64 * self.parts.iter().map(of_unit).sum::<u64>()
    }

    /// Bits that the scan takes at least: a code for the first coefficient and one for the end of each block, or, in a
    /// progressive file, either a bit for the first coefficient or its share of a run of ends.
    fn bits_min(&self, blocks: u64, is_progressive: bool) -> u64 {
        match (is_progressive, self.band.0) {
            (false, _) => 2 * blocks,
            (true, 0) => blocks,
            (true, _) => blocks * RUN_BITS_MIN / RUN_BLOCKS_MAX,
        }
    }
}

/// Checks the scans of a file of `image_bytes` against each other and against their bytes.
///
/// # Errors
/// [`Error::ImageUndecodable`] where a scan is missing, repeats another one, is out of order (T.81, G.1.1.1.1), breaks off
/// for certain, or where there are more of them than the bytes pay for.
pub fn check(frame: &Frame<'_>, image_bytes: usize) -> Result<(), Error> {
    let refusal = |detail: String| Err(undecodable(Format::Jpeg, detail));
    let mut bits_told = vec![[None; BLOCK]; frame.components.len()];
    let (mut visits, mut all_blocks) = (0, 0);
    for (index, scan) in frame.scans.iter().enumerate() {
        let (first, last) = scan.band;
        let number = index + 1;
        if frame.is_progressive {
            let is_band = if first == 0 { last == 0 } else { first <= last && last < BLOCK && scan.parts.len() == 1 };
            if !is_band || scan.low > LOW_BIT_MAX || (scan.high != 0 && scan.high != scan.low + 1) {
                return refusal(format!("scan {number} has no part of the picture that there is"));
            }
        }
        let before = if scan.high == 0 { None } else { Some(scan.high) };
        for part in &scan.parts {
            let told = &mut bits_told[part.component][first..=last];
            if told.iter().any(|told| *told != before) {
                return refusal(format!("scan {number} is out of order, or repeats another one"));
            }
            told.fill(Some(scan.low));
        }
        let blocks = scan.blocks(frame);
        let bytes = scan.coded.len() as u64;
        if 8 * bytes < scan.bits_min(blocks, frame.is_progressive) {
            return refusal(format!("scan {number} breaks off: {bytes} bytes cannot hold its {blocks} blocks"));
        }
        visits += blocks;
        if first == 0 && scan.high == 0 {
            all_blocks += blocks;
        }
    }
    if bits_told.is_empty() || bits_told.iter().any(|told| told[0].is_none()) {
        return refusal("a scan is missing".into());
    }
    let visits_max = VISITS_PER_BLOCK * all_blocks + VISITS_PER_BYTE * image_bytes as u64;
    if visits > visits_max {
        return refusal(format!("its scans visit {visits} blocks, more than the {visits_max} that its bytes pay for"));
    }
    Ok(())
}
