//! Settings of libtensorflow that it reads from the environment.

use std::env;

/// How much libtensorflow says on stderr, 0 (everything) to 3 (nothing but what ends the process).
pub const LOG_LEVEL: &str = "TF_CPP_MIN_LOG_LEVEL";

/// Variables that have to stand in the environment before libtensorflow is loaded, each with its value where the caller
/// has set none: each session has the threads that it asks for, not those that the first session of the process asked
/// for; layers run on oneDNN wherever it is built in, and not, as libtensorflow would have it, on some processors only
/// (`IsMKLEnabled` in `tensorflow/core/util/util.cc`); oneDNN keeps kernels that are fed in its own layout
/// ([`menagerie_graph::detach`]).
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("TF_OVERRIDE_GLOBAL_THREADPOOL", "1"), ("TF_ENABLE_ONEDNN_OPTS", "1"), ("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")];

/// Sets what the caller has left unset of [`ENVIRONMENT`], and libtensorflow quiet unless the caller set [`LOG_LEVEL`].
///
/// # Safety
/// As `std::env::set_var`: no other thread may read or write the environment meanwhile.
pub unsafe fn set_environment() {
    for (name, value) in ENVIRONMENT.into_iter().chain([(LOG_LEVEL, "3")]) {
        if env::var_os(name).is_none() {
            // SAFETY: the caller vouches for it.
            unsafe { env::set_var(name, value) };
        }
    }
}
