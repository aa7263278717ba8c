//! Which node answers with the class scores, wherever in the graph it stands.

mod candidates;
mod doubts;
mod squash;
mod walk;

use std::collections::HashSet;

use menagerie_contract::{LoadRequest, OutputKind, Source, counted};

use self::walk::Candidate;
use crate::{
    data::{
        graph::{Graph, NodeId},
        tensor::Extents,
    },
    error::GraphError,
    find::{
        allow_list,
        found::{InputFound, OutputFound, alternative, evidence},
    },
    limits::GraphLimits,
    shapes::Shapes,
};

/// Finds the class output behind `input`.
///
/// # Errors
/// No class scores, or several that are equally good.
pub fn find(
    graph: &Graph<'_>,
    input: &InputFound,
    request: &LoadRequest,
    limits: &GraphLimits,
) -> Result<OutputFound, GraphError> {
    let reached = answerable(graph, input)?;
    let mut candidates = match &request.overrides.output_tensor {
        Some(name) => vec![candidates::named(graph, name, &reached, input)?],
        None => candidates::at_ends(graph, input, &reached),
    };
    let shapes = shapes_of(graph, input, &candidates, limits)?;
    let ends: Vec<NodeId> = candidates.iter().map(|candidate| candidate.scores).collect();
    let mut refused = Vec::new();
    candidates.retain_mut(|candidate| match classes(shapes.extents(candidate.scores), input.batch) {
        Err(_) if is_of_one_image(graph, &shapes, &reached, candidate.scores) => {
            candidate.classes = Some(1);
            true
        }
        Ok(Some(1)) if candidate.kind == OutputKind::Softmax => {
            refused.push(format!(
                "{:?} is the softmax of one value, which is always 1",
                graph.node(candidate.scores).name
            ));
            false
        }
        Ok(classes) => {
            candidate.classes = classes.or_else(|| candidate.kernel_classes(graph));
            candidate.classes.is_some()
        }
        Err(reason) => {
            refused.push(format!("{:?} {reason}", graph.node(candidate.scores).name));
            false
        }
    });
    if candidates.is_empty() {
        // An op that may not run hides the shape of what comes behind it; it is the better reason.
        let needed = graph.between(input.node, ends, true);
        if let Some(forbidden) = allow_list::audit(graph, &needed).into_iter().next() {
            return Err(GraphError::OpForbidden(forbidden));
        }
        let reason = match refused.first() {
            Some(reason) => format!("its output {reason}"),
            None => "no list of class scores depends on the image input".to_owned(),
        };
        return Err(GraphError::NoOutput(reason));
    }
    let (chosen, because, confidence) = choose(graph, &mut candidates, request)?;
    let values = chosen.classes.unwrap_or(0);
    let refuse = |value: &str, reason: String| {
        let name = &graph.node(chosen.scores).name;
        let reason = format!("{name:?} has {} for each image, {reason}", counted(values, "value", "values"));
        Err(GraphError::Override { field: "output_kind", value: value.to_owned(), reason })
    };
    match request.overrides.output_kind {
        Some(OutputKind::Index) if values != 1 => {
            return refuse("index", "and a class number is one; leave it out".to_owned());
        }
        Some(OutputKind::Softmax) if values == 1 => {
            let reason = "and the softmax of one is always 1; set `sigmoid` for a probability, `logits` for any number";
            return refuse("softmax", reason.to_owned());
        }
        _ => {}
    }
    let heads: Vec<String> = candidates.iter().map(|other| graph.node(other.tensor).name.to_string()).collect();
    Ok(describe(graph, &chosen, because, confidence, heads, request))
}

fn describe(
    graph: &Graph<'_>,
    chosen: &Candidate,
    because: String,
    confidence: f32,
    heads: Vec<String>,
    request: &LoadRequest,
) -> OutputFound {
    let tensor = graph.node(chosen.tensor).name.to_string();
    let classes = chosen.classes.unwrap_or(0);
    let is_named = request.overrides.output_tensor.is_some();
    let mut tensor_evidence =
        evidence("output.tensor", &tensor, if is_named { request.source } else { Source::Read }, confidence, because);
    tensor_evidence.alternatives = heads.iter().map(|head| alternative(head, 0.0)).collect();
    let (kind, kind_source, kind_because, kind_confidence) = match request.overrides.output_kind {
        Some(kind) => (kind, request.source, "set by the caller".to_owned(), 1.0),
        None => (chosen.kind, Source::Read, chosen.kind_because(graph), 0.98),
    };
    let mut warnings = Vec::new();
    if chosen.is_single_row {
        warnings.push(format!(
            "Output {tensor:?} answers only for the first image of a batch; the scores before it, {:?}, are fetched.",
            graph.node(chosen.scores).name
        ));
    }
    if kind == OutputKind::Sigmoid && classes > 1 {
        warnings.push("The classes are independent: their probabilities need not sum to 1.".to_owned());
    }
    warnings.extend(doubts::warnings(graph, chosen, kind, classes, request));
    OutputFound {
        node: chosen.tensor,
        tensor,
        scores: chosen.scores,
        kind,
        classes,
        heads,
        evidence: vec![
            tensor_evidence,
            evidence("output.kind", kind, kind_source, kind_confidence, kind_because),
            evidence(
                "output.classes",
                classes,
                Source::Read,
                0.99,
                format!(
                    "{:?} has {} for each image",
                    graph.node(chosen.scores).name,
                    counted(classes, "value", "values")
                ),
            ),
        ],
        warnings,
    }
}

