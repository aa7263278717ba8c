//! Decode and resize against known pixels.

use crate::common::{LIMITS, SIZE, crc32, exif, files, input, jpeg, options, picture, png, webp};
use menagerie_wasm::{decode::decode, pipeline::preprocess};
use png::{BitDepth, ColorType};
use sha2::{Digest, Sha256};

fn rgb(file: &[u8]) -> Vec<u8> {
    decode(file, &LIMITS).unwrap().stored_rgb
}

fn grey_picture() -> Vec<u8> {
    (0..SIZE.0 * SIZE.1).map(|index| (index % 256) as u8).collect()
}

fn repeated(grey: &[u8]) -> Vec<u8> {
    grey.iter().flat_map(|value| [*value; 3]).collect()
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

#[test]
fn lossless_formats_give_the_pixels_that_were_written() {
    for (name, file) in files() {
        let photo = decode(&file, &LIMITS).unwrap();
        assert_eq!((photo.format.as_str(), photo.size()), (name, SIZE));
        let upright = photo.orientation.upright::<3>(photo.stored_rgb, SIZE.0 as usize, SIZE.1 as usize);
        let tolerance = match name {
            "jpeg" => 40,
            // Quantised to 0, 85, 170 and 255 by the test.
            "gif" => 63,
            _ => 0,
        };
        let difference = largest_difference(&upright, &picture());
        assert!(difference <= tolerance, "{name} is off by {difference}");
    }
}

#[test]
fn grey_and_sixteen_bit_png_become_rgb() {
    let grey = grey_picture();
    assert_eq!(rgb(&png(ColorType::Grayscale, BitDepth::Eight, &grey, |_| {})), repeated(&grey));
    let wide: Vec<u8> = picture().iter().flat_map(|value| [*value, 0x5a]).collect();
    assert_eq!(rgb(&png(ColorType::Rgb, BitDepth::Sixteen, &wide, |_| {})), picture());
    let wide_grey: Vec<u8> = grey.iter().flat_map(|value| [*value, 0xff]).collect();
    assert_eq!(rgb(&png(ColorType::Grayscale, BitDepth::Sixteen, &wide_grey, |_| {})), repeated(&grey));
}

#[test]
fn transparency_is_composited_on_white() {
    let pixel_count = (SIZE.0 * SIZE.1) as usize;
    let half = png(ColorType::Rgba, BitDepth::Eight, &[0, 100, 255, 128].repeat(pixel_count), |_| {});
    assert_eq!(rgb(&half), [127, 177, 255].repeat(pixel_count));
    let clear = png(ColorType::GrayscaleAlpha, BitDepth::Eight, &[9, 0].repeat(pixel_count), |_| {});
    assert_eq!(rgb(&clear), vec![255; 3 * pixel_count]);
    let indices: Vec<u8> = (0..pixel_count).map(|index| (index % 2) as u8).collect();
    let palette = png(ColorType::Indexed, BitDepth::Eight, &indices, |encoder| {
        encoder.set_palette(vec![1, 2, 3, 4, 5, 6]);
        encoder.set_trns(vec![255, 0]);
    });
    assert_eq!(rgb(&palette)[..6], [1, 2, 3, 255, 255, 255]);
}

#[test]
fn a_palette_of_fewer_than_eight_bits_is_expanded() {
    let row_bytes = SIZE.0.div_ceil(4) as usize;
    let file = png(ColorType::Indexed, BitDepth::Two, &vec![0b0001_1011; row_bytes * SIZE.1 as usize], |encoder| {
        encoder.set_palette(vec![0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30]);
    });
    assert_eq!(rgb(&file)[..12], [0, 0, 0, 10, 0, 0, 0, 20, 0, 0, 0, 30]);
}

#[test]
fn the_orientation_of_jpeg_png_and_webp_is_applied() {
    let app1 = [b"Exif\0\0".as_slice(), &exif(6)].concat();
    let length = ((app1.len() + 2) as u16).to_be_bytes();
    let jpeg = jpeg();
    let jpeg = [&jpeg[..2], b"\xff\xe1", &length, &app1, &jpeg[2..]].concat();

    let png = png(ColorType::Rgb, BitDepth::Eight, &picture(), |_| {});
    let head_bytes = 8 + 25;
    let chunk = [b"eXIf".as_slice(), &exif(6)].concat();
    let checksum = crc32(&chunk).to_be_bytes();
    let chunk_bytes = (exif(6).len() as u32).to_be_bytes();
    let png = [&png[..head_bytes], &chunk_bytes, &chunk, &checksum, &png[head_bytes..]].concat();

    let webp = webp();
    let canvas = [8, 0, 0, 0, (SIZE.0 - 1) as u8, 0, 0, (SIZE.1 - 1) as u8, 0, 0];
    let exif_bytes = (exif(6).len() as u32).to_le_bytes();
    let chunks = [b"WEBPVP8X\x0a\0\0\0", canvas.as_slice(), &webp[12..], b"EXIF", &exif_bytes, &exif(6)].concat();
    let webp = [b"RIFF", (chunks.len() as u32).to_le_bytes().as_slice(), &chunks].concat();

    for (name, file) in [("jpeg", jpeg), ("png", png), ("webp", webp)] {
        let photo = decode(&file, &LIMITS).unwrap();
        assert_eq!((photo.format.as_str(), photo.size()), (name, (SIZE.1, SIZE.0)));
        let upright = photo.orientation.upright::<3>(photo.stored_rgb, SIZE.0 as usize, SIZE.1 as usize);
        let top_right = 3 * (SIZE.1 as usize - 1);
        let expected = &picture()[..3];
        assert!(largest_difference(&upright[top_right..top_right + 3], expected) < 40, "{name}");
    }
}

/// The hashes are those of the build whose pixels lay within 4 of 255 levels of Pillow's on every intact photo and hard
/// image beside the project. A change means that every model sees other pixels than before.
#[test]
fn the_pixels_that_models_see_do_not_change() {
    let stored = include_str!("pixels.txt");
    let mut lines = Vec::new();
    for (name, file) in files() {
        for mode in ["stretch", "center-crop", "pad"] {
            for (side, channels) in [(16, 3), (48, 3), (28, 1)] {
                let (_, pixels, _) = preprocess(&file, &input(side, mode, channels), &options(), &|| 0.0).unwrap();
                lines.push(format!("{name} {mode} {side}x{side}x{channels} {:x}", Sha256::digest(&pixels.bytes)));
            }
        }
    }
    assert_eq!(lines, stored.lines().collect::<Vec<_>>(), "\n{}", lines.join("\n"));
}
