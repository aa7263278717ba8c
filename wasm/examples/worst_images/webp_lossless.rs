//! Lossless WebP: codes of all lengths, with every transform (RFC 9649, section 3).

use super::{
    recipe::{Budget, Kind, LowBits, Random},
    webp::riff,
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
        ("groups", &[0, 16, 1000, 60_000, 2000]),
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
