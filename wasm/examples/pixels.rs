//! Prints one line for each image file: its name, and the SHA-256 of the pixels or the error code. The WebAssembly build
//! has to print the same lines.
//!
//! `pixels SIDE MODE FILE…`: fitted to SIDE x SIDE by `stretch`, `center-crop` or `pad`.

use std::process::ExitCode;

use menagerie_contract::{ImageLimits, InferOptions, InputSpec};
use menagerie_wasm::pipeline::{preprocess, sha256};
use serde_json::json;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [side, mode, files @ ..] = arguments.as_slice() else {
        eprintln!("usage: pixels SIDE stretch|center-crop|pad FILE…");
        return ExitCode::FAILURE;
    };
    let Some(input) = input_spec(side, mode) else {
        eprintln!("{side} {mode} is no side and mode; try: pixels 224 stretch FILE…");
        return ExitCode::FAILURE;
    };
    let limits = ImageLimits { pixels_max: 64_000_000, side_pixels_max: 16_384 };
    let options = InferOptions { top_k: 1, score_threshold: 0.0, crop: None, picture: false, limits };
    for file in files {
        match std::fs::read(file) {
            Err(error) => println!("{file} {error}"),
            Ok(image) => match preprocess(&image, &input, &options, &|| 0.0) {
                Ok((_, pixels, _)) => println!("{file} {}", sha256(&pixels)),
                Err(error) => println!("{file} {}", error.code().as_str()),
            },
        }
    }
    ExitCode::SUCCESS
}

fn input_spec(side: &str, mode: &str) -> Option<InputSpec> {
    let side: u32 = side.parse().ok()?;
    let spec = json!({
        "tensor": "input", "dtype": "float32", "layout": "NHWC", "width": side, "height": side, "channels": 3,
        "channel_order": "RGB", "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "resize": mode,
    });
    serde_json::from_value(spec).ok()
}
