//! A tensor in libtensorflow's memory.

use std::{ffi::c_int, ptr::NonNull, slice};

use half::f16;

use super::ffi::{self, Functions};

/// Element types that the engine feeds or reads (`TF_DataType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ElementType {
    Float = 1,
    Double = 2,
    Int32 = 3,
    Uint8 = 4,
    Int64 = 9,
    Half = 19,
}

/// Numbers that a tensor's memory may be seen as.
///
/// # Safety
/// Every bit pattern is a value, and [`Element::TYPE`] is the type's name in libtensorflow.
pub unsafe trait Element: Copy {
    /// Its name in libtensorflow.
    const TYPE: ElementType;
}

macro_rules! elements {
    ($($rust:ty => $element:ident,)*) => {
        // SAFETY: plain numbers; the names stand in tensorflow/c/tf_datatype.h.
        $(unsafe impl Element for $rust { const TYPE: ElementType = ElementType::$element; })*
    };
}
elements! { f32 => Float, f64 => Double, i32 => Int32, u8 => Uint8, i64 => Int64, f16 => Half, }

/// An owned tensor.
pub struct Tensor {
    raw: NonNull<ffi::Tensor>,
    functions: &'static Functions,
}

// SAFETY: a TF_Tensor is a reference-counted buffer with a shape; nothing in it belongs to a thread.
unsafe impl Send for Tensor {}
// SAFETY: as above; what may be called on a shared tensor only reads.
unsafe impl Sync for Tensor {}

impl Tensor {
    /// A tensor of `shape` whose elements `fill` writes; they are 0 before.
    /// `None` when libtensorflow has no memory for it.
    pub fn build<T: Element>(
        functions: &'static Functions,
        shape: &[i64],
        fill: impl FnOnce(&mut [T]),
    ) -> Option<Self> {
        let count = shape.iter().try_fold(1_usize, |count, axis| count.checked_mul(usize::try_from(*axis).ok()?))?;
        let bytes = count.checked_mul(size_of::<T>())?;
        // SAFETY: shape has as many axes as are named; the callee copies them.
        let raw = unsafe { (functions.allocate_tensor)(T::TYPE as c_int, shape.as_ptr(), shape.len() as c_int, bytes) };
        let tensor = Self { raw: NonNull::new(raw)?, functions };
        // SAFETY: the tensor is live.
        let data: *mut T = unsafe { (functions.tensor_data)(tensor.raw.as_ptr()) }.cast();
        // An empty tensor may have no buffer.
        let elements = if count == 0 {
            &mut []
        } else {
            // SAFETY: the tensor was just made, is ours alone and has room for `count` elements of T; its buffer is aligned
            // for vector instructions, so for T. libtensorflow leaves it as the allocator gives it; once it is written to,
            // all bits are values of T.
            unsafe {
                data.write_bytes(0, count);
                slice::from_raw_parts_mut(data, count)
            }
        };
        fill(elements);
        Some(tensor)
    }

    /// Takes over a tensor that a session made.
    ///
    /// # Safety
    /// `raw` must be a live tensor that nothing else frees.
    pub unsafe fn from_raw(functions: &'static Functions, raw: NonNull<ffi::Tensor>) -> Self {
        Self { raw, functions }
    }

    pub fn as_raw(&self) -> *mut ffi::Tensor {
        self.raw.as_ptr()
    }

    /// Number of values along each axis.
    pub fn shape(&self) -> Vec<i64> {
        // SAFETY: the tensor is live and the axes asked for exist.
        unsafe {
            let axes = (self.functions.dimension_count)(self.raw.as_ptr());
            (0..axes).map(|axis| (self.functions.dimension)(self.raw.as_ptr(), axis)).collect()
        }
    }

    /// The elements as `f32`, where they are numbers that the engine reads; else the `TF_DataType` that they are.
    pub fn to_f32(&self) -> Result<Vec<f32>, c_int> {
        // SAFETY: the tensor is live.
        let element = unsafe { (self.functions.tensor_type)(self.raw.as_ptr()) };
        Ok(if let Some(values) = self.elements::<f32>(element) {
            values.to_vec()
        } else if let Some(values) = self.elements::<f16>(element) {
            values.iter().map(|value| value.to_f32()).collect()
        } else if let Some(values) = self.elements::<f64>(element) {
            values.iter().map(|value| *value as f32).collect()
        } else if let Some(values) = self.elements::<i64>(element) {
            values.iter().map(|value| *value as f32).collect()
        } else if let Some(values) = self.elements::<i32>(element) {
            values.iter().map(|value| *value as f32).collect()
        } else if let Some(values) = self.elements::<u8>(element) {
            values.iter().map(|value| f32::from(*value)).collect()
        } else {
            return Err(element);
        })
    }

    fn elements<T: Element>(&self, element: c_int) -> Option<&[T]> {
        if element != T::TYPE as c_int {
            return None;
        }
        // SAFETY: the tensor is live, holds elements of T as just checked, all of them written: by `build`, or by the session
        // that made it. It is only read while borrowed.
        unsafe {
            let count = (self.functions.tensor_bytes)(self.raw.as_ptr()) / size_of::<T>();
            let data: *const T = (self.functions.tensor_data)(self.raw.as_ptr()).cast();
            Some(if count == 0 { &[] } else { slice::from_raw_parts(data, count) })
        }
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: the tensor is ours and not used after this.
        unsafe { (self.functions.delete_tensor)(self.raw.as_ptr()) }
    }
}
