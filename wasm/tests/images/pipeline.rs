//! The whole way of an image, with a closure in the engine's place.

use std::cell::Cell;

use crate::common::{files, input, options};
use menagerie_contract::{
    Answer, Band, BandAccuracy, BandLimits, ChannelOrder, ClientTensor, Confidence, Dtype, ErrorCode, Frame,
    GraphFacts, InferOptions, ModelSpec, OutputKind, OutputSpec, Problem, Verdict, answer::Crop,
    calibration::MeasuredBand, frame::Scores,
};
use menagerie_wasm::{
    Error, Model,
    pipeline::{answer, prepare},
    tensor::prepare_tensor,
};

pub fn model(kind: OutputKind, classes: u32, labels: Option<&str>) -> Model {
    measured(kind, classes, labels, Confidence::default())
}

fn measured(kind: OutputKind, classes: u32, labels: Option<&str>, confidence: Confidence) -> Model {
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
        scalings: Vec::new(),
        settings: None,
        verdict: Verdict { allowed: true, forbidden: vec![] },
        warnings: vec![],
    };
    Model::new(spec, labels.map(str::as_bytes), None, confidence).unwrap()
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
fn what_a_band_was_worth_comes_with_it_and_is_unsure_below_the_threshold() {
    let row = |band, above, right, n| MeasuredBand { band, above, right, n };
    let bands = vec![row(Band::High, 0.5, 69, 100), row(Band::Medium, 0.2, 4, 10), row(Band::Low, 0.0, 0, 0)];
    let confidence = Confidence { unsure_below: 0.5, bands, ..Confidence::default() };
    let model = measured(OutputKind::Softmax, 3, None, confidence);
    for (values, band, accuracy, unsure) in [
        ([0.1, 0.6, 0.3], Band::High, Some((69, 100)), false),
        ([0.4, 0.3, 0.3], Band::Medium, Some((4, 10)), true),
        ([0.1, 0.1, 0.1], Band::Low, None, false),
        ([0.9, 0.1, 0.0], Band::VeryHigh, None, false),
    ] {
        let answer = classify(&model, &options(), &scores(&values)).unwrap();
        let found = answer.band_accuracy.map(|BandAccuracy { right, n }| (right, n));
        assert_eq!((answer.band, found, answer.unsure), (band, accuracy, unsure), "{values:?}");
    }
}

#[test]
fn the_temperature_and_the_limits_of_a_model_are_those_of_its_answers() {
    let limits = BandLimits { medium: 0.3, high: 0.6, very_high: 0.9 };
    let model =
        measured(OutputKind::Softmax, 2, None, Confidence { limits, temperature: 2.0, ..Confidence::default() });
    let answer = classify(&model, &options(), &scores(&[0.8, 0.2])).unwrap();
    assert!((answer.probability - 2.0 / 3.0).abs() < 1e-6 && answer.band == Band::High, "{answer:?}");
    assert_eq!(answer.top[0].probability.to_bits(), answer.probability.to_bits());
}

#[test]
fn a_model_that_was_not_measured_answers_no_more_than_before() {
    let model = model(OutputKind::Softmax, 3, None);
    let answer = classify(&model, &options(), &scores(&[0.1, 0.6, 0.3])).unwrap();
    assert_eq!(answer.probability.to_bits(), 0.6_f32.to_bits());
    let json = serde_json::to_value(&answer).unwrap();
    assert!(json.get("band_accuracy").is_none() && json.get("unsure").is_none(), "{json}");
}

