//! Manifests: what is read, and what is said of one that is wrong.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use menagerie_contract::{
    Manifest, OutputKind, ProgramProtocol, Resize, SpecOverrides,
    manifest::{Place, Severity, complaints_of_part, judge},
};
use serde_json::{Value, json};

fn whole() -> Value {
    json!({
        "schema": 1,
        "id": "birds",
        "version": "1",
        "title": "Birds",
        "description": "",
        "licence": "MIT",
        "graph": { "file": "graph.pb" },
        "labels": { "file": "labels.txt", "offset": 1 },
        "input": { "width": 224, "height": 224, "mean": [127.5], "crop_fraction": 0.1 },
        "output": { "kind": "softmax" },
    })
}

/// A whole manifest with another value at this JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut json = whole();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    json.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name.into(), value);
    json
}

#[test]
fn a_manifest_is_read_with_what_it_leaves_out() {
    let manifest = Manifest::read(whole()).unwrap();
    assert_eq!((manifest.input.width, manifest.input.resize, manifest.default), (Some(224), None, false));
    assert_eq!((manifest.graph.bytes, manifest.labels.unwrap().offset), (None, Some(1)));
}

#[test]
fn what_it_leaves_out_is_left_out_when_it_is_written() {
    let json = serde_json::to_value(Manifest::read(whole()).unwrap()).unwrap();
    assert_eq!(json["input"], json!({ "width": 224, "height": 224, "mean": [127.5], "crop_fraction": 0.1f32 }));
    assert_eq!(Manifest::read(json.clone()).unwrap(), Manifest::read(whole()).unwrap());
}

