//! Settings of the runtimes that they read from the environment.

use std::{env, ffi::OsStr};

/// How much libtensorflow says on stderr, 0 (everything) to 3 (nothing but what ends the process).
pub const LOG_LEVEL: &str = "TF_CPP_MIN_LOG_LEVEL";

/// Variables that have to stand in the environment before a runtime is loaded, each with its value where the caller has set
/// none. libtensorflow: each session has the threads that it asks for, not those that the first session of the process asked
/// for; layers run on oneDNN wherever it is built in, and not, as libtensorflow would have it, on some processors only
/// (`IsMKLEnabled` in `tensorflow/core/util/util.cc`); oneDNN keeps kernels that are fed in its own layout
/// ([`menagerie_graph::detach`]). ONNX Runtime: nothing is told to its makers, to whom it else reports each session and keeps
/// an identifier of the machine for (`onnxruntime/core/platform/telemetry_environment.h`, since 1.29); its function that
/// turns this off is called too late for the first report.
pub const ENVIRONMENT: [(&str, &str); 4] = [
    ("TF_OVERRIDE_GLOBAL_THREADPOOL", "1"),
    ("TF_ENABLE_ONEDNN_OPTS", "1"),
    ("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1"),
    ("ORT_DISABLE_TELEMETRY", "1"),
];

/// Whether a variable is a runtime's own.
#[must_use]
pub fn is_of_runtime(name: &OsStr) -> bool {
    ["TF_", "ORT_"].iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

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
