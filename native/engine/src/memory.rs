//! The heaps of a process that holds one model. Only glibc needs to be told.
//!
//! A graph's weights are copied several times on their way into a session, and a fresh page takes longer to get than to
//! fill, so what one copy leaves free is for the next.

/// Keeps blocks of up to 32 MiB in their thread's heap, and what is freed there until [`trim`]. Each thread has a heap of
/// its own: lanes that share one wait for each other in malloc.
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

/// Gives free pages of the heap back. After the first run this halves what a process keeps: importing and optimising a
/// graph leaves several times its size in free chunks.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes no pointers and is thread-safe.
    unsafe {
        libc::malloc_trim(0);
    }
}
