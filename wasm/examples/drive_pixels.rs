//! Decodes and resizes images in closed loops, for the bench: what the WebAssembly build does, compiled natively.
//!
//! `drive_pixels INPUT_SPEC_JSON`; each line on stdin is `CLIENTS MILLISECONDS FILE` and is answered by one line of JSON,
//! `{"wallMs", "latenciesMs"}`.

use std::{
    error::Error,
    io::{BufRead, stdin},
    thread,
    time::{Duration, Instant},
};

use menagerie_contract::{ImageLimits, InferOptions, InputSpec};
use menagerie_wasm::pipeline::preprocess;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let spec = std::env::args().nth(1).ok_or("usage: drive_pixels INPUT_SPEC_JSON")?;
    let input: InputSpec = serde_json::from_str(&spec)?;
    for line in stdin().lock().lines() {
        let line = line?;
        let [clients, milliseconds, file] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            return Err(format!("{line:?} is not CLIENTS MILLISECONDS FILE").into());
        };
        println!("{}", drive(&std::fs::read(file)?, &input, clients.parse()?, milliseconds.parse()?));
    }
    Ok(())
}

fn drive(image: &[u8], input: &InputSpec, clients: usize, milliseconds: u64) -> serde_json::Value {
    let start = Instant::now();
    let end = start + Duration::from_millis(milliseconds);
    let latencies_ms: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(|| drive_one(image, input, end))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    json!({ "wallMs": milliseconds_of(start.elapsed()), "latenciesMs": latencies_ms })
}

fn drive_one(image: &[u8], input: &InputSpec, end: Instant) -> Vec<f64> {
    let limits = ImageLimits { pixels_max: 64_000_000, side_pixels_max: 16_384 };
    let options =
        InferOptions { top_k: 1, score_threshold: 0.0, crop: None, picture: false, every_class: false, limits };
    let mut latencies_ms = Vec::new();
    while Instant::now() < end {
        let asked = Instant::now();
        if preprocess(image, input, &options, &|| 0.0).is_err() {
            break;
        }
        latencies_ms.push(milliseconds_of(asked.elapsed()));
    }
    latencies_ms
}

fn milliseconds_of(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
