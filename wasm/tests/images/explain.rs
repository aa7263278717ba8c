//! Maps of made pictures, with an engine that looks at one place of the photo alone.

use base64::{Engine, engine::general_purpose::STANDARD};
use menagerie_contract::{
    ErrorCode, ExplainMethod, ExplainOptions, Explanation, Frame, InferOptions, OutputKind, frame::Scores,
};
use menagerie_wasm::{Error, Model, decode::decode, explain, pipeline::prepare};

use crate::{
    common::{files, options},
    pipeline::model,
};

const SIDE: usize = 16;

fn asked(method: ExplainMethod, detail: u32) -> ExplainOptions {
    ExplainOptions { class: None, method, detail, masks: None, masks_max: 1000 }
}

/// How much of the photo's own pixels is left in the square of 4 pixels a side that begins here, 0 to 1.
fn share_left(whole: &[u8], masked: &[u8], left: usize, top: usize) -> f32 {
    let mut same = 0;
    for y in top..top + 4 {
        let row = 3 * (SIDE * y + left)..3 * (SIDE * y + left + 4);
        same += whole[row.clone()].iter().zip(&masked[row]).filter(|(one, other)| one.abs_diff(**other) < 8).count();
    }
    same as f32 / 48.0
}

/// The map for a model that names class 1 by one square of the photo, asked in frames of `at_once` photos.
fn map(options_: &ExplainOptions, (left, top): (usize, usize), at_once: u32) -> Result<Explanation, Error> {
    let model = model(OutputKind::Softmax, 2, Some("nothing\nsomething\n"));
    let (_, file) = files().remove(1);
    let infer = options();
    let (frame, seen) = prepare(&model, &file, &infer, || 0.0, |_| Ok(String::new()))?;
    let whole = frame[13..].to_vec();
    let mut replies = reply(&whole, &whole, left, top);
    let (mut from, mut count) = (0, 1);
    while from < count {
        let (masked, masks) = explain::masked(&model, &frame, options_, from, at_once)?;
        replies.extend(reply(&whole, &masked[13..], left, top));
        (from, count) = (from + at_once, masks);
    }
    explain::explain(&model, &frame, &seen, &infer, options_, &replies)
}

fn reply(whole: &[u8], photos: &[u8], left: usize, top: usize) -> Vec<u8> {
    let something = photos.chunks_exact(whole.len()).map(|photo| 0.1 + 0.8 * share_left(whole, photo, left, top));
    let values: Vec<f32> = something.flat_map(|share| [1.0 - share, share]).collect();
    let image_count = (values.len() / 2) as u32;
    Frame::Scores(Scores { image_count, class_count: 2, queue_us: 0, run_us: 0, values }).encode(1).unwrap()
}

/// Column and row of the highest cell, and its value.
fn peak(grid: &[Vec<f32>]) -> (usize, usize, f32) {
    let cells =
        grid.iter().enumerate().flat_map(|(y, row)| row.iter().enumerate().map(move |(x, value)| (x, y, *value)));
    cells.max_by(|one, other| one.2.total_cmp(&other.2)).unwrap()
}

#[test]
fn the_peak_lies_where_the_model_looks() {
    for (method, detail) in [(ExplainMethod::Occlusion, 7), (ExplainMethod::Occlusion, 12), (ExplainMethod::Rise, 12)] {
        for (left, top) in [(0, 0), (12, 0), (0, 12), (12, 12), (6, 6), (2, 9)] {
            let found = map(&asked(method, detail), (left, top), 5).unwrap();
            let (x, y, value) = peak(&found.grid);
            let middle = |cell: usize| (cell as f32 + 0.5) / detail as f32 * SIDE as f32;
            let is_near = |at: f32, start: usize| (start as f32 - 2.0..=start as f32 + 6.0).contains(&at);
            assert!(
                is_near(middle(x), left) && is_near(middle(y), top),
                "{method:?} {detail}: {left},{top} at {x},{y}"
            );
            assert!(value > 0.1, "{method:?} {detail}: {value}");
        }
    }
}

#[test]
fn the_class_is_the_best_one_or_the_one_that_is_asked_for() {
    let best = map(&asked(ExplainMethod::Occlusion, 7), (0, 0), 8).unwrap();
    assert_eq!((best.class.index, best.class.label.as_str()), (1, "something"));
    assert!((best.class.probability - 0.9).abs() < 1e-6);
    for class in ["0", "nothing"] {
        let options = ExplainOptions { class: Some(class.into()), ..asked(ExplainMethod::Occlusion, 7) };
        let other = map(&options, (0, 0), 8).unwrap();
        assert_eq!((other.class.index, other.class.label.as_str()), (0, "nothing"));
        assert!(
            (other.grid[0][0] + best.grid[0][0]).abs() < 1e-6,
            "what speaks for one class speaks against the other"
        );
    }
}

