//! The codec: what it writes it reads, and what is no frame it refuses.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use menagerie_contract::{
    ErrorCode, Frame, FrameError, FrameKind, GraphFormat, Hello, LoadRequest, Origin, Problem, Runtime, Sandbox,
    Source, SpecOverrides,
    frame::{HEADER_BYTES, Header, PROTOCOL, REPLY_BYTES_MAX, Scores, encode_load_head},
};

fn some_scores() -> Scores {
    Scores { image_count: 1, class_count: 2, queue_us: 3, run_us: 4, values: vec![0.25, 0.75] }
}

fn scores() -> Frame<'static> {
    Frame::Scores(some_scores())
}

#[test]
fn every_kind_survives_the_way_there_and_back() {
    let request = LoadRequest {
        origin: Origin::Zoo,
        format: GraphFormat::SavedModel,
        label_count: Some(2),
        graph_sha256: Some("0f".repeat(32)),
        ..LoadRequest::new(Source::Request, SpecOverrides { width: Some(96), ..SpecOverrides::default() })
    };
    let hello = Hello {
        protocol: PROTOCOL,
        engine: "test".into(),
        runtime: Runtime { name: "test".into(), version: "2".into() },
        kernels: "Eigen".into(),
        frame_bytes_max: 1,
        images_max: 1,
        sandbox: Sandbox::default(),
        tensors: true,
    };
    for frame in [
        Frame::Hello(hello),
        Frame::Load { request: Box::new(request), graph: b"graph" },
        Frame::Infer { image_count: 1, pixels: &[1, 2, 3] },
        Frame::Tensors { image_count: 1, values: &[0, 0, 128, 63] },
        scores(),
        Frame::Error(Problem::new(ErrorCode::GraphInvalid, "no")),
        Frame::Ping,
        Frame::Pong,
    ] {
        let bytes = frame.encode(7).unwrap();
        assert_eq!(Frame::decode(&bytes).unwrap(), (7, frame));
    }
}

#[test]
fn the_header_is_length_kind_and_id_in_little_endian() {
    let bytes = Frame::Infer { image_count: 1, pixels: &[9, 8] }.encode(0x0403_0201).unwrap();
    assert_eq!(bytes, [11, 0, 0, 0, 4, 1, 2, 3, 4, 1, 0, 0, 0, 9, 8]);
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_payload_is_there() {
    let header = [0xff, 0xff, 0xff, 0x7f, 4, 0, 0, 0, 0];
    assert_eq!(Header::read(&header, 1000), Err(FrameError::Length { length: 0x7fff_ffff, max: 1000 }));
}

#[test]
fn a_length_that_cannot_hold_kind_and_id_is_refused() {
    assert!(matches!(Header::read(&[4, 0, 0, 0, 4, 0, 0, 0, 0], 1000), Err(FrameError::Length { length: 4, .. })));
}

#[test]
fn an_unknown_kind_is_refused() {
    assert_eq!(Header::read(&[5, 0, 0, 0, 77, 0, 0, 0, 0], 1000), Err(FrameError::Kind(77)));
}

#[test]
fn a_frame_cut_anywhere_is_an_error_and_never_a_panic() {
    let bytes = scores().encode(1).unwrap();
    for length in 0..bytes.len() {
        assert!(Frame::decode(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn scores_whose_count_lies_are_refused() {
    let mut bytes = scores().encode(1).unwrap();
    bytes[HEADER_BYTES] = 200;
    assert!(matches!(Frame::decode(&bytes), Err(FrameError::Payload { kind: "scores", .. })));
}

#[test]
fn a_load_frame_whose_json_reaches_over_the_end_is_refused() {
    let payload = [200, 0, 0, 0, b'{', b'}'];
    assert!(matches!(Frame::decode_payload(FrameKind::Load, &payload), Err(FrameError::Payload { kind: "load", .. })));
}

#[test]
fn a_load_head_and_the_graph_after_it_are_one_load_frame() {
    let request = LoadRequest { threads: 1, ..LoadRequest::new(Source::Manifest, SpecOverrides::default()) };
    let mut bytes = encode_load_head(5, &request, 3).unwrap();
    bytes.extend_from_slice(b"abc");
    let (id, frame) = Frame::decode(&bytes).unwrap();
    assert_eq!((id, frame), (5, Frame::Load { request: Box::new(request), graph: b"abc" }));
}

#[test]
fn a_ping_that_carries_anything_is_refused() {
    let bytes = [6, 0, 0, 0, 7, 1, 0, 0, 0, 0];
    assert!(matches!(Frame::decode(&bytes), Err(FrameError::Payload { kind: "ping", .. })));
}

#[test]
fn a_load_says_whose_graph_it_is() {
    let json = br#"{"format":"auto","overrides":{},"source":"request"}"#;
    let payload = [&(json.len() as u32).to_le_bytes()[..], json].concat();
    let error = Frame::decode_payload(FrameKind::Load, &payload).unwrap_err();
    assert!(error.to_string().contains("missing field `origin`"), "{error}");
}

#[test]
fn words_and_fields_of_later_days_are_read_but_for_settings() {
    let read = |json: &str| {
        let payload = [&(json.len() as u32).to_le_bytes()[..], json.as_bytes()].concat();
        Frame::decode_payload(FrameKind::Load, &payload).map(|_| ())
    };
    let known = r#""origin":"zoo","format":"auto","source":"request""#;
    assert_eq!(read(&format!(r#"{{{known},"overrides":{{}},"later":1}}"#)), Ok(()));
    assert!(read(&format!(r#"{{{known},"overrides":{{"later":1}}}}"#)).is_err());
    assert_eq!(read(r#"{"origin":"zoo","format":"later","source":"request","overrides":{}}"#), Ok(()));
}

#[test]
fn a_hello_that_says_nothing_of_tensors_takes_none() {
    let json =
        br#"{"protocol":2,"engine":"e","runtime":{"name":"r","version":"1"},"kernels":"none","frame_bytes_max":1,
        "images_max":1,"sandbox":{"held":[],"missing":[]}}"#;
    let Ok(Frame::Hello(hello)) = Frame::decode_payload(FrameKind::Hello, json) else { panic!("no hello") };
    assert!(!hello.tensors);
}

#[test]
fn an_answer_over_the_limit_becomes_an_error_with_the_same_id() {
    let answer = |values: usize| {
        let scores = Scores { class_count: values as u32, values: vec![0.0; values], ..some_scores() };
        Frame::Scores(scores).encode_reply(9).unwrap()
    };
    let most = (REPLY_BYTES_MAX as usize - (HEADER_BYTES - 4) - 16) / 4;
    assert!(matches!(Frame::decode(&answer(most)), Ok((9, Frame::Scores(_)))));
    let (9, Frame::Error(problem)) = Frame::decode(&answer(most + 1)).unwrap() else { panic!("no error") };
    assert!(problem.message.contains("at most 16777216"), "{}", problem.message);
}
