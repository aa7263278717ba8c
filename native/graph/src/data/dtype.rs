//! TensorFlow's element types, by the numbers of `types.proto`.

/// An element type that a frozen classifier may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the type that its name says")]
pub enum DataType {
    Float,
    Double,
    Int32,
    Uint8,
    Int16,
    Int8,
    String,
    Int64,
    Bool,
    Qint8,
    Quint8,
    Qint32,
    Bfloat16,
    Qint16,
    Quint16,
    Uint16,
    Half,
    Resource,
    Variant,
    Uint32,
    Uint64,
    /// Any other number.
    Other(i32),
}

impl DataType {
    /// The type of a number in the file; a reference type (number above 100) is its value type.
    #[must_use]
    pub const fn of(number: i64) -> Self {
        let number = if number > 100 && number < 200 { number - 100 } else { number };
        match number {
            1 => Self::Float,
            2 => Self::Double,
            3 => Self::Int32,
            4 => Self::Uint8,
            5 => Self::Int16,
            6 => Self::Int8,
            7 => Self::String,
            9 => Self::Int64,
            10 => Self::Bool,
            11 => Self::Qint8,
            12 => Self::Quint8,
            13 => Self::Qint32,
            14 => Self::Bfloat16,
            15 => Self::Qint16,
            16 => Self::Quint16,
            17 => Self::Uint16,
            19 => Self::Half,
            20 => Self::Resource,
            21 => Self::Variant,
            22 => Self::Uint32,
            23 => Self::Uint64,
            other => Self::Other(other as i32),
        }
    }

    /// The number in the file.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Float => 1,
            Self::Double => 2,
            Self::Int32 => 3,
            Self::Uint8 => 4,
            Self::Int16 => 5,
            Self::Int8 => 6,
            Self::String => 7,
            Self::Int64 => 9,
            Self::Bool => 10,
            Self::Qint8 => 11,
            Self::Quint8 => 12,
            Self::Qint32 => 13,
            Self::Bfloat16 => 14,
            Self::Qint16 => 15,
            Self::Quint16 => 16,
            Self::Uint16 => 17,
            Self::Half => 19,
            Self::Resource => 20,
            Self::Variant => 21,
            Self::Uint32 => 22,
            Self::Uint64 => 23,
            Self::Other(number) => number,
        }
    }

    /// Bytes of one element; absent for types without a fixed size.
    #[must_use]
    pub const fn size_bytes(self) -> Option<u64> {
        match self {
            Self::Uint8 | Self::Int8 | Self::Bool | Self::Qint8 | Self::Quint8 => Some(1),
            Self::Int16 | Self::Uint16 | Self::Qint16 | Self::Quint16 | Self::Bfloat16 | Self::Half => Some(2),
            Self::Float | Self::Int32 | Self::Qint32 | Self::Uint32 => Some(4),
            Self::Double | Self::Int64 | Self::Uint64 => Some(8),
            Self::String | Self::Resource | Self::Variant | Self::Other(_) => None,
        }
    }

    /// Whether pixels may be fed as this type after a cast.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        self.size_bytes().is_some() && !matches!(self, Self::Bool)
    }

    /// Whether trained weights are of this type, quantised ones among them.
    #[must_use]
    pub const fn may_be_trained(self) -> bool {
        matches!(
            self,
            Self::Float
                | Self::Double
                | Self::Half
                | Self::Bfloat16
                | Self::Qint8
                | Self::Quint8
                | Self::Qint16
                | Self::Quint16
                | Self::Qint32
        )
    }

    /// The name as TensorFlow writes it in Python.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float32",
            Self::Double => "float64",
            Self::Int32 => "int32",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
            Self::String => "string",
            Self::Int64 => "int64",
            Self::Bool => "bool",
            Self::Qint8 => "qint8",
            Self::Quint8 => "quint8",
            Self::Qint32 => "qint32",
            Self::Bfloat16 => "bfloat16",
            Self::Qint16 => "qint16",
            Self::Quint16 => "quint16",
            Self::Uint16 => "uint16",
            Self::Half => "float16",
            Self::Resource => "resource",
            Self::Variant => "variant",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Other(_) => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_keeps_its_number() {
        for number in 1..24 {
            assert_eq!(DataType::of(number).number(), number as i32);
            assert_eq!(DataType::of(number + 100), DataType::of(number));
        }
    }
}
