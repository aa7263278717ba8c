//! PNG: any bytes are rows, and deflate makes a thousand of one.

use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};

use super::recipe::{Budget, Kind, Random};

/// Colour type, bits a sample, samples a pixel.
const COLORS: [(u8, u32, u32); 8] =
    [(6, 16, 4), (2, 16, 3), (4, 16, 2), (0, 1, 1), (3, 1, 1), (3, 8, 1), (6, 8, 4), (2, 8, 3)];

pub const PNG: Kind = Kind {
    name: "png",
    extension: "png",
    ingredients: &[
        ("color", &[0, 1, 2, 3, 4, 5, 6, 7]),
        ("interlaced", &[1, 0]),
        ("filter", &[4, 3, 1, 2, 0, 9]),
        ("fill", &[1, 0, 2, 3, 4, 5]),
        ("level", &[1, 6, 0]),
        ("chunk-bytes", &[8192, 1_000_000_000, 64]),
        ("transparent", &[0, 1]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[
        &[0, 0, 0, 4, 0, 0, 0, 0],
        &[3, 0, 0, 0, 0, 0, 1, 0],
        &[4, 0, 4, 0, 0, 0, 1, 0],
        &[1, 0, 0, 0, 0, 0, 1, 0],
    ],
    build,
};

fn build(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [color, interlaced, filter, filling, level, chunk_bytes, transparent, form] = *values else { return None };
    let (kind, depth, samples) = COLORS[color as usize];
    let (width, height) = budget.size(form);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth as u8, kind, 0, 0, interlaced as u8]].concat();
    chunk(&mut file, *b"IHDR", &head);
    if kind == 3 {
        chunk(&mut file, *b"PLTE", &(0..3 << depth).map(|index| index as u8).collect::<Vec<_>>());
    }
    if transparent == 1 && matches!(kind, 0 | 2 | 3) {
        chunk(&mut file, *b"tRNS", if kind == 2 { &[0; 6] } else { &[0; 2] });
    }
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
    for (across, down) in passes(width, height, interlaced == 1) {
        let row_bytes = (u64::from(across) * u64::from(depth * samples)).div_ceil(8) as usize;
        // A few rows, again and again: noise that deflate still finds.
        let rows: Vec<Vec<u8>> = (0..4).map(|_| random.fill(filling, row_bytes)).collect();
        for y in 0..down {
            let filter = if filter == 9 { y % 5 } else { filter };
            encoder.write_all(&[filter as u8]).ok()?;
            encoder.write_all(&rows[y as usize % rows.len()]).ok()?;
        }
        if encoder.get_ref().len() > budget.bytes {
            return None;
        }
    }
    for part in encoder.finish().ok()?.chunks(chunk_bytes as usize) {
        chunk(&mut file, *b"IDAT", part);
    }
    chunk(&mut file, *b"IEND", &[]);
    (file.len() <= budget.bytes).then_some(file)
}

/// Width and height of each pass (PNG, third edition, 8.1).
fn passes(width: u32, height: u32, interlaced: bool) -> Vec<(u32, u32)> {
    if !interlaced {
        return vec![(width, height)];
    }
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let size = |(x, y, across, down): (u32, u32, u32, u32)| {
        (width.saturating_sub(x).div_ceil(across), height.saturating_sub(y).div_ceil(down))
    };
    passes.into_iter().map(size).filter(|(width, height)| *width > 0 && *height > 0).collect()
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], payload: &[u8]) {
    let mut crc = Crc::new();
    crc.update(&kind);
    crc.update(payload);
    file.extend((payload.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(payload);
    file.extend(crc.sum().to_be_bytes());
}
