//! `once`, `inspect` and `check` through real processes.

use std::{
    env, fs,
    io::Write,
    process::{Output, Stdio},
};

use crate::host::engine;
use menagerie_contract::ModelSpec;
use menagerie_engine::probe_graph;

fn once(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = engine("once")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Arguments that are refused leave nobody to read the rest.
    let _: std::io::Result<()> = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn once_prints_the_scores_as_json() {
    let graph = probe_graph();
    let length = graph.len().to_string();
    let stdin = [graph, vec![90; 16 * 16 * 3]].concat();
    let detected = once(&[&length, "-", "-", "-", "-"], &stdin);
    let named = once(&[&length, "input:0", "probabilities", "16", "16"], &stdin);
    assert!(detected.status.success(), "{}", String::from_utf8_lossy(&detected.stderr));
    assert_eq!(detected.stdout, named.stdout);
    let scores: Vec<f32> = serde_json::from_slice(&detected.stdout).unwrap();
    assert_eq!(scores.len(), 4);
    assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{scores:?}");
}

#[test]
fn once_names_what_is_wrong() {
    let graph = probe_graph();
    let length = graph.len().to_string();
    let short = [graph.clone(), vec![0; 10]].concat();
    let long = [graph.clone(), vec![0; 16 * 16 * 3 + 1]].concat();
    let cases: [(&[&str], &[u8], &str); 5] = [
        (&[&length, "-", "-", "-"], &[], "once takes"),
        (&["x", "-", "-", "-", "-"], &[], "model_len"),
        (&["99999", "-", "-", "-", "-"], &graph, "stdin closed after"),
        (&[&length, "-", "-", "-", "-"], &short, "10 bytes of pixels"),
        (&[&length, "-", "-", "-", "-"], &long, "769 bytes of pixels"),
    ];
    for (arguments, stdin, expected) in cases {
        let output = once(arguments, stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{expected}");
        assert!(stderr.contains(expected), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn inspect_explains_a_graph_to_people_and_programs() {
    let folder = env::temp_dir().join(format!("menagerie-inspect-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (graph, labels) = (folder.join("probe.pb"), folder.join("labels.txt"));
    fs::write(&graph, probe_graph()).unwrap();
    fs::write(&labels, "a\nb\nc\nd\n").unwrap();
    let json = engine("inspect").args([&graph, &labels]).arg("--json").output().unwrap();
    let table = engine("inspect").arg(&graph).output().unwrap();
    let unknown = engine("inspect").arg(&graph).arg("--xml").output().unwrap();
    let absent = engine("inspect").arg(folder.join("absent.pb")).output().unwrap();
    fs::remove_dir_all(&folder).unwrap();

    let spec: ModelSpec = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((spec.input.width, spec.output.classes), (16, 4));
    assert_eq!(spec.labels.map(|labels| labels.count), Some(4));
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("16 x 16 x 3 RGB") && table.contains("Conv2D 2") && table.contains("evidence"), "{table}");
    assert_eq!((unknown.status.code(), absent.status.code()), (Some(1), Some(1)));
}

#[test]
fn check_says_which_libtensorflow_runs() {
    let output = engine("check").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("libtensorflow    2."), "{text}");
}
