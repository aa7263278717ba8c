//! Giving memory back to the system.

/// Gives free pages of the heap back. After the first run this halves what a process keeps: importing and optimising a
/// graph leaves several times its size in free chunks. Only glibc needs to be told.
pub fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes no pointers and is thread-safe.
    unsafe {
        libc::malloc_trim(0);
    }
}
