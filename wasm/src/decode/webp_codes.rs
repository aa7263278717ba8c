//! How many groups of prefix codes the lossless pixels of a WebP file have, told before they are decoded: the decoder builds
//! tables of 20 kB and more for each, which take a file few bytes.
//!
//! Codes and images: RFC 9649, sections 3.4 to 3.7. Only the lengths of things are followed, since a copy or a colour of the
//! cache repeats a number of a group that has come before.

/// Groups that any picture may have. Encoders write some dozens, and at most one for each of 2600 tiles.
const GROUPS_FREE: u64 = 1024;
/// Pixels that pay for another one.
const PIXELS_PER_GROUP: u64 = 8192;

const LITERALS: u32 = 256;
const LENGTHS: u32 = 24;
const DISTANCES: u32 = 40;
const CODE_BITS_MAX: usize = 15;
/// The lengths of codes whose own lengths come first to last.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// The number of groups of a lossless stream behind its size, where that is more than its pixels are worth. `None` where it
/// is not, or the stream is damaged.
pub fn groups_in_excess(stream: &[u8], (width, height): (u32, u32)) -> Option<u64> {
    let groups = u64::from(groups(&mut Bits { bytes: stream, at: 0 }, width, height)?);
    (groups > GROUPS_FREE + u64::from(width) * u64::from(height) / PIXELS_PER_GROUP).then_some(groups)
}

fn groups(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    let (mut across, mut seen) = (width, [false; 4]);
    while bits.take(1)? == 1 {
        let kind = bits.take(2)? as usize;
        if std::mem::replace(&mut seen[kind], true) {
            return None;
        }
        match kind {
            0 | 1 => {
                read_blocks(bits, across, height)?;
            }
            3 => {
                let colors = bits.take(8)? + 1;
                read_image(bits, colors.into())?;
                across = across.div_ceil(match colors {
                    ..=2 => 8,
                    3..=4 => 4,
                    5..=16 => 2,
                    _ => 1,
                });
            }
            _ => {}
        }
    }
    if bits.take(1)? == 1 {
        bits.take(4)?;
    }
    if bits.take(1)? == 1 { Some(read_blocks(bits, across, height)? + 1) } else { Some(1) }
}

/// Passes an image with a pixel for each block, and gives the largest number in its red and green.
fn read_blocks(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    let side = 1 << (bits.take(3)? + 2);
    read_image(bits, u64::from(width.div_ceil(side)) * u64::from(height.div_ceil(side)))
}

fn read_image(bits: &mut Bits<'_>, pixel_count: u64) -> Option<u32> {
    let cached = if bits.take(1)? == 1 { 1 << bits.take(4)? } else { 0 };
    let green = Code::read(bits, LITERALS + LENGTHS + cached)?;
    let [red, blue, alpha] = [(); 3].map(|()| Code::read(bits, LITERALS));
    let (red, blue, alpha, distance) = (red?, blue?, alpha?, Code::read(bits, DISTANCES)?);
    let (mut pixels, mut largest) = (0, 0);
    while pixels < pixel_count {
        let symbol = green.symbol(bits)?;
        if symbol < LITERALS {
            largest = largest.max(red.symbol(bits)? << 8 | symbol);
            blue.symbol(bits)?;
            alpha.symbol(bits)?;
            pixels += 1;
        } else if symbol < LITERALS + LENGTHS {
            pixels += copied(bits, symbol - LITERALS)?;
            let symbol = distance.symbol(bits)?;
            copied(bits, symbol)?;
        } else {
            pixels += 1;
        }
    }
    Some(largest)
}

/// The number that a prefix and its bits stand for.
fn copied(bits: &mut Bits<'_>, prefix: u32) -> Option<u64> {
    if prefix < 4 {
        return Some(u64::from(prefix) + 1);
    }
    let count = (prefix - 2) >> 1;
    Some(u64::from(((2 + (prefix & 1)) << count) + bits.take(count)?) + 1)
}

