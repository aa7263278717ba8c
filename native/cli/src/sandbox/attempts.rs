//! Trying, from inside the cell, what must not work: how `check --cell` and the tests know that it holds.

#[cfg(target_os = "linux")]
mod kernel;

use std::{env, ffi::CString, fs, io, net, ptr, thread};

/// Something that a sealed process must not be able to do.
pub struct Attempt {
    /// Its name on the command line.
    pub name: &'static str,
    /// Does it; `Ok` when it worked.
    pub perform: fn() -> io::Result<()>,
}

/// Every attempt.
pub fn all() -> impl Iterator<Item = &'static Attempt> {
    #[cfg(target_os = "linux")]
    let calls = kernel::ATTEMPTS;
    #[cfg(not(target_os = "linux"))]
    let calls: &[Attempt] = &[];
    PORTABLE.iter().chain(calls)
}

/// Those of any Unix.
const PORTABLE: &[Attempt] = &[
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
    Attempt { name: "signal-parent", perform: signal_parent },
    Attempt { name: "raise-memory-limit", perform: raise_memory_limit },
    Attempt { name: "read-file-in-a-thread", perform: read_in_new_thread },
    Attempt { name: "read-environment", perform: read_environment },
    Attempt { name: "change-folder", perform: || env::set_current_dir("/") },
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

fn read_environment() -> io::Result<()> {
    let is_foreign = |(name, _): (std::ffi::OsString, _)| !menagerie_engine::is_of_runtime(&name);
    if env::vars_os().any(is_foreign) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}
