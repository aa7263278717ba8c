//! A session of libtensorflow that runs a graph.

use std::{
    ffi::{CStr, CString, c_int},
    ptr::{self, NonNull},
    sync::Arc,
};

use menagerie_graph::wire;

use super::{
    ffi::{self, Functions},
    tensor::Tensor,
    weights::Weights,
};
use crate::EngineError;

/// How a session uses the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPlan {
    /// Threads that share the work of one kernel, at least 1.
    pub threads: u32,
    /// Whether libtensorflow rewrites the graph before the first run (constant folding, fused kernels).
    pub optimize: bool,
}

impl SessionPlan {
    /// The plan as a serialised `ConfigProto` (`config.proto` and `rewriter_config.proto` in `tensorflow/core/protobuf`).
    fn config(self) -> Vec<u8> {
        let mut config = Vec::with_capacity(40);
        wire::put_int(&mut config, 2, i64::from(self.threads.max(1))); // intra_op_parallelism_threads
        // inter_op_parallelism_threads = -1: kernels start in the thread that calls run, so that runs side by side do
        // not wait for a shared pool, and a run does not change threads.
        wire::put_int(&mut config, 5, -1);
        // A session holds one graph for its life, so libtensorflow need not keep what only a later change would need.
        let mut experimental = Vec::new();
        wire::put_int(&mut experimental, 12, 1); // optimize_for_static_graph
        wire::put_int(&mut experimental, 14, 1); // disable_output_partition_graphs
        wire::put_bytes(&mut config, 16, &experimental);
        if !self.optimize {
            let (mut optimizer, mut rewriter, mut graph) = (Vec::new(), Vec::new(), Vec::new());
            wire::put_int(&mut optimizer, 3, -1); // opt_level = L0
            wire::put_int(&mut rewriter, 19, 1); // disable_meta_optimizer
            wire::put_bytes(&mut graph, 3, &optimizer); // optimizer_options
            wire::put_bytes(&mut graph, 10, &rewriter); // rewrite_options
            wire::put_bytes(&mut config, 10, &graph); // graph_options
        }
        config
    }
}

/// A graph with one input and one output, ready to run. Runs may go on side by side.
pub struct Session {
    raw: NonNull<ffi::Session>,
    functions: &'static Functions,
    input: CString,
    output: CString,
    weights: Arc<Weights>,
}

// SAFETY: TF_Run may be called from many threads at once, as `tensorflow::Session::Run` may, which it calls
// (tensorflow/core/public/session.h).
unsafe impl Send for Session {}
// SAFETY: as above; all methods but `drop` only call TF_Run.
unsafe impl Sync for Session {}

impl Session {
    /// Opens a session on a serialised `GraphDef`, which is not needed afterwards. `input` and `output` are tensors of the
    /// graph, `name` or `name:index`; `weights` are for its other placeholders.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with libtensorflow's reason.
    pub fn open(
        functions: &'static Functions,
        graph_def: &[u8],
        input: &str,
        output: &str,
        weights: Arc<Weights>,
        plan: SessionPlan,
    ) -> Result<Self, EngineError> {
        let name = |tensor: &str| {
            CString::new(tensor).map_err(|_| EngineError::GraphRefused(format!("it holds no tensor {tensor:?}")))
        };
        let (input, output) = (name(input)?, name(output)?);
        let session = Self { raw: new_session(functions, plan)?, functions, input, output, weights };
        let status = Status::new(functions);
        // SAFETY: session and status are live; the bytes are only read during the call.
        unsafe {
            (functions.extend_graph)(session.raw.as_ptr(), graph_def.as_ptr().cast(), graph_def.len(), status.raw);
        }
        status.check().map_err(EngineError::GraphRefused)?;
        Ok(session)
    }

    /// Runs the graph on `input`.
    ///
    /// # Errors
    /// [`EngineError::Run`] with libtensorflow's reason.
    pub fn run(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let functions = self.functions;
        let status = Status::new(functions);
        let names: Vec<_> = [&self.input].into_iter().chain(&self.weights.names).map(|name| name.as_ptr()).collect();
        let tensors: Vec<_> = [input].into_iter().chain(&self.weights.tensors).map(Tensor::as_raw).collect();
        let mut output = ptr::null_mut();
        // SAFETY: session, names and tensors are live; every array has the length that is named beside it; the callee
        // neither keeps nor changes what it is fed, and gives the output to us.
        unsafe {
            (functions.run)(
                self.raw.as_ptr(),
                ptr::null(),
                names.as_ptr(),
                tensors.as_ptr(),
                names.len() as c_int,
                &self.output.as_ptr(),
                &raw mut output,
                1,
                ptr::null(),
                0,
                ptr::null_mut(),
                status.raw,
            );
        }
        status.check().map_err(EngineError::Run)?;
        let output = NonNull::new(output).ok_or_else(|| EngineError::Run("it gave no output".into()))?;
        // SAFETY: the session made the tensor for us.
        Ok(unsafe { Tensor::from_raw(functions, output) })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let status = Status::new(self.functions);
        // SAFETY: the session is live, ours alone, and not used after this. A failure to close leaves nothing to do.
        unsafe {
            (self.functions.close_session)(self.raw.as_ptr(), status.raw);
            (self.functions.delete_session)(self.raw.as_ptr(), status.raw);
        }
    }
}

fn new_session(functions: &'static Functions, plan: SessionPlan) -> Result<NonNull<ffi::Session>, EngineError> {
    let config = plan.config();
    let status = Status::new(functions);
    // SAFETY: options and status are live; config is read during the call.
    let session = unsafe {
        let options = (functions.new_session_options)();
        (functions.set_config)(options, config.as_ptr().cast(), config.len(), status.raw);
        let session = if status.is_ok() { (functions.new_session)(options, status.raw) } else { ptr::null_mut() };
        (functions.delete_session_options)(options);
        session
    };
    status.check().map_err(EngineError::GraphRefused)?;
    NonNull::new(session).ok_or_else(|| EngineError::GraphRefused("it opened no session".into()))
}

struct Status {
    raw: *mut ffi::Status,
    functions: &'static Functions,
}

impl Status {
    fn new(functions: &'static Functions) -> Self {
        // SAFETY: TF_NewStatus needs nothing.
        Self { raw: unsafe { (functions.new_status)() }, functions }
    }

    fn is_ok(&self) -> bool {
        // SAFETY: the status is live.
        unsafe { (self.functions.status_code)(self.raw) == ffi::OK }
    }

    fn check(&self) -> Result<(), String> {
        if self.is_ok() {
            return Ok(());
        }
        // SAFETY: the message is a C string that lives as long as the status.
        let message = unsafe { CStr::from_ptr((self.functions.status_message)(self.raw)) };
        Err(first_line(&message.to_string_lossy()))
    }
}

/// The reason without the stack of nodes and hints that libtensorflow prints below it.
fn first_line(message: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    message.lines().next().unwrap_or_default().chars().take(CHARACTERS_MAX).collect()
}

impl Drop for Status {
    fn drop(&mut self) {
        // SAFETY: the status is ours and not used after this.
        unsafe { (self.functions.delete_status)(self.raw) }
    }
}
