//! A loaded model: pixels in, scores out.

use std::time::{Duration, Instant};

use menagerie_contract::{Dtype, LoadRequest, ModelSpec};
use menagerie_graph::{GraphLimits, Resolved};

use crate::{
    EngineError, Library, memory,
    normalize::Normalizer,
    runtime::{Graph, Opened, Output, Values},
    scores::ScoreReader,
};

/// The grey that the first run is made with.
const MID_GREY: u8 = 128;

/// A frozen graph, ready to run. Runs may go on side by side, from any thread.
pub struct Model {
    spec: ModelSpec,
    graph: Box<dyn Graph>,
    normalizer: Normalizer,
    reader: ScoreReader,
    /// Most images that one run of the graph takes.
    run_images_max: usize,
    /// Processor cores.
    cores: u32,
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
        let spec = resolved.spec.clone();
        let Opened { graph, input_layout } = library.open(resolved, threads)?;
        let mut model = Self {
            normalizer: Normalizer::new(&spec.input, input_layout),
            reader: ScoreReader::new(&spec.output),
            run_images_max: spec.input.batch.map_or(usize::MAX, |batch| batch as usize),
            graph,
            cores: library.cores(),
            spec,
        };
        if model.normalizer.image_bytes() == 0 {
            return Err(EngineError::GraphRefused("its input holds no pixels".into()));
        }
        model.first_run()?;
        Ok(model)
    }

    fn first_run(&mut self) -> Result<(), EngineError> {
        let batch = self.batch(1);
        // Shapes are looked at when they are run: what fails here is the graph's fault.
        let output = self.run_batch(Images::Pixels(&self.grey()), batch).map_err(|error| match error {
            EngineError::Run(reason) => EngineError::GraphRefused(reason),
            other => other,
        })?;
        let is_single = self.reader.is_single(&output.shape);
        self.reader.read(output, batch)?;
        if self.spec.input.batch.is_none() && is_single {
            self.run_images_max = 1;
        }
        Ok(())
    }

    /// Does what makes later runs faster and was left out of loading; runs meanwhile are not held up. The second call does
    /// nothing.
    ///
    /// # Errors
    /// [`EngineError::GraphRefused`] and [`EngineError::Run`] when the faster graph does not run; the model then answers as
    /// before.
    pub fn optimize(&self) -> Result<(), EngineError> {
        let grey = self.grey();
        let fill = |values: Values<'_>| self.normalizer.write(&grey, values);
        self.graph.optimize(&self.normalizer.input(self.batch(1), &fill))?;
        memory::trim();
        Ok(())
    }

    fn grey(&self) -> Vec<u8> {
        vec![MID_GREY; self.normalizer.image_bytes()]
    }

    /// Everything known of the model.
    #[must_use]
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Threads that share one run where others go on beside it.
    #[must_use]
    pub fn threads(&self) -> u32 {
        self.graph.threads()
    }

    /// Runs that pay side by side: as many as keep the cores busy.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        (self.cores / self.threads()).max(1)
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
        let class_count = self.reader.values_per_image();
        let mut values = Vec::with_capacity(image_count as usize * class_count);
        for bytes in bytes.chunks(image_bytes.saturating_mul(self.run_images_max)) {
            let count = bytes.len() / image_bytes;
            let batch = self.batch(count);
            let scores = self.reader.read(self.run_batch(images.part(bytes), batch)?, batch)?;
            values.extend_from_slice(&scores[..count * class_count]);
        }
        self.reader.check_finite(&values)?;
        Ok(RunScores { class_count: class_count as u32, values, run_time: started.elapsed() })
    }

    /// Images that a session run is given for `images` images.
    fn batch(&self, images: usize) -> usize {
        self.spec.input.batch.map_or(images, |batch| batch as usize)
    }

    fn run_batch(&self, images: Images<'_>, batch: usize) -> Result<Output, EngineError> {
        let fill = |values: Values<'_>| match images {
            Images::Pixels(pixels) => self.normalizer.write(pixels, values),
            Images::Tensors(given) => self.normalizer.write_given(given, values),
        };
        self.graph.run(&self.normalizer.input(batch, &fill))
    }
}
