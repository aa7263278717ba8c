//! Both runtimes, on the same graphs.

use std::{fs, path::Path};

use menagerie_contract::{OutputKind, SpecOverrides};
use menagerie_engine::{EngineError, Library, Model, RunScores, probe_graph};
use menagerie_graph::GraphLimits;

use crate::{
    surroundings::{library, onnxruntime, repository, request},
    zoo::{self, pixels},
};

fn load(library: &Library, name: &str, graph: &[u8]) -> Model {
    let model = Model::load(library, graph, &request(SpecOverrides::default()), &GraphLimits::default())
        .unwrap_or_else(|error| panic!("{name} on {}: {error}", library.kind().name()));
    model.optimize().unwrap_or_else(|error| panic!("{name} on {}: {error}", library.kind().name()));
    model
}

/// Graphs of the zoo that a clone has.
fn own_graphs() -> Vec<(String, Vec<u8>)> {
    let models = fs::read_dir(repository().join("models")).unwrap().flatten();
    models.filter_map(|folder| graph_of(&folder.path())).collect()
}

fn graph_of(folder: &Path) -> Option<(String, Vec<u8>)> {
    let files = fs::read_dir(folder).ok()?.flatten().map(|file| file.path());
    let graph = files.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "pb"))?;
    Some((graph.display().to_string(), fs::read(&graph).unwrap()))
}

fn best(scores: &[f32]) -> Option<usize> {
    (0..scores.len()).max_by(|left, right| scores[*left].total_cmp(&scores[*right]))
}

/// What a client sees: of logits the softmax, so that a difference of scores is one of probabilities.
fn probabilities(model: &Model, scores: &RunScores) -> Vec<f32> {
    match model.spec().output.kind {
        OutputKind::Logits => {
            let largest = scores.values.iter().copied().fold(f32::MIN, f32::max);
            let powers: Vec<f32> = scores.values.iter().map(|score| (score - largest).exp()).collect();
            let sum: f32 = powers.iter().sum();
            powers.iter().map(|power| power / sum).collect()
        }
        _ => scores.values.clone(),
    }
}

#[test]
fn they_agree_on_every_graph() {
    let (Some(onnx), tensorflow) = (onnxruntime(), library()) else { return };
    let shared = zoo::graphs().into_iter().map(|(name, graph, _)| (name, graph));
    for (name, graph) in own_graphs().into_iter().chain(shared) {
        let (wanted, found) = (load(&tensorflow, &name, &graph), load(&onnx, &name, &graph));
        assert_eq!(wanted.spec(), found.spec(), "{name}");
        let input = &wanted.spec().input;
        for seed in 1..6 {
            let photo = pixels((input.width * input.height * input.channels) as usize, seed);
            let [wanted, found] = [&wanted, &found].map(|model| probabilities(model, &model.run(&photo, 1).unwrap()));
            assert_eq!(wanted.len(), found.len(), "{name}");
            // Two classes that are alike in one runtime may change places in the other.
            let (first, its) = (best(&wanted).unwrap(), best(&found).unwrap());
            assert!(first == its || wanted[first] - wanted[its] < 1e-5, "{name}: {its} against {first}");
            for (class, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
                assert!((wanted - found).abs() <= 1e-4, "{name}, class {class}: {found} against {wanted}");
            }
        }
    }
}

#[test]
fn onnx_runtime_gives_runs_side_by_side_what_it_gives_them_alone() {
    let Some(library) = onnxruntime() else { return };
    let request = menagerie_contract::LoadRequest { threads: 0, ..request(SpecOverrides::default()) };
    let model = Model::load(&library, probe_graph(), &request, &GraphLimits::default()).unwrap();
    assert_eq!((model.threads(), model.lanes()), (1, library.cores()));
    let photos: Vec<Vec<u8>> = (0..8).map(|seed| pixels(16 * 16 * 3, seed)).collect();
    let alone: Vec<Vec<f32>> = photos.iter().map(|photo| model.run(photo, 1).unwrap().values).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| model.optimize().unwrap());
        for (photo, alone) in photos.iter().zip(&alone) {
            let model = &model;
            scope.spawn(move || {
                for _ in 0..50 {
                    for (beside, alone) in model.run(photo, 1).unwrap().values.iter().zip(alone) {
                        assert!((beside - alone).abs() <= 1e-6, "{beside} against {alone}");
                    }
                }
            });
        }
    });
    let together = model.run(&photos.concat(), 8).unwrap().values;
    for (together, alone) in together.iter().zip(alone.concat()) {
        assert!((together - alone).abs() <= 1e-6, "{together} against {alone}");
    }
}

#[test]
fn onnx_runtime_refuses_bytes_that_are_no_graph_as_libtensorflow_does() {
    let Some(onnx) = onnxruntime() else { return };
    let refusal = |library| -> EngineError {
        Model::load(library, b"no graph", &request(SpecOverrides::default()), &GraphLimits::default()).err().unwrap()
    };
    assert_eq!(refusal(&onnx).to_string(), refusal(&library()).to_string());
}
