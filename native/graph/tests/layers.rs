//! The layers of this crate, as ARCHITECTURE.md draws them: a layer uses those before it and none behind.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{collections::BTreeSet, fs, path::Path};

/// From below upwards; what stands on one line does not know each other.
const LAYERS: &[&[&str]] = &[
    &["error", "ops"],
    &["limits"],
    &["data", "forms", "labels"],
    &["encode", "shapes"],
    &["find"],
    &["rewrite"],
    &["resolve"],
    &["onnx"],
    &["export", "base"],
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules of this crate that a source names: in `use crate::{…}`, on whatever lines, and in paths.
fn modules_used(source: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let is_name = |char: &char| char.is_ascii_alphanumeric() || *char == '_';
    for (at, path) in source.match_indices("crate::") {
        let rest = &source[at + path.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            used.insert(rest.chars().take_while(is_name).collect());
            continue;
        };
        let mut depth = 0;
        let mut name = String::new();
        for char in list.chars() {
            match char {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    used.insert(std::mem::take(&mut name));
                    continue;
                }
                _ => {}
            }
            if depth == 0 && !char.is_whitespace() {
                name.push(char);
            }
        }
        used.insert(name);
    }
    used.iter().map(|path| path.split("::").next().unwrap().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

#[test]
fn each_layer_uses_those_below_it_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let prefix = format!("{}/", root.display());
    let mut strays = Vec::new();
    for (path, source) in sources(&root) {
        let file = path.strip_prefix(&prefix).unwrap();
        let own = file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if own == "lib" {
            continue;
        }
        let layer = layer_of(&own);
        assert!(layer.is_some(), "{file} belongs to no layer");
        for used in modules_used(&source).iter().filter(|used| **used != own) {
            if layer_of(used).is_none_or(|used| Some(used) >= layer) {
                strays.push(format!("{file} uses {used}"));
            }
        }
    }
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn the_modules_that_a_source_names_are_found_in_every_form() {
    let source = "use crate::{\n    data::{a, b::C},\n    limits::GraphLimits,\n};\nlet x = crate::ops::of(name);";
    assert_eq!(modules_used(source).into_iter().collect::<Vec<_>>(), ["data", "limits", "ops"]);
}
