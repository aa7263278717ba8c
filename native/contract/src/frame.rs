//! Frames on stdin and stdout of an engine process.
//!
//! `u32 length | u8 kind | u32 request id | payload`, little-endian; `length` counts what follows it. The executable
//! speaks first ([`Hello`]). Replies carry the request id of what they answer and may come out of order.
//!
//! | kind | direction | payload |
//! |---|---|---|
//! | 1 hello | engine → host | JSON [`Hello`] |
//! | 2 load | host → engine | `u32` length of JSON, JSON [`LoadRequest`], graph bytes |
//! | 3 loaded | engine → host | JSON [`crate::ModelSpec`] |
//! | 4 infer | host → engine | `u32` images, then u8 pixels, `height x width x channels` for each image |
//! | 5 scores | engine → host | `u32` images, `u32` classes, `u32` queue µs, `u32` run µs, then f32 scores |
//! | 6 error | engine → host | JSON [`Problem`] |

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
#[cfg(feature = "typescript")]
use ts_rs::TS;

use crate::{
    Problem,
    spec::{Source, SpecOverrides},
};

/// Version of this protocol; an executable of another one is refused.
pub const PROTOCOL: u32 = 1;
/// Bytes before the payload: length, kind and request id.
pub const HEADER_BYTES: usize = 9;
/// Offset of the request id in a frame.
pub const REQUEST_ID_OFFSET: usize = 5;
/// Largest frame that either side accepts by default, in bytes.
pub const FRAME_BYTES_MAX: u32 = 512 * 1024 * 1024;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// The executable's first words.
    Hello = 1,
    /// Load a model.
    Load = 2,
    /// The model is loaded.
    Loaded = 3,
    /// Classify pixels.
    Infer = 4,
    /// The scores.
    Scores = 5,
    /// A request failed.
    Error = 6,
}

impl FrameKind {
    /// Every kind with its name in generated code.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::Hello, "hello"),
        (Self::Load, "load"),
        (Self::Loaded, "loaded"),
        (Self::Infer, "infer"),
        (Self::Scores, "scores"),
        (Self::Error, "error"),
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.iter().map(|(kind, _)| *kind).find(|kind| *kind as u8 == byte)
    }
}

/// Why bytes are not a frame. Any of these means that the two sides lost step: the process is ended, never guessed at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length field passes the limit, or is too small to hold kind and id.
    #[error("a frame of {length} bytes is outside {min}..={max}", min = HEADER_BYTES - 4)]
    Length {
        /// The length field.
        length: u32,
        /// The largest length accepted.
        max: u32,
    },
    /// Fewer or more bytes than the header promises.
    #[error("the payload of a {kind} frame is malformed: {detail}")]
    Payload {
        /// Name of the kind.
        kind: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// No such kind.
    #[error("there is no frame of kind {0}")]
    Kind(u8),
}

/// The executable's first words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Name and version of the executable.
    pub engine: String,
    /// Version of libtensorflow.
    pub libtensorflow: String,
    /// What computes layers, such as `oneDNN` or `Eigen`.
    pub kernels: String,
    /// Largest frame that it accepts, in bytes.
    pub frame_bytes_max: u32,
    /// Most images in one infer frame.
    pub images_max: u32,
    /// What confines it.
    pub sandbox: Sandbox,
}

/// What confines an engine process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Sandbox {
    /// Measures that hold, such as `seccomp`.
    pub held: Vec<String>,
    /// Measures that this system does not offer, each with the reason.
    pub missing: Vec<String>,
}

/// How to load a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS), ts(optional_fields))]
pub struct LoadRequest {
    /// What the caller sets.
    pub overrides: SpecOverrides,
    /// Who set it: `manifest` or `request`.
    pub source: Source,
    /// Labels that will be used, where known: chooses between several heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_count: Option<u32>,
    /// SHA-256 of the graph file in lower-case hex, where the host knows it; the engine computes it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph_sha256: Option<String>,
    /// Threads for one run; 0 lets the engine choose.
    #[serde(default)]
    pub threads: u32,
}

