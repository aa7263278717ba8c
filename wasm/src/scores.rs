//! The engine's reply: one finite score for each class, or the reason why there are none.

use menagerie_contract::{Frame, OutputKind, OutputSpec, Timings, counted, frame};

use crate::error::Error;

/// The scores of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// One finite value for each class; for [`OutputKind::Index`] the class number alone.
    pub values: Vec<f32>,
    /// Milliseconds that the request waited in the engine.
    pub queue_ms: f32,
    /// Milliseconds of the session run.
    pub run_ms: f32,
}

impl Scores {
    /// Reads a reply to an infer frame with one image.
    ///
    /// # Errors
    /// As [`Scores::read_all`].
    pub fn read(reply: &[u8], output: &OutputSpec) -> Result<Self, Error> {
        let only = Self::read_all(reply, output, 1)?.pop();
        only.ok_or_else(|| Error::Internal("one image has one set of scores".into()))
    }

    /// Reads a reply to an infer frame with `image_count` images: the scores of each, with the times of all together.
    ///
    /// # Errors
    /// [`Error::Exchange`] with the engine's own problem when the reply is an error frame, else [`Error::Engine`] when it
    /// is no frame, or does not hold exactly the finite scores that `output` promises.
    pub fn read_all(reply: &[u8], output: &OutputSpec, image_count: u32) -> Result<Vec<Self>, Error> {
        match Frame::decode(reply)?.1 {
            Frame::Scores(scores) => Self::check(&scores, output, image_count),
            Frame::Error(problem) => Err(Error::Exchange(problem)),
            _ => Err(Error::Engine("the engine answered pixels with a frame that carries no scores".into())),
        }
    }

    /// What an engine replies that ran `image_count` images, 1 or more, in `run_ms` milliseconds, with request id 0.
    ///
    /// # Errors
    /// [`Error::Engine`] when the values are too many for a frame.
    pub fn reply(values: Vec<f32>, image_count: u32, run_ms: f64) -> Result<Vec<u8>, Error> {
        let class_count = values.len() as u32 / image_count.max(1);
        let scores = frame::Scores { image_count, class_count, queue_us: 0, run_us: (run_ms * 1000.0) as u32, values };
        Ok(Frame::Scores(scores).encode(0)?)
    }

    /// Adds the engine's share to the timings.
    pub fn fill_in(&self, timings: &mut Timings) {
        timings.queue = self.queue_ms;
        timings.run = self.run_ms;
    }

    fn check(scores: &frame::Scores, output: &OutputSpec, image_count: u32) -> Result<Vec<Self>, Error> {
        let expected = if output.kind == OutputKind::Index { 1 } else { output.classes };
        if (scores.image_count, scores.class_count) != (image_count, expected) || expected == 0 {
            return Err(Error::Engine(format!(
                "the engine answered {} x {} scores for {} of {}",
                scores.image_count,
                scores.class_count,
                counted(image_count, "image", "images"),
                counted(expected, "class", "classes")
            )));
        }
        let of_one = |values: &[f32]| {
            if let Some(class) = values.iter().position(|value| !value.is_finite()) {
                let value = values[class];
                return Err(Error::Engine(format!(
                    "the model answered {value} for class {class}; no class can be named"
                )));
            }
            Ok(Self {
                values: values.to_vec(),
                queue_ms: scores.queue_us as f32 / 1000.0,
                run_ms: scores.run_us as f32 / 1000.0,
            })
        };
        scores.values.chunks_exact(expected as usize).map(of_one).collect()
    }
}

#[cfg(test)]
mod tests {
    use menagerie_contract::{ErrorCode, Problem};

    use super::*;

    fn output(kind: OutputKind, classes: u32) -> OutputSpec {
        OutputSpec { tensor: "out".into(), kind, classes, heads: vec![] }
    }

    fn reply(image_count: u32, values: &[f32]) -> Vec<u8> {
        let scores = frame::Scores {
            image_count,
            class_count: values.len() as u32 / image_count,
            queue_us: 1500,
            run_us: 250,
            values: values.to_vec(),
        };
        Frame::Scores(scores).encode(7).unwrap()
    }

    #[test]
    fn scores_and_times_are_read() {
        let scores = Scores::read(&reply(1, &[0.25, 0.75]), &output(OutputKind::Softmax, 2)).unwrap();
        assert_eq!(scores, Scores { values: vec![0.25, 0.75], queue_ms: 1.5, run_ms: 0.25 });
    }

    #[test]
    fn a_reply_that_was_made_of_values_is_read_as_them() {
        let scores =
            Scores::read(&Scores::reply(vec![0.25, 0.75], 1, 0.25).unwrap(), &output(OutputKind::Softmax, 2)).unwrap();
        assert_eq!(scores, Scores { values: vec![0.25, 0.75], queue_ms: 0.0, run_ms: 0.25 });
    }

    #[test]
    fn nan_and_infinity_are_engine_failed_and_name_the_class() {
        for (value, word) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            let error = Scores::read(&reply(1, &[0.0, 0.0, value]), &output(OutputKind::Logits, 3)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::EngineFailed);
            assert_eq!(error.to_string(), format!("the model answered {word} for class 2; no class can be named"));
        }
    }

    #[test]
    fn a_wrong_number_of_scores_is_engine_failed() {
        for (bytes, kind, classes) in [
            (reply(1, &[0.0, 1.0]), OutputKind::Softmax, 3),
            (reply(2, &[0.0, 1.0]), OutputKind::Softmax, 1),
            (reply(1, &[0.0, 1.0]), OutputKind::Index, 2),
            (reply(1, &[]), OutputKind::Softmax, 0),
        ] {
            let error = Scores::read(&bytes, &output(kind, classes)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::EngineFailed, "{error}");
        }
    }

    #[test]
    fn an_error_frame_keeps_its_code_and_anything_else_is_a_lost_step() {
        let problem = Problem::new(ErrorCode::EngineTimeout, "too slow");
        let softmax = output(OutputKind::Softmax, 2);
        let frame = Frame::Error(problem.clone()).encode(1).unwrap();
        assert_eq!(Scores::read(&frame, &softmax), Err(Error::Exchange(problem)));
        let infer = Frame::Infer { image_count: 1, pixels: &[1] }.encode(1).unwrap();
        for bytes in [infer.as_slice(), b"", b"abc", &frame[..frame.len() - 1]] {
            assert_eq!(Scores::read(bytes, &softmax).unwrap_err().code(), ErrorCode::EngineFailed);
        }
    }
}
