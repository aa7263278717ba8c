//! What speaks against taking a graph's output for class scores: no class layer, or one measured value.

use std::collections::HashSet;

use menagerie_contract::{LoadRequest, OutputKind};

use super::walk::Candidate;
use crate::{
    data::{graph::Graph, node::NodeId, tensor::element_count},
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
    let depends: HashSet<NodeId> = graph.descendants([chosen.layer]);
    let mut behind = graph.between(chosen.layer, [chosen.scores], false);
    let next = consumers(graph, chosen.scores);
    // A sigmoid that is none of the scores gates what it multiplies.
    let gates = next.iter().filter(|id| graph.node(**id).op == "Sigmoid");
    behind.extend(gates.flat_map(|gate| consumers(graph, *gate)).collect::<Vec<_>>());
    behind.extend(next);
    behind.iter().filter(|id| **id != chosen.layer && depends.contains(id)).find_map(|id| {
        let node = graph.node(*id);
        let is_scale = matches!(node.op, "Mul" | "Div" | "RealDiv") && node.inputs.len() == 2;
        let other = node.inputs.iter().map(|input| input.node).find(|input| !depends.contains(input));
        match (node.kind.role, other) {
            (Role::Activation, _) => Some(format!("the activation {:?} follows the last layer {layer:?}", node.name)),
            (Role::BatchNorm, _) => Some(format!("the normalisation {:?} follows the last layer {layer:?}", node.name)),
            (_, None) if is_scale => {
                Some(format!("{:?} scales them by one another behind the last layer {layer:?}", node.name))
            }
            (_, Some(other)) if is_scale && is_of_each_value(graph, other) => {
                Some(format!("{:?} scales each by a number of its own behind the last layer {layer:?}", node.name))
            }
            _ => None,
        }
    })
}

/// What takes the values of `id`, as they are or through passages.
fn consumers(graph: &Graph<'_>, id: NodeId) -> Vec<NodeId> {
    let mut found = Vec::new();
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        for consumer in graph.consumers(id) {
            let list = if graph.node(*consumer).kind.is_passage() { &mut open } else { &mut found };
            list.push(*consumer);
        }
    }
    found
}

/// Whether `id` has a number for each value, as a normalisation has: one for all of them is a temperature.
fn is_of_each_value(graph: &Graph<'_>, id: NodeId) -> bool {
    match graph.constant_shape(id) {
        Some(shape) => element_count(&shape) > 1,
        None => graph.ancestors([id], false).iter().any(|id| graph.node(*id).op == "Rsqrt"),
    }
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
