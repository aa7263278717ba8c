//! Every size that a WebP file declares before its pixels: the canvas, and each frame's own.
//!
//! The decoder checks a frame against the canvas only after decoding it, so a small canvas could hide a giant frame.
//! Container: RFC 9649, sections 2.3–2.7; frame headers: RFC 6386, section 9.1, and RFC 9649, section 3.4.

/// The declared sizes in pixels, as far as the file goes.
pub fn declared_sizes(image: &[u8]) -> Vec<(u32, u32)> {
    let mut sizes = Vec::new();
    collect(image.get(12..).unwrap_or_default(), &mut sizes);
    sizes
}

/// Whether the file is as long as its header says.
pub fn is_whole(image: &[u8]) -> bool {
    u32_at(image, 4).is_some_and(|riff_bytes| image.len() as u64 >= 8 + u64::from(riff_bytes))
}

fn collect(mut chunks: &[u8], sizes: &mut Vec<(u32, u32)>) {
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let [kind @ .., l0, l1, l2, l3] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let payload = rest.get(..length).unwrap_or(rest);
        match &kind {
            b"VP8X" => sizes.extend(size_24_bits(payload, 4)),
            b"VP8 " => sizes.extend(u32_at(payload, 6).map(|bits| (bits & 0x3fff, bits >> 16 & 0x3fff))),
            b"VP8L" => sizes.extend(u32_at(payload, 1).map(|bits| (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))),
            b"ANMF" => {
                sizes.extend(size_24_bits(payload, 6));
                if let Some(frame) = payload.get(16..) {
                    collect(frame, sizes);
                }
            }
            _ => {}
        }
        chunks = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
}

/// Width and height minus one, 24 bits each.
fn size_24_bits(payload: &[u8], offset: usize) -> Option<(u32, u32)> {
    let [w0, w1, w2, h0, h1, h2] = *payload.get(offset..)?.first_chunk()?;
    Some((1 + u32::from_le_bytes([w0, w1, w2, 0]), 1 + u32::from_le_bytes([h0, h1, h2, 0])))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn riff(chunks: &[u8]) -> Vec<u8> {
        let length = (4 + chunks.len() as u32).to_le_bytes();
        [b"RIFF", length.as_slice(), b"WEBP", chunks].concat()
    }

    #[test]
    fn a_frame_that_is_larger_than_its_canvas_is_seen() {
        let canvas = b"VP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x13\0\0";
        let lossy = b"VP8 \x0a\0\0\0\x10\0\0\x9d\x01\x2a\xff\x3f\xfe\x3f";
        assert_eq!(declared_sizes(&riff(&[canvas.as_slice(), lossy].concat())), [(10, 20), (16383, 16382)]);
    }

    #[test]
    fn frames_of_an_animation_are_seen() {
        let lossless = b"VP8L\x05\0\0\0\x2f\x02\x40\x00\x00\0";
        let frame_bytes = (16 + lossless.len() as u32).to_le_bytes();
        let frame = [b"ANMF", frame_bytes.as_slice(), &[0; 6], b"\x04\0\0\x05\0\0\0\0\0\0", lossless].concat();
        assert_eq!(declared_sizes(&riff(&frame)), [(5, 6), (3, 2)]);
    }

    #[test]
    fn a_file_shorter_than_its_header_says_is_not_whole() {
        let whole = riff(b"VP8L\x05\0\0\0\x2f\0\0\0\0\0");
        assert!(is_whole(&whole));
        for length in 0..whole.len() {
            assert!(!is_whole(&whole[..length]), "{length} bytes");
        }
    }
}
