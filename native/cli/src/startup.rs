//! What has to be settled before a runtime is loaded: who may write to stdout, and its environment.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};

use menagerie_contract::{ErrorCode, Problem};
use menagerie_engine::{LOG_LEVEL, Library, RuntimeKind, set_environment};

use crate::sandbox::Cell;

/// Takes stdout for the caller alone: whatever else writes to it, the runtime included, reaches stderr. Descriptors
/// that were inherited beside the three standard ones are closed. To be called before anything else opens one.
///
/// # Errors
/// When the process has no descriptor left.
pub fn take_stdout() -> io::Result<File> {
    close_inherited_descriptors();
    // SAFETY: dup and dup2 take no memory; the new descriptor is open and belongs to the File alone.
    unsafe {
        let own = libc::fcntl(libc::STDOUT_FILENO, libc::F_DUPFD_CLOEXEC, 3);
        if own < 0 || libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(own))
    }
}

/// Closes all but stdin, stdout and stderr. To be called before anything else opens one.
pub fn close_inherited_descriptors() {
    #[cfg(target_os = "linux")]
    // SAFETY: no object of ours owns a descriptor yet. A kernel before 5.9 does not know the call; what was inherited
    // then stays open.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}

/// Loads the runtime that `RUNTIME` names, libtensorflow where it is unset, and runs its tiny graph, quietly unless the caller
/// set `TF_CPP_MIN_LOG_LEVEL`, in a cell that is narrowed and still to be sealed. To be called by the main thread before it
/// starts others.
///
/// # Errors
/// `field_invalid` names a value of `RUNTIME` that is none; `engine_unavailable` has every place tried.
pub fn load_library(cell: Cell) -> Result<Library, Problem> {
    let kind = runtime_kind()?;
    let quiet = env::var_os(LOG_LEVEL).is_none();
    // SAFETY: the process has this one thread yet.
    unsafe { set_environment() };
    // libtensorflow 2.21 greets on stderr while it starts, whatever its log level says, and ONNX Runtime complains of
    // processors that it does not know.
    let silence = if quiet { Silence::begin().ok() } else { None };
    let path = Library::find(kind, None)?;
    cell.narrow();
    let library = Library::load(kind, path.parent())?;
    library.warm()?;
    drop(silence);
    Ok(library)
}

fn runtime_kind() -> Result<RuntimeKind, Problem> {
    let Ok(name) = env::var("RUNTIME") else { return Ok(RuntimeKind::Tensorflow) };
    RuntimeKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let names = RuntimeKind::ALL.map(RuntimeKind::name).join(" or ");
        Problem::new(ErrorCode::FieldInvalid, format!("RUNTIME is {name:?}; an engine runs on {names}"))
    })
}

/// While it lives, stderr goes nowhere.
struct Silence {
    stderr: OwnedFd,
}

impl Silence {
    fn begin() -> io::Result<Self> {
        let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        // SAFETY: both descriptors are open.
        if unsafe { libc::dup2(nowhere.as_raw_fd(), libc::STDERR_FILENO) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { stderr })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // SAFETY: both descriptors are open. Were this to fail, log lines would be lost and nothing else.
        unsafe { libc::dup2(self.stderr.as_raw_fd(), libc::STDERR_FILENO) };
    }
}

/// The next bytes of stdin, fewer than `bytes_max` where it closes before.
pub fn read_at_most(stdin: &mut impl Read, bytes_max: u64) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    stdin.take(bytes_max).read_to_end(&mut bytes).map_err(|error| broken("stdin cannot be read", &error))?;
    Ok(bytes)
}

/// A failure of the surroundings, such as a closed pipe.
pub fn broken(what: &str, error: &io::Error) -> Problem {
    Problem::new(ErrorCode::EngineFailed, format!("{what}: {error}"))
}
