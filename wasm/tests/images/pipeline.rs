//! The whole way of an image, with a closure in the engine's place.

use std::cell::Cell;

use crate::common::{files, input, options};
use menagerie_contract::{
    Answer, Band, ErrorCode, Frame, GraphFacts, InferOptions, ModelSpec, OutputKind, OutputSpec, Problem, Verdict,
    frame::Scores,
};
use menagerie_wasm::{
    Error, Model,
    pipeline::{answer, prepare},
};

pub fn model(kind: OutputKind, classes: u32, labels: Option<&str>) -> Model {
    let spec = ModelSpec {
        input: input(16, "stretch", 3),
        output: OutputSpec { tensor: "output".into(), kind, classes, heads: vec![] },
        labels: None,
        graph: GraphFacts {
            sha256: String::new(),
            bytes: 0,
            nodes: 0,
            parameters: 0,
            multiply_adds: 0,
            memory_bytes_estimate: 0,
            ops: std::collections::BTreeMap::new(),
        },
        evidence: vec![],
        verdict: Verdict { allowed: true, forbidden: vec![] },
        warnings: vec![],
    };
    Model::new(spec, labels.map(str::as_bytes), None).unwrap()
}

fn scores(values: &[f32]) -> Vec<u8> {
    let class_count = values.len() as u32;
    let scores = Scores { image_count: 1, class_count, queue_us: 2000, run_us: 3000, values: values.to_vec() };
    Frame::Scores(scores).encode(4711).unwrap()
}

fn classify(model: &Model, options: &InferOptions, reply: &[u8]) -> Result<Answer, Error> {
    let (_, file) = files().remove(1);
    let milliseconds = Cell::new(0.0);
    let clock = || milliseconds.replace(milliseconds.get() + 1.0);
    let (_, seen) = prepare(model, &file, options, clock, |pixels| Ok(pixels.len().to_string()))?;
    answer(model, seen, options, reply, clock)
}

#[test]
fn an_image_becomes_a_label_and_a_band() {
    let model = model(OutputKind::Softmax, 3, Some("cat\ndog\nbird\n"));
    let answer = classify(&model, &InferOptions { top_k: 2, ..options() }, &scores(&[0.1, 0.6, 0.3])).unwrap();
    assert_eq!((answer.label.as_str(), answer.index, answer.band), ("dog", 1, Band::High));
    let top: Vec<_> = answer.top.iter().map(|entry| (entry.label.as_str(), entry.index, entry.probability)).collect();
    assert_eq!(top, [("dog", 1, 0.6), ("bird", 2, 0.3)]);
    assert_eq!((answer.image.width, answer.image.height, answer.image.format.as_str()), (37, 23, "png"));
    assert_eq!((answer.input.width, answer.input.height, answer.input.picture), (16, 16, None));
    assert_eq!(answer.input.sha256, (16 * 16 * 3).to_string());
    let timings = answer.timings_ms;
    assert_eq!((timings.decode, timings.resize, timings.queue, timings.run), (1.0, 1.0, 2.0, 3.0));
    assert!(timings.total >= 2.0);
}

#[test]
fn the_engine_gets_one_infer_frame_with_the_pixels_that_were_hashed() {
    let model = model(OutputKind::Logits, 2, None);
    let (_, file) = files().remove(2);
    let hashed = Cell::new(Vec::new());
    let hash = |pixels: &[u8]| {
        hashed.set(pixels.to_vec());
        Ok("hash".to_owned())
    };
    let options = InferOptions { picture: true, ..options() };
    let (frame, seen) = prepare(&model, &file, &options, || 0.0, hash).unwrap();
    let hashed = hashed.take();
    assert_eq!(hashed.len(), 16 * 16 * 3);
    assert_eq!(Frame::decode(&frame).unwrap(), (0, Frame::Infer { image_count: 1, pixels: &hashed }));
    let answer = answer(&model, seen, &options, &scores(&[1.0, 2.0]), || 0.0).unwrap();
    assert_eq!(answer.input.sha256, "hash");
    assert!(answer.input.picture.unwrap().starts_with("data:image/png;base64,"));
    assert_eq!(answer.label, "class 1");
}

#[test]
fn one_sigmoid_score_names_both_labels() {
    let model = model(OutputKind::Sigmoid, 1, Some("no\nyes\n"));
    let answer = classify(&model, &options(), &scores(&[0.9])).unwrap();
    assert_eq!(
        (answer.label.as_str(), answer.index, answer.band, answer.independent),
        ("yes", 1, Band::VeryHigh, false)
    );
    assert_eq!(answer.top.len(), 2);
}

#[test]
fn one_sigmoid_score_with_one_label_is_that_label_or_not() {
    let model = model(OutputKind::Sigmoid, 1, Some("hot dog\n"));
    let label = |score| classify(&model, &options(), &scores(&[score])).unwrap().label;
    assert_eq!((label(0.9), label(0.1)), ("hot dog".to_owned(), "not hot dog".to_owned()));
}

#[test]
fn a_graph_that_answers_the_class_number_is_named() {
    let model = model(OutputKind::Index, 1, None);
    let answer = classify(&model, &options(), &scores(&[4.0])).unwrap();
    assert_eq!((answer.label.as_str(), answer.index, answer.probability), ("class 4", 4, 1.0));
}

#[test]
fn failures_keep_their_code() {
    let model = model(OutputKind::Softmax, 2, None);
    let timeout = Problem::new(ErrorCode::EngineTimeout, "5000 ms passed");
    let error_frame = Frame::Error(timeout.clone()).encode(0).unwrap();
    assert_eq!(classify(&model, &options(), &error_frame), Err(Error::Exchange(timeout)));
    let nan = classify(&model, &options(), &scores(&[0.5, f32::NAN])).unwrap_err();
    assert_eq!(nan.code(), ErrorCode::EngineFailed);
}

#[test]
fn fields_outside_their_range_are_named_before_anything_is_decoded() {
    let model = model(OutputKind::Softmax, 2, None);
    for (options, field) in [
        (InferOptions { top_k: 0, ..options() }, "top_k=0"),
        (InferOptions { top_k: 101, ..options() }, "top_k=101"),
        (InferOptions { score_threshold: -0.1, ..options() }, "score_threshold=-0.1"),
        (InferOptions { score_threshold: f32::NAN, ..options() }, "score_threshold=NaN"),
    ] {
        let error = prepare(&model, b"", &options, || 0.0, |_| Ok(String::new())).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FieldInvalid);
        assert!(error.to_string().contains(field), "{error}");
    }
}

#[test]
fn labels_that_do_not_fit_are_labels_mismatch() {
    let spec = model(OutputKind::Softmax, 3, None).spec;
    let error = Model::new(spec, Some(b"one\ntwo\n"), None).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LabelsMismatch);
}
