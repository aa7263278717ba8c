//! Images made by the tests, and the places of those that lie beside the project.

use std::path::PathBuf;

use menagerie_contract::{ImageLimits, InferOptions, InputSpec};
use serde_json::json;

/// Across and down of [`picture`].
pub const SIZE: (u32, u32) = (37, 23);

pub const LIMITS: ImageLimits = ImageLimits { pixels_max: 64_000_000, side_pixels_max: 16_384 };

/// RGB of a smooth picture without symmetry: red grows to the right, green downwards, blue along the diagonal.
pub fn picture() -> Vec<u8> {
    let (width, height) = SIZE;
    let pixel = |x, y| [(x * 255 / (width - 1)) as u8, (y * 255 / (height - 1)) as u8, ((x + y) * 4) as u8];
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

/// The formats that are decoded, by the name in the answer.
pub fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("jpeg", jpeg()),
        ("png", png(png::ColorType::Rgb, png::BitDepth::Eight, &picture(), |_| {})),
        ("webp", webp()),
        ("gif", gif()),
        ("bmp", bmp()),
    ]
}

pub fn jpeg() -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.encode(&picture(), SIZE.0 as u16, SIZE.1 as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    file
}

pub fn webp() -> Vec<u8> {
    let mut file = Vec::new();
    image_webp::WebPEncoder::new(&mut file).encode(&picture(), SIZE.0, SIZE.1, image_webp::ColorType::Rgb8).unwrap();
    file
}

/// Two bits of each channel, so that 64 colours are enough.
pub fn gif() -> Vec<u8> {
    let palette: Vec<u8> =
        (0..64u8).flat_map(|color| [(color >> 4) & 3, (color >> 2) & 3, color & 3].map(|bits| bits * 85)).collect();
    let indices: Vec<u8> =
        picture().as_chunks::<3>().0.iter().map(|[r, g, b]| ((r / 64) << 4) | ((g / 64) << 2) | (b / 64)).collect();
    let frame = gif::Frame::from_indexed_pixels(SIZE.0 as u16, SIZE.1 as u16, indices, None);
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, SIZE.0 as u16, SIZE.1 as u16, &palette).unwrap();
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    file
}

pub fn bmp() -> Vec<u8> {
    let (width, height) = SIZE;
    let row_bytes = (3 * width).next_multiple_of(4) as usize;
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend([width.to_le_bytes(), height.to_le_bytes(), [1, 0, 24, 0]].as_flattened());
    file.extend([0; 24]);
    for row in picture().rchunks_exact(3 * width as usize) {
        let mut bytes: Vec<u8> = row.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*b, *g, *r]).collect();
        bytes.resize(row_bytes, 0);
        file.extend(bytes);
    }
    file
}

pub fn png(
    color: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
    set: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIZE.0, SIZE.1);
    encoder.set_color(color);
    encoder.set_depth(depth);
    set(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    file
}

/// An EXIF block with nothing but an orientation.
pub fn exif(orientation: u8) -> Vec<u8> {
    let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
    [b"II\x2a\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat()
}

pub fn options() -> InferOptions {
    InferOptions { top_k: 5, score_threshold: 0.0, crop: None, picture: false, every_class: false, limits: LIMITS }
}

pub fn input(side: u32, resize: &str, channels: u32) -> InputSpec {
    let spec = json!({
        "tensor": "input", "dtype": "float32", "layout": "NHWC", "width": side, "height": side, "channels": channels,
        "channel_order": if channels == 1 { "GRAY" } else { "RGB" }, "mean": vec![0.0; channels as usize],
        "std": vec![1.0; channels as usize], "resize": resize,
    });
    serde_json::from_value(spec).unwrap()
}

/// CRC-32 as PNG chunks carry it (PNG, third edition, annex D).
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A folder of images beside the project; `None`, with the reason printed, where it is absent.
pub fn beside_the_project(folder: &str) -> Option<PathBuf> {
    let place = std::env::var_os("MENAGERIE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from)
        .join(folder);
    if place.is_dir() {
        return Some(place);
    }
    println!("skipped: there is no {} (set MENAGERIE_SHARED)", place.display());
    None
}
