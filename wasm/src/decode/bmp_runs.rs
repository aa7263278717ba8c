//! Run-length coded bitmaps ("Bitmap Compression" in the Windows API reference).

/// Decodes runs of 8-bit indices, or of 4-bit ones (`nibbles`), into RGB rows in stored order. Pixels that are skipped
/// are white; what reaches out is left out. `None` when the runs end before the bitmap does.
pub fn pixels(
    mut runs: &[u8],
    nibbles: bool,
    width: usize,
    height: usize,
    color: impl Fn(u8) -> [u8; 3],
) -> Option<Vec<u8>> {
    let mut canvas = Canvas { rgb: vec![255; 3 * width * height], width, x: 0, y: 0 };
    while canvas.y < height {
        let [count, value] = *runs.first_chunk()?;
        runs = &runs[2..];
        match (count, value) {
            (0, 0) => canvas.move_by(0, 1, true),
            (0, 1) => break,
            (0, 2) => {
                let [right, down] = *runs.first_chunk()?;
                runs = &runs[2..];
                canvas.move_by(usize::from(right), usize::from(down), false);
            }
            (0, literal_count) => {
                let literal_count = usize::from(literal_count);
                let bytes = if nibbles { literal_count.div_ceil(2) } else { literal_count };
                let literals = runs.get(..bytes)?;
                let value = |index| if nibbles { nibble(literals[index / 2], index) } else { literals[index] };
                canvas.put(literal_count, |index| color(value(index)));
                runs = runs.get(bytes.next_multiple_of(2)..)?;
            }
            (count, value) => {
                canvas.put(count.into(), |index| color(if nibbles { nibble(value, index) } else { value }));
            }
        }
    }
    Some(canvas.rgb)
}

/// The high half of a byte for even positions, the low half for odd ones.
fn nibble(byte: u8, index: usize) -> u8 {
    if index.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
}

struct Canvas {
    rgb: Vec<u8>,
    width: usize,
    x: usize,
    y: usize,
}

impl Canvas {
    /// Writes pixels by their place in the run as far as the line goes: no pixel is written twice, and what lies beyond
    /// costs nothing.
    fn put(&mut self, count: usize, color: impl Fn(usize) -> [u8; 3]) {
        let end = self.width.min(self.x + count);
        if self.x < end {
            let start = self.y * self.width;
            let pixels = self.rgb.get_mut(3 * (start + self.x)..3 * (start + end)).unwrap_or_default();
            pixels.as_chunks_mut().0.iter_mut().enumerate().for_each(|(index, pixel)| *pixel = color(index));
        }
        self.x = end;
    }

    fn move_by(&mut self, right: usize, down: usize, to_line_start: bool) {
        self.x = if to_line_start { 0 } else { self.x + right };
        self.y += down;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(runs: &[u8], nibbles: bool) -> Option<Vec<u8>> {
        let rgb = pixels(runs, nibbles, 4, 2, |index| [index; 3])?;
        Some(rgb.chunks(3).map(|pixel| pixel[0]).collect())
    }

    #[test]
    fn runs_literals_and_jumps_fill_the_rows() {
        let runs = [2, 7, 0, 0, 0, 3, 1, 2, 3, 0, 0, 1];
        assert_eq!(indices(&runs, false), Some(vec![7, 7, 255, 255, 1, 2, 3, 255]));
        let nibbles = [3, 0x12, 0, 0, 0, 4, 0x34, 0x56, 0, 1];
        assert_eq!(indices(&nibbles, true), Some(vec![1, 2, 1, 255, 3, 4, 5, 6]));
        assert_eq!(indices(&[0, 2, 1, 1, 1, 9, 0, 1], false), Some(vec![255, 255, 255, 255, 255, 9, 255, 255]));
    }

    #[test]
    fn what_reaches_out_is_left_out_and_an_early_end_is_seen() {
        assert_eq!(indices(&[9, 1, 0, 2, 0, 200], false), Some(vec![1, 1, 1, 1, 255, 255, 255, 255]));
        let runs = [2, 7, 0, 3, 1, 2, 3, 0, 0, 0, 4, 4, 0, 1];
        for length in 0..runs.len() {
            assert_eq!(indices(&runs[..length], false), None, "{length} bytes");
        }
    }
}
