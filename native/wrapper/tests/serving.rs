//! A program over its whole life, on an input and an output in memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use menagerie_contract::{
    Frame, LoadRequest, Source, SpecOverrides,
    frame::{HEADER_BYTES, Header},
};
use menagerie_wrapper::{Broken, Model, ModelSpec, Problem, file_invalid, serve_on, spec};

/// Scores how red the single pixel is, and panics on black.
struct Red {
    lanes: u32,
}

impl Model for Red {
    fn spec(&self) -> ModelSpec {
        spec(1, 1, 2)
    }

    fn scores(&self, pixels: &[u8]) -> Result<Vec<f32>, Problem> {
        match pixels {
            [0, 0, 0] => panic!("black"),
            [1, ..] => Ok(vec![f32::NAN; 2]),
            [2, ..] => Ok(vec![1.0]),
            _ => Ok(vec![1.0 - f32::from(pixels[0]) / 255.0, f32::from(pixels[0]) / 255.0]),
        }
    }

    fn lanes(&self) -> u32 {
        self.lanes
    }
}

fn load(file: &[u8], _: &LoadRequest) -> Result<Red, Problem> {
    match file {
        b"one lane" => Ok(Red { lanes: 1 }),
        b"four lanes" => Ok(Red { lanes: 4 }),
        _ => Err(file_invalid("no model of mine")),
    }
}

fn load_frame(request_id: u32, graph: &[u8]) -> Vec<u8> {
    let request = Box::new(LoadRequest::new(Source::Manifest, SpecOverrides::default()));
    Frame::Load { request, graph }.encode(request_id).unwrap()
}

fn infer(request_id: u32, image_count: u32, pixels: &[u8]) -> Vec<u8> {
    Frame::Infer { image_count, pixels }.encode(request_id).unwrap()
}

/// What comes back after hello, a text a frame, and how it ended.
fn answers(frames: &[Vec<u8>]) -> (Vec<String>, Result<(), Broken>) {
    let mut output = Vec::new();
    let end = serve_on(frames.concat().as_slice(), &mut output, "red", "1", load);
    let mut rest = output.as_slice();
    let mut texts = Vec::new();
    while let Some(header) = Header::read(rest, u32::MAX).unwrap() {
        let (frame, tail) = rest.split_at(HEADER_BYTES + header.payload_bytes);
        rest = tail;
        texts.push(match Frame::decode(frame).unwrap() {
            (0, Frame::Hello(hello)) => format!("hello {}", hello.engine),
            (id, Frame::Loaded(loaded)) => format!("{id} loaded {}", loaded.spec.graph.bytes),
            (id, Frame::Scores(scores)) => format!("{id} scores {:?}", scores.values),
            (id, Frame::Error(problem)) => format!("{id} {}", problem.code.as_str()),
            (id, Frame::Pong) => format!("{id} pong"),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(texts.remove(0), "hello red 1");
    (texts, end)
}

#[test]
fn frames_are_answered_one_by_one_and_the_end_of_the_input_is_a_good_end() {
    let ping = Frame::Ping.encode(2).unwrap();
    let frames = [ping, load_frame(3, b"one lane"), infer(4, 2, &[255, 0, 0, 51, 0, 0]), infer(5, 1, &[255, 9, 9])];
    let (texts, end) = answers(&frames);
    assert_eq!(texts, ["2 pong", "3 loaded 8", "4 scores [0.0, 1.0, 0.8, 0.2]", "5 scores [0.0, 1.0]"]);
    assert!(end.is_ok());
}

#[test]
fn what_goes_wrong_with_one_image_is_said_and_the_next_one_is_answered() {
    let images: [&[u8]; 5] = [&[0, 0, 0], &[1, 0, 0], &[2, 0, 0], &[9, 9], &[255, 0, 0]];
    let frames = images.iter().enumerate().map(|(index, pixels)| infer(index as u32 + 2, 1, pixels));
    let (texts, end) = answers(&[load_frame(1, b"one lane")].into_iter().chain(frames).collect::<Vec<_>>());
    let expected = ["2 engine_failed", "3 engine_failed", "4 engine_failed", "5 field_invalid", "6 scores [0.0, 1.0]"];
    assert_eq!(texts[1..], expected);
    assert!(end.is_ok());
}

#[test]
fn every_frame_is_answered_where_several_lanes_work() {
    let frames = (2..100).map(|id| infer(id, 1, &[id as u8 + 10, 0, 0]));
    let (mut texts, _) = answers(&[load_frame(1, b"four lanes")].into_iter().chain(frames).collect::<Vec<_>>());
    texts.sort_unstable();
    let mut expected: Vec<String> = (2..100)
        .map(|id| {
            let red = (id as f32 + 10.0) / 255.0;
            format!("{id} scores {:?}", [1.0 - red, red])
        })
        .chain(["1 loaded 10".into()])
        .collect();
    expected.sort_unstable();
    assert_eq!(texts, expected);
}

#[test]
fn a_file_that_is_no_model_and_a_second_load_are_errors() {
    let (texts, _) = answers(&[load_frame(1, b"other"), load_frame(2, b"one lane"), infer(3, 1, &[9, 9, 9])]);
    assert_eq!(texts, ["1 graph_invalid", "2 internal", "3 internal"]);
    let (texts, _) = answers(&[load_frame(1, b"one lane"), load_frame(2, b"one lane")]);
    assert_eq!(texts, ["1 loaded 8", "2 internal"]);
}

#[test]
fn bytes_that_are_no_frame_end_it_at_once() {
    let cut = infer(2, 1, &[9, 9, 9])[..12].to_vec();
    for bytes in [b"GET / HTTP/1.1\r\n".to_vec(), vec![5, 0, 0, 0, 99, 0, 0, 0, 0], cut, vec![1]] {
        let (texts, end) = answers(&[load_frame(1, b"one lane"), bytes]);
        assert_eq!(texts, ["1 loaded 8"]);
        let reason = end.unwrap_err().to_string();
        assert!(reason.contains("lost step") || reason.contains("stdin closed"), "{reason}");
    }
    let (_, end) = answers(&[Frame::Pong.encode(1).unwrap()]);
    assert!(end.unwrap_err().to_string().contains("not for a program"));
}
