//! `serve` through a real process.

use std::{collections::BTreeSet, fs, path::Path};

use crate::host::{Host, Reply, engine, engine_on, runtimes};
use menagerie_contract::{
    ErrorCode, Frame,
    frame::{FRAME_BYTES_MAX, PROTOCOL},
    message::LIBTENSORFLOW,
};
use menagerie_engine::probe_graph;

/// Bytes of one image of the probe graph.
const IMAGE: usize = 16 * 16 * 3;

#[test]
fn it_says_hello_first() {
    let mut host = Host::start();
    let Some((0, Reply::Hello(hello))) = host.receive() else { panic!("no hello") };
    assert_eq!(hello.protocol, PROTOCOL);
    assert_eq!(hello.frame_bytes_max, FRAME_BYTES_MAX);
    assert_eq!(hello.runtime.name, LIBTENSORFLOW);
    assert!(hello.runtime.version.split('.').count() >= 2, "{}", hello.runtime.version);
}

#[test]
fn it_answers_a_ping_before_and_after_a_load() {
    let mut host = Host::start();
    host.receive();
    let ping = |id| Frame::Ping.encode(id).unwrap();
    host.send_bytes(&ping(5));
    assert_eq!(host.receive(), Some((5, Reply::Pong)));
    let (_, Reply::Loaded(loaded)) = host.load(6, &probe_graph()) else { panic!("not loaded") };
    assert!(loaded.lanes >= 1);
    host.send_bytes(&ping(7));
    assert_eq!(host.receive(), Some((7, Reply::Pong)));
}

/// What computes layers in the executable's process, as its hello says.
fn kernels(one_dnn: Option<&str>) -> String {
    let mut command = engine("serve");
    match one_dnn {
        Some(value) => command.env("TF_ENABLE_ONEDNN_OPTS", value),
        None => command.env_remove("TF_ENABLE_ONEDNN_OPTS"),
    };
    let mut host = Host::spawn(&mut command);
    let Some((0, Reply::Hello(hello))) = host.receive() else { panic!("no hello") };
    hello.kernels
}

#[test]
fn it_says_which_kernels_run_and_asks_for_onednn_by_itself() {
    assert_eq!(kernels(Some("0")), "Eigen");
    assert_eq!(kernels(None), kernels(Some("1")));
    // libtensorflow of Linux has it built in.
    if cfg!(target_os = "linux") {
        assert_eq!(kernels(None), "oneDNN");
    }
}

