//! A loaded model: pixels in, scores out.

use std::time::{Duration, Instant};

use menagerie_contract::{LoadRequest, ModelSpec};
use menagerie_graph::{GraphLimits, Resolved};

use crate::{
    EngineError, Library, memory,
    normalize::Normalizer,
    scores::ScoreReader,
    session::{Session, SessionPlan},
    tensor::Tensor,
};

/// The grey that the first run is made with.
const MID_GREY: u8 = 128;

/// A frozen graph, ready to run. Runs may go on side by side, from any thread.
pub struct Model {
    spec: ModelSpec,
    library: Library,
    session: Session,
    normalizer: Normalizer,
    reader: ScoreReader,
    /// Most images that one run of the session takes.
    run_images_max: usize,
    /// Threads of one run.
    threads: u32,
}

/// The scores of one call of [`Model::run`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunScores {
    /// Scores for each image; 1 where the graph answers the class number alone.
    pub class_count: u32,
    /// `image_count * class_count` finite scores, image by image.
    pub values: Vec<f32>,
    /// Time from pixels to scores.
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
        let Resolved { spec, graph, input_tensor, output_tensor, .. } = resolved;
        // One thread a run and a run for each core: on the MobileNets of the zoo this beats shared runs in throughput
        // and, but for the largest, in latency.
        let threads = threads.max(1);
        let plan = SessionPlan { threads, optimize: true };
        let session = Session::open(library, &graph, &input_tensor, &output_tensor, plan)?;
        drop(graph);
        let mut model = Self {
            normalizer: Normalizer::new(&spec.input),
            reader: ScoreReader::new(&spec.output),
            run_images_max: spec.input.batch.map_or(usize::MAX, |batch| batch as usize),
            library: *library,
            session,
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
        let grey = vec![MID_GREY; self.normalizer.image_bytes()];
        let batch = self.batch(1);
        let output = self.run_session(&grey, batch)?;
        self.reader.read(&output, batch)?;
        if self.spec.input.batch.is_none() && self.reader.is_single(&output.shape()) {
            self.run_images_max = 1;
        }
        Ok(())
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
    /// [`EngineError::Pixels`] when `pixels` has another length; [`EngineError::Run`], [`EngineError::OutputShape`]
    /// and [`EngineError::NotFinite`] when the model gives no usable scores.
    pub fn run(&self, pixels: &[u8], image_count: u32) -> Result<RunScores, EngineError> {
        let started = Instant::now();
        let image_bytes = self.normalizer.image_bytes();
        if image_count == 0 || Some(pixels.len()) != image_bytes.checked_mul(image_count as usize) {
            return Err(EngineError::Pixels { bytes: pixels.len(), image_count, expected: image_bytes });
        }
        let class_count = self.reader.values_per_image();
        let mut values = Vec::with_capacity(image_count as usize * class_count);
        for pixels in pixels.chunks(image_bytes.saturating_mul(self.run_images_max)) {
            let images = pixels.len() / image_bytes;
            let batch = self.batch(images);
            let scores = self.reader.read(&self.run_session(pixels, batch)?, batch)?;
            values.extend_from_slice(&scores[..images * class_count]);
        }
        self.reader.check_finite(&values)?;
        Ok(RunScores { class_count: class_count as u32, values, run_time: started.elapsed() })
    }

    /// Images that a session run is given for `images` images.
    fn batch(&self, images: usize) -> usize {
        self.spec.input.batch.map_or(images, |batch| batch as usize)
    }

    fn run_session(&self, pixels: &[u8], batch: usize) -> Result<Tensor, EngineError> {
        let input = self
            .normalizer
            .tensor(self.library.functions(), pixels, batch)
            .ok_or_else(|| EngineError::Run(format!("there is no memory for a tensor of {batch} images")))?;
        self.session.run(&input)
    }
}
