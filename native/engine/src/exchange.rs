//! One infer frame in, one reply frame out: the form in which the executable and the Node addon are asked.

use std::time::Instant;

use menagerie_contract::{ErrorCode, Frame, FrameError, FrameKind, Problem, frame::Scores};

use crate::Model;

/// Most images in one infer frame.
pub const IMAGES_MAX: u32 = 64;

/// Answers the payload of an infer frame, whose last byte came at `arrived`, with a scores or an error frame.
#[must_use]
pub fn answer(model: &Model, payload: &[u8], arrived: Instant) -> Frame<'static> {
    scores(model, payload, arrived).map_or_else(Frame::Error, Frame::Scores)
}

fn scores(model: &Model, payload: &[u8], arrived: Instant) -> Result<Scores, Problem> {
    let queue_us = arrived.elapsed().as_micros() as u32;
    let frame = Frame::decode_payload(FrameKind::Infer, payload).map_err(|error| lost_step(&error))?;
    let Frame::Infer { image_count, pixels } = frame else {
        return Err(Problem::new(ErrorCode::Internal, "the codec read an infer frame as something else"));
    };
    if image_count > IMAGES_MAX {
        let message = format!("{image_count} images in one frame; at most {IMAGES_MAX} are taken");
        return Err(Problem::new(ErrorCode::FieldInvalid, message));
    }
    let run = model.run(pixels, image_count)?;
    Ok(Scores {
        image_count,
        class_count: run.class_count,
        queue_us,
        run_us: run.run_time.as_micros() as u32,
        values: run.values,
    })
}

/// The problem of bytes that are no frame.
#[must_use]
pub fn lost_step(error: &FrameError) -> Problem {
    Problem::new(ErrorCode::EngineFailed, format!("host and engine lost step: {error}"))
}
