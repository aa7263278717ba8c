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

/// The lossless pixels and the losslessly coded alpha of the picture or of the first frame of an animation: their stream
/// behind its size, and their size.
pub fn lossless_streams(image: &[u8]) -> Vec<(&[u8], (u32, u32))> {
    let chunks = || Chunks(image.get(12..).unwrap_or_default());
    let size_of = |name: [u8; 4], offset| {
        chunks().find(|(kind, _)| *kind == name).and_then(|(_, payload)| size_24_bits(payload, offset))
    };
    let first_frame = chunks().find_map(|(kind, payload)| if kind == *b"ANMF" { payload.get(16..) } else { None });
    let levels = [(chunks(), size_of(*b"VP8X", 4)), (Chunks(first_frame.unwrap_or_default()), size_of(*b"ANMF", 6))];
    let mut streams = Vec::new();
    for (chunks, size) in levels {
        let first = |name: [u8; 4]| Chunks(chunks.0).find(|(kind, _)| *kind == name).map(|(_, payload)| payload);
        streams.extend(first(*b"VP8L").and_then(|payload| Some((payload.get(5..)?, size_of_lossless(payload)?))));
        // Alpha of method 1 (section 2.7.1.2).
        let alpha = first(*b"ALPH").filter(|payload| payload.first().is_some_and(|head| head & 3 == 1));
        streams.extend(alpha.and_then(|payload| Some((payload.get(1..)?, size?))));
    }
    streams
}

/// Whether the file is as long as its header says.
pub fn is_whole(image: &[u8]) -> bool {
    u32_at(image, 4).is_some_and(|riff_bytes| image.len() as u64 >= 8 + u64::from(riff_bytes))
}

/// Kind and payload of one chunk after the other.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        let [kind @ .., l0, l1, l2, l3] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        self.0 = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
        Some((kind, rest.get(..length).unwrap_or(rest)))
    }
}

fn collect(chunks: &[u8], sizes: &mut Vec<(u32, u32)>) {
    for (kind, payload) in Chunks(chunks) {
        match &kind {
            b"VP8X" => sizes.extend(size_24_bits(payload, 4)),
            b"VP8 " => sizes.extend(u32_at(payload, 6).map(|bits| (bits & 0x3fff, bits >> 16 & 0x3fff))),
            b"VP8L" => sizes.extend(size_of_lossless(payload)),
            b"ANMF" => {
                sizes.extend(size_24_bits(payload, 6));
                if let Some(frame) = payload.get(16..) {
                    collect(frame, sizes);
                }
            }
            _ => {}
        }
    }
}

fn size_of_lossless(payload: &[u8]) -> Option<(u32, u32)> {
    u32_at(payload, 1).map(|bits| (1 + (bits & 0x3fff), 1 + (bits >> 14 & 0x3fff)))
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
