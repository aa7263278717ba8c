//! Do synthetic photos decide as well as real ones? Counts how often the pre-processing that agrees best with the
//! moments of the first batch normalisation is the true one, by kind and number of photos.
//!
//! `cargo run --release -p menagerie-graph --example compare_photos -- PHOTOS FOLDER...`: PHOTOS holds `SIDE.rgb`
//! files of whole photos (`models/training/family/photo_windows.py`), each FOLDER holds one folder a graph.

use std::{error::Error, path::Path};

use menagerie_contract::{LoadRequest, Source, SpecOverrides};
use menagerie_graph::{
    Graph, GraphLimits,
    found::InputFound,
    input,
    normalization::{
        candidates::Candidate,
        features::disagreement,
        images::{Windows, dead_leaves},
        probe::{Front, Probe},
    },
    parse,
};
use serde_json::Value;

const COUNTS: [usize; 5] = [1, 4, 8, 16, 24];
const DRAWS: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let photos = arguments.next().ok_or("name the folder of photos")?;
    let mut hits = [[[0_usize; 2]; COUNTS.len()]; 2];
    let (mut tries, mut graphs, mut colour_tries) = (0, 0, 0);
    for parent in arguments {
        for folder in std::fs::read_dir(parent)?.filter_map(Result::ok).map(|entry| entry.path()) {
            let Ok(file) = std::fs::read(folder.join("graph.pb")) else { continue };
            let meta: Value = serde_json::from_slice(&std::fs::read(folder.join("meta.json"))?)?;
            let limits = GraphLimits::default();
            let graph = Graph::build(parse::parse(&file, &limits)?, &limits)?;
            let request = LoadRequest::new(Source::Request, SpecOverrides::default());
            let input = input::find(&graph, &request, &limits)?;
            let Some(front) = Front::read(&graph, input.node, input.first_layer, input.channels as usize) else {
                continue;
            };
            if front.norm.is_none() || !front.is_linear() || !front.inside.is_nothing() {
                continue;
            }
            let side = input.width as usize;
            let Some(real) = read_windows(Path::new(&photos), side, front.window_side(side)) else { continue };
            let synthetic = dead_leaves(COUNTS[4] * DRAWS, front.window_side(side), side);
            graphs += 1;
            tries += DRAWS;
            colour_tries += if input.channels == 3 { DRAWS } else { 0 };
            for (kind, windows) in [&synthetic, &real].into_iter().enumerate() {
                for (column, count) in COUNTS.into_iter().enumerate() {
                    let candidates = Candidate::all(input.channels).len();
                    let count = front.photo_count(count, windows.side, candidates);
                    for draw in 0..DRAWS {
                        let hit = decide(&front, &input, &part(windows, draw * count, count), &meta);
                        hits[kind][column][0] += usize::from(hit.0);
                        hits[kind][column][1] += usize::from(hit.1 && input.channels == 3);
                    }
                }
            }
        }
    }
    println!("{graphs} graphs, {DRAWS} draws each\n\n| photos | scaling: synthetic | real | order: synthetic | real |");
    println!("|---|---|---|---|---|");
    for (column, count) in COUNTS.into_iter().enumerate() {
        let share = |kind: usize, of: usize, all: usize| hits[kind][column][of] as f64 / f64::from(all.max(1) as u32);
        println!(
            "| {count} | {:.2} | {:.2} | {:.2} | {:.2} |",
            share(0, 0, tries),
            share(1, 0, tries),
            share(0, 1, colour_tries),
            share(1, 1, colour_tries)
        );
    }
    Ok(())
}

/// Whether scaling and order of the best candidate are the true ones.
fn decide(front: &Front, input: &InputFound, windows: &Windows, meta: &Value) -> (bool, bool) {
    let (Some(probe), Some(norm)) = (Probe::new(front, windows, input.width as usize), &front.norm) else {
        return (false, false);
    };
    let mut best: Option<(f32, Candidate)> = None;
    let candidates = Candidate::all(input.channels);
    for candidate in &candidates {
        let found = probe.at_norm(candidate, candidates.len());
        if let Some(score) = found.and_then(|found| disagreement(&found.moments(), norm))
            && best.is_none_or(|(least, _)| score < least)
        {
            best = Some((score, *candidate));
        }
    }
    let Some((_, best)) = best else { return (false, false) };
    let truth = &meta["preprocess"];
    let value = |key: &str| truth[key].as_f64().or_else(|| truth[key][1].as_f64()).or_else(|| truth[key][0].as_f64());
    let (mean, std) = best.of_channel(1.min(input.channels as usize - 1));
    let is_near =
        |wanted: Option<f64>, found: f32, by: f64| wanted.is_some_and(|wanted| (wanted - f64::from(found)).abs() <= by);
    let scaling = is_near(value("mean"), mean, 1.0) && is_near(value("std"), std, 0.01 * f64::from(std));
    let order = serde_json::json!(best.order).as_str().unwrap_or_default().to_lowercase();
    (scaling, truth["order"].as_str().is_some_and(|wanted| wanted.ends_with(&order)))
}

fn part(windows: &Windows, start: usize, count: usize) -> Windows {
    let size = windows.side * windows.side * 3;
    let pixels = windows.pixels[start * size..(start + count) * size].to_vec();
    Windows { count, side: windows.side, pixels }
}

/// Centred windows out of whole photos of `side` pixels.
fn read_windows(folder: &Path, side: usize, window: usize) -> Option<Windows> {
    let bytes = std::fs::read(folder.join(format!("{side}.rgb"))).ok()?;
    let offset = (side - window) / 2;
    let mut pixels = Vec::new();
    for photo in bytes.chunks_exact(side * side * 3) {
        for row in offset..offset + window {
            let start = (row * side + offset) * 3;
            pixels.extend(photo[start..start + window * 3].iter().map(|byte| f32::from(*byte)));
        }
    }
    let count = pixels.len() / (window * window * 3);
    (count >= COUNTS[4] * DRAWS).then_some(Windows { count, side: window, pixels })
}
