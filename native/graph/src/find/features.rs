//! What a classifier computes before its class layer: the vector that a new class layer can be put on.

use menagerie_contract::{Evidence, Source};

use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, Graph, NodeId},
    },
    error::GraphError,
    find::found::{InputFound, OutputFound, evidence},
    limits::GraphLimits,
    shapes::Shapes,
};

/// The features of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct FeaturesFound {
    /// The node that has them.
    pub node: NodeId,
    /// Its name.
    pub tensor: String,
    /// The axes that they are averaged over, where they are still spatial.
    pub averaged: Option<[i32; 2]>,
    /// How many each image has.
    pub size: u32,
    /// Where each field comes from.
    pub evidence: Vec<Evidence>,
}

/// Finds the features: what `named` gives, else what the last layer in front of the scores takes. Of a picture of features
/// the mean of each channel counts.
///
/// # Errors
/// [`GraphError::NoFeatures`], and [`GraphError::Override`] for a name that does not fit.
pub fn find(
    graph: &Graph<'_>,
    input: &InputFound,
    output: &OutputFound,
    named: Option<&str>,
    limits: &GraphLimits,
) -> Result<FeaturesFound, GraphError> {
    let (node, layer, because) = match named {
        Some(name) => (of_name(graph, input, name)?, None, "named by the caller".to_owned()),
        None => in_front_of_scores(graph, input, output)?,
    };
    let tensor = graph.node(node).name.to_string();
    let refuse = |reason: String| match named {
        Some(name) => {
            GraphError::Override { field: "features", value: format!("{name:?}"), reason: format!("it {reason}") }
        }
        None => GraphError::NoFeatures(format!("{tensor:?} {reason}")),
    };
    let needed = graph.between(input.node, [node], false);
    let extents = input.extents(input.batch.map_or(1, u64::from));
    let shapes = Shapes::propagate(graph, &needed, input.node, &extents, limits)?;
    graph.steps.check()?;
    let extents =
        shapes.extents(node).ok_or_else(|| refuse("has a shape that does not follow from its image".into()))?;
    let is_channels_first = layer.is_some_and(|layer: NodeId| graph.node(layer).is_channels_first())
        || graph.node(node).is_channels_first();
    let (averaged, values) = match extents.as_slice() {
        [_, channels, _, _] if is_channels_first => (Some([2, 3]), *channels),
        [_, _, _, channels] => (Some([1, 2]), *channels),
        [_, rest @ ..] if !rest.is_empty() => (None, rest.iter().copied().product::<Option<u64>>()),
        _ => return Err(refuse("is no list of values for each image".into())),
    };
    let size = values.and_then(|values| u32::try_from(values).ok()).filter(|size| *size > 1);
    let size = size.ok_or_else(|| refuse("has no fixed number of values for each image".into()))?;
    let source = if named.is_some() { Source::Request } else { Source::Read };
    let how = if averaged.is_some() { "channels, each averaged over its picture" } else { "values for each image" };
    let evidence = vec![
        evidence("features.tensor", &tensor, source, if named.is_some() { 1.0 } else { 0.95 }, because),
        evidence("features.size", size, Source::Read, 0.99, format!("{tensor:?} has {size} {how}")),
    ];
    Ok(FeaturesFound { node, tensor, averaged, size, evidence })
}

fn of_name(graph: &Graph<'_>, input: &InputFound, name: &str) -> Result<NodeId, GraphError> {
    let refuse = |reason: &str| GraphError::Override {
        field: "features",
        value: format!("{name:?}"),
        reason: reason.to_owned(),
    };
    let id = graph.find(name).ok_or_else(|| refuse("the graph has no such node"))?;
    let is_of_image = id != input.node && graph.descendants([input.node]).contains(&id);
    if is_of_image { Ok(id) } else { Err(refuse("it does not depend on the image input")) }
}

/// The input of the last layer with stored weights, the layer, and why.
fn in_front_of_scores(
    graph: &Graph<'_>,
    input: &InputFound,
    output: &OutputFound,
) -> Result<(NodeId, Option<NodeId>, String), GraphError> {
    let of_image = graph.descendants([input.node]);
    let mut at = output.scores;
    for _ in 0..graph.len() {
        let node = graph.node(at);
        let is_class_layer =
            node.kind.is_layer() && graph.input(at, 1).is_some_and(|kernel| !of_image.contains(&kernel));
        let up = node.inputs.iter().find(|up| of_image.contains(&up.node)).copied();
        let Some(Endpoint { node: above, port }) = up.filter(|_| at != input.node) else { break };
        if is_class_layer {
            let because = format!("what the last layer in front of the scores, the {} {:?}, takes", node.op, node.name);
            let is_float = node.dtype("T").is_none_or(|dtype| dtype == DataType::Float);
            if above == input.node || port != 0 || !is_float {
                let reason = format!("the last layer, {:?}, takes the image itself, or no floats", node.name);
                return Err(GraphError::NoFeatures(reason));
            }
            return Ok((above, Some(at), because));
        }
        at = above;
    }
    Err(GraphError::NoFeatures("no layer with stored weights stands in front of the scores".into()))
}
