//! Huffman codes, and the bits that they are read from (ITU-T T.81, annexes C and F).

use super::idct::BLOCK;

/// Bits that one look into a table covers; longer codes are rare.
const LOOK_BITS: u32 = 11;
const CODE_BITS_MAX: u32 = 16;

/// A code with the number that follows it.
#[derive(Clone, Copy, Default)]
pub struct Symbol {
    /// Of code and number together, at most 31; 0 for a code that a look does not tell.
    bits: u8,
    /// Of the number.
    value_bits: u8,
    /// Coefficients from the one before to this one.
    pub advance: u8,
}

impl Symbol {
    /// The advance of the code that ends a block: beyond what any run reaches.
    pub const END: usize = 2 * BLOCK;

    /// T.81, F.1.2.1.
    fn of_difference(byte: u8, code_bits: u32) -> Option<Self> {
        (byte < 16).then_some(Self { bits: code_bits as u8 + byte, value_bits: byte, advance: 0 })
    }

    /// T.81, F.1.2.2: the high half is the run of zeros before, the low half the bits of the number.
    fn of_coefficient(byte: u8, code_bits: u32) -> Option<Self> {
        let (run, value_bits) = (byte >> 4, byte & 15);
        let advance = match (run, value_bits) {
            (0, 0) => Self::END as u8,
            (1..15, 0) => return None,
            _ => run + 1,
        };
        Some(Self { bits: code_bits as u8 + value_bits, value_bits, advance })
    }
}

/// The codes of one table.
pub struct Table {
    meaning: fn(u8, u32) -> Option<Symbol>,
    /// By the next `LOOK_BITS` bits: the symbol that they start with.
    looks: Vec<Symbol>,
    /// By the same bits: all symbols in one whose codes are among them, up to the end of a block.
    leaps: Vec<Symbol>,
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

    fn new(counts: &[u8; 16], bytes: &[u8], meaning: fn(u8, u32) -> Option<Symbol>) -> Option<Self> {
        let mut table = Self {
            meaning,
            looks: vec![Symbol::default(); 1 << LOOK_BITS],
            leaps: Vec::new(),
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
        table.leaps = (0..table.looks.len()).map(|look| table.leap(look)).collect();
        Some(table)
    }

    fn leap(&self, look: usize) -> Symbol {
        let mut leap = Symbol::default();
        loop {
            let next = self.looks[look << leap.bits & (self.looks.len() - 1)];
            let code_bits = u32::from(leap.bits + next.bits - next.value_bits);
            let advance = leap.advance + next.advance;
            if next.bits == 0 || code_bits > LOOK_BITS || usize::from(advance) % Symbol::END >= BLOCK {
                return leap;
            }
            leap = Symbol { bits: leap.bits + next.bits, value_bits: 0, advance };
            if u32::from(leap.bits) >= LOOK_BITS || usize::from(advance) >= Symbol::END {
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
        match table.looks.get((self.window >> (64 - LOOK_BITS)) as usize) {
            Some(symbol) if symbol.bits > 0 => Some(*symbol),
            _ => table.search((self.window >> (64 - CODE_BITS_MAX)) as u32),
        }
    }

    /// The next symbols as one, not yet passed; with an advance of 0 where there is none.
    #[inline]
    pub fn leap(&mut self, table: &Table) -> Symbol {
        self.fill();
        table.leaps.get((self.window >> (64 - LOOK_BITS)) as usize).copied().unwrap_or_default()
    }

    /// Passes a symbol and gives its number (T.81, F.2.2.1: the lower half of its range stands for negative ones).
    #[inline]
    pub fn take(&mut self, symbol: Symbol) -> i32 {
        let value_bits = u32::from(symbol.value_bits);
        let number = (self.window << (symbol.bits - symbol.value_bits) >> 1 >> (63 - value_bits)) as i32;
        self.skip(symbol);
        if number < 1 << value_bits >> 1 { number + 1 - (1 << value_bits) } else { number }
    }

    /// Passes a symbol.
    #[inline]
    pub fn skip(&mut self, symbol: Symbol) {
        self.window <<= symbol.bits;
        self.ready -= u32::from(symbol.bits);
    }

    /// Makes the window hold a symbol of any length.
    #[inline]
    fn fill(&mut self) {
        if self.ready < 32 {
            let word = match self.bytes[self.taken.min(self.bytes.len())..].first_chunk() {
                Some(bytes) => u32::from_be_bytes(*bytes),
                None => self.last_bytes(),
            };
            self.window |= u64::from(word) << (32 - self.ready);
            self.ready += 32;
            self.taken += 4;
        }
    }

    #[cold]
    fn last_bytes(&self) -> u32 {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let mut word = [0; 4];
        word.iter_mut().zip(rest).for_each(|(byte, last)| *byte = *last);
        u32::from_be_bytes(word)
    }
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
            (usize::from(symbol.advance), bits.take(symbol))
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
        for look in 0..1_u32 << LOOK_BITS {
            let word = (look << (32 - LOOK_BITS) | 0x0005_5555).to_be_bytes();
            let (mut leaping, mut stepping) = (Bits::new(&word), Bits::new(&word));
            let leap = leaping.leap(&table);
            leaping.skip(leap);
            let passed = |bits: &Bits<'_>| 8 * bits.taken - bits.ready as usize;
            let mut advance = 0;
            while advance < leap.advance {
                let symbol = stepping.symbol(&table).unwrap();
                stepping.skip(symbol);
                advance += symbol.advance;
            }
            assert_eq!((advance, passed(&stepping)), (leap.advance, passed(&leaping)), "{look:011b}");
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
