//! What the WebAssembly function, the native engine and the Node service agree on.
//!
//! This crate owns the error codes, the frames on stdin/stdout, the model spec, the manifest and the answer. It does no
//! IO and has no `unsafe`; its TypeScript types are generated (`npm run generate`), never written by hand.
#![forbid(unsafe_code)]

pub mod answer;
pub mod calibration;
pub mod error;
pub mod examples;
pub mod explanation;
pub mod frame;
pub mod manifest;
pub mod message;
pub mod scaling;
pub mod spec;
pub mod teach;

/// Version of every crate and package here: that of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use answer::{Answer, Band, ClientTensor, ImageFacts, ImageLimits, InferOptions, InputFacts, Timings, TopEntry};
pub use calibration::{Agreement, BandAccuracy, BandLimits, Calibration, Confidence};
pub use error::{ErrorCode, Problem, counted};
pub use examples::{Decision, Example, NextStep, Try};
pub use explanation::{ExplainMethod, ExplainOptions, Explanation, MapRegion};
pub use frame::{Frame, FrameError, FrameKind};
pub use manifest::{Manifest, Program, ProgramProtocol};
pub use message::{ExportForm, ExportRequest, GraphFormat, Hello, LoadRequest, Loaded, Origin, Runtime, Sandbox};
pub use scaling::value_tables;
pub use spec::{
    ChannelOrder, Dtype, Evidence, ForbiddenOp, GraphFacts, Grounds, InputSpec, LabelsSpec, Layout, ModelSpec,
    OutputKind, OutputSpec, Resize, ResizeFilter, Scaling, Source, SpecOverrides, Verdict,
};
pub use teach::{CurvePoint, HiddenTried, TeachReport, WrongPhoto};
