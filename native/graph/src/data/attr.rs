//! Attributes of nodes, decoded on demand from their bytes in the file.

use crate::{
    data::{
        dtype::DataType,
        tensor::{Extents, Tensor, parse_shape},
        wire::{Fields, Value},
    },
    error::WireError,
};

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Attr<'a> {
    /// Bytes or text.
    Bytes(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f32),
    /// A truth value.
    Bool(bool),
    /// An element type.
    Type(DataType),
    /// A shape: absent rank, or extents of which open ones are absent.
    Shape(Option<Extents>),
    /// A tensor.
    Tensor(Tensor<'a>),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of floats.
    Floats(Vec<f32>),
    /// A list of byte strings.
    Texts(Vec<&'a [u8]>),
    /// A list of element types.
    Types(Vec<DataType>),
    /// The name of a function.
    Function(&'a str),
    /// A list of anything else, or nothing at all.
    Other,
}

impl<'a> Attr<'a> {
    /// Reads an `AttrValue` message.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let mut attr = Self::Other;
        for item in Fields::new(body) {
            let (number, value) = item?;
            attr = match number {
                1 => parse_list(value.bytes(number)?)?,
                2 => Self::Bytes(value.bytes(number)?),
                3 => Self::Int(value.int(number)?),
                4 => Self::Float(value.float(number)?),
                5 => Self::Bool(value.int(number)? != 0),
                6 => Self::Type(DataType::of(value.int(number)?)),
                7 => Self::Shape(parse_shape(value.bytes(number)?)?),
                8 => Self::Tensor(Tensor::parse(value.bytes(number)?)?),
                10 => Self::Function(function_name(value)?),
                _ => Self::Other,
            };
        }
        Ok(attr)
    }
}

fn function_name(value: Value<'_>) -> Result<&str, WireError> {
    let mut name = "";
    for item in Fields::new(value.bytes(10)?) {
        if let (1, value) = item? {
            name = value.text(1)?;
        }
    }
    Ok(name)
}

fn parse_list(body: &[u8]) -> Result<Attr<'_>, WireError> {
    let (mut ints, mut floats, mut texts, mut types) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut other = false;
    for item in Fields::new(body) {
        let (number, value) = item?;
        match number {
            2 => texts.push(value.bytes(number)?),
            3 => value.push_ints(number, &mut ints)?,
            4 => value.push_floats(number, &mut floats)?,
            6 => value.push_ints(number, &mut types)?,
            _ => other = true,
        }
    }
    Ok(if other {
        Attr::Other
    } else if !texts.is_empty() {
        Attr::Texts(texts)
    } else if !floats.is_empty() {
        Attr::Floats(floats)
    } else if !types.is_empty() {
        Attr::Types(types.into_iter().map(DataType::of).collect())
    } else {
        Attr::Ints(ints)
    })
}
