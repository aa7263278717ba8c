//! Why a class was named: parts of the photo are hidden from the model, and what its probability loses says what the
//! answer hangs on. No gradients are needed, so that it works for every frozen classifier.
//!
//! Hiding happens on the pixels at the model's size. A host sends the frames of [`masked`] one after the other, and gives
//! all replies to [`explain`]. Nothing is kept between calls: each mask follows from its number alone.

mod map;
mod masks;
mod paint;

use menagerie_contract::{
    ExplainOptions, Explanation, Frame, InferOptions, MapRegion, TopEntry,
    frame::{HEADER_BYTES, Header},
};

use crate::{
    confidence::Ranking,
    error::Error,
    model::Model,
    pipeline::Seen,
    resize::{Pixels, shown},
    scores::Scores,
};
use masks::Plan;

/// The frame with the photos under the masks from number `from` on, at most `count_max` of them, and how many masks the
/// map has in all. `frame` is the photo as [`crate::pipeline::prepare`] made it.
///
/// # Errors
/// [`Error::FieldInvalid`] for options that do not fit the model.
pub fn masked(
    model: &Model,
    frame: &[u8],
    options: &ExplainOptions,
    from: u32,
    count_max: u32,
) -> Result<(Vec<u8>, u32), Error> {
    let plan = Plan::of(options, &model.spec.input)?;
    if let Some(class) = &options.class {
        class_of(model, class)?;
    }
    let pixels = pixels_of(model, frame)?;
    let end = from.saturating_add(count_max).min(plan.count);
    let hidden = plan.hidden(&pixels, from..end);
    let frame = Frame::Infer { image_count: end.saturating_sub(from), pixels: &hidden }.encode(0)?;
    Ok((frame, plan.count))
}

/// The map that the engine's replies give: the one to `frame`, then those to the frames of [`masked`] in their order, as
/// whole frames one after the other.
///
/// # Errors
/// As [`masked`], and those of [`crate::pipeline::answer`] for each reply.
pub fn explain(
    model: &Model,
    frame: &[u8],
    seen: &Seen,
    infer: &InferOptions,
    options: &ExplainOptions,
    replies: &[u8],
) -> Result<Explanation, Error> {
    let plan = Plan::of(options, &model.spec.input)?;
    let rankings = rankings(model, replies)?;
    let Some((whole, hidden)) = rankings.split_first().filter(|(_, hidden)| hidden.len() == plan.count as usize) else {
        return Err(Error::Internal(format!("{} photos were judged for {} masks", rankings.len(), plan.count)));
    };
    let index = options.class.as_deref().map_or(Ok(whole.best.index), |class| class_of(model, class))?;
    let probability = whole.probability_of(index);
    let probabilities: Vec<f32> = hidden.iter().map(|ranking| ranking.probability_of(index)).collect();
    let grid = map::grid(&plan, probability, &probabilities);
    let region = shown(seen.image_size(), infer.crop, &model.spec.input)?;
    Ok(Explanation {
        class: TopEntry { label: model.names.name(index), index, probability },
        method: options.method,
        runs: plan.count + 1,
        picture: if infer.picture { Some(paint::painted(model, &pixels_of(model, frame)?, &grid)?) } else { None },
        grid,
        region: MapRegion { x: region.x, y: region.y, width: region.width, height: region.height },
    })
}

/// A class by its number or its label.
fn class_of(model: &Model, text: &str) -> Result<u32, Error> {
    let output = &model.spec.output;
    let count = model.names.count(output.kind, output.classes);
    let by_number = text.parse().ok().filter(|index| count.is_none_or(|count| *index < count));
    by_number.or_else(|| model.names.index(text)).ok_or_else(|| {
        let last = count.map_or(String::new(), |count| format!(", a number from 0 to {}", count.saturating_sub(1)));
        Error::FieldInvalid(format!("class={text}: it must be a label of the model{last}"))
    })
}

/// The pixels in an infer frame with one image.
fn pixels_of(model: &Model, frame: &[u8]) -> Result<Pixels, Error> {
    let input = &model.spec.input;
    let (width, height, channels) = (input.width, input.height, input.channels);
    match Frame::decode(frame)?.1 {
        Frame::Infer { image_count: 1, pixels } if pixels.len() as u64 == bytes_of(width, height, channels) => {
            Ok(Pixels { width, height, channels, bytes: pixels.to_vec() })
        }
        _ => Err(Error::Internal("the frame does not hold one photo at the model's size".into())),
    }
}

fn bytes_of(width: u32, height: u32, channels: u32) -> u64 {
    u64::from(width) * u64::from(height) * u64::from(channels)
}

/// How each photo was judged, over all replies.
fn rankings(model: &Model, replies: &[u8]) -> Result<Vec<Ranking>, Error> {
    let output = &model.spec.output;
    let count = model.names.count(output.kind, output.classes);
    let mut rankings = Vec::new();
    let mut rest = replies;
    while let Some(reply) = first_frame(rest) {
        rest = rest.get(reply.len()..).unwrap_or_default();
        let images = match Frame::decode(reply)? {
            (_, Frame::Scores(scores)) => scores.image_count,
            _ => 1,
        };
        for scores in Scores::read_all(reply, output, images)? {
            rankings.push(Ranking::of(output.kind, &scores, count, model.confidence.temperature)?);
        }
    }
    Ok(rankings)
}

/// The frame that some bytes begin with: all of them where they are no frame.
fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.is_empty() {
        return None;
    }
    let length = Header::read(bytes, u32::MAX).ok().flatten();
    let whole = length.map(|header| HEADER_BYTES + header.payload_bytes);
    Some(whole.and_then(|end| bytes.get(..end)).unwrap_or(bytes))
}
