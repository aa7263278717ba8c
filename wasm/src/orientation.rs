//! EXIF orientation: how the stored rows and columns of a photo lie relative to the upright one.
//!
//! Terms: *stored* is as the file has its pixels, *upright* as people see it.

use serde::{Deserialize, Serialize};

/// Tag 0x0112 of the first image directory (TIFF 6.0, section 8; Exif 2.32, 4.6.4).
const ORIENTATION_TAG: u16 = 0x0112;
/// TIFF types of whole numbers by their bytes (TIFF 6.0, section 2). The standard has SHORT; some writers take another.
const BYTES: [u16; 2] = [1, 6];
const SHORTS: [u16; 2] = [3, 8];
const LONGS: [u16; 2] = [4, 9];

/// One of the eight ways a photo may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orientation {
    transposed: bool,
    flipped_x: bool,
    flipped_y: bool,
}

/// A rectangle in pixels; edges may lie between pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Pixels across.
    pub width: f64,
    /// Pixels down.
    pub height: f64,
}

impl Orientation {
    /// The orientation with EXIF value 1–8; any other value counts as 1, upright.
    #[must_use]
    pub fn from_value(value: u16) -> Self {
        let (transposed, flipped_x, flipped_y) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, true, false),
            7 => (true, true, true),
            8 => (true, false, true),
            _ => (false, false, false),
        };
        Self { transposed, flipped_x, flipped_y }
    }

    /// Reads the orientation out of an EXIF block, with or without its `Exif\0\0` head. A block that is damaged or has
    /// no such tag counts as upright: the pixels are fine without it.
    #[must_use]
    pub fn from_exif(block: &[u8]) -> Self {
        orientation_value(block.strip_prefix(b"Exif\0\0").unwrap_or(block)).map_or_else(Self::default, Self::from_value)
    }

    /// Width and height when upright, given those stored; and the other way round.
    #[must_use]
    pub fn turn_size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.transposed { (height, width) } else { (width, height) }
    }

    /// Where a region of the upright photo (`width` x `height`) lies in the stored one.
    #[must_use]
    pub fn stored_region(self, region: Region, width: f64, height: f64) -> Region {
        let x = if self.flipped_x { width - region.x - region.width } else { region.x };
        let y = if self.flipped_y { height - region.y - region.height } else { region.y };
        let (x, y) = self.turn_size((x, y));
        let (width, height) = self.turn_size((region.width, region.height));
        Region { x, y, width, height }
    }

    /// Turns stored pixels (`CHANNELS` bytes each, rows of `width`) upright.
    #[must_use]
    pub fn upright<const CHANNELS: usize>(self, stored: Vec<u8>, width: usize, height: usize) -> Vec<u8> {
        if self == Self::default() {
            return stored;
        }
        let (pixels, _) = stored.as_chunks::<CHANNELS>();
        let (upright_width, upright_height) = self.turn_size((width, height));
        let mut upright = Vec::with_capacity(stored.len());
        for y in 0..upright_height {
            let y = if self.flipped_y { upright_height - 1 - y } else { y };
            for x in 0..upright_width {
                let x = if self.flipped_x { upright_width - 1 - x } else { x };
                let (column, row) = self.turn_size((x, y));
                upright.extend_from_slice(&pixels[row * width + column]);
            }
        }
        upright
    }
}

