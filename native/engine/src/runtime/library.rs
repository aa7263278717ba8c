//! Finding the library that runs graphs, and loading it once.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use menagerie_contract::message::{LIBTENSORFLOW, ONNXRUNTIME};
use menagerie_graph::Resolved;

use super::{Kernels, Opened, Runtime, onnx::Onnxruntime, tensorflow::Tensorflow};
use crate::EngineError;

/// The loader's own variables that name folders to look in, after ours.
const PATH_VARIABLES: [&str; 2] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// Which library runs graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// libtensorflow, which is the reference.
    Tensorflow,
    /// ONNX Runtime.
    Onnx,
}

impl RuntimeKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Tensorflow, Self::Onnx];

    /// Its name, as settings and the contract have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tensorflow => LIBTENSORFLOW,
            Self::Onnx => ONNXRUNTIME,
        }
    }

    const fn files(self) -> &'static Files {
        match self {
            Self::Tensorflow => &TENSORFLOW,
            Self::Onnx => &ONNX,
        }
    }
}

/// Where a library is looked for.
struct Files {
    /// Variable that names its folder.
    variable: &'static str,
    /// The library itself.
    library: &'static [&'static str],
    /// What is loaded before it, where it is there.
    before: &'static [&'static str],
}

/// TensorFlow's C package first, the Python wheel's library after it.
const TENSORFLOW: Files = if cfg!(target_os = "macos") {
    Files {
        variable: "LIBTENSORFLOW_PATH",
        library: &["libtensorflow.dylib", "libtensorflow.2.dylib", "libtensorflow_cc.2.dylib"],
        before: &["libtensorflow_framework.2.dylib", "libtensorflow_framework.dylib"],
    }
} else {
    Files {
        variable: "LIBTENSORFLOW_PATH",
        library: &["libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2"],
        before: &["libtensorflow_framework.so.2", "libtensorflow_framework.so"],
    }
};

const ONNX: Files = Files {
    variable: "ONNXRUNTIME_PATH",
    library: if cfg!(target_os = "macos") {
        &["libonnxruntime.dylib", "libonnxruntime.1.dylib"]
    } else {
        &["libonnxruntime.so", "libonnxruntime.so.1"]
    },
    before: &[],
};

/// Where packages put libraries.
const SYSTEM: &[&str] = if cfg!(target_os = "macos") {
    &["/usr/local/lib", "/opt/homebrew/lib"]
} else {
    &["/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/libtensorflow/lib"]
};

/// A library that runs graphs, loaded. Copies share one; it stays loaded until the process ends, for its threads never
/// stop.
#[derive(Clone, Copy)]
pub struct Library {
    kind: RuntimeKind,
    runtime: &'static dyn Runtime,
    path: &'static Path,
    cores: u32,
}

impl Library {
    /// Finds the library in `dir`, or where there is none in the folder that `LIBTENSORFLOW_PATH` or `ONNXRUNTIME_PATH` names, and
    /// there alone; where neither says anything in the first of: the loader's own path, the project's cache beside the
    /// executable, the system's folders.
    ///
    /// # Errors
    /// [`EngineError::LibraryNotFound`] lists every place tried.
    pub fn find(kind: RuntimeKind, dir: Option<&Path>) -> Result<PathBuf, EngineError> {
        find(kind, &dir.map_or_else(|| places(kind, |name| env::var_os(name)), |dir| vec![dir.to_path_buf()]))
    }

    /// Loads the library that [`Library::find`] finds.
    ///
    /// A process holds one of each kind: later calls give the one that is loaded.
    ///
    /// # Errors
    /// Those of [`Library::find`]; [`EngineError::LibraryUnusable`] says why a file that was found cannot be loaded.
    pub fn load(kind: RuntimeKind, dir: Option<&Path>) -> Result<Self, EngineError> {
        static LOADED: Mutex<Vec<Library>> = Mutex::new(Vec::new());
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = loaded.iter().find(|library| library.kind == kind) {
            return Ok(*library);
        }
        let path = Self::find(kind, dir)?;
        let runtime: Box<dyn Runtime> = match kind {
            RuntimeKind::Tensorflow => {
                let framework = path.parent().and_then(|dir| first_file(dir, kind.files().before));
                Box::new(Tensorflow::load(&path, framework.as_deref())?)
            }
            RuntimeKind::Onnx => Box::new(Onnxruntime::load(&path)?),
        };
        let library = Self {
            kind,
            runtime: Box::leak(runtime),
            path: Box::leak(path.into_boxed_path()),
            cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        };
        loaded.push(library);
        Ok(library)
    }

