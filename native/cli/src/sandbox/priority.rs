//! How much processor a stranger's graph gets while others want it.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

/// Niceness of a stranger's graph: a third of the processor of one at 0 (`sched_prio_to_weight` in the kernel).
pub const NICENESS: i32 = 5;

/// The right of a process to step back, kept from before the cell closes until a model is loaded.
pub struct Priority {
    /// Where Linux groups processes by session, the niceness that counts is that of the group (sched(7)).
    autogroup: Option<File>,
}

impl Priority {
    /// To be called before files are forbidden.
    pub fn keep() -> Self {
        // SAFETY: both calls take and give numbers. A session that others share is not to step back with this process.
        let leads_session = unsafe { libc::getsid(0) == libc::getpid() };
        let open = || OpenOptions::new().write(true).open("/proc/self/autogroup").ok();
        Self { autogroup: if leads_session { open() } else { None } }
    }

    /// Steps back, for good: this thread, and all that it starts from now on (on macOS the process).
    pub fn lower(self) {
        // SAFETY: setpriority takes numbers alone; 0 is the calling thread. Where it fails, the graph runs as others do.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) };
        if let Some(mut autogroup) = self.autogroup {
            // As above.
            let _: std::io::Result<()> = autogroup.write_all(NICENESS.to_string().as_bytes());
        }
    }
}
