//! The graph that is served: what lies between input and scores, with BatchNorm and padding folded and the batch free.
//!
//! Prepared and original graph give equal answers; the original's names of input, scores and layers are kept.

mod batch;
mod channels_last;
mod constants;
mod fold;
mod padding;
pub(super) mod serialise;

use std::collections::{HashMap, HashSet};

use menagerie_contract::Layout;

use crate::{
    data::{
        graph::{Endpoint, Graph, NodeId},
        parse,
        tensor::{Extents, element_count},
    },
    error::GraphError,
    find::found::{InputFound, OutputFound},
    limits::GraphLimits,
    shapes::Shapes,
};
use fold::Fold;

/// A graph ready for import.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The `GraphDef`.
    pub graph: Vec<u8>,
    /// The fed node.
    pub input_tensor: String,
    /// Order of the axes of the tensor that it is fed.
    pub input_layout: Layout,
    /// The fetched node.
    pub output_tensor: String,
    /// The batch that the graph stays fixed at; absent when any batch is accepted.
    pub batch: Option<u32>,
}

/// Rewrites `graph` for serving.
///
/// `needed` are the nodes between input and scores in topological order, `shapes` their shapes for the batch that the
/// input states (1 where it states none). The batch is freed when the rewritten graph's shapes prove that it gives one
/// row of scores for each image, at two batches that the original does not state.
///
/// # Errors
/// A limit that the rewritten graph passes; its own inconsistencies were refused before.
pub fn prepare(
    graph: &Graph<'_>,
    input: &InputFound,
    output: &OutputFound,
    needed: &[NodeId],
    shapes: &Shapes,
    limits: &GraphLimits,
) -> Result<Prepared, GraphError> {
    let mut plan = Plan::new(graph, input, output, needed);
    plan.folds = fold::find(&plan);
    plan.unpadded = padding::find(&plan, shapes);
    plan.targets = batch::free_targets(&plan, shapes);
    let free = serialise::write(&plan, None);
    let (bytes, batch) = if answers_any_batch(&free, &plan, limits) {
        (free, None)
    } else {
        // An open placeholder whose graph cannot be proved is left open, as its author left it.
        let stated = input.batch.map(u64::from);
        plan.targets.clear();
        drop(free);
        (serialise::write(&plan, stated), input.batch)
    };
    let prepared = Prepared {
        graph: bytes,
        input_tensor: input.tensor.clone(),
        input_layout: input.layout,
        output_tensor: graph.node(output.scores).name.to_string(),
        batch,
    };
    if needed.iter().any(|id| channels_last::is_layer_of_channels_first(graph.node(*id))) {
        return channels_last::turn(prepared, input, limits);
    }
    Ok(prepared)
}

/// What becomes of each node.
struct Plan<'g, 'a> {
    graph: &'g Graph<'a>,
    input: &'g InputFound,
    output: &'g OutputFound,
    /// Nodes between input and scores, in topological order.
    needed: &'g [NodeId],
    is_needed: HashSet<NodeId>,
    /// What each needed passage that is left out stands for.
    sources: HashMap<NodeId, Endpoint>,
    /// Folded layers, by the layer.
    folds: HashMap<NodeId, Fold>,
    /// What convolutions read instead of a `Pad`, with the padding `SAME`.
    unpadded: HashMap<NodeId, Endpoint>,
    /// Targets of `Reshape` nodes that get a constant with an open batch.
    targets: HashMap<NodeId, Vec<i64>>,
}

impl<'g, 'a> Plan<'g, 'a> {
    fn new(graph: &'g Graph<'a>, input: &'g InputFound, output: &'g OutputFound, needed: &'g [NodeId]) -> Self {
        let mut plan = Self {
            graph,
            input,
            output,
            needed,
            is_needed: needed.iter().copied().collect(),
            sources: HashMap::new(),
            folds: HashMap::new(),
            unpadded: HashMap::new(),
            targets: HashMap::new(),
        };
        for id in needed {
            if let (true, Some(up)) = (plan.is_dropped(*id), graph.node(*id).inputs.first()) {
                plan.sources.insert(*id, plan.source(*up));
            }
        }
        plan
    }

    /// Whether `id` is left out and its consumers take its first input.
    fn is_dropped(&self, id: NodeId) -> bool {
        self.graph.node(id).kind.is_passage()
            && id != self.output.scores
            && id != self.input.node
            && !self.graph.node(id).inputs.is_empty()
    }

    /// The endpoint that `endpoint` stands for once passages are left out.
    fn source(&self, endpoint: Endpoint) -> Endpoint {
        self.sources.get(&endpoint.node).copied().unwrap_or(endpoint)
    }

    /// Consumers of `id` on the way to the scores, passages left out.
    fn consumers(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut stack: Vec<NodeId> = vec![id];
        while let Some(at) = stack.pop() {
            for next in self.graph.consumers(at).iter().filter(|next| self.is_needed.contains(next)) {
                if self.is_dropped(*next) {
                    stack.push(*next);
                } else {
                    found.push(*next);
                }
            }
        }
        found
    }
}

/// Whether the shapes of `file` prove that each batch gives as many rows of scores.
fn answers_any_batch(file: &[u8], plan: &Plan<'_, '_>, limits: &GraphLimits) -> bool {
    let Ok(graph) = parse::parse(file, limits).and_then(|definition| Graph::build(definition, limits)) else {
        return false;
    };
    let names = (graph.find(&plan.input.tensor), graph.find(&plan.graph.node(plan.output.scores).name));
    let (Some(input), Some(scores)) = names else { return false };
    let stated = plan.input.batch.map_or(1, u64::from);
    [stated + 1, stated + 2].into_iter().all(|batch| {
        let extents: Extents = plan.input.extents(batch);
        let wanted = batch * u64::from(plan.output.classes);
        Shapes::propagate(&graph, graph.order(), input, &extents, limits)
            .ok()
            .and_then(|shapes| shapes.fact(scores).closed())
            .is_some_and(|extents| extents.first() == Some(&batch) && element_count(&extents) == wanted)
    })
}
