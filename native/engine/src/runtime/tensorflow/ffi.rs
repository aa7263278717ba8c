//! The part of TensorFlow's C API that the engine uses, bound at run time.
//!
//! Source of the signatures: `tensorflow/c/c_api.h`, `tensorflow/c/tf_status.h`, `tensorflow/c/tf_tensor.h`. The C API
//! is kept stable within a major version of TensorFlow.
//!
//! Sessions are those that `c_api.h` calls deprecated, for want of functions to build graphs with. They take a `GraphDef`
//! as it is, where `TF_NewSession` wants a `TF_Graph`, which is a second copy of the graph for as long as the session lives.

use std::{
    ffi::{c_char, c_int, c_void},
    path::Path,
};

/// An object that only libtensorflow looks into.
macro_rules! opaque {
    ($($name:ident,)*) => {
        $(#[repr(C)] pub struct $name { _private: [u8; 0] })*
    };
}

opaque! {
    Status, SessionOptions, Session, Tensor, Buffer,
}

/// `TF_OK` of `TF_Code`.
pub const OK: c_int = 0;

macro_rules! functions {
    ($($(#[$doc:meta])* $field:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, and the two libraries that hold them.
        pub struct Functions {
            $($(#[$doc])* pub $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            _framework: Option<libloading::Library>,
            _library: libloading::Library,
        }

        impl Functions {
            /// Binds every function of the library at `path`; `framework`, which it needs, is loaded before it.
            ///
            /// # Safety
            /// The files must be libtensorflow: loading runs their initialisers, and the signatures above are trusted.
            pub unsafe fn load(path: &Path, framework: Option<&Path>) -> Result<Self, libloading::Error> {
                // SAFETY: the caller vouches for the files.
                let framework = framework.map(|path| unsafe { libloading::Library::new(path) }).transpose()?;
                // SAFETY: as above.
                let library = unsafe { libloading::Library::new(path) }?;
                Ok(Self {
                    // SAFETY: the symbols have these signatures in TensorFlow's C API.
                    $($field: *unsafe { library.get($symbol)? },)*
                    _framework: framework,
                    _library: library,
                })
            }
        }
    };
}

functions! {
    version = "TF_Version": fn() -> *const c_char;
    new_status = "TF_NewStatus": fn() -> *mut Status;
    delete_status = "TF_DeleteStatus": fn(*mut Status);
    status_code = "TF_GetCode": fn(*const Status) -> c_int;
    status_message = "TF_Message": fn(*const Status) -> *const c_char;

    new_session_options = "TF_NewSessionOptions": fn() -> *mut SessionOptions;
    delete_session_options = "TF_DeleteSessionOptions": fn(*mut SessionOptions);
    set_config = "TF_SetConfig": fn(*mut SessionOptions, *const c_void, usize, *mut Status);
    new_session = "TF_NewDeprecatedSession": fn(*const SessionOptions, *mut Status) -> *mut Session;
    extend_graph = "TF_ExtendGraph": fn(*mut Session, *const c_void, usize, *mut Status);
    close_session = "TF_CloseDeprecatedSession": fn(*mut Session, *mut Status);
    delete_session = "TF_DeleteDeprecatedSession": fn(*mut Session, *mut Status);
    run = "TF_Run": fn(
        *mut Session, *const Buffer,
        *const *const c_char, *const *mut Tensor, c_int,
        *const *const c_char, *mut *mut Tensor, c_int,
        *const *const c_char, c_int,
        *mut Buffer, *mut Status
    );

    allocate_tensor = "TF_AllocateTensor": fn(c_int, *const i64, c_int, usize) -> *mut Tensor;
    delete_tensor = "TF_DeleteTensor": fn(*mut Tensor);
    tensor_type = "TF_TensorType": fn(*const Tensor) -> c_int;
    dimension_count = "TF_NumDims": fn(*const Tensor) -> c_int;
    dimension = "TF_Dim": fn(*const Tensor, c_int) -> i64;
    tensor_bytes = "TF_TensorByteSize": fn(*const Tensor) -> usize;
    tensor_data = "TF_TensorData": fn(*const Tensor) -> *mut c_void;
}
