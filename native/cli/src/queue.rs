//! Infer requests on their way from the reader to the workers.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Requests waiting in one process; while more arrive the reader stops reading, so that the pipe fills and the host
/// notices.
const WAITING_MAX: usize = 64;

/// An infer request whose pixels have arrived.
pub struct Job {
    /// Whose request it is.
    pub request_id: u32,
    /// Payload of the infer frame.
    pub payload: Vec<u8>,
    /// When its last byte came.
    pub arrived: Instant,
}

/// A bounded queue with one writer and several readers.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Adds a job, waiting while the queue is full.
    pub fn put(&self, job: Job) {
        let mut state = self.lock();
        while state.jobs.len() >= WAITING_MAX {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_all();
    }

    /// No more jobs will come; those that wait are still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The next job, waiting for it; `None` when the queue is closed and empty.
    pub fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                self.changed.notify_all();
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    fn job(request_id: u32) -> Job {
        Job { request_id, payload: Vec::new(), arrived: Instant::now() }
    }

    #[test]
    fn jobs_that_wait_when_the_queue_closes_are_still_handed_out() {
        let queue = Queue::default();
        queue.put(job(1));
        queue.put(job(2));
        queue.close();
        assert_eq!(queue.take().map(|job| job.request_id), Some(1));
        assert_eq!(queue.take().map(|job| job.request_id), Some(2));
        assert!(queue.take().is_none());
    }

    #[test]
    fn a_full_queue_stops_the_writer_until_a_job_is_taken() {
        let queue = Queue::default();
        (0..WAITING_MAX as u32).for_each(|id| queue.put(job(id)));
        thread::scope(|scope| {
            let writer = scope.spawn(|| queue.put(job(1000)));
            thread::sleep(Duration::from_millis(20));
            assert!(!writer.is_finished());
            assert_eq!(queue.take().map(|job| job.request_id), Some(0));
            writer.join().unwrap();
        });
        assert_eq!(queue.lock().jobs.len(), WAITING_MAX);
    }
}