    /// Which library it is.
    #[must_use]
    pub fn kind(&self) -> RuntimeKind {
        self.kind
    }

    /// Its version, such as `2.21.0`.
    #[must_use]
    pub fn version(&self) -> String {
        self.runtime.version()
    }

    /// The file that was loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path
    }

    /// Runs a tiny graph with every kind of kernel that a `MobileNet` uses, so that the library has read what it wants to
    /// know of the machine and started its lazy parts. After this it needs no file any more.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] or [`EngineError::Run`] when it cannot run it.
    pub fn warm(&self) -> Result<(), EngineError> {
        self.runtime.warm()
    }

    /// What computes layers in this process.
    #[must_use]
    pub fn kernels(&self) -> Kernels {
        self.runtime.kernels()
    }

    /// Processor cores that the process had when the library was loaded; a confined process cannot ask again.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.cores
    }

    pub(crate) fn open(&self, resolved: Resolved, threads: u32) -> Result<Opened, EngineError> {
        self.runtime.open(resolved, threads, self.cores)
    }
}

/// Where to look, in order, when no folder is given; `variable` has the environment's. A folder that was named is not
/// looked beside: who names one means it.
fn places(kind: RuntimeKind, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if let Some(named) = variable(kind.files().variable).filter(|named| !named.is_empty()) {
        return env::split_paths(&named).collect();
    }
    let mut places: Vec<PathBuf> = PATH_VARIABLES
        .into_iter()
        .filter_map(variable)
        .flat_map(|paths| env::split_paths(&paths).collect::<Vec<_>>())
        .collect();
    places.extend(project_caches(kind));
    places.extend(SYSTEM.iter().map(PathBuf::from));
    places
}

/// The set-up's cache, seen from `target/<profile>/<executable>`: its newest version first, or the cache itself when it
/// is empty, so that the error names it.
fn project_caches(kind: RuntimeKind) -> Vec<PathBuf> {
    let Some(cache) = env::current_exe()
        .ok()
        .and_then(|executable| executable.ancestors().nth(3).map(|root| root.join(".cache").join(kind.name())))
    else {
        return Vec::new();
    };
    let mut versions: Vec<PathBuf> =
        cache.read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    if versions.is_empty() {
        versions.push(cache);
    }
    versions
}

fn find(kind: RuntimeKind, places: &[PathBuf]) -> Result<PathBuf, EngineError> {
    let Files { variable, library, .. } = kind.files();
    let mut tried = Vec::new();
    for place in places {
        if let Some(path) = first_file(place, library) {
            return Ok(path);
        }
        let why = if place.is_dir() { "not in this folder" } else { "no such folder" };
        tried.push(format!("{} ({why})", place.display()));
    }
    Err(EngineError::LibraryNotFound { name: kind.name(), variable, files: library.to_vec(), tried })
}

fn first_file(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| dir.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_named_is_looked_in_alone() {
        let with = |named: &'static str| move |name: &str| (name == "ONNXRUNTIME_PATH").then(|| named.into());
        assert_eq!(places(RuntimeKind::Onnx, with("/own")), [PathBuf::from("/own")]);
        for places in [places(RuntimeKind::Onnx, with("")), places(RuntimeKind::Tensorflow, with("/own"))] {
            assert!(places.contains(&PathBuf::from("/usr/local/lib")), "{places:?}");
        }
    }

    #[test]
    fn an_error_lists_every_place_tried() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for (kind, variable) in
            [(RuntimeKind::Tensorflow, "LIBTENSORFLOW_PATH"), (RuntimeKind::Onnx, "ONNXRUNTIME_PATH")]
        {
            let error = find(kind, &[here.clone(), here.join("nowhere")]).unwrap_err().to_string();
            assert!(error.contains(&format!("{} (not in this folder)", here.display())), "{error}");
            assert!(error.contains(&format!("{} (no such folder)", here.join("nowhere").display())), "{error}");
            assert!(error.contains(variable) && error.starts_with(kind.name()), "{error}");
        }
    }
}
