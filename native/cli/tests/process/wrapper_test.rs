//! What `wrapper-test` says of the example in Python, and of the same with one thing wrong.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::host::engine;

const EXAMPLE: &str = include_str!("../../../../docs/examples/histogram.py");
const MODEL: &str = "[[[255, 0, 0], [128, 0, 0]], [[0, 255, 0]], [[0, 0, 0], [255, 255, 255]]]";
const SYSTEM: &[&str] = &["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"];

/// The promises that a program breaks, each with why, and whether the test ends well; `None` without Python.
fn broken(name: &str, program: &str, seconds: &str) -> Option<(Vec<(String, String)>, bool)> {
    let has_python = Command::new("/usr/bin/env").args(["python3", "--version"]).stdout(Stdio::null()).status();
    if !has_python.is_ok_and(|status| status.success()) {
        println!("skipped: there is no python3");
        return None;
    }
    let folder = env::temp_dir().join(format!("menagerie-wrapper-test-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (path, model) = (folder.join("program.py"), folder.join("model.json"));
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(&model, MODEL).unwrap();
    let mut command = engine("wrapper-test");
    for path in SYSTEM.iter().map(PathBuf::from).chain(python_folders()) {
        command.arg("--read").arg(path);
    }
    let output = command.args(["--json", "--seconds", seconds, "--model"]).arg(&model).arg("--").arg(&path).output();
    fs::remove_dir_all(&folder).unwrap();
    let output = output.unwrap();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let promises: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!(promises.len(), 14);
    let broken = promises.iter().filter(|promise| promise["kept"] == false);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let broken = broken.map(|promise| (text(&promise["promise"]), text(&promise["why"]))).collect();
    Some((broken, output.status.success()))
}

/// Where this machine's Python lies, if not with the system.
fn python_folders() -> Option<PathBuf> {
    let output = Command::new("/usr/bin/env").args(["python3", "-c", "import sys; print(sys.base_prefix)"]).output();
    output.ok().map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

#[test]
fn the_example_keeps_every_promise() {
    if let Some(outcome) = broken("good", EXAMPLE, "30") {
        assert_eq!(outcome, (Vec::new(), true));
    }
}

/// The example with one text in place of another.
fn with(text: &str, other: &str) -> String {
    assert!(EXAMPLE.contains(text), "the example has no {text}");
    EXAMPLE.replacen(text, other, 1)
}

#[test]
fn a_program_with_one_thing_wrong_is_told_which_promise_it_breaks() {
    let early = "if kind == INFER:\n        send(SCORES, request_id, struct.pack('<IIII3f', 1, 3, 0, 0, 1, 0, 0))\n    \
                 payload = read_exactly(length - 5)\n    if kind == INFER:\n        continue";
    for (name, program, seconds, promise, why) in [
        ("silent", with("send_json(HELLO, 0,", "sys.stdin.read(); dict("), "2", "hello", "no answer within 2 s"),
        ("broken", with("model = None", "model = None\nprint('ready', flush=True)"), "9", "load", "what is no frame"),
        ("dies", with("        seen =", "        sys.exit(3)\n        seen ="), "9", "infer", "it ended in place of"),
        ("lying", with("images, len(classes)", "images, 1 + len(classes)"), "9", "infer", "no frame"),
        ("lying-sum", with("value / sum(shared)", "value"), "9", "infer", "sum to"),
        ("lying-size", with("\"bytes\": len(graph)", "\"bytes\": 1"), "9", "load", "and says 1"),
        ("huge", with("\"width\": SIDE", "\"width\": 100000"), "9", "load", "input.width is 100000"),
        (
            "slow",
            with("        seen =", "        __import__('time').sleep(60)\n        seen ="),
            "2",
            "infer",
            "within 2 s",
        ),
        ("deaf", with("if set_by_others:", "if False:"), "9", "settings", "answered pixels with an error"),
        (
            "passes-over",
            with("if set_by_others:", "request['overrides'] = {}\n    if False:"),
            "9",
            "settings",
            "in silence",
        ),
        ("pong", with("send(PONG, request_id", "send(PONG, request_id + 1"), "9", "ping", "of request 8"),
        (
            "turned",
            with("in range(4, len(payload), IMAGE_BYTES)", "in range(len(payload) - IMAGE_BYTES, 0, -IMAGE_BYTES)"),
            "9",
            "batch",
            "the same pixels got",
        ),
        ("early", with("payload = read_exactly(length - 5)", early), "9", "whole", "before the frame was whole"),
        ("harsh", with("raise ValueError(\"field_invalid\", f\"{len", "sys.exit(f\"{len"), "9", "error", "it ended"),
        ("deafer", with("sys.exit(f\"a frame", "continue  # (f\"a frame"), "2", "garbage", "still runs after 2 s"),
        ("sour", format!("{EXAMPLE}\nsys.exit(3)\n"), "9", "finish", "exit status: 3"),
        (
            "moody",
            with(
                "value / sum(shared) for value in shared]",
                "value / sum(shared) for value in shared]\n        classes.reverse()",
            ),
            "9",
            "same",
            "the same pixels got",
        ),
    ] {
        let Some((broken, is_good)) = broken(name, &program, seconds) else { return };
        let found = broken.iter().find(|(broken, _)| broken == promise);
        assert!(found.is_some_and(|(_, said)| said.contains(why)), "{name}: {broken:?}");
        assert!(!is_good, "{name}");
    }
}

#[test]
fn what_is_to_be_tried_has_to_be_said() {
    for (arguments, expected) in [
        (&["--seconds", "0", "--", "x"][..], "--seconds is 0"),
        (&["--model", "/no/such/file", "--", "x"], "/no/such/file cannot be read"),
        (&["--fast", "--", "x"], "does not know --fast"),
        (&["--"], "name the program"),
    ] {
        let output = engine("wrapper-test").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{output:?}");
    }
}
