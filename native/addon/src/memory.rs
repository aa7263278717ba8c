//! What the C library keeps of memory that was freed.
//!
//! glibc keeps what a thread frees for that thread's next need, unless it lies at the end of a heap; after a busy minute that is a
//! good part of what a Node process has. Other C libraries give back more by themselves, or are not asked here.

use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::off_thread::OffThread;

/// Gives the system back what the C library keeps of freed memory. Threads that take or free memory meanwhile may wait for some
/// milliseconds. Does nothing elsewhere than on Linux with glibc.
#[napi(ts_return_type = "Promise<void>")]
#[must_use]
pub fn trim_memory() -> AsyncTask<OffThread<()>> {
    OffThread::start(|| {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: it takes no memory of the caller's, and may be called in any thread at any time (malloc_trim(3)).
        unsafe {
            libc::malloc_trim(0);
        }
        Ok(())
    })
}
