//! The truth that answers are compared with: libtensorflow fed directly, by a program that shares no code with the engine
//! and always runs on oneDNN, where it is built in.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::surroundings::library;

/// The program, compiled.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node/test/fixtures/tf-direct.c");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tf-direct");
    let status = Command::new("cc").args(["-O1", "-o"]).arg(&program).arg(source).arg("-ldl").status();
    assert!(status.unwrap().success(), "tf-direct.c does not compile");
    program
});

/// What `graph` gives at `output` when `input` is fed `values` of `extents`.
pub fn run(graph: &[u8], [input, output]: [&str; 2], extents: &[u64], values: &[f32]) -> Vec<f32> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("direct-{}-{number}.pb", process::id()));
    fs::write(&file, graph).unwrap();
    let mut child = Command::new(&*PROGRAM)
        .arg(library().path().parent().unwrap())
        .arg(&file)
        .args([input, output])
        .args(extents.iter().map(u64::to_string))
        .env("TF_ENABLE_ONEDNN_OPTS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let done = child.wait_with_output().unwrap();
    fs::remove_file(&file).unwrap();
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "libtensorflow fed directly: {}", complaint.lines().last().unwrap_or_default());
    done.stdout.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
