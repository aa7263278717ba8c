//! Counts the memory that a test program holds. For programs with one test: the count is of the whole process.
#![allow(unsafe_code, reason = "counting memory needs an allocator of our own")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

/// What was held when counting began.
pub struct Count(usize);

/// Begins to count.
pub fn start() -> Count {
    let held = HELD_BYTES.load(Ordering::Relaxed);
    PEAK_BYTES.store(held, Ordering::Relaxed);
    Count(held)
}

impl Count {
    /// Most that was held at once since, beyond what was held then.
    pub fn peak_bytes(&self) -> usize {
        PEAK_BYTES.load(Ordering::Relaxed) - self.0
    }
}

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD_BYTES.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK_BYTES.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
