//! What the kernel counts for a process: memory, processor time, descriptors.

use std::{io, mem::MaybeUninit};

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Resource = libc::c_int;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;

/// Bounds the memory of the process's own: heap, stacks and other writable pages. The pages of libtensorflow's files,
/// which all processes share, do not count.
pub fn bound_memory(bytes_max: u64) -> Result<(), String> {
    set(libc::RLIMIT_DATA, bytes_max, bytes_max)
}

/// Forbids core files: they would hold what clients sent.
pub fn forbid_core_files() -> Result<(), String> {
    set(libc::RLIMIT_CORE, 0, 0)
}

/// Leaves the open descriptors open and lets none be added.
pub fn forbid_new_descriptors() -> Result<(), String> {
    set(libc::RLIMIT_NOFILE, 0, 0)
}

/// Gives the process `seconds` of processor time from now; after them the kernel ends it.
pub fn renew_cpu(seconds: u64) -> Result<(), String> {
    let used = cpu_seconds()?;
    set(libc::RLIMIT_CPU, used.saturating_add(seconds), libc::RLIM_INFINITY)
}

/// Processor seconds that the process has used, rounded up.
fn cpu_seconds() -> Result<u64, String> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: getrusage fills the structure where it succeeds.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error().to_string());
        }
        usage.assume_init()
    };
    Ok((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) as u64 + 2)
}

fn set(resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the structure is read during the call.
    if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error().to_string())
    }
}