#[test]
fn a_map_takes_fewer_runs_than_it_has_cells_and_does_not_hang_on_how_they_are_sent() {
    for (method, detail, runs) in [
        (ExplainMethod::Occlusion, 7, 17),
        (ExplainMethod::Occlusion, 12, 65),
        (ExplainMethod::Rise, 7, 29),
        (ExplainMethod::Rise, 12, 85),
    ] {
        let one = map(&asked(method, detail), (2, 9), 1).unwrap();
        assert_eq!((one.runs, one.grid.len(), one.grid[0].len()), (runs, detail as usize, detail as usize));
        assert_eq!(map(&asked(method, detail), (2, 9), 16).unwrap(), one);
    }
}

#[test]
fn the_map_covers_the_photo_that_it_was_made_of() {
    // 37x23 pixels, stretched.
    let region = map(&asked(ExplainMethod::Occlusion, 3), (0, 0), 8).unwrap().region;
    assert_eq!((region.x, region.y, region.width, region.height), (0.0, 0.0, 37.0, 23.0));
}

#[test]
fn the_picture_is_the_photo_large_enough_to_look_at_and_coloured_where_the_map_is_high() {
    let model = model(OutputKind::Softmax, 2, None);
    let (_, file) = files().remove(1);
    let infer = InferOptions { picture: true, ..options() };
    let (frame, seen) = prepare(&model, &file, &infer, || 0.0, |_| Ok(String::new())).unwrap();
    let whole = frame[13..].to_vec();
    let options_ = asked(ExplainMethod::Occlusion, 7);
    let (masked, _) = explain::masked(&model, &frame, &options_, 0, 64).unwrap();
    let replies = [reply(&whole, &whole, 0, 0), reply(&whole, &masked[13..], 0, 0)].concat();
    let url = explain::explain(&model, &frame, &seen, &infer, &options_, &replies).unwrap().picture.unwrap();
    let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    let photo = decode(&png, &infer.limits).unwrap();
    assert_eq!(photo.size(), (448, 448));
    let colour = |x: usize, y: usize| {
        let pixel = &photo.stored_rgb[3 * (448 * y + x)..][..3];
        pixel.iter().max().unwrap() - pixel.iter().min().unwrap()
    };
    assert!(colour(20, 20) > 80, "{}", colour(20, 20));
    assert!(colour(430, 430) < 60, "{}", colour(430, 430));
}

#[test]
fn options_that_do_not_fit_are_refused_before_anything_is_run() {
    let model: Model = model(OutputKind::Softmax, 2, Some("nothing\nsomething\n"));
    let (_, file) = files().remove(1);
    let (frame, _) = prepare(&model, &file, &options(), || 0.0, |_| Ok(String::new())).unwrap();
    let occlusion = asked(ExplainMethod::Occlusion, 7);
    let rise = asked(ExplainMethod::Rise, 7);
    for (options, words) in [
        (ExplainOptions { detail: 2, ..occlusion.clone() }, "detail=2 is outside of 3 to 16"),
        (ExplainOptions { detail: 17, ..occlusion.clone() }, "for a model that sees 16x16 pixels"),
        (
            ExplainOptions { masks_max: 10, ..occlusion.clone() },
            "detail=7 takes 16 masks; this service makes 10 at most",
        ),
        (
            ExplainOptions { masks: Some(9), ..occlusion.clone() },
            "masks=9: the windows of occlusion follow from detail",
        ),
        (ExplainOptions { masks: Some(1001), ..rise.clone() }, "masks=1001; this service makes 1000 at most"),
        (ExplainOptions { masks: Some(1), ..rise }, "masks=1 is outside of 2 to 1000"),
        (ExplainOptions { class: Some("2".into()), ..occlusion.clone() }, "a number from 0 to 1"),
        (ExplainOptions { class: Some("cat".into()), ..occlusion }, "class=cat: it must be a label of the model"),
    ] {
        let error = explain::masked(&model, &frame, &options, 0, 4).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FieldInvalid);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn replies_that_are_too_few_or_none_give_no_map() {
    let model = model(OutputKind::Softmax, 2, None);
    let (_, file) = files().remove(1);
    let (frame, seen) = prepare(&model, &file, &options(), || 0.0, |_| Ok(String::new())).unwrap();
    let whole = frame[13..].to_vec();
    for (replies, code) in [
        (reply(&whole, &whole, 0, 0), ErrorCode::Internal),
        (vec![], ErrorCode::Internal),
        (vec![1, 2, 3], ErrorCode::EngineFailed),
    ] {
        let options_ = asked(ExplainMethod::Occlusion, 7);
        let error = explain::explain(&model, &frame, &seen, &options(), &options_, &replies).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}
