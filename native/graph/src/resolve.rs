//! From a graph file and what the caller knows to a model that can be served.

use std::borrow::Cow;

use menagerie_contract::{
    Evidence, GraphFacts, GraphFormat, InputSpec, Layout, LoadRequest, ModelSpec, OutputSpec, Problem, Source,
    SpecOverrides, Verdict,
};

use crate::{
    data::{
        graph::{Graph, NodeId},
        parse,
    },
    error::GraphError,
    find::{
        allow_list, facts,
        found::{InputFound, Normalization, OutputFound, evidence},
        input, normalization, output,
    },
    forms, labels,
    limits::GraphLimits,
    ops::Role,
    rewrite::{
        functions,
        prepare::{Prepared, prepare},
        savedmodel,
        simplify::simplify,
    },
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
    /// Order of the axes of what `graph` is fed: prepared graphs take channels last where the file has them first.
    pub input_layout: Layout,
    /// The fetched node of `graph`: scores of all images of a batch.
    pub output_tensor: String,
}

/// Whether the graph is rewritten for serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// Pruned, BatchNorm folded, batch freed.
    Full,
    /// The file's own bytes, for comparing the answers of both.
    None,
}

/// Finds out how `file` is served and prepares it.
///
/// # Errors
/// [`GraphError`] says what is wrong with the file or the request, and what to do.
pub fn resolve(file: &[u8], request: &LoadRequest, limits: &GraphLimits) -> Result<Resolved, GraphError> {
    resolve_with(file, request, limits, Preparation::Full)
}

/// As [`resolve`], with or without rewriting the graph.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_with(
    file: &[u8],
    request: &LoadRequest,
    limits: &GraphLimits,
    preparation: Preparation,
) -> Result<Resolved, GraphError> {
    let definition = graph_bytes(file, request.format, limits)?;
    let (graph, request) = read(&definition, request, limits)?;
    let analysis = Analysis::of(file, &graph, &request, limits)?;
    if let Some(forbidden) = analysis.verdict.forbidden.first() {
        return Err(GraphError::OpForbidden(forbidden.clone()));
    }
    let prepared = match preparation {
        Preparation::Full => {
            let Analysis { input, output, needed, shapes, .. } = &analysis;
            checked(&graph, prepare(&graph, input, output, needed, shapes, limits))?
        }
        Preparation::None => Prepared {
            graph: definition.to_vec(),
            input_tensor: analysis.input.tensor.clone(),
            input_layout: analysis.input.layout,
            output_tensor: graph.node(analysis.output.scores).name.to_string(),
            batch: analysis.input.batch,
        },
    };
    Ok(Resolved {
        spec: analysis.into_spec(prepared.batch),
        graph: prepared.graph,
        input_tensor: prepared.input_tensor,
        input_layout: prepared.input_layout,
        output_tensor: prepared.output_tensor,
    })
}

/// What can be said of `file` without serving it: also of a graph whose ops are forbidden, which [`resolve`] refuses.
///
/// # Errors
/// As [`resolve`], except for forbidden ops, which stand in the verdict.
pub fn inspect(file: &[u8], request: &LoadRequest, limits: &GraphLimits) -> Result<ModelSpec, GraphError> {
    let definition = graph_bytes(file, request.format, limits)?;
    let (graph, request) = read(&definition, request, limits)?;
    let analysis = Analysis::of(file, &graph, &request, limits)?;
    let batch = if analysis.verdict.allowed {
        let Analysis { input, output, needed, shapes, .. } = &analysis;
        checked(&graph, prepare(&graph, input, output, needed, shapes, limits))?.batch
    } else {
        analysis.input.batch
    };
    Ok(analysis.into_spec(batch))
}

/// What can be said of the two files that people have, with nothing set by hand. Without labels, nothing is said of them.
///
/// # Errors
/// As [`inspect`], and the problems of the label file.
pub fn inspect_files(graph: &[u8], label_file: Option<&[u8]>, limits: &GraphLimits) -> Result<ModelSpec, Problem> {
    let labels = label_file.map(labels::read).transpose()?;
    let request = LoadRequest {
        label_count: labels.as_ref().map(|labels| labels.names.len() as u32),
        ..LoadRequest::new(Source::Request, SpecOverrides::default())
    };
    let mut spec = inspect(graph, &request, limits)?;
    if let Some(labels) = labels {
        spec.labels = Some(labels.align(spec.output.classes, spec.output.kind, None)?.0);
    }
    Ok(spec)
}

/// The GraphDef in `file`, which is one itself or an archive of a `SavedModel`.
pub(crate) fn graph_bytes<'a>(
    file: &'a [u8],
    format: GraphFormat,
    limits: &GraphLimits,
) -> Result<Cow<'a, [u8]>, GraphError> {
    if file.len() as u64 > limits.file_bytes_max {
        return Err(GraphError::FileTooLarge { bytes: file.len() as u64, limit: limits.file_bytes_max });
    }
    if format == GraphFormat::Unknown {
        let what = "of a format that this engine does not read".into();
        return Err(GraphError::OtherForm { what, advice: "let it be judged by its bytes (`auto`)".into() });
    }
    if format != GraphFormat::FrozenGraph
        && let Some(frozen) = savedmodel::freeze_archive(file, limits)?
    {
        return Ok(Cow::Owned(frozen));
    }
    if format == GraphFormat::SavedModel {
        return Err(GraphError::SavedModel("it is no .zip or .tar.gz archive".into()));
    }
    forms::refuse_others(file)?;
    let inlined = functions::inline(&parse::parse(file, limits)?, file.len() as u64, limits)?;
    Ok(inlined.map_or(Cow::Borrowed(file), Cow::Owned))
}

