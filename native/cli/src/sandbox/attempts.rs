//! Trying, from inside the cell, what must not work: how `check --cell` and the tests know that it holds.

use std::{env, ffi::CString, fs, io, net, ptr, thread};

/// Something that a sealed process must not be able to do.
pub struct Attempt {
    /// Its name on the command line.
    pub name: &'static str,
    /// Does it; `Ok` when it worked.
    pub perform: fn() -> io::Result<()>,
}

/// Every attempt.
pub const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "read-file", perform: || fs::read("/etc/passwd").map(drop) },
    Attempt { name: "list-folder", perform: || fs::read_dir("/").map(drop) },
    Attempt { name: "see-file", perform: || fs::metadata("/etc/passwd").map(drop) },
    Attempt { name: "write-file", perform: || fs::write(env::temp_dir().join("menagerie-cell"), b"x") },
    Attempt { name: "read-own-memory", perform: || fs::File::open("/proc/self/mem").map(drop) },
    Attempt { name: "listen", perform: || net::TcpListener::bind("127.0.0.1:0").map(drop) },
    Attempt { name: "connect", perform: || net::TcpStream::connect("127.0.0.1:9").map(drop) },
    Attempt { name: "datagram", perform: || net::UdpSocket::bind("127.0.0.1:0").map(drop) },
    Attempt { name: "socket-pair", perform: || std::os::unix::net::UnixStream::pair().map(drop) },
    Attempt { name: "pipe", perform: || io::pipe().map(drop) },
    Attempt { name: "execute", perform: execute },
    Attempt { name: "fork", perform: fork },
    Attempt { name: "trace", perform: trace },
    Attempt { name: "signal-parent", perform: signal_parent },
    Attempt { name: "raise-memory-limit", perform: raise_memory_limit },
    Attempt { name: "read-file-in-a-thread", perform: read_in_new_thread },
];

fn outcome(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn execute() -> io::Result<()> {
    let program = CString::new("/bin/true")?;
    let arguments = [program.as_ptr(), ptr::null()];
    // SAFETY: program and arguments are C strings and end with a null pointer.
    outcome(unsafe { libc::execv(program.as_ptr(), arguments.as_ptr()) })
}

fn fork() -> io::Result<()> {
    // SAFETY: the child ends at once and touches nothing.
    match unsafe { libc::fork() } {
        // SAFETY: as above.
        0 => unsafe { libc::_exit(0) },
        child => outcome(child),
    }
}

#[cfg(target_os = "linux")]
fn trace() -> io::Result<()> {
    // SAFETY: PTRACE_TRACEME takes nothing and stops nobody.
    outcome(unsafe { libc::ptrace(libc::PTRACE_TRACEME) } as libc::c_int)
}

#[cfg(not(target_os = "linux"))]
fn trace() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn signal_parent() -> io::Result<()> {
    // SAFETY: signal 0 only asks whether one could be sent.
    outcome(unsafe { libc::kill(libc::getppid(), 0) })
}

fn raise_memory_limit() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the structure is read during the call.
    outcome(unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) })
}

fn read_in_new_thread() -> io::Result<()> {
    thread::spawn(|| fs::read("/etc/passwd").map(drop))
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread ended early")))
}
