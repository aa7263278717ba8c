//! What the engine's tests share: libtensorflow and the graphs beside the project.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use menagerie_contract::{LoadRequest, Source, SpecOverrides};
use menagerie_engine::{ENVIRONMENT, EngineError, Library, RuntimeKind};

/// libtensorflow as set-up leaves it.
pub fn library() -> Library {
    for (name, _) in ENVIRONMENT {
        assert!(env::var_os(name).is_some(), "{name} is not set; .cargo/config.toml sets it for tests");
    }
    load(RuntimeKind::Tensorflow).expect("libtensorflow is needed by this test; `npm test` fetches it")
}

/// ONNX Runtime as set-up leaves it; says so and gives nothing when it is not there.
pub fn onnxruntime() -> Option<Library> {
    load(RuntimeKind::Onnx).map_err(|error| println!("skipped: {error}")).ok()
}

fn load(kind: RuntimeKind) -> Result<Library, EngineError> {
    let cached = || -> Option<PathBuf> {
        let cache = repository().join(".cache").join(kind.name());
        fs::read_dir(cache).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.is_dir())
    };
    let variable = if kind == RuntimeKind::Onnx { "ONNXRUNTIME_PATH" } else { "LIBTENSORFLOW_PATH" };
    let dir = if env::var_os(variable).is_some() { None } else { cached() };
    Library::load(kind, dir.as_deref())
}

pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A folder of the data beside the project; says so and gives nothing when it is not there.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = env::var_os("MENAGERIE_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no test data at {}; set MENAGERIE_SHARED", path.display());
    None
}

/// A request that sets `overrides`.
pub fn request(overrides: SpecOverrides) -> LoadRequest {
    LoadRequest { threads: 1, ..LoadRequest::new(Source::Request, overrides) }
}
