//! From a graph file and what the caller knows to a model that can be served.

use menagerie_contract::{ChannelOrder, InputSpec, LoadRequest, ModelSpec, OutputSpec, Source, Verdict};

use crate::{
    error::GraphError,
    facts,
    found::{InputFound, Normalization, evidence},
    graph::Graph,
    input,
    limits::GraphLimits,
    normalization, output, parse,
    shapes::Shapes,
};

/// A graph that can be served.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// How to feed and read it.
    pub spec: ModelSpec,
    /// The prepared GraphDef to import.
    pub graph: Vec<u8>,
    /// The fed node of `graph`.
    pub input_tensor: String,
    /// The fetched node of `graph`: scores of all images of a batch.
    pub output_tensor: String,
}

/// Finds out how `file` is served and prepares it.
///
/// # Errors
/// [`GraphError`] says what is wrong with the file or the request, and what to do.
pub fn resolve(file: &[u8], request: &LoadRequest, limits: &GraphLimits) -> Result<Resolved, GraphError> {
    let graph = Graph::build(parse::parse(file, limits)?, limits)?;
    let input = input::find(&graph, request, limits)?;
    let output = output::find(&graph, &input, request, limits)?;
    let mut normalization = normalization::detect(&graph, &input, &output);
    override_normalization(&mut normalization, &input, request)?;
    let needed = facts::needed_in_order(&graph, output.scores, input.node);
    let shapes =
        Shapes::propagate(&graph, &needed, input.node, &input.extents(input.batch.map_or(1, u64::from)), limits)?;
    let facts = facts::count(file, &graph, &needed, input.node, &shapes);
    let output_tensor = graph.node(output.scores).name.to_string();
    let input_tensor = input.tensor.clone();
    Ok(Resolved {
        spec: ModelSpec {
            input: InputSpec {
                tensor: input.tensor,
                dtype: input.dtype,
                layout: input.layout,
                width: input.width,
                height: input.height,
                channels: input.channels,
                channel_order: normalization.channel_order,
                mean: normalization.mean,
                std: normalization.std,
                resize: normalization.resize,
                batch: input.batch,
            },
            output: OutputSpec {
                tensor: output.tensor,
                kind: output.kind,
                classes: output.classes,
                heads: output.heads,
            },
            labels: None,
            graph: facts,
            evidence: [input.evidence, normalization.evidence, output.evidence].concat(),
            verdict: Verdict { allowed: true, forbidden: Vec::new() },
            warnings: [input.warnings, normalization.warnings, output.warnings].concat(),
        },
        graph: file.to_vec(),
        input_tensor,
        output_tensor,
    })
}

/// Puts the caller's mean, divisor, order and fit in place of the detected ones.
fn override_normalization(
    normalization: &mut Normalization,
    input: &InputFound,
    request: &LoadRequest,
) -> Result<(), GraphError> {
    let overrides = &request.overrides;
    let mut set = |field: &str, value: serde_json::Value, source: Source| {
        normalization.evidence.retain(|entry| entry.field != field);
        normalization.evidence.push(evidence(field, value, source, 1.0, "set by the caller"));
    };
    if let Some(mean) = &overrides.mean {
        normalization.mean = per_channel("mean", mean, input.channels)?;
        set("input.mean", serde_json::json!(normalization.mean), request.source);
    }
    if let Some(std) = &overrides.std {
        normalization.std = per_channel("std", std, input.channels)?;
        if normalization.std.contains(&0.0) {
            return Err(GraphError::Override {
                field: "std",
                value: format!("{std:?}"),
                reason: "pixels cannot be divided by zero".to_owned(),
            });
        }
        set("input.std", serde_json::json!(normalization.std), request.source);
    }
    if let Some(order) = overrides.channel_order {
        if (order == ChannelOrder::Gray) != (input.channels == 1) {
            return Err(GraphError::Override {
                field: "channel_order",
                value: format!("{order:?}"),
                reason: format!("the input takes {} channels", input.channels),
            });
        }
        normalization.channel_order = order;
        set("input.channel_order", serde_json::json!(order), request.source);
    }
    if let Some(resize) = overrides.resize {
        normalization.resize = resize;
        set("input.resize", serde_json::json!(resize), request.source);
    }
    Ok(())
}

fn per_channel(field: &'static str, values: &[f32], channels: u32) -> Result<Vec<f32>, GraphError> {
    let refuse = |reason: String| GraphError::Override { field, value: format!("{values:?}"), reason };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(refuse("it must be finite".to_owned()));
    }
    match values {
        [value] => Ok(vec![*value; channels as usize]),
        _ if values.len() == channels as usize => Ok(values.to_vec()),
        _ => Err(refuse(format!("it takes one value or {channels}, one for each channel"))),
    }
}
