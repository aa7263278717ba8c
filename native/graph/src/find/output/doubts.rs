//! What speaks against taking a graph's output for class scores: no class layer, or one measured value.

use menagerie_contract::{LoadRequest, OutputKind};

use super::walk::Candidate;
use crate::{
    data::{graph::Graph, node::NodeId},
    ops::Role,
};

/// Parts of names that people give to the scores of classes.
const CLASS_WORDS: [&str; 8] = ["logit", "class", "prob", "score", "predict", "label", "softmax", "sigmoid"];
/// Parts of names that people give to features.
const FEATURE_WORDS: [&str; 5] = ["embed", "feature", "bottleneck", "descriptor", "encod"];

/// What the caller should know of an output of `classes` values of `kind`. Who says what the values are, or brings as many
/// labels as there are classes, knows it.
pub(super) fn warnings(
    graph: &Graph<'_>,
    chosen: &Candidate,
    kind: OutputKind,
    classes: u32,
    request: &LoadRequest,
) -> Vec<String> {
    if chosen.activation.is_some() || request.overrides.output_kind.is_some() || kind != OutputKind::Logits {
        return Vec::new();
    }
    let tensor = &graph.node(chosen.tensor).name;
    if classes == 1 {
        let doubt = if is_never_negative(graph, chosen.scores) {
            "It is never negative, as a measured value is and a logit is not"
        } else if request.label_count.is_none() && !names_of(graph, chosen).any(|name| has(&name, &CLASS_WORDS)) {
            "It may as well be a measured value, as of a regression"
        } else {
            return Vec::new();
        };
        return vec![format!(
            "Output {tensor:?} is one value without a sigmoid and is taken for the logit of the second of two classes. \
             {doubt}: then the graph is no classifier. Give two labels or set `output_kind` if it is one."
        )];
    }
    let labels_fit = request.label_count.is_some_and(|labels| labels.abs_diff(classes) <= 1);
    match no_class_layer(graph, chosen).filter(|_| !labels_fit) {
        Some(why) => vec![format!(
            "Output {tensor:?} may hold {classes} features in place of class scores: {why}. Export the graph with its class \
             layer, name another output with `output_tensor`, or give the labels of its classes."
        )],
        None => Vec::new(),
    }
}

/// Why the values of `chosen` look like features.
fn no_class_layer(graph: &Graph<'_>, chosen: &Candidate) -> Option<String> {
    if let Some(name) = names_of(graph, chosen).find(|name| has(name, &FEATURE_WORDS)) {
        return Some(format!("it is named {name:?}"));
    }
    if !graph.node(chosen.layer).kind.is_layer() {
        return Some("no layer with trained weights leads to them".to_owned());
    }
    let layer = &graph.node(chosen.layer).name;
    let between = graph.between(chosen.layer, [chosen.scores], false);
    let depends: std::collections::HashSet<NodeId> = graph.descendants([chosen.layer]);
    between.iter().filter(|id| **id != chosen.layer && depends.contains(id)).find_map(|id| {
        let node = graph.node(*id);
        match node.kind.role {
            Role::Activation => Some(format!("the activation {:?} follows the last layer {layer:?}", node.name)),
            Role::BatchNorm => Some(format!("the normalisation {:?} follows the last layer {layer:?}", node.name)),
            _ if matches!(node.op, "Mul" | "Div" | "RealDiv")
                && node.inputs.len() == 2
                && node.inputs.iter().all(|input| depends.contains(&input.node)) =>
            {
                Some(format!("{:?} scales them by one another behind the last layer {layer:?}", node.name))
            }
            _ => None,
        }
    })
}

/// Whether a rectifier stands right before `id`.
fn is_never_negative(graph: &Graph<'_>, mut id: NodeId) -> bool {
    const STEPS_MAX: usize = 8;
    for _ in 0..STEPS_MAX {
        let node = graph.node(id);
        match node.op {
            "Relu" | "Relu6" | "Softplus" | "Exp" | "Abs" | "Square" => return true,
            "Squeeze" | "Reshape" | "ExpandDims" | "Mean" => {}
            _ if node.kind.is_passage() => {}
            _ => return false,
        }
        match graph.input(id, 0) {
            Some(up) => id = up,
            None => return false,
        }
    }
    false
}

/// Names of the output and its layer, in lower case, without what stands in front of the last two parts.
fn names_of(graph: &Graph<'_>, chosen: &Candidate) -> impl Iterator<Item = String> {
    [chosen.tensor, chosen.scores, chosen.layer].into_iter().map(|id| {
        let name = &graph.node(id).name;
        let start = name.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
        name[start..].to_ascii_lowercase()
    })
}

fn has(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.contains(word))
}
