//! Tells photos apart by their mean colour. The model's file has a line for each class: its red, green and blue, 0–255.

use std::process::ExitCode;

use menagerie_wrapper::{LoadRequest, Model, ModelSpec, Problem, file_invalid, serve, spec};

/// Pixels of a side: what matters of a photo is small.
const SIDE: u32 = 16;

/// How fast the score of a class falls with its distance, in values of 0–255.
const SPREAD: f32 = 64.0;

struct Colours(Vec<[f32; 3]>);

impl Colours {
    fn load(file: &[u8], _: &LoadRequest) -> Result<Self, Problem> {
        let text = str::from_utf8(file).map_err(|_| file_invalid("the model's file is no text"))?;
        let colours: Option<Vec<[f32; 3]>> = text.lines().map(colour).collect();
        match colours {
            Some(colours) if !colours.is_empty() => Ok(Self(colours)),
            _ => Err(file_invalid("each line of the model's file must be three numbers, such as `255 0 0`")),
        }
    }
}

fn colour(line: &str) -> Option<[f32; 3]> {
    let numbers: Option<Vec<f32>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

impl Model for Colours {
    fn spec(&self) -> ModelSpec {
        spec(SIDE, SIDE, self.0.len() as u32)
    }

    fn scores(&self, pixels: &[u8]) -> Result<Vec<f32>, Problem> {
        let mut mean = [0.0; 3];
        for (index, value) in pixels.iter().enumerate() {
            mean[index % 3] += f32::from(*value) / (SIDE * SIDE) as f32;
        }
        let near = |colour: &[f32; 3]| {
            let distance: f32 = colour.iter().zip(mean).map(|(a, b)| ((a - b) / SPREAD).powi(2)).sum();
            (-distance).exp().max(f32::MIN_POSITIVE)
        };
        let nearness: Vec<f32> = self.0.iter().map(near).collect();
        let sum: f32 = nearness.iter().sum();
        Ok(nearness.iter().map(|near| near / sum).collect())
    }
}

fn main() -> ExitCode {
    serve("colours", env!("CARGO_PKG_VERSION"), Colours::load)
}
