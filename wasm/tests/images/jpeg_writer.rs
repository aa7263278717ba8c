//! Writes JPEG files of given coefficients in every order of scans (ITU-T T.81, annexes F and G), for the tests: what a
//! file holds is known, and the same picture can be written in many ways.

use std::collections::BTreeMap;

/// Coefficients in zigzag order.
pub type Levels = [i16; 64];

/// A picture as coefficients.
pub struct Picture {
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
}

pub struct Component {
    pub id: u8,
    /// Sampling factors, across and down.
    pub factors: (u16, u16),
    /// All blocks of the units, row by row.
    pub blocks: Vec<Levels>,
}

/// A scan: the places of its components, the band, and the bits of the scan before and of this one.
#[derive(Clone, Debug)]
pub struct Scan {
    pub components: Vec<usize>,
    pub band: (usize, usize),
    pub high: u32,
    pub low: u32,
}

/// How a picture is written.
#[derive(Clone, Debug)]
pub struct Way {
    pub progressive: bool,
    pub scans: Vec<Scan>,
    /// Units between two restart markers; 0 without them.
    pub restart_interval: u16,
    /// Whether the Huffman tables are written.
    pub has_tables: bool,
    /// Segments before the frame header: marker and what they hold.
    pub segments: Vec<(u8, Vec<u8>)>,
}

impl Way {
    pub fn new(progressive: bool, scans: Vec<Scan>) -> Self {
        Self { progressive, scans, restart_interval: 0, has_tables: true, segments: Vec::new() }
    }

    /// One scan of all `count` components.
    pub fn sequential(count: usize) -> Self {
        Self::new(false, vec![Scan::new(&(0..count).collect::<Vec<_>>(), (0, 63), 0, 0)])
    }
}

impl Scan {
    pub fn new(components: &[usize], band: (usize, usize), high: u32, low: u32) -> Self {
        Self { components: components.to_vec(), band, high, low }
    }
}

impl Picture {
    fn factors(&self) -> (u16, u16) {
        let most = |factor: fn(&Component) -> u16| self.components.iter().map(factor).max().unwrap();
        (most(|component| component.factors.0), most(|component| component.factors.1))
    }

    /// Units across and down.
    pub fn units(&self) -> (u16, u16) {
        let (across, down) = self.factors();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }

    /// Every component with blocks made by `level`, of component, block and place.
    pub fn new(size: (u16, u16), factors: &[(u16, u16)], mut level: impl FnMut(usize, usize, usize) -> i16) -> Self {
        let component = |index: usize| Component { id: index as u8 + 1, factors: factors[index], blocks: Vec::new() };
        let components = (0..factors.len()).map(component).collect();
        let mut picture = Self { width: size.0, height: size.1, components };
        let (across, down) = picture.units();
        for (index, component) in picture.components.iter_mut().enumerate() {
            let count = usize::from(across * component.factors.0) * usize::from(down * component.factors.1);
            component.blocks =
                (0..count).map(|block| std::array::from_fn(|place| level(index, block, place))).collect();
        }
        picture
    }

    pub fn write(&self, way: &Way) -> Vec<u8> {
        let tables = if way.progressive { Tables::flat() } else { Tables::standard() };
        let mut file = vec![0xff, 0xd8];
        let mut segment = |marker: u8, payload: &[u8]| {
            file.extend([0xff, marker]);
            file.extend((payload.len() as u16 + 2).to_be_bytes());
            file.extend(payload);
        };
        for (marker, payload) in &way.segments {
            segment(*marker, payload);
        }
        segment(0xdb, &[vec![0], (0..64).map(|place| 2 + place / 8).collect()].concat());
        let head = [[8].as_slice(), &self.height.to_be_bytes(), &self.width.to_be_bytes()].concat();
        let components = self
            .components
            .iter()
            .flat_map(|component| [component.id, (component.factors.0 << 4 | component.factors.1) as u8, 0]);
        let head: Vec<u8> = head.into_iter().chain([self.components.len() as u8]).chain(components).collect();
        segment(if way.progressive { 0xc2 } else { 0xc0 }, &head);
        if way.has_tables {
            segment(0xc4, &tables.definitions);
        }
        if way.restart_interval > 0 {
            segment(0xdd, &way.restart_interval.to_be_bytes());
        }
        for scan in &way.scans {
            file.extend(self.scan(way, scan, &tables));
        }
        file.extend([0xff, 0xd9]);
        file
    }