/// Nodes that depend on the image and on no other placeholder.
fn answerable(graph: &Graph<'_>, input: &InputFound) -> Result<HashSet<NodeId>, GraphError> {
    let others: Vec<NodeId> =
        graph.iter().filter(|(id, node)| node.kind.is_placeholder() && *id != input.node).map(|(id, _)| id).collect();
    let tainted = graph.descendants(others.iter().copied());
    let mut reached = graph.descendants([input.node]);
    // Gradients depend on the wanted labels, and nothing that answers depends on them.
    let is_layer = |id: NodeId| graph.node(id).kind.is_layer() && !graph.node(id).name.contains("gradients");
    if let Some(layer) = graph.order().iter().find(|id| reached.contains(id) && tainted.contains(id) && is_layer(**id))
    {
        let above = graph.ancestors([*layer], false);
        let placeholder = others.iter().find(|id| above.contains(id)).map_or("", |id| &graph.node(*id).name);
        return Err(GraphError::ExtraInput {
            placeholder: placeholder.to_owned(),
            layer: graph.node(*layer).name.to_string(),
        });
    }
    reached.retain(|id| !tainted.contains(id));
    Ok(reached)
}

fn shapes_of(
    graph: &Graph<'_>,
    input: &InputFound,
    candidates: &[Candidate],
    limits: &GraphLimits,
) -> Result<Shapes, GraphError> {
    let needed = graph.ancestors(candidates.iter().map(|candidate| candidate.scores), false);
    let scope = graph.ordered(&needed);
    Shapes::propagate(graph, &scope, input.node, &input.extents(input.batch.map_or(1, u64::from)), limits)
}

/// Whether the number `id` without axes is what a `Squeeze` or `Reshape` left of one image's value, and no sum over images.
fn is_of_one_image(graph: &Graph<'_>, shapes: &Shapes, reached: &HashSet<NodeId>, mut id: NodeId) -> bool {
    let is_number = |id: NodeId| shapes.extents(id).is_some_and(Vec::is_empty);
    loop {
        let mut inputs = graph.node(id).inputs.iter().map(|input| input.node);
        match inputs.find(|up| reached.contains(up) && is_number(*up)) {
            Some(up) => id = up,
            None => return is_number(id) && matches!(graph.node(id).op, "Squeeze" | "Reshape"),
        }
    }
}

/// Number of classes from the extents of the scores: one list of values for each image of a batch of `batch`.
fn classes(extents: Option<&Extents>, batch: Option<u32>) -> Result<Option<u32>, String> {
    let Some(extents) = extents else { return Ok(None) };
    let written = || {
        let sides: Vec<String> =
            extents.iter().map(|extent| extent.map_or_else(|| "?".to_owned(), |extent| extent.to_string())).collect();
        format!("[{}]", sides.join(", "))
    };
    let per_image = match extents.as_slice() {
        [] => return Err("is a single number for the whole batch".to_owned()),
        [values] if batch.is_some_and(|batch| batch > 1 && *values == Some(u64::from(batch))) => &[],
        [values] => std::slice::from_ref(values),
        [_, rest @ ..] => rest,
    };
    let mut classes = 1;
    for extent in per_image {
        match (extent, classes) {
            (None, _) => return Ok(None),
            (Some(1), _) => {}
            (Some(extent), 1) => classes = *extent,
            _ => {
                return Err(format!("has the shape {}, which is a picture or a map and no list of classes", written()));
            }
        }
    }
    u32::try_from(classes).map(Some).map_err(|_| format!("has the shape {}", written()))
}

/// The best candidate, taken out of `candidates`; why; and how sure that is.
fn choose(
    graph: &Graph<'_>,
    candidates: &mut Vec<Candidate>,
    request: &LoadRequest,
) -> Result<(Candidate, String, f32), GraphError> {
    if candidates.len() == 1 {
        let chosen = candidates.remove(0);
        let (because, confidence) = match &request.overrides.output_tensor {
            Some(_) => ("named by the caller".to_owned(), 1.0),
            None => (chosen.because(graph), 0.97),
        };
        return Ok((chosen, because, confidence));
    }
    let fit = |candidate: &Candidate| match (request.label_count, candidate.classes) {
        (Some(labels), Some(classes)) if labels == classes => 2,
        (Some(labels), Some(classes)) if labels.abs_diff(classes) == 1 => 1,
        _ => 0,
    };
    let rank = |candidate: &Candidate| {
        let name = graph.node(candidate.scores).name.to_ascii_lowercase();
        (fit(candidate), !name.contains("aux"), candidate.activation.is_some(), candidate.classes > Some(1))
    };
    candidates.sort_by_key(|candidate| std::cmp::Reverse(rank(candidate)));
    if rank(&candidates[0]) == rank(&candidates[1]) {
        let equal = candidates.iter().filter(|other| rank(other) == rank(&candidates[0]));
        return Err(GraphError::Ambiguous {
            what: "class output",
            field: "output_tensor",
            candidates: equal.map(|other| graph.node(other.tensor).name.to_string()).collect(),
        });
    }
    let chosen = candidates.remove(0);
    let because = match (request.label_count, fit(&chosen)) {
        (Some(labels), 1..) => format!(
            "of {} heads the one whose {} classes fit the {labels} labels",
            candidates.len() + 1,
            chosen.classes.unwrap_or(0)
        ),
        _ => format!("of {} heads the main one: {}", candidates.len() + 1, chosen.because(graph)),
    };
    Ok((chosen, because, 0.9))
}
