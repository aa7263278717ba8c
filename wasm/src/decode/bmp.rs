//! Windows and OS/2 bitmaps: 1 to 32 bits a pixel, palettes, bit fields, run-length coding.
//!
//! Alpha that is 0 in every pixel is an unused channel, as in the bitmaps of clipboards: they are opaque. In bitmaps alone; a
//! PNG, WebP or GIF without an opaque pixel is transparent, as browsers show it.
//!
//! Own code, because the crates that read them either bring a colour-management library along or misread padded rows.
//! Layout: "Bitmap Storage" and "BITMAPV5HEADER" in the Windows API reference.

use menagerie_contract::ImageLimits;

use super::{Format, Photo, alpha::on_white, bmp_runs, check_size, cut_off, undecodable};
use crate::{error::Error, orientation::Orientation};

/// Where the header after the 14 bytes of the file header begins.
const INFO_AT: usize = 14;
/// Where the masks of bit fields lie, inside a longer header or behind a short one.
const MASKS_AT: usize = INFO_AT + 40;

pub fn decode(image: &[u8], limits: &ImageLimits) -> Result<Photo, Error> {
    let (width, height) = size(image).ok_or_else(|| cut_off(Format::Bmp))?;
    check_size(Format::Bmp, width, height.unsigned_abs(), limits, image.len())?;
    let header = Header::read(image, width as usize, height)?;
    let stored_rgb = match header.coding {
        Coding::Plain => header.plain_pixels(image)?,
        Coding::Runs { nibbles } => {
            let runs = image.get(header.pixels_at..).ok_or_else(|| cut_off(Format::Bmp))?;
            let color = |index| header.palette_color(index);
            bmp_runs::pixels(runs, nibbles, header.width, header.height, color).ok_or_else(|| cut_off(Format::Bmp))?
        }
    };
    Ok(Photo {
        format: Format::Bmp,
        stored_width: width,
        stored_height: height.unsigned_abs(),
        orientation: if height < 0 { Orientation::default() } else { Orientation::from_value(FROM_THE_BOTTOM) },
        shrink: 1,
        stored_rgb,
    })
}

/// Rows of most bitmaps run from the bottom to the top: the EXIF orientation that is mirrored vertically.
const FROM_THE_BOTTOM: u16 = 4;

enum Coding {
    Plain,
    Runs { nibbles: bool },
}

struct Header {
    width: usize,
    height: usize,
    depth: usize,
    coding: Coding,
    /// Red, green, blue, alpha; for 16 and 32 bits.
    masks: [u32; 4],
    palette: Vec<[u8; 3]>,
    pixels_at: usize,
}

impl Header {
    fn read(image: &[u8], width: usize, height: i32) -> Result<Self, Error> {
        let ends = || cut_off(Format::Bmp);
        let info_bytes = u32_at(image, INFO_AT).ok_or_else(ends)? as usize;
        let is_core = info_bytes == 12;
        let depth = usize::from(u16_at(image, if is_core { 24 } else { 28 }).ok_or_else(ends)?);
        let compression = if info_bytes < 40 { 0 } else { u32_at(image, 30).ok_or_else(ends)? };
        let has_masks = matches!((compression, depth), (3 | 6, 16 | 32));
        let coding = match (compression, depth) {
            (0, 1 | 2 | 4 | 8 | 16 | 24 | 32) | (3 | 6, 16 | 32) => Coding::Plain,
            (1, 8) => Coding::Runs { nibbles: false },
            (2, 4) => Coding::Runs { nibbles: true },
            (4 | 5, _) => {
                return Err(Error::ImageUnsupported {
                    looks_like: "a BMP that wraps a JPEG or PNG".into(),
                    advice: "send the JPEG or PNG itself",
                });
            }
            _ => {
                return Err(undecodable(
                    Format::Bmp,
                    format!("it declares {depth} bits a pixel, coding {compression}"),
                ));
            }
        };
        let has_alpha = has_masks && (compression == 6 || info_bytes >= 56);
        let masks_behind = if has_masks && info_bytes == 40 { if has_alpha { 16 } else { 12 } } else { 0 };
        let masks = match (has_masks, depth) {
            (true, _) => {
                let mask = |index: usize| u32_at(image, MASKS_AT + 4 * index).ok_or_else(ends);
                [mask(0)?, mask(1)?, mask(2)?, if has_alpha { mask(3)? } else { 0 }]
            }
            (false, 16) => [0x1f << 10, 0x1f << 5, 0x1f, 0],
            (false, _) => [0xff << 16, 0xff << 8, 0xff, 0],
        };
        let used = if info_bytes < 40 { 0 } else { u32_at(image, 46).ok_or_else(ends)? as usize };
        let palette_at = INFO_AT + info_bytes + masks_behind;
        Ok(Self {
            width,
            height: height.unsigned_abs() as usize,
            depth,
            coding,
            masks,
            palette: palette(image.get(palette_at..).unwrap_or_default(), depth, used, if is_core { 3 } else { 4 }),
            pixels_at: u32_at(image, 10).ok_or_else(ends)? as usize,
        })
    }

