//! Infer frames on their way to the threads that answer them.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, PoisonError},
    time::Instant,
};

use menagerie_contract::{ErrorCode, Frame, FrameKind, ModelSpec, OutputKind, Problem, counted, frame::Scores};

use crate::{IMAGES_MAX, Model};

/// Frames waiting in the program; while more come, reading stops, so that the pipe fills and the host notices.
const WAITING_MAX: usize = 64;

/// An infer frame that was read whole.
pub struct Job {
    pub request_id: u32,
    pub payload: Vec<u8>,
    pub arrived: Instant,
}

/// A queue with one writer and several readers.
#[derive(Default)]
pub struct Lanes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Lanes {
    /// Waits while the queue is full.
    pub fn put(&self, job: Job) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.jobs.len() >= WAITING_MAX {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.jobs.push_back(job);
        self.changed.notify_all();
    }

    /// No more will come; those that wait are still handed out.
    pub fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next one; `None` when closed and empty.
    pub fn take(&self) -> Option<Job> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match state.jobs.pop_front() {
                Some(job) => {
                    self.changed.notify_all();
                    return Some(job);
                }
                None if state.closed => return None,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Answers a job with a scores or an error frame.
pub fn work(model: &impl Model, spec: &ModelSpec, job: &Job) -> Frame<'static> {
    scores(model, spec, job).map_or_else(Frame::Error, Frame::Scores)
}

fn scores(model: &impl Model, spec: &ModelSpec, job: &Job) -> Result<Scores, Problem> {
    let (started, queue_us) = (Instant::now(), job.arrived.elapsed().as_micros() as u32);
    let Ok(Frame::Infer { image_count, pixels }) = Frame::decode_payload(FrameKind::Infer, &job.payload) else {
        return Err(failed("an infer frame changed while it waited"));
    };
    let input = &spec.input;
    let image_bytes = input.width as usize * input.height as usize * input.channels as usize;
    if !(1..=IMAGES_MAX).contains(&image_count) || pixels.len() != image_count as usize * image_bytes {
        let message = format!(
            "{} came for {}; 1 to {IMAGES_MAX} images of {} x {} x {} bytes are taken",
            counted(pixels.len(), "byte", "bytes"),
            counted(image_count, "image", "images"),
            input.height,
            input.width,
            input.channels,
        );
        return Err(Problem::new(ErrorCode::FieldInvalid, message));
    }
    let class_count = if spec.output.kind == OutputKind::Index { 1 } else { spec.output.classes };
    let mut values = Vec::with_capacity(image_count as usize * class_count as usize);
    for image in pixels.chunks_exact(image_bytes.max(1)) {
        let scores = catch_unwind(AssertUnwindSafe(|| model.scores(image)))
            .unwrap_or_else(|_| Err(failed("the program panicked on this image; its log says where")))?;
        if scores.len() != class_count as usize || scores.iter().any(|score| !score.is_finite()) {
            return Err(failed(format!("the program gave {scores:?}; {class_count} finite scores are needed")));
        }
        values.extend(scores);
    }
    Ok(Scores { image_count, class_count, queue_us, run_us: started.elapsed().as_micros() as u32, values })
}

fn failed(message: impl Into<String>) -> Problem {
    Problem::new(ErrorCode::EngineFailed, message)
}