#[test]
fn every_class_is_answered_where_that_is_wanted() {
    let model = model(OutputKind::Softmax, 3, None);
    let wanted = InferOptions { top_k: 1, score_threshold: 0.5, every_class: true, ..options() };
    let answer = classify(&model, &wanted, &scores(&[0.1, 0.6, 0.3])).unwrap();
    assert_eq!(answer.top.iter().map(|entry| entry.index).collect::<Vec<_>>(), [1, 2, 0]);
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

fn tensor(dtype: Dtype, shape: &[u64], bytes: &[u8], options: &InferOptions) -> Result<(Vec<u8>, Answer), Error> {
    let model = model(OutputKind::Softmax, 2, None);
    let about = ClientTensor { dtype, shape: shape.to_vec() };
    let (frame, seen) = prepare_tensor(&model, &about, bytes, options, || 0.0, |bytes| Ok(bytes.len().to_string()))?;
    Ok((frame, answer(&model, seen, options, &scores(&[0.1, 0.9]), || 0.0)?))
}

#[test]
fn pixels_of_a_client_go_into_the_frame_that_the_image_would_have_made() {
    let model = model(OutputKind::Softmax, 2, None);
    let (_, file) = files().remove(2);
    let hash = |pixels: &[u8]| Ok(pixels.len().to_string());
    let (frame, _) = prepare(&model, &file, &options(), || 0.0, hash).unwrap();
    let Ok((0, Frame::Infer { pixels, .. })) = Frame::decode(&frame) else { panic!("no infer frame") };
    let (given, answer) = tensor(Dtype::Uint8, &[16, 16, 3], pixels, &options()).unwrap();
    assert_eq!(given, frame);
    assert_eq!((answer.image.format.as_str(), answer.input.sha256.as_str()), ("pixels", "768"));
    let with_picture = InferOptions { picture: true, ..options() };
    let (_, answer) = tensor(Dtype::Uint8, &[16, 16, 3], pixels, &with_picture).unwrap();
    assert!(answer.input.picture.is_some());
}

#[test]
fn pixels_for_grey_in_three_channels_are_made_grey_once() {
    let mut model = model(OutputKind::Softmax, 2, None);
    model.spec.input.channel_order = ChannelOrder::Gray;
    let about = ClientTensor { dtype: Dtype::Uint8, shape: vec![16, 16, 3] };
    let grey = [76; 16 * 16 * 3];
    for pixels in [[255, 0, 0].repeat(16 * 16), grey.to_vec()] {
        let hash = |pixels: &[u8]| Ok(format!("{:?}", &pixels[..3]));
        let (frame, seen) = prepare_tensor(&model, &about, &pixels, &options(), || 0.0, hash).unwrap();
        assert_eq!(Frame::decode(&frame).unwrap(), (0, Frame::Infer { image_count: 1, pixels: &grey }));
        assert_eq!(
            answer(&model, seen, &options(), &scores(&[0.1, 0.9]), || 0.0).unwrap().input.sha256,
            "[76, 76, 76]"
        );
    }
}

#[test]
fn floats_of_a_client_go_into_a_frame_of_tensors() {
    let bytes = [0, 0, 128, 63].repeat(16 * 16 * 3);
    let (frame, answer) = tensor(Dtype::Float32, &[16, 16, 3], &bytes, &options()).unwrap();
    assert_eq!(Frame::decode(&frame).unwrap(), (0, Frame::Tensors { image_count: 1, values: &bytes }));
    assert_eq!((answer.image.format.as_str(), answer.index), ("tensor", 1));
}

#[test]
fn a_tensor_that_does_not_fit_is_field_invalid_and_names_what_would() {
    let crop = InferOptions { crop: Some(Crop::Point { x: 1, y: 1, side: None }), ..options() };
    let picture = InferOptions { picture: true, ..options() };
    let floats = [0, 0, 128, 63].repeat(16 * 16 * 3);
    let infinite = [&[0, 0, 128, 63, 0, 0, 128, 255][..], &floats[8..]].concat();
    let cases = [
        (Dtype::Uint8, &[16, 3, 16][..], &[0; 768][..], options(), "[16, 3, 16]; this model takes [16, 16, 3]"),
        (Dtype::Uint8, &[16, 16], &[0; 256], options(), "[16, 16]; this model takes [16, 16, 3]"),
        (Dtype::Uint8, &[16, 16, 3], &[0; 767], options(), "767 bytes; its shape [16, 16, 3] takes 768"),
        (Dtype::Float32, &[16, 16, 3], &[0; 768], options(), "768 bytes; its shape [16, 16, 3] takes 3072"),
        (Dtype::Float32, &[16, 16, 3], &infinite, options(), "value 1 of the float32 tensor is -inf"),
        (Dtype::Float32, &[16, 16, 3], &floats, picture, "no picture"),
        (Dtype::Uint8, &[16, 16, 3], &[0; 768], crop, "no crop"),
    ];
    for (dtype, shape, bytes, options, message) in cases {
        let error = tensor(dtype, shape, bytes, &options).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FieldInvalid);
        assert!(error.to_string().contains(message), "{error}");
    }
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
    let error = Model::new(spec, Some(b"one\ntwo\n"), None, Confidence::default()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::LabelsMismatch);
}
