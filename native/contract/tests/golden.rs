//! The golden frames: one file for each kind, which the Rust codec, the Node service and anybody's own engine must agree
//! on. `UPDATE_GOLDEN=1 cargo test -p menagerie-contract --test golden` writes them anew.

use std::{collections::BTreeMap, env, fs, path::Path};

use menagerie_contract::{
    ChannelOrder, Dtype, ErrorCode, Evidence, Frame, GraphFacts, GraphFormat, Hello, InputSpec, LabelsSpec, Layout,
    LoadRequest, Loaded, ModelSpec, Origin, OutputKind, OutputSpec, Problem, Resize, ResizeFilter, Runtime, Sandbox,
    Source, SpecOverrides, Verdict,
    frame::{FRAME_BYTES_MAX, PROTOCOL, Scores},
    message::LIBTENSORFLOW,
};

fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL,
        engine: "example 1.0".into(),
        runtime: Runtime { name: LIBTENSORFLOW.into(), version: "2.21.0".into() },
        kernels: "oneDNN".into(),
        frame_bytes_max: FRAME_BYTES_MAX,
        images_max: 64,
        sandbox: Sandbox {
            held: vec!["seccomp".into()],
            missing: vec!["landlock: the kernel does not offer it".into()],
        },
        tensors: false,
    }
}

fn request() -> LoadRequest {
    LoadRequest {
        origin: Origin::Zoo,
        format: GraphFormat::Auto,
        overrides: SpecOverrides {
            mean: Some(vec![127.5]),
            std: Some(vec![127.5]),
            channel_order: Some(ChannelOrder::Bgr),
            ..SpecOverrides::default()
        },
        source: Source::Manifest,
        label_count: Some(2),
        graph_sha256: None,
        threads: 1,
    }
}

fn spec() -> ModelSpec {
    ModelSpec {
        input: InputSpec {
            tensor: "input".into(),
            dtype: Dtype::Float32,
            layout: Layout::Nhwc,
            width: 2,
            height: 1,
            channels: 3,
            channel_order: ChannelOrder::Bgr,
            mean: vec![127.5; 3],
            std: vec![127.5; 3],
            resize: Resize::Stretch,
            crop_fraction: 1.0,
            resize_filter: ResizeFilter::Antialias,
            batch: None,
        },
        output: OutputSpec {
            tensor: "final_result".into(),
            kind: OutputKind::Softmax,
            classes: 2,
            heads: vec!["other".into()],
        },
        labels: Some(LabelsSpec { count: 2, offset: 0, format: "plain".into() }),
        graph: GraphFacts {
            sha256: "0".repeat(64),
            bytes: 7,
            nodes: 3,
            parameters: 14,
            multiply_adds: 12,
            memory_bytes_estimate: 80,
            ops: BTreeMap::from([("MatMul".into(), 1), ("Softmax".into(), 1)]),
        },
        evidence: vec![Evidence {
            field: "input.mean".into(),
            value: serde_json::json!([127.5, 127.5, 127.5]),
            source: Source::Manifest,
            because: "the manifest says so".into(),
            confidence: 1.0,
            alternatives: Vec::new(),
        }],
        scalings: Vec::new(),
        settings: None,
        verdict: Verdict { allowed: true, forbidden: Vec::new() },
        warnings: vec!["“Ünïcode” in a message".into()],
    }
}

/// Every golden frame with its file name and request id.
fn frames() -> Vec<(&'static str, u32, Frame<'static>)> {
    vec![
        ("hello", 0, Frame::Hello(hello())),
        ("load", 1, Frame::Load { request: Box::new(request()), graph: b"a graph" }),
        ("loaded", 1, Frame::Loaded(Box::new(Loaded { spec: spec(), lanes: 2 }))),
        (
            "infer",
            0x0102_0304,
            Frame::Infer { image_count: 2, pixels: &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255] },
        ),
        ("tensors", 8, Frame::Tensors { image_count: 1, values: &[0, 0, 128, 63, 0, 0, 0, 191] }),
        (
            "scores",
            0x0102_0304,
            Frame::Scores(Scores {
                image_count: 2,
                class_count: 2,
                queue_us: 100,
                run_us: 2000,
                values: vec![0.25, 0.75, 1.0, 0.0],
            }),
        ),
        ("error", u32::MAX, Frame::Error(Problem::new(ErrorCode::EngineFailed, "the model answered NaN"))),
        ("ping", 7, Frame::Ping),
        ("pong", 7, Frame::Pong),
    ]
}

#[test]
fn the_codec_writes_and_reads_the_golden_frames() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    for (name, request_id, frame) in frames() {
        let path = folder.join(name).with_extension("bin");
        let bytes = frame.encode(request_id).unwrap();
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        let golden = fs::read(&path).unwrap();
        assert_eq!(bytes, golden, "{name} is written differently");
        assert_eq!(Frame::decode(&golden).unwrap(), (request_id, frame), "{name} is read differently");
    }
}
