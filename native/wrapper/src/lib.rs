//! A program that serves a model of its own to Menagerie: say what it takes and give scores, the rest is done here.
//!
//! [`serve`] says hello, answers load, infer and ping frames, gives errors their frame, and ends when stdin does. What the
//! frames look like, and how a service treats the process, is in docs/wrappers.md; a whole program is
//! native/wrapper-template.
//!
//! ```
//! use menagerie_wrapper::{LoadRequest, Model, ModelSpec, Problem, spec};
//!
//! /// Tells dark photos from bright ones.
//! struct Brightness;
//!
//! impl Brightness {
//!     fn load(_file: &[u8], _request: &LoadRequest) -> Result<Self, Problem> {
//!         Ok(Self)
//!     }
//! }
//!
//! impl Model for Brightness {
//!     fn spec(&self) -> ModelSpec {
//!         spec(32, 32, 2)
//!     }
//!
//!     fn scores(&self, pixels: &[u8]) -> Result<Vec<f32>, Problem> {
//!         let sum: f32 = pixels.iter().map(|value| f32::from(*value)).sum();
//!         let bright = sum / (255.0 * pixels.len() as f32);
//!         Ok(vec![1.0 - bright, bright])
//!     }
//! }
//!
//! # let (input, mut output) = (std::io::empty(), Vec::new());
//! // In `main`, `serve("brightness", "1.0", Brightness::load)` does this on stdin and stdout:
//! menagerie_wrapper::serve_on(input, &mut output, "brightness", "1.0", Brightness::load)?;
//! assert_eq!(output[4], 1, "a hello frame, and the end of the input is a good end");
//! # Ok::<(), menagerie_wrapper::Broken>(())
//! ```
#![forbid(unsafe_code)]

mod lanes;
mod serve;
mod settings;

pub use menagerie_contract::{
    ChannelOrder, ErrorCode, GraphFormat, LoadRequest, ModelSpec, OutputKind, Problem, Resize, ResizeFilter, Sandbox,
};
use menagerie_contract::{Dtype, GraphFacts, InputSpec, Layout, OutputSpec, Verdict};

pub use self::serve::{Broken, IMAGES_MAX, serve, serve_on};

/// A model that is loaded.
pub trait Model: Send + Sync {
    /// What it takes and gives, most simply from [`spec`]. Asked once, after the load.
    fn spec(&self) -> ModelSpec;

    /// The scores of one image: `classes` values ([`OutputKind::Index`]: the class number alone), each finite.
    ///
    /// `pixels` are `height x width x channels` bytes, rows from the top, channels interleaved as R, G, B, or one grey
    /// channel.
    ///
    /// # Errors
    /// Whatever keeps it from answering, mostly [`ErrorCode::EngineFailed`]; the client sees the message, and the program
    /// goes on.
    fn scores(&self, pixels: &[u8]) -> Result<Vec<f32>, Problem>;

    /// Images that it works on side by side, each in a thread of its own; at least 1.
    fn lanes(&self) -> u32 {
        1
    }
}

/// The spec of a program that takes RGB photos of `width x height` pixels, 1–4096 each, however large they were, and gives
/// probabilities of `classes` classes that sum to 1. Change what is different; the facts of the file are filled in.
///
/// ```
/// use menagerie_wrapper::{OutputKind, Resize, spec};
/// let mut spec = spec(224, 224, 10);
/// spec.input.resize = Resize::CenterCrop;
/// spec.output.kind = OutputKind::Logits;
/// assert_eq!(spec.input.channels, 3);
/// ```
#[must_use]
pub fn spec(width: u32, height: u32, classes: u32) -> ModelSpec {
    ModelSpec {
        input: InputSpec {
            tensor: "pixels".into(),
            dtype: Dtype::Uint8,
            layout: Layout::Nhwc,
            width,
            height,
            channels: 3,
            channel_order: ChannelOrder::Rgb,
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
            resize: Resize::Stretch,
            crop_fraction: 1.0,
            resize_filter: ResizeFilter::Antialias,
            batch: None,
        },
        output: OutputSpec { tensor: "scores".into(), kind: OutputKind::Softmax, classes, heads: Vec::new() },
        labels: None,
        graph: GraphFacts {
            sha256: String::new(),
            bytes: 0,
            nodes: 0,
            parameters: 0,
            multiply_adds: 0,
            memory_bytes_estimate: 0,
            ops: std::collections::BTreeMap::new(),
        },
        evidence: Vec::new(),
        scalings: Vec::new(),
        settings: None,
        verdict: Verdict { allowed: true, forbidden: Vec::new() },
        warnings: Vec::new(),
    }
}

/// The problem of a model's file that this program cannot read; `message` says why.
///
/// ```
/// let problem = menagerie_wrapper::file_invalid("line 3 has two numbers; three are needed");
/// assert_eq!(problem.code.as_str(), "graph_invalid");
/// ```
pub fn file_invalid(message: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::GraphInvalid, message)
}
