//! Huffman codes, and the bits that they are read from (ITU-T T.81, annexes C and F).

use super::idct::BLOCK;

/// Bits that one look into a table covers; longer codes are rare.
const LOOK_BITS: u32 = 11;
const LOOKS: usize = 1 << LOOK_BITS;
const CODE_BITS_MAX: u32 = 16;

/// A code with the number that follows it, in one word: bits of both together, at most 31, or 0 for a code that a look
/// does not tell; from bit 8 on bits of the number; from bit 16 on coefficients from the one before to this one.
#[derive(Clone, Copy, Default)]
pub struct Symbol(u32);

impl Symbol {
    /// The advance of the code that ends a block: beyond what any run reaches.
    pub const END: usize = 2 * BLOCK;

    fn new(bits: u32, value_bits: u32, advance: u32) -> Self {
        Self(bits | value_bits << 8 | advance << 16)
    }

    /// T.81, F.1.2.1.
    fn of_difference(byte: u8, code_bits: u32) -> Option<Self> {
        let value_bits = u32::from(byte);
        (byte < 16).then_some(Self::new(code_bits + value_bits, value_bits, 0))
    }

    /// T.81, F.1.2.2: the high half is the run of zeros before, the low half the bits of the number.
    fn of_coefficient(byte: u8, code_bits: u32) -> Option<Self> {
        let (run, value_bits) = (u32::from(byte >> 4), u32::from(byte & 15));
        let advance = match (run, value_bits) {
            (0, 0) => Self::END as u32,
            (1..15, 0) => return None,
            _ => run + 1,
        };
        Some(Self::new(code_bits + value_bits, value_bits, advance))
    }

    /// T.81, G.1.2.2: as in a sequential file, but that a run of less than 15 without a number is the number of bits that
    /// tell how many blocks end.
    fn of_band(byte: u8, code_bits: u32) -> Option<Self> {
        match (u32::from(byte >> 4), byte & 15) {
            (run @ 0..15, 0) => Some(Self::new(code_bits + run, run, Self::END as u32)),
            _ => Self::of_coefficient(byte, code_bits),
        }
    }

    fn bits(self) -> u32 {
        self.0 & 31
    }

    /// Bits of the number behind the code.
    pub fn value_bits(self) -> u32 {
        self.0 >> 8 & 15
    }

    /// Coefficients from the one before to this one; 0 where a leap tells nothing.
    pub fn advance(self) -> usize {
        (self.0 >> 16) as usize
    }
}

/// The codes of one table.
pub struct Table {
    meaning: fn(u8, u32) -> Option<Symbol>,
    /// By the next `LOOK_BITS` bits: the symbol that they start with.
    looks: Box<[Symbol; LOOKS]>,
    /// By length: one past the last code, moved to the top of 16 bits.
    ends: [u32; CODE_BITS_MAX as usize + 1],
    /// By length: what leads from a code to its place among the bytes.
    offsets: [u32; CODE_BITS_MAX as usize + 1],
    bytes: Vec<u8>,
}

impl Table {
    /// Codes of the differences between first coefficients. `counts` is by length from 1 bit, `bytes` in order of codes.
    pub fn of_differences(counts: &[u8; 16], bytes: &[u8]) -> Option<Self> {
        Self::new(counts, bytes, Symbol::of_difference)
    }

    /// Codes of the other coefficients.
    pub fn of_coefficients(counts: &[u8; 16], bytes: &[u8]) -> Option<Self> {
        Self::new(counts, bytes, Symbol::of_coefficient)
    }

    /// Codes of the coefficients of a progressive file.
    pub fn of_bands(counts: &[u8; 16], bytes: &[u8]) -> Option<Self> {
        Self::new(counts, bytes, Symbol::of_band)
    }

