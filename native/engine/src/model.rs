//! A loaded model: pixels in, scores out.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    thread,
    time::{Duration, Instant},
};

use menagerie_contract::{Dtype, LoadRequest, ModelSpec};
use menagerie_graph::{Detached, GraphLimits, Resolved, detach};

use crate::{
    EngineError, Library, memory,
    normalize::Normalizer,
    scores::ScoreReader,
    session::{Session, SessionPlan},
    tensor::Tensor,
    weights::Weights,
};

/// The grey that the first run is made with.
const MID_GREY: u8 = 128;

/// How often the end of the runs on a replaced session is looked for.
const LAST_RUNS_POLL: Duration = Duration::from_millis(2);

/// A frozen graph, ready to run. Runs may go on side by side, from any thread.
///
/// A model answers first from a session that runs the graph as it is, for libtensorflow's optimiser takes longer than
/// import and first run together. [`Model::optimize`] puts an optimised session in its place, which runs about a tenth
/// faster.
pub struct Model {
    spec: ModelSpec,
    library: Library,
    session: RwLock<Arc<Session>>,
    /// What [`Model::optimize`] starts from, until it has.
    prepared: Mutex<Option<Prepared>>,
    normalizer: Normalizer,
    reader: ScoreReader,
    /// Most images that one run of the session takes.
    run_images_max: usize,
    /// Threads of one run.
    threads: u32,
}

/// A graph as libtensorflow imports it.
struct Prepared {
    graph: Vec<u8>,
    weights: Arc<Weights>,
    input: String,
    output: String,
}

impl Prepared {
    fn open(&self, library: &Library, plan: SessionPlan) -> Result<Session, EngineError> {
        Session::open(library, &self.graph, &self.input, &self.output, Arc::clone(&self.weights), plan)
    }
}

/// The images of one call of [`Model::run`] or [`Model::run_tensors`].
#[derive(Clone, Copy)]
enum Images<'a> {
    Pixels(&'a [u8]),
    Tensors(&'a [u8]),
}

impl<'a> Images<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Pixels(bytes) | Self::Tensors(bytes) => bytes,
        }
    }

    fn part(self, bytes: &'a [u8]) -> Self {
        match self {
            Self::Pixels(_) => Self::Pixels(bytes),
            Self::Tensors(_) => Self::Tensors(bytes),
        }
    }
}

/// The scores of one call of [`Model::run`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunScores {
    /// Scores for each image; 1 where the graph answers the class number alone.
    pub class_count: u32,
    /// `image_count * class_count` finite scores, image by image.
    pub values: Vec<f32>,
    /// Time from images to scores.
    pub run_time: Duration,
}

impl Model {
    /// Resolves `graph`, loads what it needs and runs it once, so that the next run is as fast as any.
    ///
    /// `graph` is given up as soon as it is resolved, so that memory never holds it beside the loaded model.
    ///
    /// # Errors
    /// [`EngineError::Graph`] when it is no usable classifier; [`EngineError::GraphRefused`], [`EngineError::Run`] and
    /// [`EngineError::OutputShape`] when libtensorflow does not run it as resolved.
    pub fn load(
        library: &Library,
        graph: impl AsRef<[u8]>,
        request: &LoadRequest,
        limits: &GraphLimits,
    ) -> Result<Self, EngineError> {
        let resolved = menagerie_graph::resolve(graph.as_ref(), request, limits)?;
        drop(graph);
        Self::open(library, resolved, request.threads)
    }

