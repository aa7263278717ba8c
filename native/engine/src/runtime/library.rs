//! Finding the library that runs graphs, and loading it once.

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use menagerie_graph::Resolved;

use super::{Kernels, Opened, Runtime, tensorflow::Tensorflow};
use crate::EngineError;

/// Environment variables that name folders to look in: ours, then the loader's own.
const PATH_VARIABLES: [&str; 3] = ["LIBTENSORFLOW_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

#[cfg(target_os = "macos")]
mod names {
    /// The C API itself: TensorFlow's C package first, the Python wheel's library after it.
    pub const LIBRARY: &[&str] = &["libtensorflow.dylib", "libtensorflow.2.dylib", "libtensorflow_cc.2.dylib"];
    /// What it needs.
    pub const FRAMEWORK: &[&str] = &["libtensorflow_framework.2.dylib", "libtensorflow_framework.dylib"];
    /// Where packages put it.
    pub const SYSTEM: &[&str] = &["/usr/local/lib", "/opt/homebrew/lib"];
}
#[cfg(not(target_os = "macos"))]
mod names {
    /// The C API itself: TensorFlow's C package first, the Python wheel's library after it.
    pub const LIBRARY: &[&str] = &["libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2"];
    /// What it needs.
    pub const FRAMEWORK: &[&str] = &["libtensorflow_framework.so.2", "libtensorflow_framework.so"];
    /// Where packages put it.
    pub const SYSTEM: &[&str] = &["/usr/local/lib", "/usr/lib", "/usr/lib64", "/opt/libtensorflow/lib"];
}

/// A library that runs graphs, loaded. Copies share one; it stays loaded until the process ends, for its threads never
/// stop.
#[derive(Clone, Copy)]
pub struct Library {
    runtime: &'static dyn Runtime,
    path: &'static Path,
    cores: u32,
}

impl Library {
    /// Finds libtensorflow in `dir`, and there alone; without a `dir` in the first of: the folder in
    /// `LIBTENSORFLOW_PATH`, the loader's own path, the project's cache beside the executable, the system's folders.
    ///
    /// # Errors
    /// [`EngineError::LibraryNotFound`] lists every place tried.
    pub fn find(dir: Option<&Path>) -> Result<PathBuf, EngineError> {
        find(&dir.map_or_else(places, |dir| vec![dir.to_path_buf()]))
    }

    /// Loads the libtensorflow that [`Library::find`] finds.
    ///
    /// A process holds one libtensorflow: later calls give the one that is loaded.
    ///
    /// # Errors
    /// Those of [`Library::find`]; [`EngineError::LibraryUnusable`] says why a file that was found cannot be loaded.
    pub fn load(dir: Option<&Path>) -> Result<Self, EngineError> {
        static LOADED: Mutex<Option<Library>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = *loaded {
            return Ok(library);
        }
        let path = Self::find(dir)?;
        let framework = path.parent().and_then(|dir| first_file(dir, names::FRAMEWORK));
        let library = Self {
            runtime: Box::leak(Box::new(Tensorflow::load(&path, framework.as_deref())?)),
            path: Box::leak(path.into_boxed_path()),
            cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        };
        *loaded = Some(library);
        Ok(library)
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

/// Where to look, in order, when no folder is given.
fn places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = PATH_VARIABLES
        .into_iter()
        .filter_map(env::var_os)
        .flat_map(|paths| env::split_paths(&paths).collect::<Vec<_>>())
        .collect();
    places.extend(project_caches());
    places.extend(names::SYSTEM.iter().map(PathBuf::from));
    places
}

/// The set-up's cache, seen from `target/<profile>/<executable>`: its newest version first, or the cache itself when it
/// is empty, so that the error names it.
fn project_caches() -> Vec<PathBuf> {
    let Some(cache) = env::current_exe()
        .ok()
        .and_then(|executable| executable.ancestors().nth(3).map(|root| root.join(".cache/libtensorflow")))
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

fn find(places: &[PathBuf]) -> Result<PathBuf, EngineError> {
    let mut tried = Vec::new();
    for place in places {
        if let Some(path) = first_file(place, names::LIBRARY) {
            return Ok(path);
        }
        let why = if place.is_dir() { "not in this folder" } else { "no such folder" };
        tried.push(format!("{} ({why})", place.display()));
    }
    Err(EngineError::LibraryNotFound { names: names::LIBRARY.to_vec(), tried })
}

fn first_file(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| dir.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_lists_every_place_tried() {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let error = find(&[here.clone(), here.join("nowhere")]).unwrap_err().to_string();
        assert!(error.contains(&format!("{} (not in this folder)", here.display())), "{error}");
        assert!(error.contains(&format!("{} (no such folder)", here.join("nowhere").display())), "{error}");
        assert!(error.contains("LIBTENSORFLOW_PATH"), "{error}");
    }
}
