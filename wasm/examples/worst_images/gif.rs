//! GIF: codes of one pixel each, or codes of thousands; a table that is cleared again and again.

use super::recipe::{Budget, Kind, LowBits, Random};

pub const GIF: Kind = Kind {
    name: "gif",
    extension: "gif",
    ingredients: &[
        ("codes", &[1, 0, 2]),
        ("fill", &[0, 1, 3]),
        ("code-bits", &[8, 2]),
        ("interlaced", &[1, 0]),
        ("block-bytes", &[255, 1]),
        ("transparent", &[1, 0]),
        ("frame", &[0, 1]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[
        &[0, 0, 0, 0, 0, 0, 0, 0],
        &[1, 1, 0, 0, 0, 0, 0, 0],
        &[1, 0, 1, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 1, 0],
    ],
    build,
};

fn build(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [style, filling, code_bits, interlaced, block_bytes, transparent, frame, form] = *values else { return None };
    let (width, height) = budget.size(form);
    // With a frame of its own the picture hangs over the end of its screen.
    let screen = if frame == 1 { (width / 2 + 1, height / 2 + 1) } else { (width, height) };
    let mut file = b"GIF89a".to_vec();
    file.extend([screen.0 as u8, (screen.0 >> 8) as u8, screen.1 as u8, (screen.1 >> 8) as u8]);
    file.extend([0x80 | (code_bits - 1) as u8, 0, 0]);
    file.extend((0..3 << code_bits).map(|index: u32| (index * 7) as u8));
    if transparent == 1 {
        file.extend([0x21, 0xf9, 4, 1, 0, 0, 0, 0]);
    }
    file.extend([0x2c, 0, 0, 0, 0, width as u8, (width >> 8) as u8, height as u8, (height >> 8) as u8]);
    file.extend([if interlaced == 1 { 0x40 } else { 0 }, code_bits as u8]);
    let pixels = u64::from(width) * u64::from(height);
    let coded = match style {
        0 => literal_codes(pixels, filling, code_bits, budget)?,
        1 => growing_codes(pixels, code_bits),
        _ => cleared_codes(pixels, code_bits, budget)?,
    };
    for block in coded.chunks(block_bytes as usize) {
        file.push(block.len() as u8);
        file.extend(block);
    }
    file.extend([0, 0x3b]);
    (file.len() <= budget.bytes).then_some(file)
}

/// A code for each pixel; the table is cleared before codes grow.
fn literal_codes(pixels: u64, filling: u32, code_bits: u32, budget: &Budget) -> Option<Vec<u8>> {
    if pixels * u64::from(code_bits + 1) / 8 > budget.bytes as u64 {
        return None;
    }
    let (mut bits, mut random) = (LowBits::default(), Random(0x5eed_0001));
    let group = (1 << code_bits) - 2;
    let mut left = pixels as usize;
    while left > 0 {
        let count = left.min(group);
        bits.push(1 << code_bits, code_bits + 1);
        for byte in random.fill(filling, count) {
            bits.push(u32::from(byte) & ((1 << code_bits) - 1), code_bits + 1);
        }
        left -= count;
    }
    bits.push((1 << code_bits) + 1, code_bits + 1);
    Some(bits.finish())
}

/// One colour: each code is one pixel longer than the one before, and in the end all are the longest.
fn growing_codes(pixels: u64, code_bits: u32) -> Vec<u8> {
    let mut bits = LowBits::default();
    let first = (1 << code_bits) + 2;
    bits.push(1 << code_bits, code_bits + 1);
    bits.push(0, code_bits + 1);
    let (mut written, mut next, mut width) = (1, first, code_bits + 1);
    while written < pixels {
        let code = next.min(4095);
        bits.push(code, width);
        written += u64::from(code - first) + 2;
        if next < 4095 {
            next += 1;
            width = (32 - next.leading_zeros()).clamp(width, 12);
        } else {
            next = 4096;
        }
    }
    bits.push((1 << code_bits) + 1, width);
    bits.finish()
}

/// A clear code before each pixel.
fn cleared_codes(pixels: u64, code_bits: u32, budget: &Budget) -> Option<Vec<u8>> {
    if pixels * u64::from(2 * (code_bits + 1)) / 8 > budget.bytes as u64 {
        return None;
    }
    let mut bits = LowBits::default();
    for pixel in 0..pixels {
        bits.push(1 << code_bits, code_bits + 1);
        bits.push(pixel as u32 & ((1 << code_bits) - 1), code_bits + 1);
    }
    bits.push((1 << code_bits) + 1, code_bits + 1);
    Some(bits.finish())
}