fn orientation_value(tiff: &[u8]) -> Option<u16> {
    let little_endian = match tiff.get(..4)? {
        b"II\x2a\0" => true,
        b"MM\0\x2a" => false,
        _ => return None,
    };
    let u16_at = |offset: usize| {
        let bytes = tiff.get(offset..)?.first_chunk::<2>()?;
        Some(if little_endian { u16::from_le_bytes(*bytes) } else { u16::from_be_bytes(*bytes) })
    };
    let u32_at = |offset: usize| {
        let bytes = tiff.get(offset..)?.first_chunk::<4>()?;
        Some(if little_endian { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) })
    };
    let directory = u32_at(4)? as usize;
    let entry_count = usize::from(u16_at(directory)?);
    (0..entry_count).map_while(|index| directory.checked_add(2 + 12 * index)).find_map(|entry| {
        if u16_at(entry)? != ORIENTATION_TAG || u32_at(entry + 4)? != 1 {
            return None;
        }
        let value_at = entry + 8;
        match u16_at(entry + 2)? {
            kind if BYTES.contains(&kind) => tiff.get(value_at).copied().map(u16::from),
            kind if SHORTS.contains(&kind) => u16_at(value_at),
            kind if LONGS.contains(&kind) => u16::try_from(u32_at(value_at)?).ok(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(little_endian: bool, value: u16) -> Vec<u8> {
        exif_of_type(little_endian, 3, value)
    }

    /// An orientation of a TIFF type in its 4 bytes, behind another tag.
    fn exif_of_type(little_endian: bool, kind: u16, value: u16) -> Vec<u8> {
        let mut block = b"Exif\0\0".to_vec();
        let u16_bytes = |v: u16| if little_endian { v.to_le_bytes() } else { v.to_be_bytes() };
        let u32_bytes = |v: u32| if little_endian { v.to_le_bytes() } else { v.to_be_bytes() };
        block.extend_from_slice(if little_endian { b"II" } else { b"MM" });
        block.extend_from_slice(&u16_bytes(42));
        block.extend_from_slice(&u32_bytes(8));
        block.extend_from_slice(&u16_bytes(2));
        for (tag, tag_value) in [(0x010f, 7), (ORIENTATION_TAG, value)] {
            block.extend_from_slice(&u16_bytes(tag));
            block.extend_from_slice(&u16_bytes(kind));
            block.extend_from_slice(&u32_bytes(1));
            match kind {
                1 | 6 => block.extend([tag_value as u8, 0, 0, 0]),
                3 | 8 => block.extend([u16_bytes(tag_value), [0, 0]].as_flattened()),
                _ => block.extend_from_slice(&u32_bytes(tag_value.into())),
            }
        }
        block
    }

    #[test]
    fn the_tag_is_read_in_both_byte_orders_with_and_without_head() {
        for value in 1..=8 {
            for little_endian in [true, false] {
                let block = exif(little_endian, value);
                assert_eq!(Orientation::from_exif(&block), Orientation::from_value(value));
                assert_eq!(Orientation::from_exif(&block[6..]), Orientation::from_value(value));
            }
        }
    }

    #[test]
    fn every_type_of_whole_numbers_is_read_in_both_byte_orders() {
        for little_endian in [true, false] {
            for kind in [1, 3, 4, 6, 8, 9] {
                let block = exif_of_type(little_endian, kind, 6);
                assert_eq!(Orientation::from_exif(&block), Orientation::from_value(6), "type {kind}");
            }
            for kind in [0, 2, 5, 7, 10, 11, 12, 13] {
                let block = exif_of_type(little_endian, kind, 6);
                assert_eq!(Orientation::from_exif(&block), Orientation::default(), "type {kind}");
            }
        }
    }

    #[test]
    fn a_damaged_or_absent_value_counts_as_upright() {
        for value in [0, 9, u16::MAX] {
            assert_eq!(Orientation::from_exif(&exif(true, value)), Orientation::default());
        }
        let block = exif(true, 6);
        for length in 0..block.len() - 12 {
            assert_eq!(Orientation::from_exif(&block[..length]), Orientation::default(), "{length} bytes");
        }
    }

    /// The upright photo is the 3x2 picture `abc/def` in every case; the stored rows follow from the table of the
    /// Exif standard (0th row / 0th column).
    #[test]
    fn all_eight_orientations_turn_upright() {
        let cases: [(u16, &[u8], usize, usize); 8] = [
            (1, b"abcdef", 3, 2),
            (2, b"cbafed", 3, 2),
            (3, b"fedcba", 3, 2),
            (4, b"defabc", 3, 2),
            (5, b"adbecf", 2, 3),
            (6, b"cfbead", 2, 3),
            (7, b"fcebda", 2, 3),
            (8, b"daebfc", 2, 3),
        ];
        for (value, stored, width, height) in cases {
            let orientation = Orientation::from_value(value);
            assert_eq!(orientation.turn_size((width, height)), (3, 2), "orientation {value}");
            let upright = orientation.upright::<1>(stored.to_vec(), width, height);
            assert_eq!(upright, b"abcdef", "orientation {value}");
            let b_stored = orientation.stored_region(Region { x: 1.0, y: 0.0, width: 1.0, height: 1.0 }, 3.0, 2.0);
            let at = (b_stored.y as usize) * width + b_stored.x as usize;
            assert_eq!(stored[at], b'b', "orientation {value}");
        }
    }
}
