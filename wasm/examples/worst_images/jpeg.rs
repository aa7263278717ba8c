//! JPEG: any bits are coefficients where the tables have a symbol for every code.

use super::recipe::{Budget, Kind, Random};

const SAMPLINGS: [&[u8]; 6] = [
    &[0x11, 0x11, 0x11],
    &[0x22, 0x11, 0x11],
    &[0x11],
    &[0x11, 0x11, 0x11, 0x11],
    &[0x21, 0x11, 0x11],
    &[0x44, 0x11, 0x11],
];

/// Tables of other coefficients, by codes of 1, 2, 3 … bits: one each, and two of the last length.
const SHAPES: [&[u8]; 7] = [
    // A coefficient with each bit, and then its sign.
    &[0x01, 0x00, 0x02],
    &[0x01, 0x01],
    // Ends of blocks.
    &[0x00, 0x01],
    &[0xe0, 0x01],
    // Large numbers.
    &[0x0a, 0x01, 0x00],
    // Long codes.
    &[0x00, 0x01, 0x11, 0x21, 0x31, 0x41, 0x51, 0x61, 0x02, 0x12, 0x03, 0x13, 0x01, 0x11, 0x21, 0x31],
    &[0xf0, 0x01, 0x00],
];

pub const BASELINE: Kind = Kind {
    name: "jpeg-baseline",
    extension: "jpg",
    ingredients: &[
        ("sampling", &[0, 1, 2, 3, 4, 5]),
        ("table", &[0, 1, 2, 4, 5, 6]),
        ("fill", &[1, 0, 2, 3, 4, 5]),
        ("bits-per-block", &[128, 3, 8, 32, 64, 256]),
        ("restart-interval", &[0, 1, 7]),
        ("scans", &[1, 3]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[&[3, 0, 0, 0, 0, 0, 0], &[0, 0, 1, 4, 0, 1, 0], &[0, 2, 1, 1, 0, 0, 0], &[0, 0, 1, 2, 0, 0, 0]],
    build: baseline,
};

pub const PROGRESSIVE: Kind = Kind {
    name: "jpeg-progressive",
    extension: "jpg",
    ingredients: &[
        ("sampling", &[0, 1, 2, 3, 4, 5]),
        ("table", &[0, 1, 2, 3, 4, 5, 6]),
        ("fill", &[0, 1, 2, 3, 4, 5]),
        ("bits-per-block", &[0, 1, 4, 16, 64, 256]),
        ("bands", &[1, 2, 4, 8, 16]),
        ("refinements", &[2, 0, 1, 4, 8]),
        ("restart-interval", &[0, 1, 1000]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[
        &[0, 0, 0, 4, 0, 0, 0, 0],
        &[0, 3, 1, 0, 0, 0, 0, 0],
        &[2, 0, 0, 3, 4, 2, 0, 0],
        &[2, 3, 1, 0, 0, 4, 0, 0],
    ],
    build: progressive,
};

struct Writer {
    bytes: Vec<u8>,
    random: Random,
}

impl Writer {
    fn new(marker: u8, (width, height): (u32, u32), factors: &[u8], shape: u32, interval: u32) -> Self {
        let mut writer = Self { bytes: vec![0xff, 0xd8], random: Random(0x9e37_79b9_7f4a_7c15) };
        writer.segment(0xdb, &[&[0][..], &[1; 64]].concat());
        let components = factors.iter().zip(1..).flat_map(|(factors, id)| [id, *factors, 0]);
        let size = [8, (height >> 8) as u8, height as u8, (width >> 8) as u8, width as u8, factors.len() as u8];
        writer.segment(marker, &size.into_iter().chain(components).collect::<Vec<u8>>());
        writer.segment(0xc4, &table(0, &[0, 1]));
        writer.segment(0xc4, &table(0x10, SHAPES[shape as usize]));
        if interval > 0 {
            writer.segment(0xdd, &(interval as u16).to_be_bytes());
        }
        writer
    }

    fn segment(&mut self, marker: u8, payload: &[u8]) {
        self.bytes.extend([0xff, marker]);
        self.bytes.extend((payload.len() as u16 + 2).to_be_bytes());
        self.bytes.extend(payload);
    }

    /// A scan of `components` with that many bytes in each of its intervals.
    fn scan(&mut self, components: &[u8], band: [u8; 3], fill: u32, intervals: u64, bytes: u64) {
        let choices = components.iter().flat_map(|id| [*id, 0]);
        let head: Vec<u8> = [components.len() as u8].into_iter().chain(choices).chain(band).collect();
        self.segment(0xda, &head);
        for interval in 0..intervals {
            if interval > 0 {
                self.bytes.extend([0xff, 0xd0 + (interval as u8).wrapping_sub(1) % 8]);
            }
            for byte in self.random.fill(fill, (bytes / intervals + 1) as usize) {
                self.bytes.push(byte);
                if byte == 0xff {
                    self.bytes.push(0);
                }
            }
        }
    }

    fn finish(mut self, budget: &Budget) -> Option<Vec<u8>> {
        self.bytes.extend([0xff, 0xd9]);
        (self.bytes.len() <= budget.bytes).then_some(self.bytes)
    }
}

/// A table with one code of each length but the last, which has two or, where it is 16 bits long, one.
fn table(head: u8, symbols: &[u8]) -> Vec<u8> {
    let mut counts = [0; 16];
    for index in 0..symbols.len() {
        let last = symbols.len() - 1;
        counts[index.min(last.saturating_sub(1)).min(15)] += 1;
    }
    [[head].as_slice(), &counts, symbols].concat()
}

/// Blocks of a component with its factors, padded to units, and units.
fn blocks((width, height): (u32, u32), all: &[u8], factors: u8) -> (u64, u64) {
    let most = |shift: u32| u64::from(all.iter().map(|factors| factors >> shift & 15).max().unwrap_or(1));
    let units = u64::from(width).div_ceil(8 * most(4)) * u64::from(height).div_ceil(8 * most(0));
    (units * u64::from(factors >> 4) * u64::from(factors & 15), units)
}

fn baseline(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [sampling, shape, fill, bits, interval, scans, form] = *values else { return None };
    let (size, factors) = (budget.size(form), SAMPLINGS[sampling as usize]);
    let mut writer = Writer::new(0xc0, size, factors, shape, interval);
    let ids: Vec<u8> = (1..=factors.len() as u8).collect();
    let groups: Vec<&[u8]> = if scans == 1 { vec![&ids] } else { ids.chunks(1).collect() };
    for group in groups {
        let of_group = group.iter().map(|id| blocks(size, factors, factors[usize::from(*id) - 1]));
        let (count, units) = of_group.fold((0, 0), |(count, _), (blocks, units)| (count + blocks, units));
        let units = if group.len() == 1 { count } else { units };
        let intervals = if interval == 0 { 1 } else { units.div_ceil(interval.into()) };
        let bytes = count * u64::from(bits) / 8 + 4;
        if bytes + 3 * intervals > budget.bytes as u64 {
            return None;
        }
        writer.scan(group, [0, 63, 0], fill, intervals, bytes);
    }
    writer.finish(budget)
}

fn progressive(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [sampling, shape, fill, bits, bands, refinements, interval, form] = *values else { return None };
    let (size, factors) = (budget.size(form), SAMPLINGS[sampling as usize]);
    let mut writer = Writer::new(0xc2, size, factors, shape, interval);
    let ids: Vec<u8> = (1..=factors.len() as u8).collect();
    let counts = factors.iter().map(|own| blocks(size, factors, *own));
    let (all, units) = counts.fold((0, 0), |(all, _), (blocks, units)| (all + blocks, units));
    let intervals = |units: u64| if interval == 0 { 1 } else { units.div_ceil(interval.into()) };
    writer.scan(&ids, [0, 0, 0], 1, intervals(units), all / 8 + 4);
    for (id, own) in ids.iter().zip(factors) {
        let (count, _) = blocks(size, factors, *own);
        let intervals = intervals(count);
        let bytes = (count * u64::from(bits) / 8).max(2 * count * 15 / 8 / 0x7fff + 8);
        for band in 0..bands {
            let (first, last) = (1 + (63 * band / bands) as u8, (63 * (band + 1) / bands) as u8);
            for low in (0..=refinements).rev() {
                let high = if low == refinements { 0 } else { low + 1 };
                if writer.bytes.len() as u64 + bytes + 3 * intervals > budget.bytes as u64 {
                    return writer.finish(budget);
                }
                writer.scan(&[*id], [first, last, (high << 4 | low) as u8], fill, intervals, bytes);
            }
        }
    }
    writer.finish(budget)
}
