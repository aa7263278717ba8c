//! Prints what detection weighs, one JSON object a graph, for `models/training/family/fit.py`.
//!
//! `cargo run --release -p menagerie-graph --example features -- FOLDER...`, each with a `graph.pb`.

use std::{error::Error, path::Path};

use menagerie_contract::{LoadRequest, Source, SpecOverrides};
use menagerie_graph::{
    Graph, GraphLimits, input,
    normalization::{clues, features::Look, probe::Front},
    parse,
};
use serde_json::{Value, json};

fn main() {
    for folder in std::env::args().skip(1) {
        match describe(Path::new(&folder)) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("{folder}: {error}"),
        }
    }
}

fn describe(folder: &Path) -> Result<Value, Box<dyn Error>> {
    let file = std::fs::read(folder.join("graph.pb"))?;
    let limits = GraphLimits::default();
    let request = LoadRequest::new(Source::Request, SpecOverrides::default());
    let graph = Graph::build(parse::parse(&file, &limits)?, &limits)?;
    let input = input::find(&graph, &request, &limits)?;
    let clues = clues::gather(&graph, &input, None);
    let look = |look: Look| json!([look.spread, look.unevenness, look.shift, look.stuck, look.cut]);
    let candidates: Vec<Value> = clues
        .candidates
        .iter()
        .map(|clue| {
            json!({
                "scaling": clue.candidate.scaling.name,
                "order": clue.candidate.order,
                "likelihood": clue.likelihood,
                "disagreement": clue.disagreement,
                "first": clue.first.map(look),
                "second": clue.second.map(look),
                "scores": clue.scores.map(look),
            })
        })
        .collect();
    Ok(json!({
        "folder": folder,
        "fed": clues.fed.map(|fed| format!("{fed:?}")),
        "energy_ratio": clues.energy_ratio,
        "bias_ratio": clues.bias_ratio,
        "misfit": clues.misfit,
        "is_linear": clues.front.as_ref().is_some_and(Front::is_linear),
        "norm": clues.front.as_ref().and_then(|front| front.norm.as_ref()).map(|norm| (&norm.form, norm.mean.len())),
        "candidates": candidates,
    }))
}