impl LoadRequest {
    /// A request of which nothing more is known than what the caller sets.
    #[must_use]
    pub fn new(source: Source, overrides: SpecOverrides) -> Self {
        Self { overrides, source, label_count: None, graph_sha256: None, threads: 0 }
    }
}

/// A frame, with its payload borrowed from the bytes it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// Kind 1.
    Hello(Hello),
    /// Kind 2.
    Load {
        /// How to load.
        request: Box<LoadRequest>,
        /// The graph file.
        graph: &'a [u8],
    },
    /// Kind 3: a [`crate::ModelSpec`] as JSON.
    Loaded(Box<crate::ModelSpec>),
    /// Kind 4.
    Infer {
        /// Number of images.
        image_count: u32,
        /// `image_count` times the model's `height x width x channels` bytes.
        pixels: &'a [u8],
    },
    /// Kind 5.
    Scores(Scores),
    /// Kind 6.
    Error(Problem),
}

/// The scores for the images of one infer frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// Number of images.
    pub image_count: u32,
    /// Scores for each image.
    pub class_count: u32,
    /// Microseconds between arrival and start.
    pub queue_us: u32,
    /// Microseconds of the session run.
    pub run_us: u32,
    /// `image_count * class_count` scores, image by image.
    pub values: Vec<f32>,
}

impl Frame<'_> {
    fn kind(&self) -> FrameKind {
        match self {
            Self::Hello(_) => FrameKind::Hello,
            Self::Load { .. } => FrameKind::Load,
            Self::Loaded(_) => FrameKind::Loaded,
            Self::Infer { .. } => FrameKind::Infer,
            Self::Scores(_) => FrameKind::Scores,
            Self::Error(_) => FrameKind::Error,
        }
    }

    /// The frame as bytes, length field included.
    ///
    /// # Errors
    /// [`FrameError::Length`] when it would pass `u32::MAX`.
    pub fn encode(&self, request_id: u32) -> Result<Vec<u8>, FrameError> {
        let mut out = vec![0; HEADER_BYTES];
        match self {
            Self::Hello(hello) => write_json(&mut out, hello),
            Self::Loaded(spec) => write_json(&mut out, spec),
            Self::Error(problem) => write_json(&mut out, problem),
            Self::Load { request, graph } => {
                out = encode_load_head(request_id, request, graph.len())?;
                out.extend_from_slice(graph);
                return Ok(out);
            }
            Self::Infer { image_count, pixels } => {
                out.reserve(4 + pixels.len());
                out.extend_from_slice(&image_count.to_le_bytes());
                out.extend_from_slice(pixels);
            }
            Self::Scores(scores) => {
                out.reserve(16 + 4 * scores.values.len());
                for field in [scores.image_count, scores.class_count, scores.queue_us, scores.run_us] {
                    out.extend_from_slice(&field.to_le_bytes());
                }
                for value in &scores.values {
                    out.extend_from_slice(&value.to_le_bytes());
                }
            }
        }
        let length = out.len();
        write_header(&mut out, self.kind(), request_id, length)?;
        Ok(out)
    }

    /// Reads one whole frame, length field included, and its request id.
    ///
    /// # Errors
    /// A [`FrameError`] when the bytes are not exactly one frame of a known kind.
    pub fn decode(bytes: &[u8]) -> Result<(u32, Frame<'_>), FrameError> {
        let header =
            Header::read(bytes, u32::MAX)?.ok_or(FrameError::Length { length: bytes.len() as u32, max: u32::MAX })?;
        let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
        if payload.len() != header.payload_bytes {
            return Err(malformed(header.kind, format!("{} bytes of {}", payload.len(), header.payload_bytes)));
        }
        Ok((header.request_id, Frame::decode_payload(header.kind, payload)?))
    }

    /// Reads a payload whose header was read before.
    ///
    /// # Errors
    /// [`FrameError::Payload`] when it does not fit its kind.
    pub fn decode_payload(kind: FrameKind, payload: &[u8]) -> Result<Frame<'_>, FrameError> {
        Ok(match kind {
            FrameKind::Hello => Frame::Hello(read_json(kind, payload)?),
            FrameKind::Loaded => Frame::Loaded(read_json(kind, payload)?),
            FrameKind::Error => Frame::Error(read_json(kind, payload)?),
            FrameKind::Load => {
                let (json_bytes, rest) = read_u32(kind, payload)?;
                let (json, graph) = rest
                    .split_at_checked(json_bytes as usize)
                    .ok_or_else(|| malformed(kind, format!("JSON of {json_bytes} bytes in {}", rest.len())))?;
                Frame::Load { request: read_json(kind, json)?, graph }
            }
            FrameKind::Infer => {
                let (image_count, pixels) = read_u32(kind, payload)?;
                Frame::Infer { image_count, pixels }
            }
            FrameKind::Scores => {
                let (image_count, rest) = read_u32(kind, payload)?;
                let (class_count, rest) = read_u32(kind, rest)?;
                let (queue_us, rest) = read_u32(kind, rest)?;
                let (run_us, rest) = read_u32(kind, rest)?;
                let (chunks, tail) = rest.as_chunks::<4>();
                if !tail.is_empty() || chunks.len() as u64 != u64::from(image_count) * u64::from(class_count) {
                    return Err(malformed(
                        kind,
                        format!("{} bytes for {image_count} x {class_count} scores", rest.len()),
                    ));
                }
                let values = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
                Frame::Scores(Scores { image_count, class_count, queue_us, run_us, values })
            }
        })
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: FrameKind,
    /// Whose request it belongs to.
    pub request_id: u32,
    /// Bytes after the header.
    pub payload_bytes: usize,
}

