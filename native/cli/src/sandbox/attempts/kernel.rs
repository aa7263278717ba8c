//! Attempts that are single system calls of Linux.

use std::{io, mem, process};

use libc::{c_long, syscall};

use super::Attempt;

/// How many processes `fork-bomb` starts.
const BOMB: usize = 64;
/// `PTRACE_TRACEME` lets the parent trace; it stops nobody.
const TRACE_ME: c_long = 0;
/// A process's own session keyring, and the question for its id (linux/keyctl.h).
const SESSION_KEYRING: c_long = -3;
const KEYRING_ID: c_long = 0;
/// Where the numbers of x32 begin (asm/unistd.h): the same kernel by another door.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;

/// Each is made as the kernel sees it, past the C library.
pub const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "trace", perform: || call(libc::SYS_ptrace, [TRACE_ME, 0, 0, 0, 0]) },
    Attempt { name: "read-other-memory", perform: read_memory },
    Attempt { name: "fork-bomb", perform: bomb },
    Attempt { name: "fork-clone3", perform: clone3 },
    Attempt { name: "memory-file", perform: || call(libc::SYS_memfd_create, [c"cell".as_ptr() as c_long, 0, 0, 0, 0]) },
    Attempt { name: "io-uring", perform: io_uring },
    Attempt { name: "mount", perform: mount },
    Attempt { name: "new-namespace", perform: || call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0, 0, 0]) },
    Attempt { name: "bpf", perform: || call(libc::SYS_bpf, [0; 5]) },
    Attempt { name: "keys", perform: || call(libc::SYS_keyctl, [KEYRING_ID, SESSION_KEYRING, 0, 0, 0]) },
    Attempt { name: "page-faults", perform: || call(libc::SYS_userfaultfd, [0; 5]) },
    Attempt { name: "perf-events", perform: || call(libc::SYS_perf_event_open, [0, 0, -1, -1, 0]) },
    Attempt { name: "be-dumpable", perform: || call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0, 0, 0]) },
    Attempt { name: "other-niceness", perform: || call(libc::SYS_setpriority, [0, 0, 7, 0, 0]) },
    Attempt { name: "signal-other-thread", perform: signal_parents_thread },
    #[cfg(target_arch = "x86_64")]
    Attempt { name: "x32-call", perform: || call(X32 + libc::SYS_getpid, [0; 5]) },
    #[cfg(target_arch = "x86_64")]
    Attempt { name: "i386-call", perform: i386_call },
];

fn call(number: c_long, [first, second, third, fourth, fifth]: [c_long; 5]) -> io::Result<()> {
    // SAFETY: the attempts pass numbers, null, and pointers to what lives as long as the call.
    answer(unsafe { syscall(number, first, second, third, fourth, fifth) })
}

fn answer(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// On a folder that does not exist, so that outside of a cell nothing is changed.
fn mount() -> io::Result<()> {
    let [source, target, kind] = [c"none", c"/nowhere/at/all", c"tmpfs"].map(|text| text.as_ptr() as c_long);
    call(libc::SYS_mount, [source, target, kind, 0, 0])
}

/// Its own, which needs no right but that to make the call.
fn read_memory() -> io::Result<()> {
    let (source, mut target) = (7_u8, 0_u8);
    let local = libc::iovec { iov_base: (&raw mut target).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: (&raw const source).cast_mut().cast(), iov_len: 1 };
    // SAFETY: both vectors name one live byte.
    answer(unsafe { syscall(libc::SYS_process_vm_readv, process::id(), &raw const local, 1, &raw const remote, 1, 0) })
}

fn bomb() -> io::Result<()> {
    let started = (0..BOMB).filter(|_| {
        // SAFETY: the child has a copy of this stack, and ends at once.
        match unsafe { syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
            // SAFETY: as above.
            0 => unsafe { libc::_exit(0) },
            child => child > 0,
        }
    });
    if started.count() > 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn clone3() -> io::Result<()> {
    // SAFETY: all zeros are a `clone_args` that asks for a plain process.
    let mut arguments: libc::clone_args = unsafe { mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: the child has a copy of this stack, and ends at once.
    match unsafe { syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) } {
        // SAFETY: as above.
        0 => unsafe { libc::_exit(0) },
        child => answer(child),
    }
}

fn io_uring() -> io::Result<()> {
    // `struct io_uring_params` of linux/io_uring.h has 120 bytes.
    let mut parameters = [0_u64; 15];
    call(libc::SYS_io_uring_setup, [1, parameters.as_mut_ptr() as c_long, 0, 0, 0])
}

/// Signal 0 only asks whether one could be sent.
fn signal_parents_thread() -> io::Result<()> {
    // SAFETY: the call takes nothing.
    let parent = unsafe { libc::getppid() }.into();
    call(libc::SYS_tgkill, [parent, parent, 0, 0, 0])
}

/// `getpid` as 32-bit programs call it.
#[cfg(target_arch = "x86_64")]
fn i386_call() -> io::Result<()> {
    let mut result: i64 = 20;
    // SAFETY: the call takes nothing and changes one register; a kernel without 32-bit programs ends the process.
    unsafe { std::arch::asm!("int 0x80", inout("rax") result, out("r8") _, out("r9") _, out("r10") _, out("r11") _) };
    if result > 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-result as i32)) }
}
