//! Frames on stdin and stdout of an engine process.
//!
//! `u32 length | u8 kind | u32 request id | payload`, little-endian; `length` counts what follows it. The executable
//! speaks first ([`Hello`]). Replies carry the request id of what they answer and may come out of order.
//!
//! | kind | direction | payload |
//! |---|---|---|
//! | 1 hello | engine → host | JSON [`Hello`] |
//! | 2 load | host → engine | `u32` length of JSON, JSON [`LoadRequest`], graph bytes |
//! | 3 loaded | engine → host | JSON [`Loaded`] |
//! | 4 infer | host → engine | `u32` images, then u8 pixels, `height x width x channels` for each image |
//! | 5 scores | engine → host | `u32` images, `u32` classes, `u32` queue µs, `u32` run µs, then f32 scores |
//! | 6 error | engine → host | JSON [`Problem`] |
//! | 7 ping | host → engine | nothing |
//! | 8 pong | engine → host | nothing |
//! | 9 tensors | host → engine | `u32` images, then f32 values of the graph's input for each image; only where hello has `tensors` |

use serde::{Deserialize, Serialize};

use crate::{
    ErrorCode, Problem,
    message::{Hello, LoadRequest, Loaded},
};

/// Version of this protocol; an executable of another one is refused.
pub const PROTOCOL: u32 = 2;
/// Bytes before the payload: length, kind and request id.
pub const HEADER_BYTES: usize = 9;
/// Bytes of the length field, which does not count itself.
const LENGTH_BYTES: usize = 4;
/// Offset of the request id in a frame.
pub const REQUEST_ID_OFFSET: usize = 5;
/// Largest length field of a frame that an engine is sent, in bytes: room for a graph.
pub const FRAME_BYTES_MAX: u32 = 512 * 1024 * 1024;
/// Largest length field of a frame that an engine sends, in bytes: the scores of 64 images and 65,000 classes.
pub const REPLY_BYTES_MAX: u32 = 16 * 1024 * 1024;

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
    /// Is anybody there?
    Ping = 7,
    /// Yes.
    Pong = 8,
    /// Classify input tensors.
    Tensors = 9,
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
        (Self::Ping, "ping"),
        (Self::Pong, "pong"),
        (Self::Tensors, "tensors"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, name)| name)
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.iter().map(|(kind, _)| *kind).find(|kind| *kind as u8 == byte)
    }
}

/// Why bytes are not a frame. Any of these means that the two sides lost step: the process is ended, never guessed at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length field passes the limit, or is too small to hold kind and id.
    #[error("a frame of {length} bytes is outside {min}..={max}", min = HEADER_BYTES - LENGTH_BYTES)]
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
    /// Kind 3.
    Loaded(Box<Loaded>),
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
    /// Kind 7.
    Ping,
    /// Kind 8.
    Pong,
    /// Kind 9.
    Tensors {
        /// Number of images.
        image_count: u32,
        /// `image_count` times the values of the model's input tensor, as little-endian f32 in the order of its axes.
        values: &'a [u8],
    },
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
            Self::Ping => FrameKind::Ping,
            Self::Pong => FrameKind::Pong,
            Self::Tensors { .. } => FrameKind::Tensors,
        }
    }

    /// The frame as bytes, length field included.
    ///
    /// ```
    /// use menagerie_contract::Frame;
    /// let bytes = Frame::Ping.encode(7)?;
    /// assert_eq!(bytes, [5, 0, 0, 0, 7, 7, 0, 0, 0]);
    /// assert_eq!(Frame::decode(&bytes)?, (7, Frame::Ping));
    /// # Ok::<(), menagerie_contract::FrameError>(())
    /// ```
    ///
    /// # Errors
    /// [`FrameError::Length`] when it would pass `u32::MAX`.
    pub fn encode(&self, request_id: u32) -> Result<Vec<u8>, FrameError> {
        let mut out = vec![0; HEADER_BYTES];
        match self {
            Self::Hello(hello) => write_json(&mut out, hello),
            Self::Loaded(loaded) => write_json(&mut out, loaded),
            Self::Error(problem) => write_json(&mut out, problem),
            Self::Ping | Self::Pong => {}
            Self::Load { request, graph } => {
                out = encode_load_head(request_id, request, graph.len())?;
                out.extend_from_slice(graph);
                return Ok(out);
            }
            Self::Infer { image_count, pixels: content } | Self::Tensors { image_count, values: content } => {
                out.reserve(4 + content.len());
                out.extend_from_slice(&image_count.to_le_bytes());
                out.extend_from_slice(content);
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

    /// As [`Frame::encode`], for an engine: a reply that would pass [`REPLY_BYTES_MAX`] becomes an error that says so.
    ///
    /// # Errors
    /// As [`Frame::encode`].
    pub fn encode_reply(&self, request_id: u32) -> Result<Vec<u8>, FrameError> {
        let bytes = self.encode(request_id)?;
        let length = bytes.len() - LENGTH_BYTES;
        if length <= REPLY_BYTES_MAX as usize {
            return Ok(bytes);
        }
        let name = self.kind().name();
        let message = format!("the answer is a {name} frame of {length} bytes; at most {REPLY_BYTES_MAX} are sent");
        Frame::Error(Problem::new(ErrorCode::EngineFailed, message)).encode(request_id)
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
            FrameKind::Ping | FrameKind::Pong if !payload.is_empty() => {
                return Err(malformed(kind, format!("{} bytes in place of none", payload.len())));
            }
            FrameKind::Ping => Frame::Ping,
            FrameKind::Pong => Frame::Pong,
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
            FrameKind::Tensors => {
                let (image_count, values) = read_u32(kind, payload)?;
                Frame::Tensors { image_count, values }
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
        if length > frame_bytes_max || (length as usize) < HEADER_BYTES - LENGTH_BYTES {
            return Err(FrameError::Length { length, max: frame_bytes_max });
        }
        Ok(Some(Self {
            kind: FrameKind::from_byte(kind).ok_or(FrameError::Kind(kind))?,
            request_id: u32::from_le_bytes([i0, i1, i2, i3]),
            payload_bytes: length as usize - (HEADER_BYTES - LENGTH_BYTES),
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
    let json_bytes = (out.len() - HEADER_BYTES - LENGTH_BYTES) as u32;
    if let Some(field) = out.get_mut(HEADER_BYTES..HEADER_BYTES + 4) {
        field.copy_from_slice(&json_bytes.to_le_bytes());
    }
    let length = out.len().saturating_add(graph_bytes);
    write_header(&mut out, FrameKind::Load, request_id, length)?;
    Ok(out)
}

fn write_header(out: &mut [u8], kind: FrameKind, request_id: u32, frame_bytes: usize) -> Result<(), FrameError> {
    let length = u32::try_from(frame_bytes - LENGTH_BYTES)
        .map_err(|_| FrameError::Length { length: u32::MAX, max: u32::MAX - 1 })?;
    if let Some(header) = out.first_chunk_mut::<HEADER_BYTES>() {
        header[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
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
    FrameError::Payload { kind: kind.name(), detail }
}
