//! Programs of the operator's: what their cell holds, and the one-shot form behind frames.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::Duration,
};

use menagerie_contract::{ErrorCode, LoadRequest, Sandbox, Source, SpecOverrides};
use menagerie_engine::RuntimeKind;

use crate::{
    cell::attempts,
    host::{Host, Reply, engine},
};

/// Where a system keeps its libraries and interpreters.
const SYSTEM: &[&str] = &["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"];

fn wrap(readable: &[&str]) -> Command {
    let mut command = engine("wrap");
    for path in SYSTEM.iter().chain(readable) {
        command.args(["--read", path]);
    }
    command
}

/// A folder with an executable script in it, gone when the test ends.
struct Script(PathBuf);

impl Script {
    fn new(name: &str, text: &str) -> Self {
        let folder = env::temp_dir().join(format!("menagerie-wrapped-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("program"), text).unwrap();
        fs::set_permissions(folder.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.join("program")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What a program may do, which a graph may not: tell whether a file is there, become another program that it may read,
/// in the same cell, and what concerns itself alone.
const LEFT_TO_PROGRAMS: &[&str] = &["see-file", "execute", "pipe", "change-folder", "read-environment", "be-dumpable"];
/// Of `SIGSYS`.
const BAD_SYSTEM_CALL: i32 = 31;

#[test]
fn what_must_not_work_does_not_work_in_a_programs_cell() {
    let own = env!("CARGO_BIN_EXE_menagerie-engine");
    let mut worked = Vec::new();
    for name in attempts(RuntimeKind::Tensorflow, "best-effort").keys() {
        let status = wrap(&[]).args(["--", own, "check", "--try-as-it-is", name]).status().unwrap();
        match status.code() {
            // `execute` has become /bin/true.
            Some(10 | 0) => worked.push(name.clone()),
            Some(11) => {}
            _ => assert_eq!(status.signal(), Some(BAD_SYSTEM_CALL), "{name}: {status}"),
        }
    }
    worked.retain(|name| !LEFT_TO_PROGRAMS.contains(&name.as_str()));
    assert_eq!(worked, Vec::<String>::new());
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_program_reads_what_it_was_let_and_has_no_variable_of_the_services() {
    let script = Script::new("reads", "#!/bin/sh\nread line < \"$1\" && echo \"$line\"\necho \"key=$SECRET_KEY\"\n");
    let folder = script.0.to_str().unwrap();
    fs::write(script.0.join("own.txt"), "a model of mine\n").unwrap();
    let run = |readable: &[&str], file: &Path| {
        let output =
            wrap(readable).arg("--").args([&script.path(), file]).env("SECRET_KEY", "secret").output().unwrap();
        text(&output)
    };
    assert_eq!(run(&[folder], &script.0.join("own.txt")), "a model of mine\nkey=\n");
    let refused = run(&[folder], Path::new("/etc/passwd"));
    assert!(!refused.contains("root") && refused.contains("ermission denied"), "{refused}");
}

#[test]
fn a_program_that_cannot_be_started_is_named_with_what_to_do() {
    let script = Script::new("starts", "#!/no/such/interpreter\n");
    for (program, expected) in [
        (script.path().to_str().unwrap(), "cannot be started"),
        ("no-such-program-here", "there is no program no-such-program-here in PATH"),
    ] {
        let output = wrap(&[]).args(["--", program]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output).contains(expected), "{}", text(&output));
    }
}

#[test]
fn it_says_what_holds_of_the_cell() {
    let holds = |arguments: &[&str]| -> Sandbox {
        serde_json::from_slice(&wrap(&[]).args(arguments).output().unwrap().stdout).unwrap()
    };
    let is_held = |sandbox: &Sandbox, name: &str| sandbox.held.iter().any(|held| held == name);
    let (stays, once) = (holds(&[]), holds(&["--once"]));
    for name in ["environment", "memory", "processes", "core", "descriptors", "seccomp"] {
        assert!(is_held(&stays, name) && is_held(&once, name), "{stays:?} {once:?}");
    }
    assert!(is_held(&once, "cpu") && stays.missing.iter().any(|missing| missing.starts_with("cpu: ")), "{stays:?}");
}

/// Answers with its arguments' sizes, in the shape of scores: model bytes, width, height.
const ONE_SHOT: &str = r#"#!/bin/sh
[ "$1" = fail ] && { echo "no such model" >&2; exit 3; }
[ "$1" = busy ] && while :; do :; done
[ "$1" = words ] && { echo "cat 90 %"; exit 0; }
[ "$1" = endless ] && while :; do echo 11111111111111111111111111111111111111111111111111111111111111111111111111; done
echo "[$2, $5, $6]"
"#;

fn one_shot(script: &Script, behaviour: &str) -> (Host, Reply) {
    let mut command = wrap(&[script.0.to_str().unwrap()]);
    let mut host = Host::spawn(command.args(["--once", "--"]).arg(script.path()).arg(behaviour));
    assert!(matches!(host.receive(), Some((0, Reply::Hello(_)))));
    let overrides = SpecOverrides { width: Some(4), height: Some(2), ..SpecOverrides::default() };
    let request = LoadRequest { label_count: Some(3), ..LoadRequest::new(Source::Manifest, overrides) };
    let (_, reply) = host.load_as(1, request, b"a model").unwrap();
    (host, reply)
}

#[test]
fn a_one_shot_program_is_started_for_each_image() {
    let script = Script::new("once", ONE_SHOT);
    let (mut host, Reply::Loaded(loaded)) = one_shot(&script, "answer") else { panic!("not loaded") };
    assert_eq!((loaded.spec.input.width, loaded.spec.input.height, loaded.spec.output.classes), (4, 2, 3));
    host.infer(2, 2, &[0; 2 * 4 * 2 * 3]);
    let Some((2, Reply::Scores(scores))) = host.receive() else { panic!("no scores") };
    assert_eq!(scores.values, [7.0, 4.0, 2.0, 7.0, 4.0, 2.0]);
    host.close_stdin();
    assert_eq!(host.end().0.code(), Some(0));
}

#[test]
fn a_one_shot_program_that_fails_is_said_to_and_is_started_again() {
    for (behaviour, expected) in
        [("fail", "exit status: 3"), ("words", "no JSON array of numbers"), ("endless", "more than 1572864 bytes")]
    {
        let script = Script::new(behaviour, ONE_SHOT);
        let (mut host, _) = one_shot(&script, behaviour);
        for id in [2, 3] {
            host.infer(id, 1, &[0; 4 * 2 * 3]);
            let (_, Reply::Error(problem)) = host.receive().unwrap() else { panic!("{behaviour}: no error") };
            assert_eq!(problem.code, ErrorCode::EngineFailed);
            assert!(problem.message.contains(expected), "{problem}");
        }
    }
}

#[test]
fn a_one_shot_program_ends_with_the_process_that_started_it() {
    let script = Script::new("busy", ONE_SHOT);
    let (mut host, _) = one_shot(&script, "busy");
    host.infer(2, 1, &[0; 4 * 2 * 3]);
    // Long enough for the program to be at work.
    thread::sleep(Duration::from_secs(1));
    host.kill();
    // It holds the host's stderr, whose end is waited for here: left alone it would go on for minutes.
    assert_eq!(host.end().0.signal(), Some(9));
}

#[test]
fn the_manifest_has_to_say_what_a_one_shot_program_takes() {
    let script = Script::new("says", ONE_SHOT);
    let mut host = Host::spawn(wrap(&[]).args(["--once", "--"]).arg(script.path()));
    host.receive();
    let (_, Reply::Error(problem)) = host.load(1, b"a model") else { panic!("no error") };
    assert_eq!(problem.code, ErrorCode::FieldInvalid);
    assert!(problem.message.contains("output.classes"), "{problem}");
}