    fn new(counts: &[u8; 16], bytes: &[u8], meaning: fn(u8, u32) -> Option<Symbol>) -> Option<Self> {
        let mut table = Self {
            meaning,
            looks: Box::new([Symbol::default(); LOOKS]),
            ends: [0; CODE_BITS_MAX as usize + 1],
            offsets: [0; CODE_BITS_MAX as usize + 1],
            bytes: bytes.to_vec(),
        };
        let (mut code, mut place) = (0_u32, 0_u32);
        for (code_bits, count) in (1..).zip(counts) {
            table.offsets[code_bits as usize] = place.wrapping_sub(code);
            for _ in 0..*count {
                if let Some(spare_bits) = LOOK_BITS.checked_sub(code_bits) {
                    let start = (code << spare_bits) as usize;
                    let symbol = meaning(*bytes.get(place as usize)?, code_bits).unwrap_or_default();
                    table.looks.get_mut(start..start + (1 << spare_bits))?.fill(symbol);
                }
                code += 1;
                place += 1;
            }
            if code > 1 << code_bits {
                return None;
            }
            table.ends[code_bits as usize] = code << (CODE_BITS_MAX - code_bits);
            code <<= 1;
        }
        Some(table)
    }

    /// By the bits of a look: all symbols in one whose codes are among them, up to the end of a block.
    pub fn leaps(&self) -> Vec<Symbol> {
        (0..self.looks.len()).map(|look| self.leap(look)).collect()
    }

    fn leap(&self, look: usize) -> Symbol {
        let mut leap = Symbol::default();
        loop {
            let next = self.looks[look << leap.bits() & (self.looks.len() - 1)];
            let code_bits = leap.bits() + next.bits() - next.value_bits();
            let advance = leap.advance() + next.advance();
            if next.bits() == 0 || code_bits > LOOK_BITS || advance % Symbol::END >= BLOCK {
                return leap;
            }
            leap = Symbol::new(leap.bits() + next.bits(), 0, advance as u32);
            if leap.bits() >= LOOK_BITS || advance >= Symbol::END {
                return leap;
            }
        }
    }

    /// Any code, by the next 16 bits.
    #[cold]
    fn search(&self, next: u32) -> Option<Symbol> {
        let code_bits = (1..=CODE_BITS_MAX).find(|bits| next < self.ends[*bits as usize])?;
        let place = (next >> (CODE_BITS_MAX - code_bits)).wrapping_add(self.offsets[code_bits as usize]);
        (self.meaning)(*self.bytes.get(place as usize)?, code_bits)
    }
}

/// Bits, from the highest of the first byte on; zeros follow the last one.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    /// Bytes taken into the window.
    taken: usize,
    /// The next bits, the first one highest.
    window: u64,
    /// Bits in the window.
    ready: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0, window: 0, ready: 0 }
    }

    /// Whether more bits were passed than there are.
    pub fn overrun(&self) -> bool {
        8 * self.taken > 8 * self.bytes.len() + self.ready as usize
    }

    /// The next symbol, not yet passed; `None` for bits that are no code.
    #[inline]
    pub fn symbol(&mut self, table: &Table) -> Option<Symbol> {
        self.fill();
        let symbol = table.looks[(self.window >> (64 - LOOK_BITS)) as usize];
        if symbol.bits() > 0 { Some(symbol) } else { table.search((self.window >> (64 - CODE_BITS_MAX)) as u32) }
    }

    /// The next symbols as one, not yet passed; with an advance of 0 where there is none.
    #[inline]
    pub fn leap(&mut self, leaps: &[Symbol]) -> Symbol {
        self.fill();
        leaps.get((self.window >> (64 - LOOK_BITS)) as usize).copied().unwrap_or_default()
    }

    /// Passes a symbol and gives its number (T.81, F.2.2.1: the lower half of its range stands for negative ones).
    #[inline]
    pub fn take(&mut self, symbol: Symbol) -> i32 {
        let value_bits = symbol.value_bits();
        let number = self.take_plain(symbol) as i32;
        if number < 1 << value_bits >> 1 { number + 1 - (1 << value_bits) } else { number }
    }

    /// Passes a symbol and gives the bits behind its code as they are.
    #[inline]
    pub fn take_plain(&mut self, symbol: Symbol) -> u32 {
        let value_bits = symbol.value_bits();
        let number = (self.window << (symbol.bits() - value_bits) >> 1 >> (63 - value_bits)) as u32;
        self.skip(symbol);
        number
    }

    /// Passes one bit.
    #[inline]
    pub fn bit(&mut self) -> bool {
        self.fill();
        let is_set = self.window >> 63 == 1;
        self.window <<= 1;
        self.ready -= 1;
        is_set
    }

    /// Passes a symbol.
    #[inline]
    pub fn skip(&mut self, symbol: Symbol) {
        self.window <<= symbol.bits();
        self.ready -= symbol.bits();
    }

    /// Makes the window hold a symbol of any length.
    #[inline]
    fn fill(&mut self) {
        if self.ready < 32 {
            let word = match self.bytes[self.taken.min(self.bytes.len())..].first_chunk() {
                Some(bytes) => u32::from_be_bytes(*bytes),
                None => last_bytes(self.bytes, self.taken),
            };
            self.window |= u64::from(word) << (32 - self.ready);
            self.ready += 32;
            self.taken += 4;
        }
    }
}

