//! BMP: masks of any kind, and runs that leave the picture.

use super::recipe::{Budget, Kind, Random};

/// Bits a pixel, coding, and the masks of red, green, blue and alpha.
const FORMS: [(u32, u32, [u32; 4]); 9] = [
    (16, 6, [0x7c00, 0x3e0, 0x1f, 0x8000]),
    (16, 6, [0xf000, 0x0f00, 0x00f0, 0x000f]),
    (16, 3, [0xffff, 0xffff, 0xffff, 0]),
    (32, 6, [0xff_0000, 0xff00, 0xff, 0xff00_0000]),
    (32, 6, [0xffff_ffff, 0xffff_fffe, 0x7fff_ffff, 0xffff_ffff]),
    (1, 0, [0; 4]),
    (4, 0, [0; 4]),
    (8, 0, [0; 4]),
    (24, 0, [0; 4]),
];

pub const PLAIN: Kind = Kind {
    name: "bmp",
    extension: "bmp",
    ingredients: &[("form", &[0, 1, 2, 3, 4, 5, 6, 7, 8]), ("fill", &[0, 1, 2, 3]), ("shape", &[0, 1, 2])],
    known: &[&[4, 0, 0], &[5, 0, 0], &[2, 0, 0]],
    build: plain,
};

pub const RUNS: Kind = Kind {
    name: "bmp-runs",
    extension: "bmp",
    ingredients: &[
        ("bits", &[8, 4]),
        ("pattern", &[0, 1, 2, 3, 4, 5]),
        ("run", &[255, 1, 2, 3]),
        ("bytes-per-mille", &[1000, 100, 10, 1]),
        ("shape", &[0, 1, 2]),
    ],
    known: &[&[0, 1, 1, 0, 0], &[0, 2, 0, 0, 0], &[1, 3, 0, 0, 0], &[0, 4, 0, 3, 0]],
    build: runs,
};

fn head((width, height): (u32, u32), bits: u32, coding: u32, masks: [u32; 4]) -> Vec<u8> {
    let palette = if bits <= 8 { 4 << bits } else { 0 };
    let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
    file.extend((14 + 56 + palette as u32).to_le_bytes());
    file.extend([56, width, height, 1 | bits << 16, coding, 0, 0, 0, 0, 0].map(u32::to_le_bytes).as_flattened());
    file.extend(masks.map(u32::to_le_bytes).as_flattened());
    file.extend((0..palette).map(|index: usize| (index * 5) as u8));
    file
}

fn plain(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [form, filling, shape] = *values else { return None };
    let (bits, coding, masks) = FORMS[form as usize];
    let (width, height) = budget.size(shape);
    // As many rows as the bytes have.
    let row_bytes = (u64::from(width) * u64::from(bits)).div_ceil(32) as usize * 4;
    let height = height.min((budget.bytes.saturating_sub(2000) / row_bytes) as u32);
    let mut file = head((width, height), bits, coding, masks);
    file.extend(Random(0x5eed_0003).fill(filling, row_bytes * height as usize));
    (height > 0 && file.len() <= budget.bytes).then_some(file)
}

fn runs(values: &[u32], budget: &Budget) -> Option<Vec<u8>> {
    let [bits, pattern, run, per_mille, shape] = *values else { return None };
    let size = budget.size(shape);
    let mut file = head(size, bits, if bits == 8 { 1 } else { 2 }, [0; 4]);
    let (run, end) = (run as u8, budget.bytes / 1000 * per_mille as usize);
    let literals = run.max(3);
    let unit: Vec<u8> = match pattern {
        // Runs alone, in the end all of them beyond the end of a line.
        0 => vec![run, 0x12],
        // A pixel in each line, or in every few columns.
        1 => vec![run, 0x12, 0, 0],
        2 => vec![0, 2, run, 0],
        3 => {
            let bytes = if bits == 8 { usize::from(literals) } else { usize::from(literals).div_ceil(2) };
            [&[0, literals][..], &vec![0x34; bytes.next_multiple_of(2)]].concat()
        }
        4 => vec![0, 2, 0, 1],
        _ => vec![run, 0x12, 0, 2, 255, 0, 0, 2, 255, 0],
    };
    while file.len() + unit.len() + 2 <= end.max(2000) {
        file.extend(&unit);
    }
    file.extend([0, 1]);
    (file.len() <= budget.bytes).then_some(file)
}
