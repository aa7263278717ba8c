//! A JPEG file of the commonest kind taken apart: its size, its tables and its one scan.

use super::{huffman::Table, idct::BLOCK};

/// The tables of each kind that a file may define.
const TABLES: usize = 4;

/// A sequential 8-bit file, coded by Huffman's method, of one component (grey) or three (YCbCr) in one scan.
pub struct Frame<'a> {
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// Units between two restart markers; 0 without them.
    pub restart_interval: usize,
    /// What follows the head of the scan, markers included.
    pub coded: &'a [u8],
    quantization: [Option<[u16; BLOCK]>; TABLES],
    dc_tables: [Option<Table>; TABLES],
    ac_tables: [Option<Table>; TABLES],
}

pub struct Component {
    id: u8,
    /// Blocks of a unit, across and down.
    pub across: usize,
    pub down: usize,
    quantization: u8,
    dc_table: u8,
    ac_table: u8,
}

/// The tables of a component.
pub struct Tables<'a> {
    /// In zigzag order.
    pub quantization: &'a [u16; BLOCK],
    pub dc: &'a Table,
    pub ac: &'a Table,
}

impl<'a> Frame<'a> {
    /// `None` for every other kind of file, and for one that is damaged.
    ///
    /// Segments: ITU-T T.81, annex B.
    pub fn of(image: &'a [u8]) -> Option<Self> {
        let mut frame = Self {
            width: 0,
            height: 0,
            components: Vec::new(),
            restart_interval: 0,
            coded: &[],
            quantization: [None; TABLES],
            dc_tables: [const { None }; TABLES],
            ac_tables: [const { None }; TABLES],
        };
        let mut rest = image.get(2..)?;
        loop {
            let [0xff, marker, tail @ ..] = rest else { return None };
            if *marker == 0xff {
                rest = &rest[1..];
                continue;
            }
            let length = usize::from(u16::from_be_bytes(*tail.first_chunk()?));
            let segment = tail.get(2..length)?;
            rest = &tail[length..];
            match marker {
                0xc0 | 0xc1 if frame.components.is_empty() => frame.read_size(segment)?,
                0xc4 => frame.read_huffman_tables(segment)?,
                0xda => {
                    frame.read_scan(segment)?;
                    frame.coded = rest;
                    return Some(frame);
                }
                0xdb => frame.read_quantization(segment)?,
                0xdd => frame.restart_interval = usize::from(u16::from_be_bytes(segment.try_into().ok()?)),
                // Adobe's segment: only the transform to YCbCr is ours.
                0xee if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
                0xe0..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    pub fn tables(&self, component: &Component) -> Option<Tables<'_>> {
        Some(Tables {
            quantization: self.quantization.get(usize::from(component.quantization))?.as_ref()?,
            dc: self.dc_tables.get(usize::from(component.dc_table))?.as_ref()?,
            ac: self.ac_tables.get(usize::from(component.ac_table))?.as_ref()?,
        })
    }

    fn read_size(&mut self, segment: &[u8]) -> Option<()> {
        let [8, height_high, height_low, width_high, width_low, count, components @ ..] = segment else { return None };
        self.width = usize::from(u16::from_be_bytes([*width_high, *width_low]));
        self.height = usize::from(u16::from_be_bytes([*height_high, *height_low]));
        let (components, []) = components.as_chunks::<3>() else { return None };
        if !matches!(count, 1 | 3) || components.len() != usize::from(*count) || self.width * self.height == 0 {
            return None;
        }
        for [id, sampling, quantization] in components {
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !matches!(across, 1..=4) || !matches!(down, 1..=4) {
                return None;
            }
            // A scan of one component has single blocks, whatever its sampling (A.2.2).
            let (across, down) = if *count == 1 { (1, 1) } else { (across, down) };
            let quantization = *quantization;
            self.components.push(Component { id: *id, across, down, quantization, dc_table: 0, ac_table: 0 });
        }
        // Some files with these names hold RGB.
        let names: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        (names != b"RGB").then_some(())
    }

    fn read_quantization(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = segment {
            let (bytes, values) = match head >> 4 {
                0 => (BLOCK, rest.first_chunk::<BLOCK>()?.map(u16::from)),
                1 => {
                    let mut values = [0; BLOCK];
                    let pairs = rest.get(..2 * BLOCK)?.as_chunks().0;
                    values.iter_mut().zip(pairs).for_each(|(value, pair)| *value = u16::from_be_bytes(*pair));
                    (2 * BLOCK, values)
                }
                _ => return None,
            };
            *self.quantization.get_mut(usize::from(head & 15))? = Some(values);
            segment = &rest[bytes..];
        }
        Some(())
    }

    fn read_huffman_tables(&mut self, mut segment: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = segment {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let (symbols, rest) = rest.split_at_checked(counts.iter().map(|count| usize::from(*count)).sum())?;
            let place = usize::from(head & 15);
            match head >> 4 {
                0 => *self.dc_tables.get_mut(place)? = Some(Table::of_differences(counts, symbols)?),
                1 => *self.ac_tables.get_mut(place)? = Some(Table::of_coefficients(counts, symbols)?),
                _ => return None,
            }
            segment = rest;
        }
        Some(())
    }

    /// All components have to be in the scan, in their order, with all of their bits.
    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let [count, rest @ ..] = segment else { return None };
        let (choices, [0, 63, 0]) = rest.split_at_checked(2 * usize::from(*count))? else { return None };
        if self.components.is_empty() || self.components.len() != usize::from(*count) {
            return None;
        }
        for (component, [id, tables]) in self.components.iter_mut().zip(choices.as_chunks().0) {
            if component.id != *id {
                return None;
            }
            (component.dc_table, component.ac_table) = (tables >> 4, tables & 15);
        }
        Some(())
    }
}
