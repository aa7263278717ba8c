//! Which node takes the image, and how: size, channels, layout, element type and batch.

mod layout;
mod size;

use std::collections::{HashSet, VecDeque};

use menagerie_contract::{Dtype, Evidence, Layout, LoadRequest, Source};

use self::layout::Plan;
use crate::{
    data::{
        dtype::DataType,
        graph::{Graph, NodeId},
        tensor::Extents,
    },
    error::{GraphError, listed},
    find::found::{InputFound, evidence},
    limits::GraphLimits,
};

/// Each placeholder is followed on its own; a classifier has a handful.
const PLACEHOLDERS_MAX: usize = 64;

/// Finds the image input.
///
/// # Errors
/// No input, several equal ones, or one that takes no image.
pub fn find(graph: &Graph<'_>, request: &LoadRequest, limits: &GraphLimits) -> Result<InputFound, GraphError> {
    let (node, mut because) = choose(graph, request)?;
    let name = graph.node(node.0).name.to_string();
    let named = request.overrides.input_tensor.is_some();
    let mut found = Draft {
        evidence: vec![evidence(
            "input.tensor",
            &name,
            if named { request.source } else { Source::Read },
            if named { 1.0 } else { node.1 },
            std::mem::take(&mut because),
        )],
        warnings: Vec::new(),
    };
    let node = node.0;
    let first_layer = first_layer(graph, node);
    let shape = graph.stated_shape(node);
    let dtype = element_type(graph, node, &mut found)?;
    let plan = Plan::of(graph, node, first_layer, shape.as_ref(), request, &mut found)?;
    let (width, height) = size::find(graph, node, first_layer, &plan, request, limits, &mut found)?;
    if width.max(height) > u64::from(limits.side_pixels_max) {
        return Err(GraphError::SideTooLarge { tensor: name, width, height, limit: limits.side_pixels_max });
    }
    let batch = plan.batch.and_then(|batch| u32::try_from(batch).ok()).filter(|batch| *batch > 0);
    Ok(InputFound {
        node,
        tensor: name,
        dtype,
        layout: plan.layout,
        width: width as u32,
        height: height as u32,
        channels: plan.channels,
        batch,
        first_layer,
        evidence: found.evidence,
        warnings: found.warnings,
    })
}

impl InputFound {
    /// The axis along which pixels stand side by side; absent where all lie in one list.
    #[must_use]
    pub const fn width_axis(&self) -> Option<i32> {
        match self.layout {
            Layout::Nhwc | Layout::Nhw => Some(2),
            Layout::Nchw => Some(3),
            Layout::Flat => None,
        }
    }

    /// Extents of the fed tensor for `batch` images.
    #[must_use]
    pub fn extents(&self, batch: u64) -> Extents {
        let (width, height) = (Some(u64::from(self.width)), Some(u64::from(self.height)));
        let channels = u64::from(self.channels);
        match self.layout {
            Layout::Nhwc => vec![Some(batch), height, width, Some(channels)],
            Layout::Nchw => vec![Some(batch), Some(channels), height, width],
            Layout::Nhw => vec![Some(batch), height, width],
            Layout::Flat => {
                vec![Some(batch), Some(u64::from(self.width) * u64::from(self.height) * channels)]
            }
        }
    }
}

/// What is gathered on the way.
struct Draft {
    evidence: Vec<Evidence>,
    warnings: Vec<String>,
}

