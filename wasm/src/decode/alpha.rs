//! Transparency: every pixel is composited on white, as a browser shows it on an empty page.

/// Turns RGBA pixels into opaque RGB in the same memory.
pub fn composite_rgba(mut pixels: Vec<u8>) -> Vec<u8> {
    let pixel_count = pixels.len() / 4;
    for index in 0..pixel_count {
        if let Some(&[red, green, blue, alpha]) = pixels.get(4 * index..).and_then(<[u8]>::first_chunk)
            && let Some(rgb) = pixels.get_mut(3 * index..).and_then(<[u8]>::first_chunk_mut)
        {
            *rgb = [red, green, blue].map(|channel| on_white(channel, alpha));
        }
    }
    pixels.truncate(3 * pixel_count);
    pixels
}

/// Turns pixels of grey and alpha into opaque RGB.
pub fn composite_grey_alpha(pixels: &[u8]) -> Vec<u8> {
    pixels.as_chunks::<2>().0.iter().flat_map(|&[grey, alpha]| [on_white(grey, alpha); 3]).collect()
}

/// Repeats a grey value as red, green and blue.
pub fn grey_to_rgb(pixels: &[u8]) -> Vec<u8> {
    pixels.iter().flat_map(|&grey| [grey; 3]).collect()
}

/// `channel * alpha + 255 * (1 - alpha)`, rounded to the nearest.
pub fn on_white(channel: u8, alpha: u8) -> u8 {
    let (channel, alpha) = (u32::from(channel), u32::from(alpha));
    ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_is_white_opaque_stays_and_half_is_between() {
        let pixels = vec![10, 20, 30, 0, 10, 20, 30, 255, 0, 100, 255, 128];
        assert_eq!(composite_rgba(pixels), [255, 255, 255, 10, 20, 30, 127, 177, 255]);
        assert_eq!(composite_grey_alpha(&[0, 255, 0, 0, 0, 128]), [0, 0, 0, 255, 255, 255, 127, 127, 127]);
        assert_eq!(grey_to_rgb(&[7, 9]), [7, 7, 7, 9, 9, 9]);
    }
}
