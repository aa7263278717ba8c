//! The heaps of a process that holds one model: huge pages while they grow, and giving memory back to the system.
//!
//! A graph's weights are copied some five times on their way into a session, and a fresh page of 4 KiB takes longer to
//! get than to fill. Only glibc needs to be told; its own tunable for huge pages (`glibc.malloc.hugetlb`) is heeded by
//! some processes alone in glibc 2.36.

/// Keeps blocks of up to 32 MiB in their thread's heap, which [`reserve`] can prepare, and what is freed there until
/// [`trim`]. Each thread has a heap of its own: lanes that share one wait for each other in malloc.
pub fn keep_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// The largest that glibc takes (`HEAP_MAX_SIZE / 2` in malloc.c).
        const MMAP_THRESHOLD_MAX: libc::c_int = 32 << 20;
        // SAFETY: mallopt takes numbers alone; what it refuses stays as it is.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD_MAX);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}

/// Lets the heap of the calling thread grow by about `bytes`, at most 1 GiB, on huge pages where the kernel gives them to
/// who asks, once [`keep_heaps`] was called. Memory is taken when it is first written, as ever.
pub fn reserve(bytes: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const BYTES_MAX: usize = 1 << 30;
        const CHUNK_BYTES: usize = 16 << 20;
        const HUGE_PAGE_BYTES: usize = 2 << 20;
        let mut chunks = Vec::with_capacity(BYTES_MAX / CHUNK_BYTES);
        for _ in 0..bytes.min(BYTES_MAX).div_ceil(CHUNK_BYTES) {
            // SAFETY: malloc takes a number; null ends the loop.
            let chunk = unsafe { libc::malloc(CHUNK_BYTES) };
            if chunk.is_null() {
                break;
            }
            chunks.push(chunk);
        }
        for chunk in &chunks {
            let start = chunk.wrapping_byte_add(chunk.align_offset(HUGE_PAGE_BYTES));
            // SAFETY: advice changes no content; the range lies in the chunk or reaches over its end by less than a page
            // of the same heap.
            unsafe { libc::madvise(start, CHUNK_BYTES, libc::MADV_HUGEPAGE) };
        }
        for chunk in chunks {
            // SAFETY: malloc gave it, and nobody else has it.
            unsafe { libc::free(chunk) };
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}

/// Gives free pages of the heap back. After the first run this halves what a process keeps: importing and optimising a
/// graph leaves several times its size in free chunks. Only glibc needs to be told.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes no pointers and is thread-safe.
    unsafe {
        libc::malloc_trim(0);
    }
}
