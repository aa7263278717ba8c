//! Graphs that people really send, answered: those beside the project, and a value that loses the axis of its batch.

use std::fs;

use menagerie_contract::{OutputKind, SpecOverrides};
use menagerie_engine::{
    Model,
    graphdef::{Attribute, GraphBuilder},
};
use menagerie_graph::GraphLimits;

use crate::{
    surroundings::{library, request, shared},
    zoo::pixels,
};

fn load(graph: Vec<u8>, overrides: SpecOverrides) -> Model {
    Model::load(&library(), graph, &request(overrides), &GraphLimits::default()).unwrap()
}

/// What the file `name` among the tries answers three photos; absent where it is not there.
fn scores(name: &str, overrides: SpecOverrides) -> Option<Vec<Vec<f32>>> {
    let graph = fs::read(shared("tries")?.join(name)).unwrap();
    let model = load(graph, overrides);
    let input = &model.spec().input;
    let count = (input.width * input.height * input.channels) as usize;
    Some((1..4).map(|seed| model.run(&pixels(count, seed), 1).unwrap().values).collect())
}

fn assert_alike(left: &[Vec<f32>], right: &[Vec<f32>]) {
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left.len(), right.len());
        for (left, right) in left.iter().zip(right) {
            assert!((left - right).abs() <= 1e-4 * left.abs().max(1.0), "{left} against {right}");
        }
    }
}

#[test]
fn an_input_that_is_named_behind_the_graphs_own_scaling_is_answered_alike() {
    let at_mul = || SpecOverrides {
        input_tensor: Some("Mul".into()),
        mean: Some(vec![127.5]),
        std: Some(vec![127.5]),
        width: Some(128),
        height: Some(128),
        ..SpecOverrides::default()
    };
    // The graphs themselves subtract 128 and divide by 128.
    let exact = || SpecOverrides { mean: Some(vec![128.0]), std: Some(vec![128.0]), ..at_mul() };
    let Some(whole) = scores("decodejpeg-const/const.pb", SpecOverrides::default()) else { return };
    for name in ["decodejpeg-const/const.pb", "decodejpeg-const/placeholder-sub-mul.pb"] {
        assert_alike(&whole, &scores(name, exact()).unwrap());
        let best = |scores: &[f32]| (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        for (whole, cut) in whole.iter().zip(scores(name, at_mul()).unwrap()) {
            assert_eq!(best(whole), best(&cut), "{name}");
        }
    }
}

#[test]
fn a_graph_of_functions_answers_as_the_same_saved_model_does() {
    let Some(frozen) = scores("tf2-frozen-by-tf1/graph.pb", SpecOverrides::default()) else { return };
    assert_alike(&frozen, &scores("savedmodel-zip/windows-powershell.zip", SpecOverrides::default()).unwrap());
}

#[test]
fn batch_normalisation_behind_a_training_switch_answers() {
    let Some(answers) = scores("keras-bn-switch/graph.pb", SpecOverrides::default()) else { return };
    for scores in answers {
        assert_eq!(scores.len(), 5);
        assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{scores:?}");
    }
}

#[test]
fn one_logit_is_one_number() {
    let Some(answers) = scores("single-logit/graph.pb", SpecOverrides::default()) else { return };
    assert!(answers.iter().all(|scores| scores.len() == 1), "{answers:?}");
    assert!(answers.iter().flatten().any(|score| !(0.0..=1.0).contains(score)), "{answers:?}");
}

#[test]
fn a_value_without_an_axis_for_the_batch_is_answered_for_each_image() {
    const FLOAT: Attribute<'_> = Attribute::Type(1);
    let graph = GraphBuilder::new()
        .placeholder("input", &[-1, 2, 2, 3])
        .indices("axes", &[1, 2])
        .constant("kernel", &[3, 1], &[0.01, -0.02, 0.03])
        .float_node("pool", "Mean", &["input", "axes"], &[("Tidx", Attribute::Type(3))])
        .float_node("product", "MatMul", &["pool", "kernel"], &[])
        .node("flat", "Squeeze", &["product"], &[("T", FLOAT)])
        .float_node("probability", "Sigmoid", &["flat"], &[])
        .finish();
    let raw = SpecOverrides { mean: Some(vec![0.0]), std: Some(vec![1.0]), ..SpecOverrides::default() };
    let model = load(graph, raw);
    assert_eq!((model.spec().output.kind, model.spec().output.classes), (OutputKind::Sigmoid, 1));
    let photos = [pixels(12, 1), pixels(12, 2), pixels(12, 3)];
    let together = model.run(&photos.concat(), 3).unwrap().values;
    let alone: Vec<f32> = photos.iter().flat_map(|photo| model.run(photo, 1).unwrap().values).collect();
    assert_eq!(together, alone);
    assert!(alone.iter().all(|value| *value > 0.0 && *value < 1.0) && (alone[0] - alone[1]).abs() > 1e-4, "{alone:?}");
}
