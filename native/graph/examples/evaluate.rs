//! Compares what detection finds with the truth: fields right / fields, the misses, and how well confidences are kept.
//!
//! `cargo run --release -p menagerie-graph --example evaluate -- FOLDER...`: each FOLDER holds one folder a graph with
//! `graph.pb` and `meta.json`, such as `models/training/family` makes them. Graphs whose truth names a `part` (tune,
//! held-out) are counted by part. With `--settings` it prints the settings of each graph as JSON lines instead.

use std::{
    collections::BTreeMap,
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use menagerie_contract::{InputSpec, LoadRequest, ModelSpec, Source, SpecOverrides};
use menagerie_graph::{GraphLimits, resolve};
use serde_json::{Value, json};

/// Means may differ by this much on 0–255 and divisors by this share: nobody's answers change.
const MEAN_TOLERANCE: f64 = 1.0;
const STD_TOLERANCE: f64 = 0.01;

struct Field {
    part: String,
    name: &'static str,
    is_right: bool,
    confidence: f32,
    source: Option<Source>,
    miss: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let only_settings = arguments.iter().any(|argument| argument == "--settings");
    arguments.retain(|argument| argument != "--settings");
    let mut folders: Vec<PathBuf> = Vec::new();
    for argument in &arguments {
        folders.extend(std::fs::read_dir(argument)?.filter_map(|entry| Some(entry.ok()?.path())));
    }
    folders.sort();
    let (mut fields, mut times) = (Vec::new(), Vec::new());
    for folder in folders.iter().filter(|folder| folder.join("graph.pb").is_file()) {
        let meta: Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json"))?)?;
        let (spec, time) = spec_of(folder)?;
        times.push(time);
        if only_settings {
            println!(
                "{}",
                json!({"folder": folder, "input": spec.input, "output": spec.output, "evidence": spec.evidence})
            );
        } else {
            fields.extend(compare(&folder.file_name().unwrap_or_default().to_string_lossy(), &meta, &spec));
        }
    }
    if !only_settings {
        report(&fields, &times);
    }
    Ok(())
}

fn spec_of(folder: &Path) -> Result<(ModelSpec, Duration), Box<dyn Error>> {
    let file = std::fs::read(folder.join("graph.pb"))?;
    let request = LoadRequest::new(Source::Request, SpecOverrides::default());
    let start = Instant::now();
    let resolved =
        resolve(&file, &request, &GraphLimits::default()).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok((resolved.spec, start.elapsed()))
}

fn compare(name: &str, meta: &Value, spec: &ModelSpec) -> Vec<Field> {
    let part = meta["part"].as_str().unwrap_or("other graphs");
    let input = &spec.input;
    let truth = &meta["preprocess"];
    let field = |field: &'static str, is_right: bool, found: String, wanted: String| {
        let entry = spec.evidence.iter().find(|entry| entry.field == field);
        Field {
            part: part.to_owned(),
            name: field,
            is_right,
            confidence: entry.map_or(0.0, |entry| entry.confidence),
            source: entry.map(|entry| entry.source),
            miss: format!(
                "{name}: {field} is {found} at {:.0} %, truth {wanted}; {}",
                100.0 * entry.map_or(0.0, |entry| entry.confidence),
                entry.map_or("", |entry| &entry.because)
            ),
        }
    };
    let order = json!(input.channel_order).as_str().unwrap_or_default().to_lowercase();
    let wanted_order = truth["order"].as_str().unwrap_or_default();
    let (mean, std) = (wanted_values(&truth["mean"], input), wanted_values(&truth["std"], input));
    let shown = |values: &[f64]| format!("{values:?}");
    let found = |values: &[f32]| format!("{values:?}");
    let mean_right =
        mean.iter().zip(&input.mean).all(|(wanted, found)| (wanted - f64::from(*found)).abs() <= MEAN_TOLERANCE);
    let std_right =
        std.iter().zip(&input.std).all(|(wanted, found)| (f64::from(*found) / wanted - 1.0).abs() <= STD_TOLERANCE);
    let mut fields = vec![
        field("input.mean", mean_right, found(&input.mean), shown(&mean)),
        field("input.std", std_right, found(&input.std), shown(&std)),
        // Grey photos in three channels, "gray->rgb", are the same in every order.
        field(
            "input.channel_order",
            wanted_order.split("->").any(|wanted| order == wanted),
            order,
            wanted_order.to_owned(),
        ),
    ];
    let size = truth["size"].as_u64().unwrap_or_default();
    let size_right = u64::from(input.width) == size && u64::from(input.height) == size;
    fields.push(field("input.width", size_right, input.width.to_string(), size.to_string()));
    for (name, found, wanted) in [
        ("input.tensor", json!(input.tensor), &meta["input"]["name"]),
        ("input.dtype", json!(input.dtype), &meta["input"]["dtype"]),
        ("output.tensor", json!(spec.output.tensor), &meta["output"]["name"]),
        ("output.kind", json!(spec.output.kind), &meta["output"]["kind"]),
        ("output.classes", json!(spec.output.classes), &meta["output"]["classes"]),
    ] {
        if !wanted.is_null() {
            fields.push(field(name, found == *wanted, found.to_string(), wanted.to_string()));
        }
    }
    fields
}

