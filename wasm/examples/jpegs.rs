//! Writes large JPEG files of noise and waves, one for each way of storing colours: `jpegs WIDTH HEIGHT FOLDER`.

use std::{error::Error, path::Path};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [width, height, folder] = arguments.as_slice() else {
        return Err("usage: jpegs WIDTH HEIGHT FOLDER".into());
    };
    let (width, height): (u16, u16) = (width.parse()?, height.parse()?);
    let rgb = picture(width.into(), height.into());
    for (name, sampling, is_progressive) in [
        ("444", SamplingFactor::F_1_1, false),
        ("422", SamplingFactor::F_2_1, false),
        ("420", SamplingFactor::F_2_2, false),
        ("progressive", SamplingFactor::F_2_2, true),
    ] {
        let mut encoder = Encoder::new_file(Path::new(folder).join(format!("{name}.jpg")), 85)?;
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(is_progressive);
        encoder.encode(&rgb, width, height, ColorType::Rgb)?;
    }
    Ok(())
}

fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut rgb = Vec::with_capacity(3 * width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            let wave = (f64::from(x * x) / 9000.0).sin() * (f64::from(y * y) / 7000.0).cos();
            for channel in 1..4 {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                rgb.push((128.0 + 25.0 * f64::from(channel) * wave + f64::from(state >> 27)) as u8);
            }
        }
    }
    rgb
}