#[test]
fn each_field_that_is_wrong_is_named_with_its_value_and_what_it_must_be() {
    for (pointer, value, complaint) in [
        ("/schema", json!(2), "schema=2: must be 1"),
        ("/id", json!("Birds"), "id=Birds: must be lower-case letters"),
        ("/version", json!("1/2"), "version=1/2: must be text without `/` and `@`"),
        ("/title", json!(""), "title=: must be text that is not empty"),
        ("/widht", json!(1), "widht: there is no such field"),
        ("/input/widht", json!(1), "input.widht: there is no such field"),
        ("/input/width", json!(65_536), "input.width=65536: must be a whole number from 1 to 4096"),
        ("/input/height", json!(0), "input.height=0: must be"),
        ("/input/layout", json!("NCWH"), "input.layout=NCWH: must be one of `NHWC`, `NCHW`, `NHW`, `FLAT`"),
        ("/input/channels", json!(2), "input.channels=2: must be 1 or 3"),
        ("/input/mean", json!([]), "input.mean: must be 1 to 3 numbers"),
        ("/input/mean", json!([1e300]), "input.mean: must be 1 to 3 numbers"),
        ("/input/std", json!([1, 0, 1]), "input.std: must be 1 to 3 numbers, none of them 0"),
        ("/input/crop_fraction", json!(0.05), "input.crop_fraction=0.05: must be a number from 0.1 to 1"),
        ("/input/tensor", Value::Null, "input.tensor: must be text"),
        ("/labels/offset", json!(101), "labels.offset=101: must be a whole number from -100 to 100"),
        ("/labels/offset", json!(-101), "labels.offset=-101: must be"),
        ("/output/classes", json!(0), "output.classes=0: must be a whole number from 1"),
        ("/graph/file", json!("../graph.pb"), "graph.file=../graph.pb: must be a plain file name"),
        ("/graph/sha256", json!("AB"), "graph.sha256=AB: must be 64 lower-case hex digits"),
        ("/engine", json!({ "program": "../x" }), "engine.program=../x: must be a plain file name"),
        ("/engine", json!({ "program": "x", "arguments": ["a\0"] }), "engine.arguments: must be a list of at most 64"),
        ("/engine", json!({ "program": "x", "protocol": "grpc" }), "engine.protocol=grpc: must be `frames` or `once`"),
        ("/output", json!([]), "output: must be an object"),
        ("/source", json!({ "url": "file:///etc/passwd" }), "source.url=file:///etc/passwd: must be an address"),
        ("/accuracy", json!({ "top1": 2, "photos": 1, "split": "", "data": "" }), "accuracy.top1=2: must be"),
    ] {
        let complaints = Manifest::read(with(pointer, value)).unwrap_err();
        assert!(complaints[0].starts_with(complaint), "{complaints:?} in place of {complaint}");
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let complaints = Manifest::read(json!({ "id": "birds", "input": { "width": -1 } })).unwrap_err();
    assert!(complaints.contains(&"title is missing".to_owned()), "{complaints:?}");
    assert!(complaints.contains(&"graph is missing".to_owned()), "{complaints:?}");
    assert!(complaints.iter().any(|complaint| complaint.starts_with("input.width=-1")), "{complaints:?}");
    assert_eq!(Manifest::read(json!([])).unwrap_err(), ["it must be an object"]);
}

#[test]
fn a_part_may_leave_out_anything_and_describes_no_files_of_its_own() {
    let complaints = |json: Value| complaints_of_part(&json);
    assert_eq!(complaints(whole()), Vec::<String>::new());
    assert_eq!(complaints(json!({})), Vec::<String>::new());
    assert_eq!(complaints(json!({ "graph": { "whatever": 1, "sha256": null } })), Vec::<String>::new());
    let program = "engine: must be left out: programs are run from the operator's own zoo alone";
    assert_eq!(complaints(json!({ "engine": { "program": "x" } })), [program]);
    assert_eq!(complaints(json!({ "licenze": "x" })), ["licenze: there is no such field"]);
    assert_eq!(complaints(json!({ "id": "a".repeat(65) })).len(), 1);
    assert_eq!(complaints(json!({ "version": "ä" })).len(), 1);
    assert_eq!(complaints(json!({ "labels": { "offset": 1000 } })).len(), 1);
}

#[test]
fn a_program_stands_in_for_the_graph_where_none_is_named() {
    let mut json = whole();
    json["engine"] = json!({ "program": "tell.py", "arguments": ["--fast"], "protocol": "once" });
    assert_eq!(Manifest::read(json.clone()).unwrap().graph.file, "graph.pb");
    json.as_object_mut().unwrap().remove("graph");
    let manifest = Manifest::read(json).unwrap();
    assert_eq!(manifest.graph.file, "tell.py");
    assert_eq!(manifest.engine.unwrap().protocol, Some(ProgramProtocol::Once));
}

#[test]
fn what_a_request_says_goes_before_the_manifest_and_comes_back_as_its_overrides() {
    let manifest = Manifest::read(whole()).unwrap();
    let said = SpecOverrides {
        width: Some(96),
        resize: Some(Resize::Pad),
        output_kind: Some(OutputKind::Logits),
        ..SpecOverrides::default()
    };
    let expected =
        SpecOverrides { height: Some(224), mean: Some(vec![127.5]), crop_fraction: Some(0.1), ..said.clone() };
    assert_eq!(manifest.overridden(said).overrides(), expected);
}

#[test]
fn a_manifest_of_the_zoo_states_what_a_maintainer_asks_for() {
    let place = |version: Option<&str>| Place { id: "birds".into(), version: version.map(str::to_owned) };
    let sha256 = "0".repeat(64);
    let mut good = with("/description", json!("Tells birds apart."));
    good["graph"] = json!({ "file": "graph.pb", "bytes": 1, "sha256": sha256 });
    good["labels"]["sha256"] = json!(sha256);
    assert_eq!(judge(&good, &place(None)), []);
    assert_eq!(judge(&good, &place(Some("1"))), []);
    for (pointer, value, version, problem) in [
        ("/id", json!("crows"), None, "id is crows, and its folder is named birds"),
        ("/version", json!("2"), Some("1"), "version is 2, and its folder is named 1"),
        ("/licence", json!("NOASSERTION"), None, "licence=NOASSERTION is not on the list"),
        ("/description", json!(" "), None, "description is empty"),
        ("/graph/bytes", Value::Null, None, "graph.bytes is not stated"),
        ("/labels/sha256", Value::Null, None, "labels.sha256 is not stated"),
        ("/title", json!(""), None, "title=: must be text that is not empty"),
    ] {
        let mut json = good.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        let findings = judge(&json, &place(version));
        let [finding] = findings.as_slice() else { panic!("{findings:?} for {pointer}") };
        assert_eq!((finding.severity, finding.problem.as_str()), (Severity::Error, problem));
        assert_eq!(finding.field, pointer[1..].replace('/', "."));
        assert_ne!(finding.mend, "");
    }
}

fn calibration() -> Value {
    json!({
        "data": "birds/test", "date": "2026-11-26", "n": 40, "top1": 0.8, "top5": 1.0, "temperature": 1.25, "folds": 2,
        "calibration_error": { "before": 0.1, "after": 0.02 },
        "unsure_below": 0.5,
        "bands": [{ "band": "very high", "above": 0.75, "right": 30, "n": 32 }],
        "reliability": [{ "above": 0.9, "probability": 0.93, "right": 30, "n": 32 }],
        "classes": [{ "label": "wren", "n": 20, "right": 16, "answered": 18 }],
        "confusions": [{ "label": "wren", "answered": "robin", "n": 4 }],
    })
}

#[test]
fn what_was_measured_is_read_for_answers() {
    assert_eq!(Manifest::read(whole()).unwrap().confidence(), None);
    let measured = Manifest::read(with("/calibration", calibration())).unwrap().confidence().unwrap();
    assert_eq!((measured.temperature, measured.unsure_below, measured.bands.len()), (1.25, 0.5, 1));
    let limits = json!({ "medium": 0.3, "high": 0.6, "very_high": 0.9 });
    let stated = Manifest::read(with("/bands", limits)).unwrap().confidence().unwrap();
    assert_eq!((stated.limits.high, stated.temperature, stated.bands.len()), (0.6, 1.0, 0));
}

#[test]
fn a_row_of_what_was_measured_is_named_by_its_place() {
    let mut json = with("/calibration", calibration());
    json["calibration"]["bands"][0]["band"] = json!("sure");
    json["calibration"]["classes"][0]["n"] = json!(-1);
    json["calibration"]["confusions"] = json!([1]);
    json["calibration"]["reliability"] = json!({});
    let complaints = Manifest::read(json).unwrap_err();
    for wanted in [
        "calibration.bands[0].band=sure: must be one of `low`, `medium`, `high`, `very high`",
        "calibration.classes[0].n=-1: must be a whole number from 0",
        "calibration.confusions[0]=1: must be an object",
        "calibration.reliability: must be a list",
    ] {
        assert!(complaints.iter().any(|complaint| complaint.starts_with(wanted)), "{wanted}: {complaints:?}");
    }
}

#[test]
fn limits_of_bands_that_do_not_rise_or_were_moved_since_are_found() {
    let place = Place { id: "birds".into(), version: None };
    let found = |json: &Value| -> Vec<String> {
        let findings = judge(json, &place).into_iter().filter(|finding| finding.field.ends_with("bands"));
        findings.map(|finding| finding.problem).collect()
    };
    let mut json = with("/calibration", calibration());
    assert_eq!(found(&json), [] as [&str; 0]);
    json["bands"] = json!({ "medium": 0.3, "high": 0.6, "very_high": 0.9 });
    assert_eq!(found(&json), ["`very high` begins above 0.9, and was measured where it began above 0.75"]);
    json["bands"]["high"] = json!(0.95);
    assert_eq!(found(&json), ["bands do not rise: each must begin above the one before"]);
}