/// One value a channel.
fn wanted_values(value: &Value, input: &InputSpec) -> Vec<f64> {
    match value.as_array() {
        Some(values) => values.iter().filter_map(Value::as_f64).collect(),
        None => vec![value.as_f64().unwrap_or(f64::NAN); input.channels as usize],
    }
}

fn report(fields: &[Field], times: &[Duration]) {
    let mut parts: BTreeMap<&str, Vec<&Field>> = BTreeMap::new();
    for field in fields {
        parts.entry(&field.part).or_default().push(field);
    }
    for (part, fields) in &parts {
        println!("\n## {part}\n\n| field | right / all | read | measured | prior |\n|---|---|---|---|---|");
        let mut by_name: BTreeMap<&str, Vec<&Field>> = BTreeMap::new();
        for field in fields {
            by_name.entry(field.name).or_default().push(field);
        }
        for (name, fields) in by_name.iter().map(|(name, fields)| (*name, fields)).chain([("all", fields)]) {
            let of = |source: Source| {
                let chosen = fields.iter().filter(|field| field.source == Some(source)).copied();
                let chosen: Vec<&Field> = chosen.collect();
                if chosen.is_empty() { "-".to_owned() } else { score(&chosen) }
            };
            println!(
                "| {name} | {} | {} | {} | {} |",
                score(fields),
                of(Source::Read),
                of(Source::Measured),
                of(Source::Prior)
            );
        }
        println!("\n| confidence of mean, std, order | mean confidence | right / all |\n|---|---|---|");
        for (low, high) in [(0.0, 0.6), (0.6, 0.75), (0.75, 0.9), (0.9, 0.97), (0.97, 1.01)] {
            let is_weighed = |field: &&Field| matches!(field.name, "input.mean" | "input.std" | "input.channel_order");
            let open = |field: &&Field| field.source != Some(Source::Read) && (low..high).contains(&field.confidence);
            let chosen: Vec<&Field> = fields.iter().copied().filter(is_weighed).filter(open).collect();
            if !chosen.is_empty() {
                let mean = chosen.iter().map(|field| field.confidence).sum::<f32>() / chosen.len() as f32;
                println!("| {low:.2}–{:.2} | {mean:.2} | {} |", high.min(1.0), score(&chosen));
            }
        }
        let misses: Vec<&str> =
            fields.iter().filter(|field| !field.is_right).map(|field| field.miss.as_str()).collect();
        println!("\n{} misses\n", misses.len());
        for miss in misses {
            println!("- {miss}");
        }
    }
    let mut times = times.to_vec();
    times.sort_unstable();
    if let (Some(median), Some(last)) = (times.get(times.len() / 2), times.last()) {
        println!("\nresolving a graph took {median:.1?} (median), at most {last:.1?}");
    }
}

fn score(fields: &[&Field]) -> String {
    format!("{} / {}", fields.iter().filter(|field| field.is_right).count(), fields.len())
}
