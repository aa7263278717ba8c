//! Constants: a `TensorProto` as a view of the file, its values read on demand.

use half::{bf16, f16};

use crate::{
    data::{
        dtype::DataType,
        wire::{Fields, fixed},
    },
    error::WireError,
};

/// Field numbers of `TensorProto`.
mod field {
    pub const DTYPE: u32 = 1;
    pub const SHAPE: u32 = 2;
    pub const CONTENT: u32 = 4;
    pub const FLOAT: u32 = 5;
    pub const DOUBLE: u32 = 6;
    pub const INT: u32 = 7;
    pub const STRING: u32 = 8;
    pub const INT64: u32 = 10;
    pub const BOOL: u32 = 11;
    pub const HALF: u32 = 13;
    pub const UINT32: u32 = 16;
    pub const UINT64: u32 = 17;
}

/// Extents of a tensor; open ones are absent.
pub type Extents = Vec<Option<u64>>;

/// A constant tensor; nothing is copied until its values are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// Element type.
    pub dtype: DataType,
    /// Extents; empty for a scalar.
    pub shape: Vec<u64>,
    /// `tensor_content`: all values, little-endian, in row-major order. Empty when the values stand one by one.
    pub content: &'a [u8],
    body: &'a [u8],
}

/// Why a constant's values cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorError {
    /// The message is broken.
    Wire(WireError),
    /// Shape and values disagree.
    Mismatch {
        /// Values that the shape asks for; `u64::MAX` when that does not fit.
        expected: u64,
        /// What is there.
        found: String,
    },
}