    fn plain_pixels(mut self, image: &[u8]) -> Result<Vec<u8>, Error> {
        let row_bytes = (self.width * self.depth).div_ceil(8);
        let padded_row_bytes = row_bytes.next_multiple_of(4);
        let row = |y: usize| {
            let start = self.pixels_at.saturating_add(y * padded_row_bytes);
            image.get(start..).and_then(|rest| rest.get(..row_bytes)).ok_or_else(|| cut_off(Format::Bmp))
        };
        let rows: Vec<&[u8]> = (0..self.height).map(row).collect::<Result<_, _>>()?;
        let [.., alpha] = self.masks;
        if alpha != 0 && !rows.iter().any(|row| has_bits(row, self.depth, alpha)) {
            self.masks[3] = 0;
        }
        let mut rgb = Vec::with_capacity(3 * self.width * self.height);
        for row in rows {
            self.append_row(row, &mut rgb);
        }
        Ok(rgb)
    }

    fn append_row(&self, row: &[u8], rgb: &mut Vec<u8>) {
        match self.depth {
            24 => rgb.extend(row.as_chunks::<3>().0.iter().flat_map(|[blue, green, red]| [*red, *green, *blue])),
            32 => rgb.extend(row.as_chunks().0.iter().flat_map(|pixel| self.masked_color(u32::from_le_bytes(*pixel)))),
            16 => {
                let pixels = row.as_chunks().0.iter().map(|pixel| u32::from(u16::from_le_bytes(*pixel)));
                rgb.extend(pixels.flat_map(|pixel| self.masked_color(pixel)));
            }
            depth => {
                let per_byte = 8 / depth;
                let index_of = |x: usize| {
                    let shift = 8 - depth * (x % per_byte + 1);
                    row[x / per_byte] >> shift & (0xff >> (8 - depth)) as u8
                };
                rgb.extend((0..self.width).flat_map(|x| self.palette_color(index_of(x))));
            }
        }
    }

    /// The colour of an index; black where the palette is too short.
    fn palette_color(&self, index: u8) -> [u8; 3] {
        self.palette.get(usize::from(index)).copied().unwrap_or_default()
    }

    fn masked_color(&self, pixel: u32) -> [u8; 3] {
        let [red, green, blue, alpha] = self.masks;
        let opacity = if alpha == 0 { 255 } else { scaled(pixel, alpha) };
        [red, green, blue].map(|mask| on_white(scaled(pixel, mask), opacity))
    }
}

/// Whether a pixel of 16 or 32 bits has any of the bits of a mask.
fn has_bits(row: &[u8], depth: usize, mask: u32) -> bool {
    if depth == 16 {
        row.as_chunks().0.iter().any(|pixel| u32::from(u16::from_le_bytes(*pixel)) & mask != 0)
    } else {
        row.as_chunks().0.iter().any(|pixel| u32::from_le_bytes(*pixel) & mask != 0)
    }
}

/// The bits of `pixel` under `mask`, scaled to 0–255 and rounded to the nearest.
fn scaled(pixel: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let shift = mask.trailing_zeros();
    let (value, max) = (u64::from((pixel & mask) >> shift), u64::from(mask >> shift));
    ((value * 255 + max / 2) / max) as u8
}

fn palette(bytes: &[u8], depth: usize, used: usize, entry_bytes: usize) -> Vec<[u8; 3]> {
    if depth > 8 {
        return Vec::new();
    }
    let color_count = if used == 0 { 1 << depth } else { used.min(1 << depth) };
    let color = |entry: &[u8]| match entry {
        [blue, green, red, ..] => [*red, *green, *blue],
        _ => [0; 3],
    };
    bytes.chunks_exact(entry_bytes).take(color_count).map(color).collect()
}