/// A prefix code: by the next `bits` bits, the symbol that they begin with and its length.
struct Code {
    bits: u32,
    symbols: Vec<(u16, u8)>,
}

impl Code {
    fn read(bits: &mut Bits<'_>, alphabet: u32) -> Option<Self> {
        if bits.take(1)? == 1 {
            let has_two = bits.take(1)? == 1;
            let width = 1 + 7 * bits.take(1)?;
            let first = bits.take(width)? as u16;
            let second = if has_two { bits.take(8)? as u16 } else { first };
            let length = u8::from(has_two);
            return Some(Self {
                bits: length.into(),
                symbols: [(first, length), (second, length)][..1 << length].to_vec(),
            });
        }
        let mut lengths = [0; ORDER.len()];
        for place in &ORDER[..bits.take(4)? as usize + 4] {
            lengths[*place] = bits.take(3)? as u8;
        }
        let lengths = Self::of_lengths(&lengths)?.read_lengths(bits, alphabet as usize)?;
        Self::of_lengths(&lengths)
    }

    fn read_lengths(&self, bits: &mut Bits<'_>, alphabet: usize) -> Option<Vec<u8>> {
        let mut left = if bits.take(1)? == 1 {
            let width = 2 + 2 * bits.take(3)?;
            bits.take(width)? as usize + 2
        } else {
            alphabet
        };
        let (mut lengths, mut before) = (Vec::with_capacity(alphabet), 8);
        while lengths.len() < alphabet && left > 0 {
            left -= 1;
            let (length, count) = match self.symbol(bits)? {
                16 => (before, 3 + bits.take(2)?),
                17 => (0, 3 + bits.take(3)?),
                18 => (0, 11 + bits.take(7)?),
                length => (length as u8, 1),
            };
            before = if length > 0 { length } else { before };
            lengths.extend(std::iter::repeat_n(length, count as usize));
        }
        lengths.resize(alphabet.max(lengths.len()), 0);
        (lengths.len() == alphabet).then_some(lengths)
    }

    /// The canonical code of the lengths; `None` where they make none.
    fn of_lengths(lengths: &[u8]) -> Option<Self> {
        let longest = usize::from(*lengths.iter().max()?);
        let mut used = lengths.iter().enumerate().filter(|(_, length)| **length > 0);
        if let (Some((only, _)), None) = (used.next(), used.next()) {
            return Some(Self { bits: 0, symbols: vec![(only as u16, 0)] });
        }
        let mut symbols = vec![(0, 0); 1 << longest.min(CODE_BITS_MAX)];
        let mut code = 0_usize;
        for length in 1..=longest {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, own)| usize::from(**own) == length) {
                let first = code.reverse_bits() >> (usize::BITS as usize - length);
                if code >> length > 0 {
                    return None;
                }
                for place in symbols.iter_mut().skip(first).step_by(1 << length) {
                    *place = (symbol as u16, length as u8);
                }
                code += 1;
            }
            code <<= 1;
        }
        (longest > 0 && code == 2 << longest).then_some(Self { bits: longest as u32, symbols })
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        let (symbol, length) = *self.symbols.get(bits.peek(self.bits) as usize)?;
        bits.take(length.into())?;
        Some(symbol.into())
    }
}

/// Bits, from the lowest of the first byte on; zeros follow the last one.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits passed.
    at: usize,
}

impl Bits<'_> {
    /// At most 24 bits, not yet passed.
    fn peek(&self, count: u32) -> u32 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)),
        };
        word >> (self.at % 8) & ((1 << count) - 1)
    }

    /// At most 24 bits; `None` past the end.
    fn take(&mut self, count: u32) -> Option<u32> {
        let value = self.peek(count);
        self.at += count as usize;
        (self.at <= 8 * self.bytes.len()).then_some(value)
    }
}
