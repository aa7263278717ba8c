//! The engine as a Node library: every export converts, calls `menagerie_engine` off the main thread, and converts back.

pub mod memory;
mod off_thread;
#[cfg(unix)]
pub mod start_process;

use std::{env::var_os, sync::Arc, time::Instant};

use menagerie_contract::{ErrorCode, Frame, FrameKind, LoadRequest, Problem, frame};
use menagerie_engine::{ENVIRONMENT, LOG_LEVEL, Library, RuntimeKind, exchange};
use menagerie_graph::GraphLimits;
use napi::{
    Env,
    bindgen_prelude::{AsyncTask, Float32Array, JsObjectValue, Object, Uint8Array},
};
use napi_derive::napi;

use off_thread::OffThread;

/// Settings of the runtimes that have to stand in the environment before one is loaded, where nobody has set them: as
/// assignments to `process.env`, which Node makes behind the lock of its own threads.
#[napi(module_exports)]
pub fn prepare_environment(_exports: Object, env: Env) -> napi::Result<()> {
    let process: Object = env.get_global()?.get_named_property("process")?;
    let mut variables: Object = process.get_named_property("env")?;
    for (name, value) in ENVIRONMENT.into_iter().chain([(LOG_LEVEL, "3")]) {
        if !variables.has_named_property(name)? {
            variables.set_named_property(name, value)?;
        }
    }
    Ok(())
}

/// A runtime, loaded once with its settings. Those of a worker thread's `process.env` are that thread's alone.
fn library(name: Option<&str>) -> Result<Library, Problem> {
    let kind = RuntimeKind::ALL.into_iter().find(|kind| name.is_none_or(|name| kind.name() == name));
    let Some(kind) = kind else {
        let message = format!("there is no runtime {:?}", name.unwrap_or_default());
        return Err(Problem::new(ErrorCode::FieldInvalid, message));
    };
    if let Some((name, _)) = ENVIRONMENT.into_iter().find(|(name, _)| var_os(name).is_none()) {
        let message = format!("{name} is not in the environment of this process; load the package in its main thread");
        return Err(Problem::new(ErrorCode::EngineUnavailable, message));
    }
    Ok(Library::load(kind, None)?)
}

/// The scores for the images of one call.
#[napi(object)]
pub struct Scores {
    /// `imageCount * classCount` scores, image by image.
    pub values: Float32Array,
    /// Scores for each image; 1 where the graph answers the class number alone.
    pub class_count: u32,
    /// Microseconds between the call and the start of the run.
    pub queue_us: u32,
    /// Microseconds of the run.
    pub run_us: u32,
}

/// A frozen graph, loaded into this process. Errors carry a `code` of the HTTP contract.
#[napi]
pub struct Model {
    model: Arc<menagerie_engine::Model>,
    spec: String,
}

#[napi]
impl Model {
    /// Resolves, loads and optimises a frozen graph, of which it takes a copy. `loadRequestJson` is a `LoadRequest` of the
    /// contract. `runtimeName` is `libtensorflow`, the default, or `onnxruntime`; its library is looked for in
    /// `LIBTENSORFLOW_PATH` or `ONNXRUNTIME_PATH` and the system's library folders.
    #[napi(ts_return_type = "Promise<Model>")]
    #[must_use]
    pub fn load(graph: &[u8], load_request_json: String, runtime_name: Option<String>) -> AsyncTask<OffThread<Model>> {
        let graph = graph.to_vec();
        OffThread::start(move || {
            let request: LoadRequest = serde_json::from_str(&load_request_json).map_err(|error| {
                Problem::new(ErrorCode::FieldInvalid, format!("the load request cannot be read: {error}"))
            })?;
            let library = library(runtime_name.as_deref())?;
            let model = menagerie_engine::Model::load(&library, graph, &request, &GraphLimits::default())?;
            model.optimize()?;
            let spec = serde_json::to_string(model.spec())
                .map_err(|error| Problem::new(ErrorCode::Internal, format!("the spec cannot be written: {error}")))?;
            Ok(Self { model: Arc::new(model), spec })
        })
    }

    /// The resolved `ModelSpec` of the contract, as JSON.
    #[napi(getter)]
    #[must_use]
    pub fn spec(&self) -> String {
        self.spec.clone()
    }

    /// Calls of `run` and `exchange` that pay side by side: as many as keep the cores busy.
    #[napi(getter)]
    #[must_use]
    pub fn lanes(&self) -> u32 {
        self.model.lanes()
    }

    /// Classifies `imageCount` images of `height x width x channels` bytes each, rows of interleaved RGB or grey. It takes
    /// a copy of `pixels`.
    #[napi(ts_return_type = "Promise<Scores>")]
    #[must_use]
    pub fn run(&self, pixels: &[u8], image_count: u32) -> AsyncTask<OffThread<Scores>> {
        let (model, pixels) = (Arc::clone(&self.model), pixels.to_vec());
        let called = Instant::now();
        OffThread::start(move || {
            let queue_us = called.elapsed().as_micros() as u32;
            let scores = model.run(&pixels, image_count)?;
            Ok(Scores {
                values: scores.values.into(),
                class_count: scores.class_count,
                queue_us,
                run_us: scores.run_time.as_micros() as u32,
            })
        })
    }

    /// Answers one infer or tensors frame, of which it takes a copy, with a scores or an error frame of the same request id.
    #[napi(ts_return_type = "Promise<Uint8Array>")]
    #[must_use]
    pub fn exchange(&self, frame: &[u8]) -> AsyncTask<OffThread<Uint8Array>> {
        let (model, frame) = (Arc::clone(&self.model), frame.to_vec());
        let called = Instant::now();
        OffThread::start(move || {
            let header = frame::Header::read(&frame, u32::MAX)
                .map_err(|error| exchange::lost_step(&error))?
                .filter(|header| matches!(header.kind, FrameKind::Infer | FrameKind::Tensors))
                .ok_or_else(|| Problem::new(ErrorCode::Internal, "exchange takes infer and tensors frames alone"))?;
            let payload = frame.get(frame::HEADER_BYTES..).unwrap_or_default();
            let reply: Frame<'_> = exchange::answer(&model, header.kind, payload, called);
            let bytes = reply.encode_reply(header.request_id).map_err(|error| exchange::lost_step(&error))?;
            Ok(bytes.into())
        })
    }
}

/// What runs graphs in this process.
#[napi(object)]
pub struct Runtime {
    /// `libtensorflow` or `onnxruntime`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What computes layers, such as `oneDNN`, `Eigen` or `MLAS`.
    pub kernels: String,
}

/// What runs graphs in this process: the runtime of that name, libtensorflow by default, which is loaded if it is not yet.
#[napi(ts_return_type = "Promise<Runtime>")]
#[must_use]
pub fn runtime(name: Option<String>) -> AsyncTask<OffThread<Runtime>> {
    OffThread::start(move || {
        let library = library(name.as_deref())?;
        Ok(Runtime {
            name: library.kind().name().into(),
            version: library.version(),
            kernels: library.kernels().name().into(),
        })
    })
}