/// The graph of a GraphDef, without what only training needs and what stands in front of the input that is named, and the
/// request as it is of that graph: to name a decoder of files, or what it decodes, is to name what comes of it.
pub(crate) fn read<'a, 'r>(
    definition: &'a [u8],
    request: &'r LoadRequest,
    limits: &GraphLimits,
) -> Result<(Graph<'a>, Cow<'r, LoadRequest>), GraphError> {
    let graph = Graph::build(parse::parse(definition, limits)?, limits)?;
    let is_decoder = |id: NodeId| graph.node(id).kind.role == Role::Decoder;
    let named = request.overrides.input_tensor.as_deref().and_then(|name| graph.find(name));
    let mut request = Cow::Borrowed(request);
    if named.is_some_and(|id| is_decoder(id) || graph.consumers(id).iter().any(|next| is_decoder(*next))) {
        request.to_mut().overrides.input_tensor = None;
    }
    Ok((simplify(graph, request.overrides.input_tensor.as_deref(), limits), request))
}

/// `found`, unless it was looked for with more steps than the graph is worth: then it says nothing.
fn checked<T>(graph: &Graph<'_>, found: Result<T, GraphError>) -> Result<T, GraphError> {
    graph.steps.check()?;
    found
}

/// Everything that is known of a graph before it is prepared.
struct Analysis {
    input: InputFound,
    output: OutputFound,
    normalization: Normalization,
    needed: Vec<NodeId>,
    shapes: Shapes,
    facts: GraphFacts,
    verdict: Verdict,
}

impl Analysis {
    fn of(file: &[u8], graph: &Graph<'_>, request: &LoadRequest, limits: &GraphLimits) -> Result<Self, GraphError> {
        check_side("width", request.overrides.width, limits)?;
        check_side("height", request.overrides.height, limits)?;
        let input = checked(graph, input::find(graph, request, limits))?;
        let output = checked(graph, output::find(graph, &input, request, limits))?;
        let mut forbidden = allow_list::audit(graph, &graph.between(input.node, [output.scores], true));
        forbidden.extend(allow_list::audit_tail(graph, input.node, output.scores));
        let verdict = Verdict { allowed: forbidden.is_empty(), forbidden };
        let mut normalization = normalization::detect(graph, &input, &output);
        normalization::note::apply(graph, &input, &mut normalization);
        graph.steps.check()?;
        normalization::settings::override_normalization(&mut normalization, &input, request)?;
        let needed = graph.between(input.node, [output.scores], false);
        let extents = input.extents(input.batch.map_or(1, u64::from));
        let shapes = Shapes::propagate(graph, &needed, input.node, &extents, limits)?;
        let facts = facts::count(file, request.graph_sha256.as_deref(), graph, &needed, input.node, &shapes);
        let (bytes, limit) = (facts.memory_bytes_estimate, limits.memory_bytes_max);
        if bytes > limit {
            return Err(GraphError::MemoryTooLarge { bytes, limit });
        }
        Ok(Self { input, output, normalization, needed, shapes, facts, verdict })
    }

    fn into_spec(self, batch: Option<u32>) -> ModelSpec {
        let Self { input, output, normalization, facts, verdict, .. } = self;
        let batch_evidence = batch_evidence(input.batch, batch);
        let unsure = normalization::warnings(&normalization.evidence);
        let spec = ModelSpec {
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
                crop_fraction: normalization.crop_fraction,
                resize_filter: normalization.resize_filter,
                batch,
            },
            output: OutputSpec {
                tensor: output.tensor,
                kind: output.kind,
                classes: output.classes,
                heads: output.heads,
            },
            labels: None,
            graph: facts,
            evidence: [input.evidence, vec![batch_evidence], normalization.evidence, output.evidence].concat(),
            scalings: normalization.scalings,
            settings: None,
            verdict,
            warnings: [input.warnings, unsure, output.warnings].concat(),
        };
        ModelSpec { settings: Some(spec.rests_on()), ..spec }
    }
}

/// Why `batch` images are taken at a time, where the graph states `stated`.
fn batch_evidence(stated: Option<u32>, batch: Option<u32>) -> Evidence {
    let (source, because) = match (stated, batch) {
        (None, _) => (Source::Read, "the graph leaves the batch open".to_owned()),
        (Some(stated), None) => {
            (Source::Measured, format!("the graph states {stated}; its shapes fit any batch once that is freed"))
        }
        (Some(stated), Some(_)) => {
            (Source::Read, format!("the graph states {stated} and needs it; missing images are filled up"))
        }
    };
    evidence("input.batch", batch, source, 0.99, because)
}

fn check_side(field: &'static str, side: Option<u32>, limits: &GraphLimits) -> Result<(), GraphError> {
    match side {
        Some(side) if !(1..=limits.side_pixels_max).contains(&side) => Err(GraphError::Override {
            field,
            value: side.to_string(),
            reason: format!("it must be 1 to {} pixels", limits.side_pixels_max),
        }),
        _ => Ok(()),
    }
}
