//! Prints one line for each image file: its name, and the SHA-256 of the pixels or the error code. The WebAssembly build
//! has to print the same lines.
//!
//! `pixels SIDE MODE FILTER FILE…`: fitted to SIDE x SIDE by `stretch`, `center-crop` or `pad` with the filter
//! `antialias`, `bilinear` or `nearest`.

use std::process::ExitCode;

use menagerie_contract::{ImageLimits, InferOptions, InputSpec};
use menagerie_wasm::pipeline::preprocess;
use serde_json::json;
use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [side, mode, filter, files @ ..] = arguments.as_slice() else {
        eprintln!("usage: pixels SIDE stretch|center-crop|pad antialias|bilinear|nearest FILE…");
        return ExitCode::FAILURE;
    };
    let Some(input) = input_spec(side, mode, filter) else {
        eprintln!("{side} {mode} {filter} is no side, mode and filter; try: pixels 224 stretch antialias FILE…");
        return ExitCode::FAILURE;
    };
    let limits = ImageLimits { pixels_max: 64_000_000, side_pixels_max: 16_384 };
    let options =
        InferOptions { top_k: 1, score_threshold: 0.0, crop: None, picture: false, every_class: false, limits };
    for file in files {
        match std::fs::read(file) {
            Err(error) => println!("{file} {error}"),
            Ok(image) => match preprocess(&image, &input, &options, &|| 0.0) {
                Ok((_, pixels, _)) => println!("{file} {:x}", Sha256::digest(&pixels.bytes)),
                Err(error) => println!("{file} {}", error.code().as_str()),
            },
        }
    }
    ExitCode::SUCCESS
}

fn input_spec(side: &str, mode: &str, filter: &str) -> Option<InputSpec> {
    let side: u32 = side.parse().ok()?;
    let spec = json!({
        "tensor": "input", "dtype": "float32", "layout": "NHWC", "width": side, "height": side, "channels": 3,
        "channel_order": "RGB", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "resize": mode,
        "resize_filter": filter,
    });
    serde_json::from_value(spec).ok()
}
