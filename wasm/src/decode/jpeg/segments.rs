//! A JPEG file by its markers (ITU-T T.81, annex B), read as leniently as libjpeg does: what stands between two segments
//! and begins none is passed over.

/// Start of a scan.
pub const SCAN: u8 = 0xda;
const END: u8 = 0xd9;
const STUFFED: u8 = 0x00;
const TEMPORARY: u8 = 0x01;
const FILL: u8 = 0xff;
/// Restart markers count to eight and begin anew.
const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;

/// One segment of a file.
pub struct Segment<'a> {
    /// Second byte of its marker.
    pub marker: u8,
    /// What it holds, without its length.
    pub payload: &'a [u8],
    /// Of a scan: the coded bytes behind it, restart markers included.
    pub coded: &'a [u8],
}

/// The segments of a file up to its end marker. They are passed over by their length, so that the end of a thumbnail
/// inside of one does not count.
pub struct Segments<'a> {
    rest: &'a [u8],
    /// Whether the end marker has come.
    pub ended: bool,
}

impl<'a> Segments<'a> {
    pub fn of(image: &'a [u8]) -> Self {
        Self { rest: image.get(2..).unwrap_or_default(), ended: false }
    }

    fn segment(&mut self, marker: u8, tail: &'a [u8]) -> Option<Segment<'a>> {
        let length = usize::from(u16::from_be_bytes(*tail.first_chunk()?));
        let payload = tail.get(2..length)?;
        let (coded, rest) = tail[length..].split_at(if marker == SCAN { coded_bytes(&tail[length..]) } else { 0 });
        self.rest = rest;
        Some(Segment { marker, payload, coded })
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(offset) = memchr::memchr(0xff, self.rest) {
            self.rest = &self.rest[offset + 1..];
            match self.rest {
                [END, ..] => {
                    self.ended = true;
                    break;
                }
                [FILL, ..] => {}
                [STUFFED | TEMPORARY | 0xd0..=0xd8, tail @ ..] => self.rest = tail,
                [marker, tail @ ..] => return self.segment(*marker, tail),
                [] => break,
            }
        }
        None
    }
}

/// Bytes up to the next marker that restarts nothing, or to the end.
fn coded_bytes(rest: &[u8]) -> usize {
    memchr::memchr_iter(0xff, rest)
        .find(|at| rest.get(at + 1).is_some_and(|next| !matches!(*next, STUFFED | FILL) && !RESTARTS.contains(next)))
        .unwrap_or(rest.len())
}

/// The bytes of a scan without the zero that follows each 0xff, and its restart intervals among them.
pub struct Intervals {
    pub bytes: Vec<u8>,
    /// Where each interval ends, and the restart marker before it, counted from 0.
    ends: Vec<(usize, Option<u8>)>,
}

impl Intervals {
    /// `coded` is that of a [`Segment`].
    pub fn of(coded: &[u8]) -> Self {
        let (mut bytes, mut ends) = (Vec::with_capacity(coded.len()), Vec::new());
        let (mut rest, mut restart) = (coded, None);
        while let Some(offset) = memchr::memchr(0xff, rest) {
            let (plain, tail) = rest.split_at(offset);
            bytes.extend_from_slice(plain);
            rest = match tail {
                [_, STUFFED, rest @ ..] => {
                    bytes.push(0xff);
                    rest
                }
                [_, marker, rest @ ..] if RESTARTS.contains(marker) => {
                    ends.push((bytes.len(), restart));
                    restart = Some(marker - RESTARTS.start());
                    rest
                }
                [_, rest @ ..] => rest,
                [] => rest,
            };
        }
        bytes.extend_from_slice(rest);
        ends.push((bytes.len(), restart));
        Self { bytes, ends }
    }

    /// Where each interval lies, by its number. A marker that was lost leaves a gap and one too many is passed over, as in
    /// libjpeg (`jdmarker.c`, `jpeg_resync_to_restart`).
    pub fn placed(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> {
        let (mut start, mut next) = (0, 0);
        self.ends.iter().filter_map(move |(end, restart)| {
            let range = std::mem::replace(&mut start, *end)..*end;
            let expected = (next + 7) % 8;
            let ahead = restart.map_or(0, |restart| (usize::from(restart) + 8 - expected) % 8);
            let number = match ahead {
                1 | 2 => next + ahead,
                6 | 7 => return None,
                _ => next,
            };
            next = number + 1;
            Some((number, range))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_marker_counts_only_outside_of_segments() {
        let read = |image: &[u8]| {
            let mut segments = Segments::of(image);
            let markers: Vec<_> = segments.by_ref().map(|segment| (segment.marker, segment.coded.to_vec())).collect();
            (markers, segments.ended)
        };
        assert_eq!(read(b"\xff\xd8\xff\xe1\x00\x04\xff\xd9"), (vec![(0xe1, vec![])], false));
        let scan =
            b"\xff\xd8\xff\xe1\x00\x04\xff\xd9\xff\xc2\x00\x02\xff\xda\x00\x02\x11\xff\x00\x22\xff\xd0\x33\xff\xff\xd9";
        let coded = b"\x11\xff\x00\x22\xff\xd0\x33\xff".to_vec();
        assert_eq!(read(scan), (vec![(0xe1, vec![]), (0xc2, vec![]), (0xda, coded)], true));
        for length in 0..scan.len() {
            assert!(!read(&scan[..length]).1, "{length} bytes");
        }
    }

    #[test]
    fn intervals_are_told_apart_and_a_lost_marker_leaves_a_gap() {
        let numbers = |coded: &[u8]| {
            let intervals = Intervals::of(coded);
            intervals.placed().map(|(number, range)| (number, intervals.bytes[range].to_vec())).collect::<Vec<_>>()
        };
        let numbered = |numbers: &[(usize, &[u8])]| -> Vec<(usize, Vec<u8>)> {
            numbers.iter().map(|(number, bytes)| (*number, bytes.to_vec())).collect()
        };
        assert_eq!(
            numbers(b"\x01\xff\x00\xff\xd0\x02\xff\xff\xd1\x03"),
            numbered(&[(0, b"\x01\xff"), (1, b"\x02"), (2, b"\x03")])
        );
        assert_eq!(numbers(b"\x01\xff\xd1\x02\xff\xd2\x03"), numbered(&[(0, b"\x01"), (2, b"\x02"), (3, b"\x03")]));
        assert_eq!(numbers(b"\x01\xff\xd0\x02\xff\xd0\x03"), numbered(&[(0, b"\x01"), (1, b"\x02")]));
    }
}
