//! Which system calls a program of the operator's may make: it may read files, where Landlock lets it, and start threads.
//!
//! The list is what Python, Node and programs of Rust and C make while they start and compute, seen with strace, and what
//! stands beside those calls under another name. It holds no socket, no other process, and nothing that changes a file's
//! rights, which Landlock does not govern.

use std::process;

use seccompiler::{SeccompAction, SeccompCmpOp};

use super::{ALLOWED, DEADLY, Refusals, Rules, compile, forbid_new_privileges, install, rule, unknown};

/// Beside [`ALLOWED`].
const ALSO_ALLOWED: &[libc::c_long] = &[
    // Becoming the program, and a script's interpreter.
    libc::SYS_execve,
    libc::SYS_set_tid_address,
    libc::SYS_prctl,
    libc::SYS_wait4,
    // Files.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_fadvise64,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_close_range,
    libc::SYS_flock,
    libc::SYS_umask,
    // Memory.
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_msync,
    // Its own pipes, waiting and clocks.
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_setitimer,
    libc::SYS_getitimer,
    libc::SYS_times,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    // Facts of the machine and of the process.
    libc::SYS_uname,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getgroups,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getpriority,
    libc::SYS_capget,
    libc::SYS_sched_setaffinity,
    libc::SYS_get_mempolicy,
];

/// The names that only x86-64 has.
#[cfg(target_arch = "x86_64")]
const ALSO_ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_arch_prctl,
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getdents,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_eventfd,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_time,
    libc::SYS_alarm,
    libc::SYS_pause,
];
#[cfg(not(target_arch = "x86_64"))]
const ALSO_ALLOWED_HERE: &[libc::c_long] = &[];

/// Of [`DEADLY`], what is merely refused: programs that try to start another one are written to go on without.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
];

/// Puts this process, and the program that it becomes, behind the filters, for good.
pub fn filter_program() -> Result<(), String> {
    let deadly = DEADLY.iter().filter(|call| !REFUSED.contains(call)).map(|call| (*call, Vec::new())).collect();
    let programs = [
        (compile(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?, Refusals::Logged),
        (compile(unknown(), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?, Refusals::Quiet),
        (compile(allowed()?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?, Refusals::Logged),
    ];
    forbid_new_privileges()?;
    programs.iter().try_for_each(|(program, refusals)| install(program, *refusals))
}

fn allowed() -> Result<Rules, String> {
    let own_process = u64::from(process::id());
    let plain = [ALLOWED, ALSO_ALLOWED, ALSO_ALLOWED_HERE];
    let mut rules: Rules = plain.concat().iter().map(|call| (*call, Vec::new())).collect();
    let thread = u64::from(libc::CLONE_THREAD as u32);
    rules.insert(libc::SYS_clone, vec![rule(&[(0, SeccompCmpOp::MaskedEq(thread), thread)])?]);
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        rules.insert(call, vec![rule(&[(0, SeccompCmpOp::Eq, own_process)])?]);
    }
    // Its own limits, which it may lower.
    let own = [rule(&[(0, SeccompCmpOp::Eq, 0)])?, rule(&[(0, SeccompCmpOp::Eq, own_process)])?];
    rules.insert(libc::SYS_prlimit64, own.to_vec());
    Ok(rules)
}
