//! Memory of what layers give, shared by all sessions.

use std::ptr;

use ort::{AsPointer, Error, Result, environment::Environment, sys};

/// `kSameAsRequested` of `ArenaExtendStrategy`: an arena grows by what is asked of it, not to the next power of two.
const AS_REQUESTED: usize = 1;

/// Makes one arena for the sessions that ask for it (`session.use_env_allocators`): one of a session's own grows to the next
/// power of two.
pub fn share(environment: &Environment) -> Result<()> {
    let api = ort::api();
    let (mut arena, mut memory) = (ptr::null_mut(), ptr::null_mut());
    let (keys, values) = ([c"arena_extend_strategy".as_ptr()], [AS_REQUESTED]);
    // SAFETY: names and values are as many as is said; what is made is freed once; the environment is live and copies what it
    // is given. The first failure is what counts: what follows it gets null pointers, which nothing is done with.
    unsafe {
        let made = Error::result_from_status((api.CreateArenaCfgV2)(keys.as_ptr(), values.as_ptr(), 1, &raw mut arena))
            .and_then(|()| {
                let (kind, place) = (sys::OrtAllocatorType::OrtArenaAllocator, sys::OrtMemType::OrtMemTypeDefault);
                Error::result_from_status((api.CreateCpuMemoryInfo)(kind, place, &raw mut memory))
            })
            .and_then(|()| {
                Error::result_from_status((api.CreateAndRegisterAllocator)(environment.ptr().cast_mut(), memory, arena))
            });
        if !memory.is_null() {
            (api.ReleaseMemoryInfo)(memory);
        }
        if !arena.is_null() {
            (api.ReleaseArenaCfg)(arena);
        }
        made
    }
}
