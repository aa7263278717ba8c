//! WebP. Lossy: behind a header of a few bits any bytes are modes and coefficients (RFC 6386, section 7). Lossless: codes
//! of all lengths, with every transform (RFC 9649, section 3).

use super::recipe::{Budget, Kind, LowBits, Random};

pub const LOSSY: Kind = Kind {
    name: "webp-lossy",
    extension: "webp",
    ingredients: &[
        ("fill", &[0, 1, 2, 3, 4, 5]),
        ("bits-per-block", &[1200, 100, 400, 10, 2, 4800]),
        ("modes-fill", &[0, 1, 2, 4, 5]),
        ("simple-filter", &[0, 1]),
        ("filter-level", &[63, 0, 1]),
        ("partitions-log2", &[0, 3]),
        ("alpha", &[0, 1]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[
        &[0, 2, 1, 0, 0, 0, 0, 0],
        &[1, 4, 1, 0, 0, 0, 0, 0],
        &[4, 0, 1, 0, 0, 0, 1, 0],
        &[0, 0, 4, 0, 0, 0, 0, 0],
    ],
    build: lossy,
};

pub const LOSSLESS: Kind = Kind {
    name: "webp-lossless",
    extension: "webp",
    ingredients: &[
        ("predictor", &[11, 0, 7, 12, 13, 99]),
        ("predictor-bits", &[2, 9]),
        ("color-transform", &[1, 0]),
        ("subtract-green", &[1, 0]),
        ("palette", &[0, 2, 16, 256]),
        ("cache-bits", &[11, 0, 1]),
        ("codes", &[0, 1, 2, 3]),
        ("groups", &[0, 16, 1000, 60_000]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[
        &[0, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0, 0, 0, 0, 0, 0, 2, 0, 0],
        &[1, 1, 1, 1, 0, 1, 0, 3, 0],
        &[0, 0, 0, 0, 0, 0, 3, 0, 0],
    ],
    build: lossless,
};

/// The file of chunks, with a chunk of nothing behind them, since so many pixels are paid for with bytes.
fn riff(mut chunks: Vec<(&[u8; 4], Vec<u8>)>, (width, height): (u32, u32)) -> Vec<u8> {
    chunks.push((b"JUNK", vec![0; (u64::from(width) * u64::from(height)).div_ceil(1 << 14) as usize]));
    let mut body = b"WEBP".to_vec();
    for (kind, payload) in &chunks {
        body.extend(*kind);
        body.extend((payload.len() as u32).to_le_bytes());
        body.extend(payload);
        if payload.len() % 2 == 1 {
            body.push(0);
        }
    }
    [b"RIFF", (body.len() as u32).to_le_bytes().as_slice(), &body].concat()
}

/// The encoder of bits of RFC 6386, section 7.3, for bits that are as likely 0 as 1.
#[derive(Default)]
struct Bools {
    bytes: Vec<u8>,
    bits: Vec<bool>,
}

impl Bools {
    fn push(&mut self, value: u32, count: u32) {
        self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn finish(mut self) -> Vec<u8> {
        let (mut range, mut bottom, mut bit_count) = (255_u32, 0_u32, 24_i32);
        for bit in &self.bits {
            let split = 1 + (range - 1) / 2;
            if *bit {
                bottom = bottom.wrapping_add(split);
                range -= split;
            } else {
                range = split;
            }
            while range < 128 {
                range <<= 1;
                if bottom & 1 << 31 != 0 {
                    carry(&mut self.bytes);
                }
                bottom <<= 1;
                bit_count -= 1;
                if bit_count == 0 {
                    self.bytes.push((bottom >> 24) as u8);
                    bottom &= (1 << 24) - 1;
                    bit_count = 8;
                }
            }
        }
        let mut count = bit_count;
        let mut value = bottom;
        if value & 1 << (32 - count) != 0 {
            carry(&mut self.bytes);
        }
        value <<= count & 7;
        count >>= 3;
        for _ in 0..count {
            value <<= 8;
        }
        self.bytes.extend([(value >> 24) as u8]);
        self.bytes
    }
}

fn carry(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}

fn lossy(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [filling, bits, modes_fill, simple, level, partitions_log2, alpha, form] = *values else { return None };
    let (width, height) = budget.size(form);
    let blocks = u64::from(width).div_ceil(16) * u64::from(height).div_ceil(16);
    let token_bytes = (blocks * u64::from(bits) / 8) as usize;
    if token_bytes > budget.bytes {
        return None;
    }
    let mut random = Random(0x5eed_0004);
    let mut header = Bools::default();
    // Colour space, clamping, no segments, the filter, no adjustments of it, partitions, quantisers.
    header.push(0, 3);
    header.push(simple, 1);
    header.push(level, 6);
    header.push(0, 3);
    header.push(0, 1);
    header.push(partitions_log2, 2);
    header.push(10, 7);
    header.push(0, 5);
    header.push(1, 1);
    let mut first = header.finish();
    // Modes take about a byte for each 4x4 block.
    first.extend(random.fill(modes_fill, (blocks as usize * 16).min((1 << 19) - 64)));
    let partitions = 1_usize << partitions_log2;
    let each = token_bytes / partitions + 64;
    let tag = (first.len() as u32) << 5 | 0x10;
    let mut frame = tag.to_le_bytes()[..3].to_vec();
    frame.extend([0x9d, 0x01, 0x2a, width as u8, (width >> 8) as u8, height as u8, (height >> 8) as u8]);
    frame.extend(&first);
    frame.extend((1..partitions).flat_map(|_| (each as u32).to_le_bytes()[..3].to_vec()));
    for _ in 0..partitions {
        frame.extend(random.fill(filling, each));
    }
    let mut chunks = Vec::new();
    if alpha == 1 {
        let size = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
        chunks.push((b"VP8X", [&[0x10, 0, 0, 0][..], &size].concat()));
        let mut bits = LowBits::default();
        bits.push(0, 3);
        (0..5).for_each(|_| bits.push(0b0001, 4));
        // Compressed without loss, with the gradient filter.
        chunks.push((b"ALPH", [vec![0x0d], bits.finish(), vec![0; 16]].concat()));
    }
    chunks.push((b"VP8 ", frame));
    let file = riff(chunks, (width, height));
    (file.len() <= budget.bytes).then_some(file)
}

fn lossless(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [predictor, predictor_bits, color, green, palette, cache_bits, codes, groups, form] = *values else {
        return None;
    };
    let (width, height) = budget.size(form);
    let mut bits = LowBits::default();
    bits.push(0x2f, 8);
    bits.push((width - 1) | (height - 1) << 14 | 1 << 28, 32);
    if predictor > 0 {
        bits.push(1, 3);
        bits.push(predictor_bits - 2, 3);
        block_image(&mut bits, (width, height), predictor_bits, predictor);
    }
    if color == 1 {
        bits.push(0b011, 3);
        bits.push(0, 3);
        block_image(&mut bits, (width, height), 2, 5);
    }
    if green == 1 {
        bits.push(0b101, 3);
    }
    let mut across = width;
    if palette > 0 {
        bits.push(0b111, 3);
        bits.push(palette - 1, 8);
        bits.push(0, 1);
        (0..5).for_each(|_| single(&mut bits, 1));
        across = width.div_ceil(match palette {
            2 => 8,
            16 => 2,
            _ => 1,
        });
    }
    bits.push(0, 1);
    if cache_bits > 0 {
        bits.push(1 | cache_bits << 1, 5);
    } else {
        bits.push(0, 1);
    }
    let cache_codes = if cache_bits > 0 { 1 << cache_bits } else { 0 };
    if groups > 0 {
        bits.push(1 | 7 << 1, 4);
        bits.push(0, 1);
        // Green and red of all pixels name the last group.
        two(&mut bits, 0, groups & 255);
        two(&mut bits, 0, groups >> 8);
        (0..3).for_each(|_| single(&mut bits, 0));
        let block_count = (across.div_ceil(512) * height.div_ceil(512)) as usize;
        (0..block_count).for_each(|_| bits.push(0b11, 2));
        for _ in 0..groups {
            many_codes(&mut bits, 280 + cache_codes);
            (0..3).for_each(|_| many_codes(&mut bits, 256));
            many_codes(&mut bits, 40);
            if bits.bytes.len() > budget.bytes {
                return None;
            }
        }
    } else {
        bits.push(0, 1);
    }
    pixels(&mut bits, u64::from(across) * u64::from(height), codes, cache_codes, budget)?;
    let file = riff(vec![(b"VP8L", [bits.finish(), vec![0; 16]].concat())], (width, height));
    (file.len() <= budget.bytes).then_some(file)
}

/// The codes of the last group and the pixels: all alike, noise, copies of one pixel each, or colours of the cache.
fn pixels(bits: &mut LowBits, count: u64, codes: u32, cache_codes: u32, budget: &Budget) -> Option<()> {
    let mut random = Random(0x5eed_0005);
    match codes {
        0 => (0..5).for_each(|place| single(bits, u32::from(place != 0))),
        1 => {
            if 4 * count > budget.bytes as u64 {
                return None;
            }
            even_codes(bits, 256, 8, 280 + cache_codes);
            (0..3).for_each(|_| even_codes(bits, 256, 8, 256));
            single(bits, 0);
            (0..count).for_each(|_| bits.push(random.below(1 << 32) as u32, 32));
        }
        2 => {
            if count / 4 > budget.bytes as u64 {
                return None;
            }
            // Green 0 or a copy of one pixel.
            lengths(bits, &[(0, 1), (256, 1)], 280 + cache_codes);
            (0..4).for_each(|place| single(bits, u32::from(place == 3)));
            bits.push(0, 1);
            let mut left = count - 1;
            while left > 0 {
                // A copy of the pixel above, or the one before it.
                bits.push(1, 1);
                left -= 1;
            }
        }
        _ => {
            if count / 8 > budget.bytes as u64 || cache_codes == 0 {
                return None;
            }
            lengths(bits, &[(0, 1), (280, 1)], 280 + cache_codes);
            (0..4).for_each(|_| single(bits, 1));
            (0..count).for_each(|_| bits.push(random.below(2) as u32, 1));
        }
    }
    Some(())
}

/// An image of blocks of which all are `green`.
fn block_image(bits: &mut LowBits, (width, height): (u32, u32), block_bits: u32, green: u32) {
    bits.push(0, 1);
    if green == 99 {
        // Every mode in turn.
        even_codes(bits, 16, 4, 280);
        (0..4).for_each(|_| single(bits, 0));
        let count = width.div_ceil(1 << block_bits) * height.div_ceil(1 << block_bits);
        (0..count).for_each(|index| bits.push((index % 14).reverse_bits() >> 28, 4));
        return;
    }
    single(bits, green);
    (0..4).for_each(|_| single(bits, 0));
}

/// A code of one symbol, which takes no bits.
fn single(bits: &mut LowBits, symbol: u32) {
    bits.push(0b101, 3);
    bits.push(symbol, 8);
}

fn two(bits: &mut LowBits, first: u32, second: u32) {
    bits.push(0b111, 3);
    bits.push(first, 8);
    bits.push(second, 8);
}

/// A code of `count` symbols of `length` bits each, which is a power of two, among `alphabet`.
fn even_codes(bits: &mut LowBits, count: u32, length: u32, alphabet: u32) {
    let lengths_of: Vec<(u32, u32)> = (0..count).map(|symbol| (symbol, length)).collect();
    lengths(bits, &lengths_of, alphabet);
}

/// Codes of 1 to 15 bits, as long a table as there is for few bits.
fn many_codes(bits: &mut LowBits, alphabet: u32) {
    let lengths_of: Vec<(u32, u32)> = (0..16).map(|symbol| (symbol, (symbol + 1).min(15))).collect();
    lengths(bits, &lengths_of, alphabet);
}

/// A code by the length of each symbol that has one, in order. Lengths are coded with 4 bits each.
fn lengths(bits: &mut LowBits, lengths: &[(u32, u32)], alphabet: u32) {
    const ORDER: [u32; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    bits.push(0, 1);
    bits.push(15, 4);
    for symbol in ORDER {
        bits.push(if symbol < 16 { 4 } else { 0 }, 3);
    }
    let last = lengths.last().map_or(0, |(symbol, _)| *symbol);
    bits.push(1, 1);
    bits.push(5, 3);
    bits.push(last + 1 - 2, 12);
    debug_assert!(last < alphabet);
    let mut symbol = 0;
    for (coded, length) in lengths {
        (symbol..*coded).for_each(|_| bits.push(0, 4));
        bits.push(length.reverse_bits() >> 28, 4);
        symbol = coded + 1;
    }
}
