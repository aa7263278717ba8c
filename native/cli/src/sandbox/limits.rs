//! What the kernel counts for a process: memory, processor time, descriptors.

use std::{env, fs, io, mem::MaybeUninit};

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type Resource = libc::c_int;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
type Resource = libc::__rlimit_resource_t;

/// Far above what a machine's user runs, far below the process ids that a kernel has.
const PROCESSES_MAX: u64 = 8192;

/// Files that a program may have open at a time.
const PROGRAM_DESCRIPTORS_MAX: u64 = 256;

/// Bounds the memory of the process's own: heap, stacks and other writable pages. The pages of the runtime's files,
/// which all processes share, do not count.
pub fn bound_memory(bytes_max: u64) -> Result<(), String> {
    set(libc::RLIMIT_DATA, bytes_max, bytes_max)?;
    // Elsewhere, macOS included, the limit does not reach what mmap gives.
    if cfg!(target_os = "linux") { Ok(()) } else { Err(format!("{} counts a part of it alone", env::consts::OS)) }
}

/// Bounds the processes and threads of the user who runs this one; system calls that make a process are forbidden
/// besides. The kernel exempts root.
pub fn bound_processes() -> Result<(), String> {
    set(libc::RLIMIT_NPROC, PROCESSES_MAX, PROCESSES_MAX)
}

/// Lets the kernel end this process before any other when the machine has no memory left.
pub fn be_ended_first() {
    // Linux alone has it, and without it nothing is less confined.
    let _: io::Result<()> = fs::write("/proc/self/oom_score_adj", "1000");
}

/// Forbids core files: they would hold what clients sent.
pub fn forbid_core_files() -> Result<(), String> {
    set(libc::RLIMIT_CORE, 0, 0)
}

/// Lets a program have as many descriptors as it needs to read its files.
pub fn bound_descriptors() -> Result<(), String> {
    set(libc::RLIMIT_NOFILE, PROGRAM_DESCRIPTORS_MAX, PROGRAM_DESCRIPTORS_MAX)
}

/// Gives a program `seconds` of processor time, for good.
pub fn bound_cpu(seconds: u64) -> Result<(), String> {
    set(libc::RLIMIT_CPU, seconds, seconds)
}

/// Ends this process with the one that started it, also where that is killed.
pub fn end_with_parent() {
    // Linux alone has it; elsewhere a program sees the end of its stdin.
    #[cfg(target_os = "linux")]
    // SAFETY: prctl with PR_SET_PDEATHSIG takes numbers alone.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)
    };
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
