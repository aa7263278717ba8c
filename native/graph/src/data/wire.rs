//! The protocol buffer wire format, read and written without copies.
//!
//! GraphDef files are a few thousand tiny messages around a few large byte strings. Reading them as slices of the file
//! keeps memory near the file's size, and a small reader of our own can refuse a hostile file at the first odd byte.

use crate::error::WireError;

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: a string, bytes, a message or a packed list.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// The fields of one message, in file order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `message`.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(WireError::Truncated)?;
        self.rest = tail;
        Ok(head)
    }

    fn field(&mut self) -> Result<(u32, Value<'a>), WireError> {
        let tag = take_varint(&mut self.rest)?;
        let number = u32::try_from(tag >> 3).map_err(|_| WireError::Malformed)?;
        if number == 0 {
            return Err(WireError::Malformed);
        }
        let value = match tag & 7 {
            0 => Value::Varint(take_varint(&mut self.rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(fixed(self.take(8)?))),
            2 => {
                let count = take_varint(&mut self.rest)?;
                Value::Bytes(self.take(usize::try_from(count).map_err(|_| WireError::Truncated)?)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(fixed(self.take(4)?))),
            _ => return Err(WireError::Malformed),
        };
        Ok((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Value<'a> {
    /// The bytes of a length-delimited field `number`.
    pub fn bytes(self, number: u32) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::FieldType(number)),
        }
    }

    /// The text of a length-delimited field `number`.
    pub fn text(self, number: u32) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes(number)?).map_err(|_| WireError::Text)
    }

    /// The integer of a varint field `number`.
    pub fn int(self, number: u32) -> Result<i64, WireError> {
        match self {
            Self::Varint(value) => Ok(value as i64),
            _ => Err(WireError::FieldType(number)),
        }
    }

    /// The float of a fixed 32-bit field `number`.
    pub fn float(self, number: u32) -> Result<f32, WireError> {
        match self {
            Self::Fixed32(bits) => Ok(f32::from_bits(bits)),
            _ => Err(WireError::FieldType(number)),
        }
    }

    /// Appends the integers of a repeated varint field, packed or not.
    pub fn push_ints(self, number: u32, out: &mut Vec<i64>) -> Result<(), WireError> {
        match self {
            Self::Varint(value) => out.push(value as i64),
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    out.push(take_varint(&mut packed)? as i64);
                }
            }
            _ => return Err(WireError::FieldType(number)),
        }
        Ok(())
    }

    /// Appends the floats of a repeated fixed 32-bit field, packed or not.
    pub fn push_floats(self, number: u32, out: &mut Vec<f32>) -> Result<(), WireError> {
        match self {
            Self::Fixed32(bits) => out.push(f32::from_bits(bits)),
            Self::Bytes(packed) if packed.len().is_multiple_of(4) => {
                out.extend(packed.chunks_exact(4).map(|chunk| f32::from_le_bytes(fixed(chunk))));
            }
            Self::Bytes(_) => return Err(WireError::Truncated),
            _ => return Err(WireError::FieldType(number)),
        }
        Ok(())
    }

    /// Appends the doubles of a repeated fixed 64-bit field, packed or not.
    pub fn push_doubles(self, number: u32, out: &mut Vec<f64>) -> Result<(), WireError> {
        match self {
            Self::Fixed64(bits) => out.push(f64::from_bits(bits)),
            Self::Bytes(packed) if packed.len().is_multiple_of(8) => {
                out.extend(packed.chunks_exact(8).map(|chunk| f64::from_le_bytes(fixed(chunk))));
            }
            Self::Bytes(_) => return Err(WireError::Truncated),
            _ => return Err(WireError::FieldType(number)),
        }
        Ok(())
    }
}

/// The first `N` bytes of `bytes`, zero-filled when it is shorter.
pub(crate) fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0_u64;
    for index in 0..10_usize {
        let byte = *rest.get(index).ok_or(WireError::Truncated)?;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *rest = rest.get(index + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(WireError::Malformed)
}

/// Bytes that `value` takes as a varint.
#[must_use]
pub const fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends `value` as a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends field `number` with an integer.
pub fn put_int(out: &mut Vec<u8>, number: u32, value: i64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value as u64);
}

/// Appends the header of the length-delimited field `number` with `byte_count` bytes to follow.
pub fn put_header(out: &mut Vec<u8>, number: u32, byte_count: usize) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_varint(out, byte_count as u64);
}

/// Appends the length-delimited field `number`.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_header(out, number, bytes.len());
    out.extend_from_slice(bytes);
}

/// Bytes that field `number` takes with `byte_count` bytes of content.
#[must_use]
pub const fn field_bytes(number: u32, byte_count: usize) -> usize {
    varint_bytes((number as u64) << 3) + varint_bytes(byte_count as u64) + byte_count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_takes_the_bytes_that_varint_bytes_says() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_bytes(value));
            assert_eq!(take_varint(&mut out.as_slice()), Ok(value));
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_truncated() {
        let mut fields = Fields::new(&[0x0a, 0x05, 1, 2]);
        assert_eq!(fields.next(), Some(Err(WireError::Truncated)));
        assert_eq!(fields.next(), None);
    }

    #[test]
    fn a_varint_of_eleven_bytes_is_malformed() {
        assert_eq!(Fields::new(&[0xff; 11]).next(), Some(Err(WireError::Malformed)));
    }

    #[test]
    fn packed_and_single_values_read_the_same() {
        let mut ints = Vec::new();
        for field in Fields::new(&[0x18, 5, 0x1a, 3, 6, 0xac, 2]) {
            let (number, value) = field.unwrap();
            value.push_ints(number, &mut ints).unwrap();
        }
        assert_eq!(ints, [5, 6, 300]);
    }
}
