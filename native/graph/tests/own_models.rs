//! The models of this repository, sent as a stranger would: the graph and its labels, without the manifest.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::{fs, path::Path};

use menagerie_graph::{GraphLimits, labels, resolve};
use serde_json::Value;
use support::request;

#[test]
fn the_settings_of_the_manifests_are_found_in_the_graphs() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    for id in ["flowers5", "waste6"] {
        let folder = models.join(id);
        let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        let found = resolve(&fs::read(folder.join("graph.pb")).unwrap(), &request(), &GraphLimits::default()).unwrap();
        let spec = serde_json::to_value(&found.spec).unwrap();
        for field in ["tensor", "dtype", "layout", "width", "height", "channels", "channel_order", "mean", "std"] {
            assert_eq!(spec["input"][field], manifest["input"][field], "{id}: input.{field}");
        }
        for field in ["tensor", "kind", "classes"] {
            assert_eq!(spec["output"][field], manifest["output"][field], "{id}: output.{field}");
        }
        let file = labels::read(&fs::read(folder.join("labels.txt")).unwrap()).unwrap();
        let (_, names) = file.align(found.spec.output.classes, found.spec.output.kind, None).unwrap();
        let lines = fs::read_to_string(folder.join("labels.txt")).unwrap();
        assert_eq!(names, lines.lines().collect::<Vec<_>>(), "{id}: labels");
    }
}
