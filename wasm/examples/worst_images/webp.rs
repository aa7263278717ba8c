//! Lossy WebP: behind a header of a few bits any bytes are modes and coefficients (RFC 6386, section 7).

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

/// The file of chunks, with a chunk of nothing behind them, since so many pixels are paid for with bytes.
pub fn riff(mut chunks: Vec<(&[u8; 4], Vec<u8>)>, (width, height): (u32, u32)) -> Vec<u8> {
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
