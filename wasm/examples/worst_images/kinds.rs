//! All kinds of images that are searched.

use super::{bmp, gif, jpeg, png, recipe::Kind, webp, webp_lossless};

pub const KINDS: [Kind; 8] = [
    jpeg::BASELINE,
    jpeg::PROGRESSIVE,
    png::PNG,
    gif::GIF,
    bmp::PLAIN,
    bmp::RUNS,
    webp::LOSSY,
    webp_lossless::LOSSLESS,
];