    /// Loads a graph that is resolved. `threads` share one run; 0 lets the engine choose.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn open(library: &Library, resolved: Resolved, threads: u32) -> Result<Self, EngineError> {
        let Resolved { spec, graph: whole, input_tensor, input_layout, output_tensor } = resolved;
        let Detached { graph, weights } = detach(&whole, &GraphLimits::default())?;
        let weights = Arc::new(Weights::copy(library.functions(), &weights)?);
        drop(whole);
        // One thread a run and a run for each core: on the MobileNets of the zoo this beats shared runs in throughput
        // and, but for the largest, in latency.
        let threads = threads.max(1);
        let prepared = Prepared { graph, weights, input: input_tensor, output: output_tensor };
        let session = prepared.open(library, SessionPlan { threads, optimize: false })?;
        let mut model = Self {
            normalizer: Normalizer::new(&spec.input, input_layout),
            reader: ScoreReader::new(&spec.output),
            run_images_max: spec.input.batch.map_or(usize::MAX, |batch| batch as usize),
            library: *library,
            session: RwLock::new(Arc::new(session)),
            prepared: Mutex::new(Some(prepared)),
            threads,
            spec,
        };
        if model.normalizer.image_bytes() == 0 {
            return Err(EngineError::GraphRefused("its input holds no pixels".into()));
        }
        model.first_run()?;
        memory::trim();
        Ok(model)
    }

    fn first_run(&mut self) -> Result<(), EngineError> {
        let batch = self.batch(1);
        // libtensorflow looks at shapes when it runs them: what fails here is the graph's fault.
        let output = self.run_grey(&self.session(), batch).map_err(|error| match error {
            EngineError::Run(reason) => EngineError::GraphRefused(reason),
            other => other,
        })?;
        self.reader.read(&output, batch)?;
        if self.spec.input.batch.is_none() && self.reader.is_single(&output.shape()) {
            self.run_images_max = 1;
        }
        Ok(())
    }

    /// Optimises the graph, runs it once, and lets later runs use it; runs meanwhile are not held up. The second call
    /// does nothing.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] and [`EngineError::Run`] when the optimised graph does not run; the model then
    /// answers as before.
    pub fn optimize(&self) -> Result<(), EngineError> {
        let Some(prepared) = lock(&self.prepared).take() else { return Ok(()) };
        let session = prepared.open(&self.library, SessionPlan { threads: self.threads, optimize: true })?;
        drop(prepared);
        self.run_grey(&session, self.batch(1))?;
        let session = Arc::new(session);
        let first = mem::replace(&mut *self.session.write().unwrap_or_else(PoisonError::into_inner), session);
        // Its last run frees the first session; only after that is there something to give back.
        while Arc::strong_count(&first) > 1 {
            thread::sleep(LAST_RUNS_POLL);
        }
        drop(first);
        memory::trim();
        Ok(())
    }

    fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn run_grey(&self, session: &Session, batch: usize) -> Result<Tensor, EngineError> {
        self.run_session(session, Images::Pixels(&vec![MID_GREY; self.normalizer.image_bytes()]), batch)
    }

    /// Everything known of the model.
    #[must_use]
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Threads that share one run.
    #[must_use]
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// Runs that pay side by side: as many as keep the cores busy.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        (self.library.cores() / self.threads).max(1)
    }

    /// Classifies `image_count` images of `height x width x channels` bytes each, rows of interleaved RGB or grey.
    ///
    /// # Errors
    /// [`EngineError::Images`] when `pixels` has another length; [`EngineError::Run`], [`EngineError::OutputShape`]
    /// and [`EngineError::NotFinite`] when the model gives no usable scores.
    pub fn run(&self, pixels: &[u8], image_count: u32) -> Result<RunScores, EngineError> {
        self.run_images(Images::Pixels(pixels), self.normalizer.image_bytes(), image_count)
    }

    /// Classifies `image_count` images that are what the graph is fed: little-endian f32, as many for each as it has
    /// pixels, in the order of the axes that the spec names.
    ///
    /// # Errors
    /// As [`Model::run`], and [`EngineError::TensorDtype`] where the graph takes bytes.
    pub fn run_tensors(&self, values: &[u8], image_count: u32) -> Result<RunScores, EngineError> {
        if self.spec.input.dtype != Dtype::Float32 {
            return Err(EngineError::TensorDtype);
        }
        self.run_images(Images::Tensors(values), self.normalizer.image_bytes() * size_of::<f32>(), image_count)
    }

    fn run_images(&self, images: Images<'_>, image_bytes: usize, image_count: u32) -> Result<RunScores, EngineError> {
        let started = Instant::now();
        let bytes = images.bytes();
        if image_count == 0 || Some(bytes.len()) != image_bytes.checked_mul(image_count as usize) {
            return Err(EngineError::Images { bytes: bytes.len(), image_count, expected: image_bytes });
        }
        let session = self.session();
        let class_count = self.reader.values_per_image();
        let mut values = Vec::with_capacity(image_count as usize * class_count);
        for bytes in bytes.chunks(image_bytes.saturating_mul(self.run_images_max)) {
            let count = bytes.len() / image_bytes;
            let batch = self.batch(count);
            let scores = self.reader.read(&self.run_session(&session, images.part(bytes), batch)?, batch)?;
            values.extend_from_slice(&scores[..count * class_count]);
        }
        self.reader.check_finite(&values)?;
        Ok(RunScores { class_count: class_count as u32, values, run_time: started.elapsed() })
    }

    /// Images that a session run is given for `images` images.
    fn batch(&self, images: usize) -> usize {
        self.spec.input.batch.map_or(images, |batch| batch as usize)
    }

    fn run_session(&self, session: &Session, images: Images<'_>, batch: usize) -> Result<Tensor, EngineError> {
        let functions = self.library.functions();
        let input = match images {
            Images::Pixels(pixels) => self.normalizer.tensor(functions, pixels, batch),
            Images::Tensors(values) => self.normalizer.given(functions, values, batch),
        };
        let input =
            input.ok_or_else(|| EngineError::Run(format!("there is no memory for a tensor of {batch} images")))?;
        session.run(&input)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
