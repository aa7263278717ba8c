//! Broken, odd and hostile files: each gets what its manifest expects, with a sentence that says why.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::fs;

use menagerie_contract::ErrorCode::{self, GraphAmbiguous, GraphInvalid, GraphOpForbidden, GraphTooLarge};
use menagerie_graph::{GraphLimits, resolve};
use support::request;

/// The code of each refusal and a word that its sentence must hold.
const REFUSALS: &[(&str, ErrorCode, &str)] = &[
    ("real_trt_engine_op.pb", GraphOpForbidden, "TensorRT"),
    ("real_superresolution_nchw.pb", GraphInvalid, "picture"),
    ("real_mtcnn_detector.pb", GraphAmbiguous, "inputs"),
    ("real_savedmodel_proto.pb", GraphInvalid, "variables"),
    ("real_gitlfs_pointer.pb", GraphInvalid, "git lfs pull"),
    ("real_constant_only.pb", GraphInvalid, "no image input"),
    ("real_tflite_quant.tflite", GraphInvalid, "TensorFlow Lite"),
    ("real_keras_h5.pb", GraphInvalid, "Keras"),
    ("real_invalid_tflite.tflite", GraphInvalid, "TensorFlow Lite"),
    ("op_writefile.pb", GraphOpForbidden, "WriteFile"),
    ("op_readfile.pb", GraphOpForbidden, "ReadFile"),
    ("op_pyfunc.pb", GraphOpForbidden, "PyFunc"),
    ("op_savev2.pb", GraphOpForbidden, "SaveV2"),
    ("loop_forever.pb", GraphOpForbidden, "control flow"),
    ("two_inputs.pb", GraphAmbiguous, "other"),
    ("giant_input.pb", GraphTooLarge, "100000"),
    ("cycle.pb", GraphInvalid, "cycle"),
    ("dangling_input.pb", GraphInvalid, "nosuch"),
    ("unknown_op.pb", GraphOpForbidden, "ZooNoSuchOp"),
    ("const_lying_shape.pb", GraphInvalid, "1099511627776"),
    ("truncated.pb", GraphInvalid, "damaged"),
    ("empty.pb", GraphInvalid, "empty"),
    ("random_1k.pb", GraphInvalid, "not a TensorFlow GraphDef"),
    ("html_404.pb", GraphInvalid, "HTML"),
];

#[test]
fn each_odd_file_gets_what_its_manifest_expects() {
    let Some(folder) = support::shared("graphs-odd") else { return };
    let manifest = fs::read_to_string(folder.join("manifest.tsv")).unwrap();
    let mut failures = Vec::new();
    let mut count = 0;
    for line in manifest.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (file, expected) = (columns[0], columns[5]);
        let bytes = fs::read(folder.join(file)).unwrap();
        let answer = resolve(&bytes, &request(), &GraphLimits::default());
        count += 1;
        match (answer, REFUSALS.iter().find(|(name, ..)| *name == file)) {
            (Err(error), Some((_, code, word))) => {
                if error.code() != *code || !error.to_string().contains(word) {
                    failures.push(format!("{file}: {} {error}", error.code().as_str()));
                }
            }
            (Err(error), None) => failures.push(format!("{file} should load: {error}")),
            (Ok(_), Some(_)) => failures.push(format!("{file} should be refused: {expected}")),
            (Ok(_), None) if expected.starts_with("refuse") => failures.push(format!("{file}: {expected}")),
            (Ok(_), None) => {}
        }
    }
    println!("{} of {count} odd files as expected", count - failures.len());
    assert!(failures.is_empty(), "{failures:#?}");
}
