//! One infer or tensors frame in, one reply frame out: the form in which the executable and the Node addon are asked.

use std::time::Instant;

use menagerie_contract::{ErrorCode, Frame, FrameError, FrameKind, Problem, frame::Scores};

use crate::Model;

/// Most images in one infer frame.
pub const IMAGES_MAX: u32 = 64;

/// Answers the payload of an infer or a tensors frame, whose last byte came at `arrived`, with a scores or an error frame.
#[must_use]
pub fn answer(model: &Model, kind: FrameKind, payload: &[u8], arrived: Instant) -> Frame<'static> {
    scores(model, kind, payload, arrived).map_or_else(Frame::Error, Frame::Scores)
}

fn scores(model: &Model, kind: FrameKind, payload: &[u8], arrived: Instant) -> Result<Scores, Problem> {
    let queue_us = arrived.elapsed().as_micros() as u32;
    let frame = Frame::decode_payload(kind, payload).map_err(|error| lost_step(&error))?;
    let (image_count, run) = match frame {
        Frame::Infer { image_count, pixels } => (check(image_count)?, model.run(pixels, image_count)?),
        Frame::Tensors { image_count, values } => (check(image_count)?, model.run_tensors(values, image_count)?),
        _ => return Err(Problem::new(ErrorCode::Internal, "only infer and tensors frames are answered with scores")),
    };
    Ok(Scores {
        image_count,
        class_count: run.class_count,
        queue_us,
        run_us: run.run_time.as_micros() as u32,
        values: run.values,
    })
}

fn check(image_count: u32) -> Result<u32, Problem> {
    if image_count <= IMAGES_MAX {
        return Ok(image_count);
    }
    let message = format!("{image_count} images in one frame; at most {IMAGES_MAX} are taken");
    Err(Problem::new(ErrorCode::FieldInvalid, message))
}

/// The problem of bytes that are no frame.
#[must_use]
pub fn lost_step(error: &FrameError) -> Problem {
    Problem::new(ErrorCode::EngineFailed, format!("host and engine lost step: {error}"))
}