#[test]
fn every_request_in_flight_when_stdin_closes_is_answered() {
    let mut host = Host::with_model(&probe_graph());
    for id in 100..150 {
        host.infer(id, 1, &[id as u8; IMAGE]);
    }
    host.close_stdin();
    let mut answered = BTreeSet::new();
    while let Some((id, reply)) = host.receive() {
        let Reply::Scores(scores) = reply else { panic!("{reply:?}") };
        assert_eq!((scores.image_count, scores.class_count), (1, 4));
        assert!(answered.insert(id), "two answers to {id}");
    }
    assert_eq!(answered, (100..150).collect());
    let (status, stderr) = host.end();
    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[test]
fn each_answer_belongs_to_its_request() {
    let mut host = Host::with_model(&probe_graph());
    let mut ask = |id: u32| {
        host.infer(id, 1, &[id as u8; IMAGE]);
        let Some((reply_id, Reply::Scores(scores))) = host.receive() else { panic!("no scores") };
        assert_eq!(reply_id, id);
        scores.values
    };
    let alone: Vec<Vec<f32>> = (0..32).map(&mut ask).collect();
    for id in 0..32 {
        host.infer(id, 1, &[id as u8; IMAGE]);
    }
    for _ in 0..32 {
        let Some((id, Reply::Scores(scores))) = host.receive() else { panic!("no scores") };
        for (together, alone) in scores.values.iter().zip(&alone[id as usize]) {
            assert!((together - alone).abs() < 1e-5, "request {id}: {together} against {alone}");
        }
    }
}

#[test]
fn a_problem_of_one_request_leaves_the_next_alone() {
    let mut host = Host::with_model(&probe_graph());
    host.infer(7, 2, &[0; IMAGE]);
    let Some((7, Reply::Error(problem))) = host.receive() else { panic!("no error") };
    assert_eq!(problem.code, ErrorCode::FieldInvalid);
    host.infer(8, 1, &[0; IMAGE]);
    assert!(matches!(host.receive(), Some((8, Reply::Scores(_)))));
}

#[test]
fn a_refused_graph_is_an_answer_and_the_process_takes_another() {
    let mut host = Host::start();
    host.receive();
    host.infer(1, 1, &[0; IMAGE]);
    assert!(matches!(host.receive(), Some((1, Reply::Error(_)))), "no model is loaded yet");
    let (2, Reply::Error(problem)) = host.load(2, b"this is no graph") else { panic!("no error") };
    assert_eq!(problem.code, ErrorCode::GraphInvalid);
    assert!(matches!(host.load(3, &probe_graph()), (3, Reply::Loaded(_))));
    assert!(matches!(host.load(4, &probe_graph()), (4, Reply::Error(_))), "it holds a model");
}

#[test]
fn bytes_that_are_no_frame_end_it() {
    let length = |length: u32| length.to_le_bytes().to_vec();
    let cases = [
        ("text", b"GET / HTTP/1.1\r\n".to_vec()),
        ("a length over the limit", [length(FRAME_BYTES_MAX + 1), vec![4, 0, 0, 0, 0]].concat()),
        ("a length under the header", [length(4), vec![4, 0, 0, 0, 0]].concat()),
        ("an unknown kind", [length(5), vec![99, 0, 0, 0, 0]].concat()),
        ("a frame for hosts", [length(5), vec![5, 0, 0, 0, 0]].concat()),
        ("a load without its JSON", [length(9), vec![2, 0, 0, 0, 0], length(1000)].concat()),
    ];
    for (name, bytes) in cases {
        let mut host = Host::start();
        host.receive();
        host.send_bytes(&bytes);
        assert_eq!(host.receive(), None, "{name}");
        let (status, stderr) = host.end();
        assert_eq!(status.code(), Some(1), "{name}");
        let line: serde_json::Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap();
        assert_eq!(line["level"], "error", "{name}");
        assert!(line["msg"].as_str().unwrap().contains("lost step"), "{name}: {line}");
    }
}

#[test]
fn a_frame_that_is_cut_off_ends_it_after_what_is_in_flight() {
    let mut host = Host::with_model(&probe_graph());
    host.infer(1, 1, &[0; IMAGE]);
    host.send_bytes(&[100, 0, 0, 0, 4, 9, 0, 0, 0, 1]);
    host.close_stdin();
    assert!(matches!(host.receive(), Some((1, Reply::Scores(_)))));
    assert_eq!(host.receive(), None);
    assert_eq!(host.end().0.code(), Some(1));
}

#[test]
fn a_killed_process_closes_its_pipe() {
    let mut host = Host::with_model(&probe_graph());
    host.kill();
    assert_eq!(host.receive(), None);
    assert_eq!(host.end().0.code(), None);
}

#[test]
fn nothing_is_written_for_the_makers_of_a_runtime_and_it_ends_at_once() {
    for runtime in runtimes() {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("home-{}", runtime.name()));
        drop(fs::remove_dir_all(&home));
        fs::create_dir_all(&home).unwrap();
        // Outside of the cell it could be.
        let mut command = engine_on(runtime, "serve");
        command
            .env("SANDBOX", "off")
            .env("HOME", &home)
            .env_remove("XDG_CACHE_HOME")
            .env_remove("ORT_DISABLE_TELEMETRY");
        let mut host = Host::spawn_with_model(&mut command, &probe_graph());
        host.infer(2, 1, &[0; IMAGE]);
        assert!(matches!(host.receive(), Some((2, Reply::Scores(_)))));
        host.close_stdin();
        let started = std::time::Instant::now();
        assert_eq!(host.end().0.code(), Some(0));
        assert!(started.elapsed().as_secs() < 10, "{} took {:?} to end", runtime.name(), started.elapsed());
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "{} wrote into {}", runtime.name(), home.display());
    }
}
