//! seccomp: which system calls a sealed process may make.
//!
//! Three filters stand on each other, and the strictest answer counts: calls that only an intruder makes end the process,
//! `clone3`, whose flags a filter cannot see, is answered as unknown so that the C library takes `clone`, and all but the
//! measured list is answered with EPERM. The kernel logs what is refused where its audit log is on.

mod programs;

use std::{collections::BTreeMap, env, io, process};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

pub use self::programs::filter_program;
use super::priority::StepBack;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that the runtimes and the engine make after the tiny graph, seen with strace on two dozen graphs, and the few
/// that belong to them.
const ALLOWED: &[libc::c_long] = &[
    // Frames and log lines.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    // Memory; oneDNN writes its kernels as machine code, so pages may become executable.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    // Threads.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getcpu,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Signals to itself, such as those of an abort.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Time and randomness.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Facts of the machine and of the process.
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
];

/// Calls that no graph has an honest use for: other programs, other processes, the kernel itself.
const DEADLY: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Whether the kernel logs what a filter refuses. (What ends the process is logged always.)
#[derive(Clone, Copy, PartialEq)]
enum Refusals {
    Logged,
    /// Every thread that the C library starts is refused `clone3` first.
    Quiet,
}

/// Puts all threads of the process behind the filters, for good.
pub fn filter() -> Result<(), String> {
    let programs = [
        (compile(deadly()?, SeccompAction::Allow, SeccompAction::KillProcess)?, Refusals::Logged),
        (compile(unknown(), SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?, Refusals::Quiet),
        (compile(allowed()?, SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?, Refusals::Logged),
    ];
    forbid_new_privileges()?;
    programs.iter().try_for_each(|(program, refusals)| install(program, *refusals))
}

fn deadly() -> Result<Rules, String> {
    let mut rules: Rules = DEADLY.iter().map(|call| (*call, Vec::new())).collect();
    let thread = u64::from(libc::CLONE_THREAD as u32);
    rules.insert(libc::SYS_clone, vec![rule(&[(0, SeccompCmpOp::MaskedEq(thread), 0)])?]);
    Ok(rules)
}

fn unknown() -> Rules {
    Rules::from([(libc::SYS_clone3, Vec::new())])
}

fn allowed() -> Result<Rules, String> {
    let thread = u64::from(libc::CLONE_THREAD as u32);
    let own_process = u64::from(process::id());
    let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_clone, vec![rule(&[(0, SeccompCmpOp::MaskedEq(thread), thread)])?]);
    rules.insert(libc::SYS_tgkill, vec![rule(&[(0, SeccompCmpOp::Eq, own_process)])?]);
    // The processor time of the next run, of this process alone.
    let own_cpu = [(0, SeccompCmpOp::Eq, 0), (1, SeccompCmpOp::Eq, u64::from(libc::RLIMIT_CPU))];
    rules.insert(libc::SYS_prlimit64, vec![rule(&own_cpu)?]);
    // A stranger's graph steps back by this much, its own threads alone; nothing steps forward.
    let StepBack { scope, niceness } = StepBack::from_here();
    let own_niceness =
        [(0, SeccompCmpOp::Eq, scope.into()), (1, SeccompCmpOp::Eq, 0), (2, SeccompCmpOp::Eq, niceness as u64)];
    rules.insert(libc::SYS_setpriority, vec![rule(&own_niceness)?]);
    Ok(rules)
}

/// A rule on the lower halves of arguments: (position, comparison, value).
fn rule(conditions: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, String> {
    let conditions: Result<Vec<_>, _> = conditions
        .iter()
        .map(|(position, comparison, value)| {
            SeccompCondition::new(*position, SeccompCmpArgLen::Dword, comparison.clone(), *value)
        })
        .collect();
    conditions.and_then(SeccompRule::new).map_err(|error| error.to_string())
}

fn compile(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram, String> {
    let architecture =
        TargetArch::try_from(env::consts::ARCH).map_err(|_| format!("no filter is known for {}", env::consts::ARCH))?;
    SeccompFilter::new(rules, otherwise, matched, architecture)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

fn forbid_new_privileges() -> Result<(), String> {
    // SAFETY: prctl with PR_SET_NO_NEW_PRIVS takes numbers alone.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } == 0 {
        Ok(())
    } else {
        Err(format!("no_new_privs: {}", io::Error::last_os_error()))
    }
}

/// Installs a program for all threads; `seccompiler` itself does not ask for a log.
fn install(program: &BpfProgram, refusals: Refusals) -> Result<(), String> {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut().cast() };
    let log = if refusals == Refusals::Logged { libc::SECCOMP_FILTER_FLAG_LOG } else { 0 };
    let flags = libc::SECCOMP_FILTER_FLAG_TSYNC | log;
    // SAFETY: the program outlives the call, in which the kernel copies it; both `sock_filter` types have the layout
    // of linux/filter.h.
    match unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) } {
        0 => Ok(()),
        thread if thread > 0 => Err(format!("thread {thread} cannot be put behind the filter")),
        _ => Err(io::Error::last_os_error().to_string()),
    }
}