/// The input with its confidence, and why it was taken.
fn choose(graph: &Graph<'_>, request: &LoadRequest) -> Result<((NodeId, f32), String), GraphError> {
    if let Some(name) = &request.overrides.input_tensor {
        let id = graph.find(name).ok_or_else(|| GraphError::Override {
            field: "input_tensor",
            value: format!("{name:?}"),
            reason: format!("the graph has no such node; its placeholders are {}", placeholder_names(graph)),
        })?;
        if graph.constant_shape(id).is_some() {
            return Err(GraphError::Override {
                field: "input_tensor",
                value: format!("{name:?}"),
                reason: format!("it is a constant; the graph's placeholders are {}", placeholder_names(graph)),
            });
        }
        return Ok(((id, 1.0), "named by the caller".to_owned()));
    }
    let mut placeholders: Vec<NodeId> = graph
        .iter()
        .filter(|(id, node)| node.kind.is_placeholder() && may_be_image(graph, *id))
        .map(|(id, _)| id)
        .collect();
    if placeholders.is_empty() {
        placeholders = placeholders_with_constants(graph);
    }
    if placeholders.len() > PLACEHOLDERS_MAX {
        return Err(GraphError::TooMany { what: "placeholders", limit: PLACEHOLDERS_MAX as u64 });
    }
    let mut candidates: Vec<(NodeId, usize, usize)> = placeholders
        .into_iter()
        .map(|id| {
            let reached = graph.descendants([id]);
            let layers = reached.iter().filter(|id| graph.node(**id).kind.is_layer()).count();
            (id, layers, reached.len() - 1)
        })
        .filter(|(_, _, reached)| *reached > 0)
        .collect();
    candidates.sort_by_key(|(id, layers, _)| (std::cmp::Reverse(*layers), *id));
    match candidates.as_slice() {
        [] => Err(GraphError::NoInput(no_input_reason(graph))),
        [(id, layers, _)] => Ok(((*id, 0.99), format!("the only placeholder for numbers; {layers} layers hang on it"))),
        [(id, layers, _), (_, runner_up, _), ..] if layers > runner_up => Ok((
            (*id, 0.97),
            format!("{layers} layers hang on it, {runner_up} on the next of {} placeholders", candidates.len()),
        )),
        several => {
            let best = several[0].1;
            let equal = several.iter().filter(|(_, layers, _)| *layers == best);
            Err(GraphError::Ambiguous {
                what: "image input",
                field: "input_tensor",
                candidates: equal.map(|(id, _, _)| graph.node(*id).name.to_string()).collect(),
            })
        }
    }
}

/// Placeholders whose default is a constant: inputs of graphs that have no plain placeholder. Those of retrained graphs
/// stand in the middle and default to what is computed before them.
fn placeholders_with_constants(graph: &Graph<'_>) -> Vec<NodeId> {
    let is_input = |id: NodeId| {
        may_be_image(graph, id) && graph.input(id, 0).is_some_and(|default| graph.constant_shape(default).is_some())
    };
    graph.iter().filter(|(id, node)| node.op == "PlaceholderWithDefault" && is_input(*id)).map(|(id, _)| id).collect()
}

fn no_input_reason(graph: &Graph<'_>) -> String {
    if graph.is_empty() {
        "it has no nodes at all".to_owned()
    } else if graph.iter().any(|(_, node)| node.kind.is_placeholder()) {
        format!("none of its placeholders ({}) takes numbers and leads on", placeholder_names(graph))
    } else {
        "it has no placeholder; freeze the inference graph, not a part of it".to_owned()
    }
}

fn placeholder_names(graph: &Graph<'_>) -> String {
    let names: Vec<String> = graph
        .iter()
        .filter(|(_, node)| node.kind.is_placeholder())
        .map(|(_, node)| format!("{:?}", node.name))
        .collect();
    listed(&names)
}

/// Whether the placeholder takes numbers and is no scalar switch such as `keep_prob`.
fn may_be_image(graph: &Graph<'_>, id: NodeId) -> bool {
    graph.node(id).dtype("dtype").is_none_or(DataType::is_numeric)
        && graph.stated_shape(id).is_none_or(|extents| extents.len() >= 2)
}

/// The nearest layer with weights on the way down from `input`.
fn first_layer(graph: &Graph<'_>, input: NodeId) -> Option<NodeId> {
    let mut seen = HashSet::from([input]);
    let mut queue = VecDeque::from([input]);
    while let Some(id) = queue.pop_front() {
        if graph.node(id).kind.is_layer() {
            return Some(id);
        }
        for next in graph.consumers(id) {
            if seen.insert(*next) {
                queue.push_back(*next);
            }
        }
    }
    None
}

fn element_type(graph: &Graph<'_>, id: NodeId, found: &mut Draft) -> Result<Dtype, GraphError> {
    let node = graph.node(id);
    let stated = node.dtype("dtype").or_else(|| node.dtype("DstT")).or_else(|| node.dtype("T"));
    let (dtype, because) = match stated {
        Some(DataType::Uint8) => (Dtype::Uint8, "the placeholder takes bytes".to_owned()),
        Some(DataType::Float) => (Dtype::Float32, "the placeholder takes 32-bit floats".to_owned()),
        None => (Dtype::Float32, "the node does not say; floats are usual".to_owned()),
        Some(other) if other.is_numeric() => {
            (Dtype::Float32, format!("the placeholder takes {}; a cast from float32 is put behind it", other.name()))
        }
        Some(other) => {
            return Err(GraphError::NoInput(format!("node {:?} takes {}, not pixels", node.name, other.name())));
        }
    };
    found.evidence.push(evidence("input.dtype", dtype, Source::Read, 1.0, because));
    Ok(dtype)
}
