//! A graph imported into libtensorflow and a session that runs it.

use std::{
    ffi::{CStr, CString, c_int},
    ptr::{self, NonNull},
};

use menagerie_graph::wire;

use crate::{
    EngineError, Library,
    ffi::{self, Functions},
    tensor::Tensor,
};

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
    graph: Graph,
    input: ffi::Output,
    output: ffi::Output,
}

// SAFETY: TF_SessionRun may be called from many threads at once (tensorflow/c/c_api.h: sessions and graphs are
// thread-safe); `input` and `output` point into the graph, which lives as long and does not change.
unsafe impl Send for Session {}
// SAFETY: as above; all methods but `drop` only call TF_SessionRun.
unsafe impl Sync for Session {}

impl Session {
    /// Imports a serialised `GraphDef` and opens a session on it. `graph_def` is not needed afterwards.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] with libtensorflow's reason.
    pub fn open(
        library: &Library,
        graph_def: &[u8],
        input: &str,
        output: &str,
        plan: SessionPlan,
    ) -> Result<Self, EngineError> {
        let graph = Graph::import(library.functions(), graph_def)?;
        let input = graph.output(input)?;
        let output = graph.output(output)?;
        let raw = graph.session(plan)?;
        Ok(Self { raw, graph, input, output })
    }

    /// Runs the graph on `input`.
    ///
    /// # Errors
    /// [`EngineError::Run`] with libtensorflow's reason.
    pub fn run(&self, input: &Tensor) -> Result<Tensor, EngineError> {
        let functions = self.graph.functions;
        let status = Status::new(functions);
        let mut output = ptr::null_mut();
        // SAFETY: session, graph and tensor are live; every array has the length that is named beside it; the callee
        // does not keep the input and gives the output to us.
        unsafe {
            (functions.run)(
                self.raw.as_ptr(),
                ptr::null(),
                &raw const self.input,
                &input.as_raw(),
                1,
                &raw const self.output,
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
        let functions = self.graph.functions;
        let status = Status::new(functions);
        // SAFETY: the session is live, ours alone, and not used after this. A failure to close leaves nothing to do.
        unsafe {
            (functions.close_session)(self.raw.as_ptr(), status.raw);
            (functions.delete_session)(self.raw.as_ptr(), status.raw);
        }
    }
}

struct Graph {
    raw: *mut ffi::Graph,
    functions: &'static Functions,
}

impl Graph {
    fn import(functions: &'static Functions, graph_def: &[u8]) -> Result<Self, EngineError> {
        let buffer = ffi::Buffer { data: graph_def.as_ptr().cast(), length: graph_def.len(), deallocator: None };
        let status = Status::new(functions);
        // SAFETY: the graph and the options are live; the buffer is only read during the call.
        let graph = unsafe {
            let graph = Self { raw: (functions.new_graph)(), functions };
            let options = (functions.new_import_options)();
            (functions.import_graph)(graph.raw, &raw const buffer, options, status.raw);
            (functions.delete_import_options)(options);
            graph
        };
        status.check().map_err(EngineError::GraphRefused)?;
        Ok(graph)
    }

    /// The tensor `name` or `name:index`.
    fn output(&self, tensor: &str) -> Result<ffi::Output, EngineError> {
        let missing = || EngineError::GraphRefused(format!("it holds no tensor {tensor:?}"));
        let (name, index) = tensor.rsplit_once(':').unwrap_or((tensor, "0"));
        let index: c_int = index.parse().map_err(|_| missing())?;
        let name = CString::new(name).map_err(|_| missing())?;
        // SAFETY: the graph is live and the name a C string.
        let operation = unsafe { (self.functions.operation_by_name)(self.raw, name.as_ptr()) };
        // SAFETY: the operation is one of the graph's.
        if operation.is_null() || !(0..unsafe { (self.functions.output_count)(operation) }).contains(&index) {
            return Err(missing());
        }
        Ok(ffi::Output { operation, index })
    }

    fn session(&self, plan: SessionPlan) -> Result<NonNull<ffi::Session>, EngineError> {
        let functions = self.functions;
        let config = plan.config();
        let status = Status::new(functions);
        // SAFETY: graph, options and status are live; config is read during the call.
        let session = unsafe {
            let options = (functions.new_session_options)();
            (functions.set_config)(options, config.as_ptr().cast(), config.len(), status.raw);
            let session =
                if status.is_ok() { (functions.new_session)(self.raw, options, status.raw) } else { ptr::null_mut() };
            (functions.delete_session_options)(options);
            session
        };
        status.check().map_err(EngineError::GraphRefused)?;
        NonNull::new(session).ok_or_else(|| EngineError::GraphRefused("it opened no session".into()))
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: the graph is ours; its session, if there was one, is deleted before it.
        unsafe { (self.functions.delete_graph)(self.raw) }
    }
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
