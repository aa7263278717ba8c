//! The way of one image, top to bottom. Its only hole is `exchange`: the host carries the frame to an engine and brings
//! the reply back. In production that is a JavaScript function that returns a Promise, in tests a closure.

use std::{fmt::Write, future::Future};

use menagerie_contract::{Answer, Frame, ImageFacts, InferOptions, InputFacts, InputSpec, Problem, Timings, TopEntry};
use sha2::{Digest, Sha256};

use crate::{
    confidence::{Ranking, band},
    decode::{Photo, decode_shrunk},
    error::Error,
    model::Model,
    picture::data_url,
    resize::{Pixels, region, resize, shrink_max},
    scores::Scores,
};

/// Most answers that a request may ask for.
const TOP_K_MAX: u32 = 100;

/// Classifies one image.
///
/// `exchange` takes one infer frame with one image and request id 0, and gives one whole reply frame of any id. `clock`
/// gives milliseconds from any fixed start.
///
/// # Errors
/// An [`Error`] of the step that failed; an error frame, or the [`Problem`] of `exchange` itself, keeps its code.
pub async fn infer<F>(
    model: &Model,
    image: &[u8],
    options: &InferOptions,
    clock: impl Fn() -> f64,
    exchange: impl FnOnce(Vec<u8>) -> F,
) -> Result<Answer, Error>
where
    F: Future<Output = Result<Vec<u8>, Problem>>,
{
    let start = clock();
    let (photo, pixels, mut timings) = preprocess(image, &model.spec.input, options, &clock)?;
    let frame = Frame::Infer { image_count: 1, pixels: &pixels.bytes }.encode(0)?;
    let reply = exchange(frame);
    // The engine works while the pixels are hashed.
    let input = input_facts(&pixels, options.picture)?;
    let scores = Scores::read(&reply.await.map_err(Error::Exchange)?, &model.spec.output)?;
    scores.fill_in(&mut timings);
    let output = &model.spec.output;
    let ranking = Ranking::of(output.kind, &scores, model.names.count(output.kind, output.classes))?;
    let top = ranking.top(options.top_k, options.score_threshold).map(|class| TopEntry {
        label: model.names.name(class.index),
        index: class.index,
        probability: class.probability,
    });
    timings.total = (clock() - start) as f32;
    Ok(Answer {
        image: image_facts(&photo),
        label: model.names.name(ranking.best.index),
        index: ranking.best.index,
        probability: ranking.best.probability,
        band: band(ranking.best.probability),
        independent: ranking.independent,
        top: top.collect(),
        input,
        timings_ms: timings,
    })
}

/// Image bytes to the pixels that the model sees; of the timings, `decode` and `resize` are filled in.
///
/// # Errors
/// As [`infer`], without those of the engine.
pub fn preprocess(
    image: &[u8],
    input: &InputSpec,
    options: &InferOptions,
    clock: &impl Fn() -> f64,
) -> Result<(Photo, Pixels, Timings), Error> {
    check(options)?;
    let start = clock();
    let photo = decode_shrunk(image, &options.limits, &|size| shrink_max(size, options.crop, input))?;
    let decoded = clock();
    let pixels = resize(&photo, region(photo.size(), options.crop)?, input)?;
    let resized = clock();
    let timings =
        Timings { decode: (decoded - start) as f32, resize: (resized - decoded) as f32, ..Timings::default() };
    Ok((photo, pixels, timings))
}

/// The image as it came: upright size and format.
#[must_use]
pub fn image_facts(photo: &Photo) -> ImageFacts {
    let (width, height) = photo.size();
    ImageFacts { width, height, format: photo.format.as_str().into() }
}

/// SHA-256 of the pixels in lower-case hex.
#[must_use]
pub fn sha256(pixels: &Pixels) -> String {
    Sha256::digest(&pixels.bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _: std::fmt::Result = write!(hex, "{byte:02x}");
        hex
    })
}

fn input_facts(pixels: &Pixels, picture: bool) -> Result<InputFacts, Error> {
    Ok(InputFacts {
        width: pixels.width,
        height: pixels.height,
        sha256: sha256(pixels),
        picture: if picture { Some(data_url(pixels)?) } else { None },
    })
}

fn check(options: &InferOptions) -> Result<(), Error> {
    let InferOptions { top_k, score_threshold, .. } = options;
    if !(1..=TOP_K_MAX).contains(top_k) {
        return Err(Error::FieldInvalid(format!("top_k={top_k} is outside of 1 to {TOP_K_MAX}")));
    }
    if !(0.0..=1.0).contains(score_threshold) {
        return Err(Error::FieldInvalid(format!("score_threshold={score_threshold} is outside of 0 to 1")));
    }
    Ok(())
}
