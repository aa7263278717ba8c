//! What a graph may cost before it is refused.

use std::sync::atomic::{AtomicU64, Ordering};

use menagerie_contract::spec::SIDE_PIXELS_MAX;

use crate::error::GraphError;

/// Limits of one graph. Each has its unit in its name; the defaults fit image classifiers with much room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphLimits {
    /// Size of the file.
    pub file_bytes_max: u64,
    /// Nodes in the file.
    pub nodes_max: u32,
    /// Inputs of all nodes together.
    pub edges_max: u32,
    /// Attributes of one node.
    pub attributes_per_node_max: u32,
    /// Size of one tensor, constant or activation, for one image.
    pub tensor_bytes_max: u64,
    /// Size of a constant that the file spells with one repeated value.
    pub filled_tensor_bytes_max: u64,
    /// Estimate of what the graph takes for one image: its weights, and the most that its tensors hold at once.
    pub memory_bytes_max: u64,
    /// Name of a node or an op.
    pub name_bytes_max: u32,
    /// Longer side of the image that the graph wants.
    pub side_pixels_max: u32,
    /// Unpacked size of an archived `SavedModel`.
    pub unpacked_bytes_max: u64,
    /// Bytes that each byte of the file may grow to: unpacked, with functions in place of their calls, and with repeated
    /// values of constants spelled out.
    pub growth_max: u64,
    /// What any file may grow to.
    pub growth_bytes_free: u64,
    /// Steps of looking through the graph that each of its bytes is worth: a step is a node passed or a value read.
    pub steps_per_byte_max: u64,
    /// Steps that any graph is worth.
    pub steps_free: u64,
}

impl Default for GraphLimits {
    fn default() -> Self {
        Self {
            file_bytes_max: 512 << 20,
            nodes_max: 100_000,
            edges_max: 1_000_000,
            attributes_per_node_max: 100,
            tensor_bytes_max: 512 << 20,
            filled_tensor_bytes_max: 64 << 20,
            memory_bytes_max: 4 << 30,
            name_bytes_max: 1024,
            side_pixels_max: SIDE_PIXELS_MAX,
            unpacked_bytes_max: 1 << 30,
            growth_max: 16,
            growth_bytes_free: 16 << 20,
            steps_per_byte_max: 8,
            steps_free: 64 << 20,
        }
    }
}

impl GraphLimits {
    /// What a file of `came` bytes may grow to.
    #[must_use]
    pub fn grown_bytes_max(&self, came: u64) -> u64 {
        self.growth_bytes_free.saturating_add(came.saturating_mul(self.growth_max)).min(self.unpacked_bytes_max)
    }
}

/// The steps that are left for one graph. Whoever passes nodes or reads values spends them; once none is left, searches
/// find nothing more, and the graph is refused.
#[derive(Debug)]
pub struct Steps {
    left: AtomicU64,
    limit: u64,
}

impl Steps {
    /// The steps that a graph of `bytes` bytes is worth.
    #[must_use]
    pub fn new(bytes: u64, limits: &GraphLimits) -> Self {
        let limit = limits.steps_free.saturating_add(bytes.saturating_mul(limits.steps_per_byte_max));
        Self { left: AtomicU64::new(limit), limit }
    }

    /// Takes `count` steps; false when there are not as many left.
    pub fn spend(&self, count: u64) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(count), Ordering::Relaxed);
        left > count
    }

    /// # Errors
    /// [`GraphError::Entangled`] when none is left.
    pub fn check(&self) -> Result<(), GraphError> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(GraphError::Entangled { limit: self.limit });
        }
        Ok(())
    }

    /// Steps taken so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.limit - self.left.load(Ordering::Relaxed)
    }
}

impl Clone for Steps {
    fn clone(&self) -> Self {
        Self { left: AtomicU64::new(self.left.load(Ordering::Relaxed)), limit: self.limit }
    }
}