impl Header {
    /// Reads a header from the start of `bytes`; `None` while fewer than [`HEADER_BYTES`] are there.
    ///
    /// # Errors
    /// [`FrameError::Length`] when the length passes `frame_bytes_max`, [`FrameError::Kind`] for an unknown kind.
    pub fn read(bytes: &[u8], frame_bytes_max: u32) -> Result<Option<Self>, FrameError> {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [l0, l1, l2, l3, kind, i0, i1, i2, i3] = *header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length > frame_bytes_max || (length as usize) < HEADER_BYTES - 4 {
            return Err(FrameError::Length { length, max: frame_bytes_max });
        }
        Ok(Some(Self {
            kind: FrameKind::from_byte(kind).ok_or(FrameError::Kind(kind))?,
            request_id: u32::from_le_bytes([i0, i1, i2, i3]),
            payload_bytes: length as usize - (HEADER_BYTES - 4),
        }))
    }
}

/// Everything of a load frame that stands before the graph, so that a host can send the graph without copying it.
///
/// # Errors
/// [`FrameError::Length`] when the whole frame would pass `u32::MAX` bytes.
pub fn encode_load_head(request_id: u32, request: &LoadRequest, graph_bytes: usize) -> Result<Vec<u8>, FrameError> {
    let mut out = vec![0; HEADER_BYTES + 4];
    write_json(&mut out, request);
    let json_bytes = (out.len() - HEADER_BYTES - 4) as u32;
    if let Some(field) = out.get_mut(HEADER_BYTES..HEADER_BYTES + 4) {
        field.copy_from_slice(&json_bytes.to_le_bytes());
    }
    let length = out.len().saturating_add(graph_bytes);
    write_header(&mut out, FrameKind::Load, request_id, length)?;
    Ok(out)
}

fn write_header(out: &mut [u8], kind: FrameKind, request_id: u32, frame_bytes: usize) -> Result<(), FrameError> {
    let length =
        u32::try_from(frame_bytes - 4).map_err(|_| FrameError::Length { length: u32::MAX, max: u32::MAX - 1 })?;
    if let Some(header) = out.first_chunk_mut::<HEADER_BYTES>() {
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4] = kind as u8;
        header[REQUEST_ID_OFFSET..].copy_from_slice(&request_id.to_le_bytes());
    }
    Ok(())
}

fn write_json<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    // Serialising these plain types into memory cannot fail: no maps with odd keys, no IO.
    let _: Result<(), serde_json::Error> = serde_json::to_writer(out, value);
}

fn read_json<'a, T: Deserialize<'a>>(kind: FrameKind, json: &'a [u8]) -> Result<T, FrameError> {
    serde_json::from_slice(json).map_err(|error| malformed(kind, error.to_string()))
}