/// Width and height; a negative height means rows from top to bottom.
fn size(image: &[u8]) -> Option<(u32, i32)> {
    if u32_at(image, INFO_AT)? == 12 {
        return Some((u32::from(u16_at(image, 18)?), i32::from(u16_at(image, 20)?)));
    }
    let height = u32_at(image, 22)?.cast_signed();
    Some((u32_at(image, 18)?.cast_signed().max(0).cast_unsigned(), height))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|field| u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ImageLimits = ImageLimits { pixels_max: 100, side_pixels_max: 50 };

    /// A bitmap with an information header of 40 bytes; `extra` are masks or a palette.
    fn bitmap(width: i32, height: i32, depth: u16, compression: u32, extra: &[u8], pixels: &[u8]) -> Vec<u8> {
        let pixels_at = (54 + extra.len()) as u32;
        let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
        file.extend(pixels_at.to_le_bytes());
        file.extend(40u32.to_le_bytes());
        file.extend(width.to_le_bytes());
        file.extend(height.to_le_bytes());
        file.extend([1, 0]);
        file.extend(depth.to_le_bytes());
        file.extend(compression.to_le_bytes());
        file.extend([0; 20]);
        file.extend(extra);
        file.extend(pixels);
        file
    }

    fn upright(file: &[u8]) -> Vec<u8> {
        let photo = decode(file, &LIMITS).unwrap();
        photo.orientation.upright::<3>(photo.stored_rgb, photo.stored_width as usize, photo.stored_height as usize)
    }

    #[test]
    fn rows_are_padded_to_four_bytes_and_run_upwards_unless_the_height_is_negative() {
        let rows = [1, 2, 3, 0, 4, 5, 6, 0];
        assert_eq!(upright(&bitmap(1, 2, 24, 0, &[], &rows)), [6, 5, 4, 3, 2, 1]);
        assert_eq!(upright(&bitmap(1, -2, 24, 0, &[], &rows)), [3, 2, 1, 6, 5, 4]);
    }

    #[test]
    fn indices_of_one_to_eight_bits_are_looked_up() {
        let palette = [10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 0, 0, 0];
        let blues = |file: &[u8]| upright(file).chunks(3).map(|pixel| pixel[2]).collect::<Vec<_>>();
        assert_eq!(blues(&bitmap(3, 1, 1, 0, &palette[..8], &[0b0100_0000, 0, 0, 0])), [10, 20, 10]);
        assert_eq!(blues(&bitmap(5, 1, 2, 0, &palette, &[0b0001_1011, 0b1100_0000, 0, 0])), [10, 20, 30, 40, 40]);
        let mut sixteen = palette.to_vec();
        sixteen.resize(64, 0);
        assert_eq!(blues(&bitmap(3, 1, 4, 0, &sixteen, &[0x31, 0x0f, 0, 0])), [40, 20, 10]);
    }

    #[test]
    fn bit_fields_are_scaled_and_their_alpha_is_composited() {
        let masks: Vec<u8> = [0xf800u32, 0x07e0, 0x001f].iter().flat_map(|mask| mask.to_le_bytes()).collect();
        let pixels = [0xff, 0xff, 0x00, 0xf8];
        assert_eq!(upright(&bitmap(2, 1, 16, 3, &masks, &pixels)), [255, 255, 255, 255, 0, 0]);
        assert_eq!(upright(&bitmap(1, 1, 16, 0, &[], &[0x00, 0x7c, 0, 0])), [255, 0, 0]);
        let masks: Vec<u8> =
            [0xffu32, 0xff00, 0x00ff_0000, 0xff00_0000].iter().flat_map(|mask| mask.to_le_bytes()).collect();
        assert_eq!(upright(&bitmap(2, 1, 32, 6, &masks, &[10, 20, 30, 0, 1, 2, 3, 1]))[..3], [255; 3]);
        assert_eq!(upright(&bitmap(1, 1, 32, 0, &[], &[10, 20, 30, 0])), [30, 20, 10]);
    }

    #[test]
    fn alpha_that_is_0_everywhere_is_an_unused_channel() {
        let masks = |masks: [u32; 4]| masks.map(u32::to_le_bytes).as_flattened().to_vec();
        let deep = masks([0xff_0000, 0xff00, 0xff, 0xff00_0000]);
        assert_eq!(upright(&bitmap(2, 1, 32, 6, &deep, &[10, 20, 30, 0, 1, 2, 3, 0])), [30, 20, 10, 3, 2, 1]);
        let shallow = masks([0x7c00, 0x3e0, 0x1f, 0x8000]);
        assert_eq!(upright(&bitmap(2, 1, 16, 6, &shallow, &[0x1f, 0, 0, 0x7c])), [0, 0, 255, 255, 0, 0]);
        assert_eq!(upright(&bitmap(2, 1, 16, 6, &shallow, &[0x1f, 0x80, 0, 0x7c])), [0, 0, 255, 255, 255, 255]);
    }

    #[test]
    fn odd_depths_and_wrapped_files_are_refused() {
        let code = |file: &[u8]| decode(file, &LIMITS).unwrap_err().code().as_str();
        assert_eq!(code(&bitmap(1, 1, 66, 0, &[], &[0; 4])), "image_undecodable");
        assert_eq!(code(&bitmap(1, 1, 0, 5, &[], &[0; 4])), "image_unsupported");
        assert_eq!(code(&bitmap(-1, 1, 24, 0, &[], &[0; 4])), "image_undecodable");
        assert_eq!(code(&bitmap(51, 1, 24, 0, &[], &[0; 4])), "image_too_large");
        assert_eq!(code(&bitmap(1, i32::MIN, 24, 0, &[], &[0; 4])), "image_too_large");
    }
}
