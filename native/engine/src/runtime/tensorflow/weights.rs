//! The kernels of a model's layers, which every run of its sessions is fed.

use std::ffi::CString;

use menagerie_graph::Weight;

use super::{ffi::Functions, tensor::Tensor};
use crate::EngineError;

/// Tensors by the names of their placeholders.
#[derive(Default)]
pub struct Weights {
    /// The placeholders.
    pub names: Vec<CString>,
    /// What each is fed, in the same order.
    pub tensors: Vec<Tensor>,
}

impl Weights {
    /// Copies `weights` into libtensorflow's memory.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] for a name that cannot be fed, or when there is no memory.
    pub fn copy(functions: &'static Functions, weights: &[Weight<'_>]) -> Result<Self, EngineError> {
        let mut copied = Self::default();
        for weight in weights {
            let refused = |reason: &str| EngineError::GraphRefused(format!("{reason} {:?}", weight.name));
            let shape: Vec<i64> = weight.shape.iter().map(|extent| *extent as i64).collect();
            let (values, _) = weight.content.as_chunks::<4>();
            let tensor = Tensor::build(functions, &shape, |elements: &mut [f32]| {
                for (element, value) in elements.iter_mut().zip(values) {
                    *element = f32::from_le_bytes(*value);
                }
            });
            copied.tensors.push(tensor.ok_or_else(|| refused("there is no memory for"))?);
            copied.names.push(CString::new(weight.name).map_err(|_| refused("nothing can be fed to"))?);
        }
        Ok(copied)
    }
}