fn read_u32(kind: FrameKind, bytes: &[u8]) -> Result<(u32, &[u8]), FrameError> {
    let (field, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| malformed(kind, "it is too short".into()))?;
    Ok((u32::from_le_bytes(*field), rest))
}

fn malformed(kind: FrameKind, detail: String) -> FrameError {
    let name = FrameKind::ALL.iter().find(|(candidate, _)| *candidate == kind).map_or("unknown", |(_, name)| name);
    FrameError::Payload { kind: name, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn scores() -> Frame<'static> {
        Frame::Scores(Scores { image_count: 1, class_count: 2, queue_us: 3, run_us: 4, values: vec![0.25, 0.75] })
    }

    #[test]
    fn every_kind_survives_the_way_there_and_back() {
        let request = LoadRequest {
            overrides: SpecOverrides { width: Some(96), ..SpecOverrides::default() },
            source: Source::Request,
            label_count: Some(2),
            graph_sha256: Some("0f".repeat(32)),
            threads: 0,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            engine: "test".into(),
            libtensorflow: "2".into(),
            kernels: "Eigen".into(),
            frame_bytes_max: 1,
            images_max: 1,
            sandbox: Sandbox::default(),
        };
        for frame in [
            Frame::Hello(hello),
            Frame::Load { request: Box::new(request), graph: b"graph" },
            Frame::Infer { image_count: 1, pixels: &[1, 2, 3] },
            scores(),
            Frame::Error(Problem::new(ErrorCode::GraphInvalid, "no")),
        ] {
            let bytes = frame.encode(7).unwrap();
            assert_eq!(Frame::decode(&bytes).unwrap(), (7, frame));
        }
    }

    #[test]
    fn the_header_is_length_kind_and_id_in_little_endian() {
        let bytes = Frame::Infer { image_count: 1, pixels: &[9, 8] }.encode(0x0403_0201).unwrap();
        assert_eq!(bytes, [11, 0, 0, 0, 4, 1, 2, 3, 4, 1, 0, 0, 0, 9, 8]);
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_the_payload_is_there() {
        let header = [0xff, 0xff, 0xff, 0x7f, 4, 0, 0, 0, 0];
        assert_eq!(Header::read(&header, 1000), Err(FrameError::Length { length: 0x7fff_ffff, max: 1000 }));
    }

    #[test]
    fn a_length_that_cannot_hold_kind_and_id_is_refused() {
        assert!(matches!(Header::read(&[4, 0, 0, 0, 4, 0, 0, 0, 0], 1000), Err(FrameError::Length { length: 4, .. })));
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        assert_eq!(Header::read(&[5, 0, 0, 0, 77, 0, 0, 0, 0], 1000), Err(FrameError::Kind(77)));
    }

    #[test]
    fn a_frame_cut_anywhere_is_an_error_and_never_a_panic() {
        let bytes = scores().encode(1).unwrap();
        for length in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn scores_whose_count_lies_are_refused() {
        let mut bytes = scores().encode(1).unwrap();
        bytes[HEADER_BYTES] = 200;
        assert!(matches!(Frame::decode(&bytes), Err(FrameError::Payload { kind: "scores", .. })));
    }

    #[test]
    fn a_load_frame_whose_json_reaches_over_the_end_is_refused() {
        let payload = [200, 0, 0, 0, b'{', b'}'];
        assert!(matches!(
            Frame::decode_payload(FrameKind::Load, &payload),
            Err(FrameError::Payload { kind: "load", .. })
        ));
    }

    #[test]
    fn a_load_head_and_the_graph_after_it_are_one_load_frame() {
        let request = LoadRequest { threads: 1, ..LoadRequest::new(Source::Manifest, SpecOverrides::default()) };
        let mut bytes = encode_load_head(5, &request, 3).unwrap();
        bytes.extend_from_slice(b"abc");
        let (id, frame) = Frame::decode(&bytes).unwrap();
        assert_eq!((id, frame), (5, Frame::Load { request: Box::new(request), graph: b"abc" }));
    }
}