    fn scan(&self, way: &Way, scan: &Scan, tables: &Tables) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xda];
        bytes.extend((6 + 2 * scan.components.len() as u16).to_be_bytes());
        bytes.push(scan.components.len() as u8);
        for index in &scan.components {
            let place = table_of(*index);
            bytes.extend([self.components[*index].id, place << 4 | place]);
        }
        bytes.extend([scan.band.0 as u8, scan.band.1 as u8, (scan.high << 4 | scan.low) as u8]);
        let units = self.scan_units(scan);
        let interval = if way.restart_interval == 0 { units.len().max(1) } else { way.restart_interval.into() };
        for (number, units) in units.chunks(interval).enumerate() {
            if number > 0 {
                bytes.extend([0xff, 0xd0 + (number as u8 - 1) % 8]);
            }
            let mut writer = Writer::new(way, scan, tables);
            for (index, block) in units.iter().flatten() {
                writer.block(*index, table_of(*index), &self.components[*index].blocks[*block]);
            }
            bytes.extend(writer.finish());
        }
        bytes
    }

    /// For each unit of a scan its blocks: component and index.
    fn scan_units(&self, scan: &Scan) -> Vec<Vec<(usize, usize)>> {
        let (across, down) = self.units();
        let (across, down) = (usize::from(across), usize::from(down));
        let (most_across, most_down) = self.factors();
        if let [index] = *scan.components {
            let component = &self.components[index];
            let stride = across * usize::from(component.factors.0);
            let blocks = |side: u16, own: u16, most: u16| usize::from((side * own).div_ceil(most).div_ceil(8));
            let own_across = blocks(self.width, component.factors.0, most_across);
            let own_down = blocks(self.height, component.factors.1, most_down);
            return (0..own_down).flat_map(|y| (0..own_across).map(move |x| vec![(index, y * stride + x)])).collect();
        }
        let unit = |unit: usize| {
            let blocks = scan.components.iter().flat_map(|index| {
                let (h, v) = self.components[*index].factors;
                let (h, v) = (usize::from(h), usize::from(v));
                let first = (unit / across * v) * across * h + unit % across * h;
                (0..h * v).map(move |block| (*index, first + block / h * across * h + block % h))
            });
            blocks.collect()
        };
        (0..across * down).map(unit).collect()
    }
}

/// Codes by class (0 for first coefficients, 1 for the others), place and byte: bits and length.
struct Tables {
    definitions: Vec<u8>,
    codes: BTreeMap<(u8, u8, u8), (u32, u32)>,
}

impl Tables {
    /// Those of T.81, annex K, as another encoder writes them.
    fn standard() -> Self {
        let mut file = Vec::new();
        jpeg_encoder::Encoder::new(&mut file, 90).encode(&[0; 192], 8, 8, jpeg_encoder::ColorType::Rgb).unwrap();
        let mut definitions = Vec::new();
        let mut rest = &file[2..];
        while let [0xff, marker, high, low, tail @ ..] = rest {
            let payload = usize::from(u16::from_be_bytes([*high, *low])) - 2;
            if *marker == 0xda {
                break;
            }
            if *marker == 0xc4 {
                definitions.extend(&tail[..payload]);
            }
            rest = &tail[payload..];
        }
        Self::of(definitions)
    }

    /// Every byte with a code of 8 or 9 bits.
    fn flat() -> Self {
        let mut definitions = Vec::new();
        for place in 0..2 {
            definitions.extend([place, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            definitions.extend(0..16);
            definitions.extend([0x10 | place, 0, 0, 0, 0, 0, 0, 0, 128, 128, 0, 0, 0, 0, 0, 0, 0]);
            definitions.extend(0..=255);
        }
        Self::of(definitions)
    }

    fn of(definitions: Vec<u8>) -> Self {
        let mut codes = BTreeMap::new();
        let mut rest = definitions.as_slice();
        while let [head, tail @ ..] = rest {
            let (counts, mut bytes) = tail.split_at(16);
            let mut code = 0;
            for (length, count) in (1..).zip(counts) {
                for byte in &bytes[..usize::from(*count)] {
                    codes.insert((head >> 4, head & 15, *byte), (code, length));
                    code += 1;
                }
                bytes = &bytes[usize::from(*count)..];
                code <<= 1;
            }
            rest = bytes;
        }
        Self { definitions, codes }
    }
}

/// Writes the bits of a restart interval.
struct Writer<'a> {
    way: &'a Way,
    scan: &'a Scan,
    tables: &'a Tables,
    bits: Vec<bool>,
    before: [i32; 4],
    table: u8,
    /// Blocks that have ended and are not yet written, and the bits that follow them.
    ended: u32,
    pending: Vec<bool>,
}

impl<'a> Writer<'a> {
    fn new(way: &'a Way, scan: &'a Scan, tables: &'a Tables) -> Self {
        Self { way, scan, tables, bits: Vec::new(), before: [0; 4], table: 0, ended: 0, pending: Vec::new() }
    }

