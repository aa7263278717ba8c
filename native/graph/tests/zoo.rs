//! Real graphs by different makers: every detected field against the truth that their makers state.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::{fs, path::Path};

use menagerie_contract::{ChannelOrder, ModelSpec};
use menagerie_graph::{GraphLimits, labels, resolve};
use serde_json::Value;
use support::request;

/// Fields that may differ from the stated truth, with the reason.
const EXPLAINED: &[(&str, &str, &str)] = &[("cifar10_samplenet_nchw", "input.channel_order", NO_BATCH_NORM)];
/// The net has neither BatchNorm nor constants behind its input, and its kernels weigh red and blue alike: nothing in it
/// tells its channel order.
const NO_BATCH_NORM: &str = "a small net without BatchNorm: its channel order left no trace in the graph";

struct Tally {
    right: u32,
    misses: Vec<(String, String, String)>,
}

impl Tally {
    fn field(&mut self, folder: &str, field: &str, found: &str, wanted: &str, is_right: bool) {
        if is_right {
            self.right += 1;
        } else {
            self.misses.push((folder.to_owned(), field.to_owned(), format!("found {found}, stated {wanted}")));
        }
    }
}

#[test]
fn every_field_of_the_real_graphs_equals_the_truth() {
    let Some(zoo) = support::shared("zoo-data") else { return };
    let mut folders: Vec<_> = fs::read_dir(zoo).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut tally = Tally { right: 0, misses: Vec::new() };
    for folder in &folders {
        let Ok(meta) = fs::read(folder.join("meta.json")) else { continue };
        let meta: Value = serde_json::from_slice(&meta).unwrap();
        for file in ["graph.pb", "quantized_graph.pb"] {
            let Ok(graph) = fs::read(folder.join(file)) else { continue };
            let name = format!("{}/{file}", folder.file_name().unwrap().to_string_lossy());
            match resolve(&graph, &request(), &GraphLimits::default()) {
                Ok(resolved) => compare(&name, folder, &resolved.spec, &meta, &mut tally),
                Err(error) => tally.field(&name, "all", &error.to_string(), "a model", false),
            }
        }
    }
    let fields = tally.right as usize + tally.misses.len();
    println!("fields right / fields: {} / {fields}", tally.right);
    let reason = |folder: &str, field: &str| {
        EXPLAINED.iter().find(|(name, other, _)| folder.starts_with(name) && *other == field).map(|entry| entry.2)
    };
    let mut unexplained = Vec::new();
    for (folder, field, difference) in &tally.misses {
        println!("{folder} {field}: {difference}; {}", reason(folder, field).unwrap_or("NOT EXPLAINED"));
        if reason(folder, field).is_none() {
            unexplained.push(format!("{folder} {field}: {difference}"));
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
}

fn compare(name: &str, folder: &Path, spec: &ModelSpec, meta: &Value, tally: &mut Tally) {
    let input = &spec.input;
    let mut equal = |field: &str, found: String, wanted: String| {
        let is_right = found == wanted;
        tally.field(name, field, &found, &wanted, is_right);
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    equal("input.tensor", input.tensor.clone(), text(&meta["input"]["name"]));
    equal("input.dtype", format!("{:?}", input.dtype).to_lowercase(), text(&meta["input"]["dtype"]));
    equal("input.width", input.width.to_string(), meta["preprocess"]["size"].to_string());
    equal("input.height", input.height.to_string(), meta["preprocess"]["size"].to_string());
    let order = text(&meta["preprocess"]["order"]);
    let channels = if order == "gray" { "1" } else { "3" };
    equal("input.channels", input.channels.to_string(), channels.to_owned());
    equal("output.tensor", spec.output.tensor.clone(), text(&meta["output"]["name"]));
    let layout = text(&meta["preprocess"]["layout"]).to_lowercase();
    let layout = if layout.starts_with("rank 3") { "nhw".to_owned() } else { layout };
    let found = format!("{:?}", input.layout).to_lowercase();
    tally.field(name, "input.layout", &found, &layout, layout.starts_with(&found));
    let classes = meta["output"]["shape"].as_array().and_then(|shape| shape.last()).unwrap_or(&Value::Null).to_string();
    let found = spec.output.classes.to_string();
    tally.field(name, "output.classes", &found, &classes, found == classes);
    let file = fs::read(folder.join("labels.txt")).unwrap();
    let aligned = labels::read(&file).and_then(|labels| labels.align(spec.output.classes, spec.output.kind, None));
    let names = aligned.map_or_else(|error| error.to_string(), |(_, names)| names.len().to_string());
    let stated = meta["n_labels"].to_string();
    tally.field(name, "labels", &names, &stated, names == stated);
    let wanted = match order.as_str() {
        "gray" => ChannelOrder::Gray,
        "bgr" => ChannelOrder::Bgr,
        // Of grey written three times either order is right.
        "gray->rgb" => input.channel_order,
        _ => ChannelOrder::Rgb,
    };
    let is_right = input.channel_order == wanted;
    tally.field(name, "input.channel_order", &format!("{:?}", input.channel_order), &format!("{wanted:?}"), is_right);
    // Makers write 127.5 and 128 for one another; what matters is that no tensor value moves by more than 0.02.
    for (field, found) in [("mean", &input.mean), ("std", &input.std)] {
        let stated = &meta["preprocess"][field];
        let wanted: Vec<f64> = match stated.as_array() {
            Some(values) => values.iter().filter_map(Value::as_f64).collect(),
            None => vec![stated.as_f64().unwrap_or(f64::NAN); input.channels as usize],
        };
        let scale = meta["preprocess"]["std"].as_f64().or_else(|| meta["preprocess"]["std"][0].as_f64()).unwrap_or(1.0);
        let tolerance = if field == "mean" { 0.02 * scale } else { 0.02 * scale.abs() };
        let is_right = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|(found, wanted)| (f64::from(*found) - wanted).abs() <= tolerance);
        tally.field(name, &format!("input.{field}"), &format!("{found:?}"), &stated.to_string(), is_right);
    }
}
