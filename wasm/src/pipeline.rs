//! The way of one image, top to bottom, in two calls: [`prepare`] makes the pixels that go to an engine, [`answer`] reads
//! its reply. Nothing is kept between them, so that whoever prepared an image is free while the engine works.

use menagerie_contract::{Answer, Frame, ImageFacts, InferOptions, InputFacts, InputSpec, Timings, TopEntry};
use serde::{Deserialize, Serialize};

use crate::{
    confidence::Ranking,
    decode::{Photo, decode_shrunk},
    error::Error,
    model::Model,
    picture::data_url,
    resize::{OVERSAMPLING, Pixels, region, resize, shrink_max},
    scores::Scores,
};

/// Side of the input of most models, in pixels.
const COMMON_SIDE: u32 = 224;
/// Most answers that a request may ask for.
const TOP_K_MAX: u32 = 100;

/// What is known of an image before the engine has answered; [`answer`] wants it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub(crate) image: ImageFacts,
    pub(crate) input: InputFacts,
    pub(crate) timings: Timings,
    /// Milliseconds of the clock when the image came.
    pub(crate) began: f64,
}

impl Seen {
    /// Width and height of the upright photo.
    #[must_use]
    pub fn image_size(&self) -> (u32, u32) {
        (self.image.width, self.image.height)
    }
}

/// Image bytes to one infer frame with one image and request id 0.
///
/// `clock` gives milliseconds from any fixed start, the same one in [`answer`]. `sha256` gives the SHA-256 of bytes in
/// lower-case hex: processors have instructions for it that WebAssembly does not reach.
///
/// # Errors
/// An [`Error`] of the step that failed.
pub fn prepare(
    model: &Model,
    image: &[u8],
    options: &InferOptions,
    clock: impl Fn() -> f64,
    sha256: impl FnOnce(&[u8]) -> Result<String, Error>,
) -> Result<(Vec<u8>, Seen), Error> {
    let began = clock();
    let (photo, pixels, timings) = preprocess(image, &model.spec.input, options, &clock)?;
    framed(&photo, &pixels, options, timings, began, sha256)
}

/// As [`prepare`], of a photo that was decoded before, shrunk as [`shrink_of`] says; it gives the same pixels. `decode_ms` is
/// what decoding took of this request's time.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_photo(
    model: &Model,
    photo: &Photo,
    options: &InferOptions,
    decode_ms: f64,
    clock: impl Fn() -> f64,
    sha256: impl FnOnce(&[u8]) -> Result<String, Error>,
) -> Result<(Vec<u8>, Seen), Error> {
    check(options)?;
    let start = clock();
    let pixels = resize(photo, region(photo.size(), options.crop)?, &model.spec.input)?;
    let timings = Timings { decode: decode_ms as f32, resize: (clock() - start) as f32, ..Timings::default() };
    framed(photo, &pixels, options, timings, start - decode_ms, sha256)
}

/// The [`Photo::shrink`] that [`prepare`] asks for where it decodes the image of this photo, whatever that was shrunk by.
///
/// # Errors
/// [`Error::FieldInvalid`] where the crop does not lie in the photo.
pub fn shrink_of(photo: &Photo, input: &InputSpec, options: &InferOptions) -> Result<u32, Error> {
    region(photo.size(), options.crop)?;
    Ok(photo.format.shrink(shrink_max(photo.size(), options.crop, input)))
}

/// Decodes an image for later calls of [`prepare_photo`], and gives the [`Photo::shrink`] that was asked for: `shrink`, else
/// that of a whole photo for a model of [`COMMON_SIDE`] pixels.
///
/// # Errors
/// Those of [`decode_shrunk`].
pub fn decode_photo(image: &[u8], options: &InferOptions, shrink: Option<u32>) -> Result<(Photo, u32), Error> {
    let common = |(width, height): (u32, u32)| f64::from(width.min(height)) / f64::from(COMMON_SIDE) / OVERSAMPLING;
    let shrink_max = |size| shrink.map_or_else(|| common(size), f64::from);
    let photo = decode_shrunk(image, &options.limits, &shrink_max)?;
    let asked = photo.format.shrink(shrink_max(photo.size()));
    Ok((photo, asked))
}

fn framed(
    photo: &Photo,
    pixels: &Pixels,
    options: &InferOptions,
    timings: Timings,
    began: f64,
    sha256: impl FnOnce(&[u8]) -> Result<String, Error>,
) -> Result<(Vec<u8>, Seen), Error> {
    let frame = Frame::Infer { image_count: 1, pixels: &pixels.bytes }.encode(0)?;
    let input = InputFacts {
        width: pixels.width,
        height: pixels.height,
        sha256: sha256(&pixels.bytes)?,
        picture: if options.picture { Some(data_url(pixels)?) } else { None },
    };
    Ok((frame, Seen { image: image_facts(photo), input, timings, began }))
}

/// The answer that the engine's reply to a prepared image gives: one whole frame of any id. `options` are those that the
/// image was prepared with.
///
/// # Errors
/// [`Error::Exchange`] with the code of an error frame, [`Error::Engine`] when it holds no usable scores.
pub fn answer(
    model: &Model,
    seen: Seen,
    options: &InferOptions,
    reply: &[u8],
    clock: impl Fn() -> f64,
) -> Result<Answer, Error> {
    let output = &model.spec.output;
    let scores = Scores::read(reply, output)?;
    let class_count = model.names.count(output.kind, output.classes);
    let ranking = Ranking::of(output.kind, &scores, class_count, model.confidence.temperature)?;
    let (top_k, score_threshold) =
        if options.every_class { (u32::MAX, 0.0) } else { (options.top_k, options.score_threshold) };
    let top = ranking.top(top_k, score_threshold).map(|class| TopEntry {
        label: model.names.name(class.index),
        index: class.index,
        probability: class.probability,
    });
    let band = model.confidence.limits.band_of(ranking.best.probability);
    let band_accuracy = model.confidence.accuracy_of(band);
    let Seen { image, input, mut timings, began } = seen;
    scores.fill_in(&mut timings);
    timings.total = (clock() - began) as f32;
    Ok(Answer {
        image,
        label: model.names.name(ranking.best.index),
        index: ranking.best.index,
        probability: ranking.best.probability,
        band,
        band_accuracy,
        unsure: band_accuracy.is_some_and(|accuracy| model.confidence.is_unsure(accuracy)),
        settings: model.spec.rests_on(),
        independent: ranking.independent,
        top: top.collect(),
        input,
        timings_ms: timings,
    })
}

/// Image bytes to the pixels that the model sees; of the timings, `decode` and `resize` are filled in.
///
/// # Errors
/// As [`prepare`].
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

/// Whether the answer that is asked for can be given.
///
/// # Errors
/// [`Error::FieldInvalid`] names the field and its range.
pub(crate) fn check(options: &InferOptions) -> Result<(), Error> {
    let InferOptions { top_k, score_threshold, .. } = options;
    if !(1..=TOP_K_MAX).contains(top_k) {
        return Err(Error::FieldInvalid(format!("top_k={top_k} is outside of 1 to {TOP_K_MAX}")));
    }
    if !(0.0..=1.0).contains(score_threshold) {
        return Err(Error::FieldInvalid(format!("score_threshold={score_threshold} is outside of 0 to 1")));
    }
    Ok(())
}
