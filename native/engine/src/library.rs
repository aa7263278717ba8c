//! Finding libtensorflow and loading it once.

use std::{
    env,
    ffi::CStr,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use crate::{EngineError, ffi::Functions, probe, session::SessionPlan};

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

/// How much libtensorflow says on stderr, 0 (everything) to 3 (nothing but what ends the process).
pub const LOG_LEVEL: &str = "TF_CPP_MIN_LOG_LEVEL";

/// Variables that have to stand in the environment before libtensorflow is loaded, each with its value where the caller
/// has set none: each session has the threads that it asks for, not those that the first session of the process asked
/// for; layers run on oneDNN wherever it is built in, and not, as libtensorflow would have it, on some processors only
/// (`IsMKLEnabled` in `tensorflow/core/util/util.cc`); oneDNN keeps kernels that are fed in its own layout
/// ([`menagerie_graph::detach`]).
pub const ENVIRONMENT: [(&str, &str); 3] =
    [("TF_OVERRIDE_GLOBAL_THREADPOOL", "1"), ("TF_ENABLE_ONEDNN_OPTS", "1"), ("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")];

/// Sets what the caller has left unset of [`ENVIRONMENT`], and libtensorflow quiet unless the caller set [`LOG_LEVEL`].
///
/// # Safety
/// As `std::env::set_var`: no other thread may read or write the environment meanwhile.
pub unsafe fn set_environment() {
    for (name, value) in ENVIRONMENT.into_iter().chain([(LOG_LEVEL, "3")]) {
        if env::var_os(name).is_none() {
            // SAFETY: the caller vouches for it.
            unsafe { env::set_var(name, value) };
        }
    }
}

/// What computes a graph's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// oneDNN, which libtensorflow has built in for most processors.
    OneDnn,
    /// TensorFlow's own code on Eigen, which knows images with channels last alone.
    Eigen,
}

impl Kernels {
    /// Its name, as its makers write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneDnn => "oneDNN",
            Self::Eigen => "Eigen",
        }
    }
}

/// A loaded libtensorflow. Copies share one; it stays loaded until the process ends, for its threads never stop.
#[derive(Clone, Copy)]
pub struct Library {
    functions: &'static Functions,
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
        // SAFETY: the file carries libtensorflow's name and lies where the operator keeps it.
        let functions = unsafe { Functions::load(&path, framework.as_deref()) }
            .map_err(|error| EngineError::LibraryUnusable { path: path.clone(), detail: error.to_string() })?;
        let library = Self {
            functions: Box::leak(Box::new(functions)),
            path: Box::leak(path.into_boxed_path()),
            cores: thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        };
        *loaded = Some(library);
        Ok(library)
    }

    /// Version of libtensorflow, such as `2.21.0`.
    #[must_use]
    pub fn version(&self) -> String {
        // SAFETY: TF_Version returns a static string.
        unsafe { CStr::from_ptr((self.functions.version)()) }.to_string_lossy().into_owned()
    }

    /// The file that was loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path
    }

    /// Runs a tiny graph with every kind of kernel that a `MobileNet` uses, so that libtensorflow has read what it
    /// wants to know of the machine and started its lazy parts. After this it needs no file any more.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] or [`EngineError::Run`] when this libtensorflow cannot run it.
    pub fn warm(&self) -> Result<(), EngineError> {
        probe::run(self, SessionPlan { threads: 1, optimize: true })
    }

    /// What computes layers in this process. It is tried, for whether libtensorflow has oneDNN and lets it run depends on
    /// how it was built, on the processor and on the environment.
    #[must_use]
    pub fn kernels(&self) -> Kernels {
        if probe::pools_channels_first(self) { Kernels::OneDnn } else { Kernels::Eigen }
    }

    /// Processor cores that the process had when libtensorflow was loaded; a confined process cannot ask again.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.cores
    }

    pub(crate) fn functions(&self) -> &'static Functions {
        self.functions
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