    fn finish(mut self) -> Vec<u8> {
        self.write_ended();
        while !self.bits.len().is_multiple_of(8) {
            self.bits.push(true);
        }
        let bytes = self.bits.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
        bytes.flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect()
    }

    fn push(&mut self, value: u32, count: u32) {
        self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn code(&mut self, class: u8, byte: u8) {
        let (code, length) = self.tables.codes[&(class, self.table, byte)];
        self.push(code, length);
    }

    /// A number of `count` bits (T.81, F.1.2.1.1).
    fn number(&mut self, value: i32, count: u32) {
        self.push(if value < 0 { value - 1 } else { value } as u32 & ((1 << count) - 1), count);
    }

    fn block(&mut self, component: usize, table: u8, levels: &Levels) {
        self.table = table;
        if self.scan.band.0 == 0 {
            self.first(component, levels);
        }
        match (self.way.progressive, self.scan.high) {
            (false, _) => self.band(levels, 1),
            (true, _) if self.scan.band.1 == 0 => {}
            (true, 0) => self.band(levels, self.scan.band.0),
            (true, _) => self.refine(levels),
        }
    }

    fn first(&mut self, component: usize, levels: &Levels) {
        let level = i32::from(levels[0]) >> self.scan.low;
        if self.scan.high > 0 {
            return self.push(level as u32 & 1, 1);
        }
        let difference = level - std::mem::replace(&mut self.before[component], level);
        let count = bits_of(difference);
        self.code(0, count as u8);
        self.number(difference, count);
    }

    fn band(&mut self, levels: &Levels, first: usize) {
        let mut zeros = 0;
        for place in first..=self.scan.band.1 {
            let level = self.shifted(levels, place);
            if level == 0 {
                zeros += 1;
                continue;
            }
            self.write_ended();
            while zeros > 15 {
                self.code(1, 0xf0);
                zeros -= 16;
            }
            self.code(1, (zeros << 4) as u8 | bits_of(level) as u8);
            self.number(level, bits_of(level));
            zeros = 0;
        }
        if zeros > 0 {
            self.end();
        }
    }

    /// T.81, figure G.7.
    fn refine(&mut self, levels: &Levels) {
        let (first, last) = self.scan.band;
        let magnitude = |place: usize| levels[place].unsigned_abs() >> self.scan.low;
        let last_new = (first..=last).rfind(|place| magnitude(*place) == 1).unwrap_or(0);
        let (mut zeros, mut corrections) = (0, Vec::new());
        for (place, level) in levels.iter().enumerate().take(last + 1).skip(first) {
            let magnitude = magnitude(place);
            if magnitude == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 && place <= last_new {
                self.write_ended();
                self.code(1, 0xf0);
                self.bits.append(&mut corrections);
                zeros -= 16;
            }
            if magnitude > 1 {
                corrections.push(magnitude & 1 == 1);
                continue;
            }
            self.write_ended();
            self.code(1, zeros << 4 | 1);
            self.bits.push(*level > 0);
            self.bits.append(&mut corrections);
            zeros = 0;
        }
        if zeros > 0 || !corrections.is_empty() {
            self.pending.append(&mut corrections);
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended += 1;
        if !self.way.progressive || self.ended == 0x7fff {
            self.write_ended();
        }
    }

    fn write_ended(&mut self) {
        if self.ended > 0 {
            let count = self.ended.ilog2();
            self.code(1, (count << 4) as u8);
            self.push(self.ended - (1 << count), count);
            self.ended = 0;
            let mut pending = std::mem::take(&mut self.pending);
            self.bits.append(&mut pending);
        }
    }

    fn shifted(&self, levels: &Levels, place: usize) -> i32 {
        let level = i32::from(levels[place]);
        level.signum() * (level.abs() >> self.scan.low)
    }
}

/// Tables of luma for the first component and for black, those of chroma for the others.
fn table_of(component: usize) -> u8 {
    u8::from(matches!(component, 1 | 2))
}

fn bits_of(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}