impl From<WireError> for TensorError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl<'a> Tensor<'a> {
    /// Reads the head of a `TensorProto` message.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let mut tensor = Self { dtype: DataType::Other(0), shape: Vec::new(), content: &[], body };
        for item in Fields::new(body) {
            let (number, value) = item?;
            match number {
                field::DTYPE => tensor.dtype = DataType::of(value.int(number)?),
                field::SHAPE => {
                    tensor.shape = parse_shape(value.bytes(number)?)?
                        .unwrap_or_default()
                        .into_iter()
                        .map(|extent| extent.unwrap_or(u64::MAX))
                        .collect();
                }
                field::CONTENT => tensor.content = value.bytes(number)?,
                _ => {}
            }
        }
        Ok(tensor)
    }

    /// Number of values by the shape; `u64::MAX` when it does not fit.
    #[must_use]
    pub fn element_count(&self) -> u64 {
        element_count(&self.shape)
    }

    /// Checks that shape and values agree. A list shorter than the shape is filled with its last value, as TensorFlow
    /// does; a longer one, or `tensor_content` of another length, is refused.
    pub fn check(&self) -> Result<(), TensorError> {
        let expected = self.element_count();
        let mismatch = |found: String| Err(TensorError::Mismatch { expected, found });
        if !self.content.is_empty() {
            return match self.dtype.size_bytes() {
                Some(size) if expected.checked_mul(size) == Some(self.content.len() as u64) => Ok(()),
                Some(_) => mismatch(format!("{} bytes of {}", self.content.len(), self.dtype.name())),
                None => Ok(()),
            };
        }
        let listed = self.listed_count()?;
        if listed > expected { mismatch(listed.to_string()) } else { Ok(()) }
    }

    /// Number of values that stand one by one.
    fn listed_count(&self) -> Result<u64, WireError> {
        let mut count = 0;
        for item in Fields::new(self.body) {
            let (number, value) = item?;
            match number {
                field::STRING => count += 1,
                field::FLOAT => {
                    let mut list = Vec::new();
                    value.push_floats(number, &mut list)?;
                    count += list.len() as u64;
                }
                field::DOUBLE => {
                    let mut list = Vec::new();
                    value.push_doubles(number, &mut list)?;
                    count += list.len() as u64;
                }
                field::INT | field::INT64 | field::BOOL | field::HALF | field::UINT32 | field::UINT64 => {
                    let mut list = Vec::new();
                    value.push_ints(number, &mut list)?;
                    count += list.len() as u64;
                }
                _ => {}
            }
        }
        Ok(count)
    }

    /// The values as `f32`, row-major; integer and quantised types give their stored numbers. Absent for strings and
    /// other types without numbers, and for tensors whose values and shape disagree.
    #[must_use]
    pub fn to_f32(&self) -> Option<Vec<f32>> {
        let size = self.dtype.size_bytes()? as usize;
        let count = usize::try_from(self.element_count()).ok()?;
        if !self.content.is_empty() {
            if self.content.len() != count.checked_mul(size)? {
                return None;
            }
            return Some(self.content.chunks_exact(size).map(|chunk| self.decode(chunk)).collect());
        }
        let mut values: Vec<f32> = Vec::new();
        for item in Fields::new(self.body) {
            let (number, value) = item.ok()?;
            match number {
                field::FLOAT => value.push_floats(number, &mut values).ok()?,
                field::DOUBLE => {
                    let mut list = Vec::new();
                    value.push_doubles(number, &mut list).ok()?;
                    values.extend(list.into_iter().map(|value| value as f32));
                }
                field::INT | field::INT64 | field::BOOL | field::HALF | field::UINT32 | field::UINT64 => {
                    let mut list = Vec::new();
                    value.push_ints(number, &mut list).ok()?;
                    values.extend(list.into_iter().map(|value| match self.dtype {
                        DataType::Half => f16::from_bits(value as u16).to_f32(),
                        DataType::Bfloat16 => bf16::from_bits(value as u16).to_f32(),
                        _ => value as f32,
                    }));
                }
                _ => {}
            }
        }
        fill(values, count)
    }

    /// The values as integers; absent for other types.
    #[must_use]
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        use DataType::{Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64};
        if !matches!(self.dtype, Int32 | Int64 | Int16 | Int8 | Uint8 | Uint16 | Uint32 | Uint64 | Bool) {
            return None;
        }
        let size = self.dtype.size_bytes()? as usize;
        let count = usize::try_from(self.element_count()).ok()?;
        if !self.content.is_empty() {
            if self.content.len() != count.checked_mul(size)? {
                return None;
            }
            let signed = matches!(self.dtype, Int32 | Int64 | Int16 | Int8);
            return Some(
                self.content
                    .chunks_exact(size)
                    .map(|chunk| {
                        let raw = u64::from_le_bytes(fixed(chunk));
                        let unused_bits = 64 - 8 * size as u32;
                        if signed { (raw << unused_bits) as i64 >> unused_bits } else { raw as i64 }
                    })
                    .collect(),
            );
        }
        let mut values = Vec::new();
        for item in Fields::new(self.body) {
            let (number, value) = item.ok()?;
            if matches!(number, field::INT | field::INT64 | field::BOOL | field::UINT32 | field::UINT64) {
                value.push_ints(number, &mut values).ok()?;
            }
        }
        fill(values, count)
    }

    /// The strings of a string tensor, as far as they are stored one by one.
    #[must_use]
    pub fn texts(&self) -> Vec<&'a [u8]> {
        let listed = Fields::new(self.body).filter_map(Result::ok).filter(|(number, _)| *number == field::STRING);
        listed.filter_map(|(number, value)| value.bytes(number).ok()).collect()
    }

    fn decode(&self, chunk: &[u8]) -> f32 {
        match self.dtype {
            DataType::Double => f64::from_le_bytes(fixed(chunk)) as f32,
            DataType::Int32 | DataType::Qint32 => i32::from_le_bytes(fixed(chunk)) as f32,
            DataType::Uint32 => u32::from_le_bytes(fixed(chunk)) as f32,
            DataType::Int64 => i64::from_le_bytes(fixed(chunk)) as f32,
            DataType::Uint64 => u64::from_le_bytes(fixed(chunk)) as f32,
            DataType::Int16 | DataType::Qint16 => f32::from(i16::from_le_bytes(fixed(chunk))),
            DataType::Uint16 | DataType::Quint16 => f32::from(u16::from_le_bytes(fixed(chunk))),
            DataType::Half => f16::from_le_bytes(fixed(chunk)).to_f32(),
            DataType::Bfloat16 => bf16::from_le_bytes(fixed(chunk)).to_f32(),
            DataType::Int8 | DataType::Qint8 => f32::from(i8::from_le_bytes(fixed(chunk))),
            DataType::Uint8 | DataType::Quint8 | DataType::Bool => f32::from(u8::from_le_bytes(fixed(chunk))),
            _ => f32::from_le_bytes(fixed(chunk)),
        }
    }
}

/// A list shorter than the shape is filled with its last value, an empty one with zeros.
fn fill<T: Copy + Default>(mut values: Vec<T>, count: usize) -> Option<Vec<T>> {
    if values.len() > count {
        return None;
    }
    let last = values.last().copied().unwrap_or_default();
    values.resize(count, last);
    Some(values)
}

/// Product of the extents; `u64::MAX` when it does not fit.
#[must_use]
pub fn element_count(shape: &[u64]) -> u64 {
    if shape.contains(&0) {
        return 0;
    }
    shape.iter().fold(1, |product: u64, extent| product.saturating_mul(*extent))
}

/// Reads a `TensorShapeProto`: absent when the rank is unknown, extents absent when they are open (-1).
pub fn parse_shape(body: &[u8]) -> Result<Option<Extents>, WireError> {
    const RANK_MAX: usize = 254;
    let mut extents = Vec::new();
    let mut unknown_rank = false;
    for item in Fields::new(body) {
        let (number, value) = item?;
        match number {
            2 => {
                let mut extent = 0;
                for item in Fields::new(value.bytes(number)?) {
                    if let (1, value) = item? {
                        extent = value.int(1)?;
                    }
                }
                if extents.len() == RANK_MAX {
                    return Err(WireError::Malformed);
                }
                extents.push(u64::try_from(extent).ok());
            }
            3 => unknown_rank = value.int(number)? != 0,
            _ => {}
        }
    }
    Ok((!unknown_rank).then_some(extents))
}