#[cold]
fn last_bytes(bytes: &[u8], taken: usize) -> u32 {
    let rest = bytes.get(taken..).unwrap_or_default();
    let mut word = [0; 4];
    word.iter_mut().zip(rest).for_each(|(byte, last)| *byte = *last);
    u32::from_be_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of 2, 2, 3 and 12 bits: the end of a block, numbers of 1 and 3 bits after no run, one of 9 bits after 4 zeros.
    fn table() -> Table {
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[11]) = (2, 1, 1);
        Table::of_coefficients(&counts, &[0x00, 0x01, 0x03, 0x49]).unwrap()
    }

    #[test]
    fn symbols_are_read_with_their_numbers() {
        // 01 1, 100 010, 101000000000 000000001, 00
        let bytes = [0b0111_0001, 0b0101_0000, 0b0000_0000, 0b0000_0100];
        let mut bits = Bits::new(&bytes);
        let read = |bits: &mut Bits<'_>| {
            let symbol = bits.symbol(&table()).unwrap();
            (symbol.advance(), bits.take(symbol))
        };
        assert_eq!([(); 4].map(|()| read(&mut bits)), [(1, 1), (1, -5), (5, -510), (Symbol::END, 0)]);
        assert!(!bits.overrun());
        assert_eq!(read(&mut bits), (Symbol::END, 0));
        assert!(bits.overrun());
        assert!(Bits::new(&[0xff; 4]).symbol(&table()).is_none());
    }

    #[test]
    fn a_leap_goes_where_the_symbols_go() {
        let table = table();
        let leaps = table.leaps();
        for look in 0..1_u32 << LOOK_BITS {
            let word = (look << (32 - LOOK_BITS) | 0x0005_5555).to_be_bytes();
            let (mut leaping, mut stepping) = (Bits::new(&word), Bits::new(&word));
            let leap = leaping.leap(&leaps);
            leaping.skip(leap);
            let passed = |bits: &Bits<'_>| 8 * bits.taken - bits.ready as usize;
            let mut advance = 0;
            while advance < leap.advance() {
                let symbol = stepping.symbol(&table).unwrap();
                stepping.skip(symbol);
                advance += symbol.advance();
            }
            assert_eq!((advance, passed(&stepping)), (leap.advance(), passed(&leaping)), "{look:011b}");
        }
    }

    #[test]
    fn tables_with_more_codes_than_bits_or_symbols_are_none() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Table::of_coefficients(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(Table::of_coefficients(&counts, &[1]).is_none());
    }
}
