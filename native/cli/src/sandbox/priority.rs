//! How much processor a stranger's graph gets while others want it.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

/// By how much a stranger's graph is nicer than the service: it gets a third of the processor of one that is not
/// (`sched_prio_to_weight` in the kernel).
const STEP: i32 = 5;
/// The most that there is.
const NICENESS_MAX: i32 = 19;

/// The right of a process to step back, kept from before the cell closes until a model is loaded.
pub struct Priority {
    step: StepBack,
    /// Where Linux groups processes by session, the niceness that counts is that of the group (sched(7)).
    autogroup: Option<File>,
}

impl Priority {
    /// To be called before files are forbidden.
    pub fn keep() -> Self {
        // SAFETY: both calls take and give numbers. A session that others share is not to step back with this process.
        let leads_session = unsafe { libc::getsid(0) == libc::getpid() };
        let open = || OpenOptions::new().write(true).open("/proc/self/autogroup").ok();
        Self { step: StepBack::from_here(), autogroup: if leads_session { open() } else { None } }
    }

    /// Steps back, for good: the process, and on Linux, where it shares its process group with others, this thread and
    /// all that it starts from now on.
    pub fn lower(self) {
        let StepBack { scope, niceness } = self.step;
        // SAFETY: setpriority takes numbers alone. Where it fails, the graph runs as others do.
        unsafe { libc::setpriority(scope as _, 0, niceness) };
        if let Some(mut autogroup) = self.autogroup {
            // As above.
            let _: std::io::Result<()> = autogroup.write_all(STEP.to_string().as_bytes());
        }
    }
}

/// What `setpriority` is asked for, of this process.
pub struct StepBack {
    /// Linux takes a process for one thread, and a process group for all threads of all its processes: only so are those
    /// reached that the runtime has started already.
    pub scope: u32,
    /// The niceness then.
    pub niceness: i32,
}

impl StepBack {
    /// To be called by a thread that has not stepped back, before the cell closes.
    #[allow(clippy::unnecessary_cast, reason = "the constants are signed on some systems")]
    pub fn from_here() -> Self {
        // SAFETY: the calls take and give numbers.
        let (leads_group, now) =
            unsafe { (libc::getpgrp() == libc::getpid(), libc::getpriority(libc::PRIO_PROCESS, 0)) };
        let scope = if leads_group { libc::PRIO_PGRP } else { libc::PRIO_PROCESS };
        Self { scope: scope as u32, niceness: (now + STEP).min(NICENESS_MAX) }
    }
}
