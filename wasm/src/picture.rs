//! The pixels as people can look at them: a PNG in a data URL.

use base64::{Engine, engine::general_purpose::STANDARD};
use png::{BitDepth, ColorType, Compression, Encoder};

use crate::{error::Error, resize::Pixels};

/// `data:image/png;base64,…` of the pixels.
///
/// # Errors
/// [`Error::Internal`] when the pixels do not fill their size.
pub fn data_url(pixels: &Pixels) -> Result<String, Error> {
    let internal = |error: png::EncodingError| Error::Internal(format!("the picture cannot be written: {error}"));
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, pixels.width, pixels.height);
    encoder.set_color(if pixels.channels == 1 { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(internal)?;
    writer.write_image_data(&pixels.bytes).map_err(internal)?;
    writer.finish().map_err(internal)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(&file)))
}

#[cfg(test)]
mod tests {
    use menagerie_contract::ImageLimits;

    use super::*;
    use crate::decode::decode;

    #[test]
    fn the_picture_decodes_to_the_same_pixels() {
        let limits = ImageLimits { pixels_max: 100, side_pixels_max: 10 };
        for channels in [1, 3] {
            let bytes: Vec<u8> = (0..6 * channels as u8).collect();
            let url = data_url(&Pixels { width: 3, height: 2, channels, bytes: bytes.clone() }).unwrap();
            let file = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
            let rgb = if channels == 1 { bytes.iter().flat_map(|grey| [*grey; 3]).collect() } else { bytes };
            assert_eq!(decode(&file, &limits).unwrap().stored_rgb, rgb);
        }
    }
}
