//! ONNX Runtime, through the crate `ort`.

mod arena;
mod graph;
mod session;

use std::{ffi::CStr, path::Path};

use menagerie_contract::{LoadRequest, Source, SpecOverrides, message::ONNXRUNTIME};
use menagerie_graph::{GraphError, GraphLimits, Resolved, onnx, resolve};
use ort::{environment::Environment, logging::LogLevel, sys};

use self::graph::OnnxGraph;
use super::{Input, Kernels, Opened, Runtime, Values};
use crate::{EngineError, probe::probe_graph};

/// ONNX Runtime, as one process uses it.
pub struct Onnxruntime {
    environment: Environment,
    version: String,
}

impl Onnxruntime {
    /// Loads the library at `path`.
    ///
    /// # Errors
    /// [`EngineError::LibraryUnusable`] with what the loader said, also of a version before 1.17.
    pub fn load(path: &Path) -> Result<Self, EngineError> {
        let unusable = |detail: String| EngineError::LibraryUnusable { name: ONNXRUNTIME, path: path.into(), detail };
        let version = version(path).map_err(|error| unusable(error.to_string()))?;
        let builder = ort::init_from(path).map_err(|error| unusable(error.to_string()))?;
        let environment = builder.with_telemetry(false).build().map_err(|error| unusable(error.to_string()))?;
        environment.set_log_level(LogLevel::Fatal);
        arena::share(&environment).map_err(|error| unusable(error.to_string()))?;
        Ok(Self { environment, version })
    }
}

/// The version of the library at `path`, for which `ort` has no function.
fn version(path: &Path) -> Result<String, libloading::Error> {
    // SAFETY: the file carries ONNX Runtime's name and lies where the operator keeps it. The symbol has this signature, and
    // what it gives is static (onnxruntime_c_api.h).
    unsafe {
        let library = libloading::Library::new(path)?;
        let base: libloading::Symbol<'_, unsafe extern "C" fn() -> *const sys::OrtApiBase> =
            library.get("OrtGetApiBase")?;
        Ok(CStr::from_ptr(((*base()).GetVersionString)()).to_string_lossy().into_owned())
    }
}

impl Runtime for Onnxruntime {
    fn version(&self) -> String {
        self.version.clone()
    }

    fn kernels(&self) -> Kernels {
        Kernels::Mlas
    }

    fn warm(&self) -> Result<(), EngineError> {
        let request = LoadRequest::new(Source::Request, SpecOverrides::default());
        let resolved = resolve(&probe_graph(), &request, &GraphLimits::default())?;
        let input = &resolved.spec.input;
        let shape = [1, input.height, input.width, input.channels].map(i64::from).to_vec();
        let fill = |values: Values<'_>| {
            if let Values::Float32(values) = values {
                values.fill(0.5);
            }
        };
        let input = Input { shape, dtype: input.dtype, fill: &fill };
        // Two threads at least, so that a pool of threads has been started once.
        let graph = self.open(resolved, 0, 2)?.graph;
        let sum: f32 = graph.run(&input)?.values.iter().sum();
        if (sum - 1.0).abs() > 1e-3 {
            return Err(EngineError::Run(format!("the probe's probabilities add up to {sum}")));
        }
        Ok(())
    }

    fn open(&self, resolved: Resolved, threads: u32, cores: u32) -> Result<Opened, EngineError> {
        let model = onnx::write(&resolved, &GraphLimits::default()).map_err(|error| match error {
            GraphError::Untranslated { .. } => EngineError::Untranslated(error),
            other => other.into(),
        })?;
        drop(resolved);
        let input_layout = model.input_layout;
        let graph = Box::new(OnnxGraph::open(&self.environment, &model, threads, cores)?);
        Ok(Opened { graph, input_layout })
    }
}
