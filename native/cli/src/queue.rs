//! Infer requests on their way from the reader to the workers.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, Thread},
    time::Instant,
};

use menagerie_contract::FrameKind;

/// Requests waiting in one process; while more arrive the reader stops reading, so that the pipe fills and the host
/// notices.
const WAITING_MAX: usize = 64;

/// A request for scores whose payload has arrived.
pub struct Job {
    /// [`FrameKind::Infer`] or [`FrameKind::Tensors`].
    pub kind: FrameKind,
    /// Whose request it is.
    pub request_id: u32,
    /// Payload of its frame.
    pub payload: Vec<u8>,
    /// When its last byte came.
    pub arrived: Instant,
}

/// A bounded queue with one writer and several readers, the lanes.
///
/// Of the lanes that wait the last one gets the next job: its core's caches still hold the model.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    /// Told when a full queue has room again.
    has_room: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Lanes that wait for a job, the last one on top.
    idle: Vec<Thread>,
    closed: bool,
}

impl Queue {
    /// Adds a job, waiting while the queue is full.
    pub fn put(&self, job: Job) {
        let mut state = self.lock();
        while state.jobs.len() >= WAITING_MAX {
            state = self.has_room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.jobs.push_back(job);
        let lane = state.idle.pop();
        drop(state);
        if let Some(lane) = lane {
            lane.unpark();
        }
    }

    /// No more jobs will come; those that wait are still handed out.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.idle.drain(..).for_each(|lane| lane.unpark());
    }

    /// The next job, waiting for it; `None` when the queue is closed and empty.
    pub fn take(&self) -> Option<Job> {
        let lane = thread::current();
        loop {
            let mut state = self.lock();
            // A lane may wake without being told.
            state.idle.retain(|idle| idle.id() != lane.id());
            let was_full = state.jobs.len() >= WAITING_MAX;
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                if was_full {
                    self.has_room.notify_one();
                }
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.idle.push(lane.clone());
            drop(state);
            thread::park();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    fn job(request_id: u32) -> Job {
        Job { kind: FrameKind::Infer, request_id, payload: Vec::new(), arrived: Instant::now() }
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

    #[test]
    fn the_lane_that_went_idle_last_gets_the_next_job() {
        const LANES: usize = 3;
        let queue = Queue::default();
        let (sender, taken) = mpsc::channel();
        thread::scope(|scope| {
            for lane in 0..LANES {
                let (queue, sender) = (&queue, sender.clone());
                scope.spawn(move || {
                    while let Some(job) = queue.take() {
                        sender.send((lane, job.request_id)).unwrap();
                    }
                });
                wait_for_idle(queue, lane + 1);
            }
            for id in 0..10 {
                queue.put(job(id));
                assert_eq!(taken.recv().unwrap(), (LANES - 1, id));
                wait_for_idle(&queue, LANES);
            }
            queue.close();
        });
    }

    #[test]
    fn every_job_is_handed_out_once_while_lanes_come_and_go() {
        const JOBS: u32 = 10_000;
        let queue = Queue::default();
        let mut taken: Vec<u32> = thread::scope(|scope| {
            let take_all = || std::iter::from_fn(|| queue.take()).map(|job| job.request_id).collect::<Vec<_>>();
            let lanes: Vec<_> = (0..4).map(|_| scope.spawn(take_all)).collect();
            (0..JOBS).for_each(|id| queue.put(job(id)));
            queue.close();
            lanes.into_iter().flat_map(|lane| lane.join().unwrap()).collect()
        });
        taken.sort_unstable();
        assert!(taken.into_iter().eq(0..JOBS));
    }

    fn wait_for_idle(queue: &Queue, count: usize) {
        while queue.lock().idle.len() < count {
            thread::yield_now();
        }
    }
}
