//! Shapes of all tensors for a given input, computed forwards through the graph.
//!
//! Small integer tensors are followed too, because many graphs compute the target of a `Reshape` from shapes. What
//! cannot be known stays open; what contradicts itself is an error that names the node.

mod arrange;
mod integers;
mod spatial;

pub(crate) use spatial::same_paddings;

use crate::{
    data::{
        graph::{Graph, Node, NodeId},
        tensor::Extents,
    },
    error::GraphError,
    limits::GraphLimits,
    ops::Shape,
};

/// What is known of a node's first output before the graph runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fact {
    /// Extents; absent when the rank is unknown.
    pub extents: Option<Extents>,
    /// Values of a small integer tensor, row-major; open ones are absent.
    pub ints: Option<Vec<Option<i64>>>,
}

impl Fact {
    /// A fact of extents alone.
    #[must_use]
    pub const fn of(extents: Extents) -> Self {
        Self { extents: Some(extents), ints: None }
    }

    /// A fact without knowledge.
    #[must_use]
    pub const fn open() -> Self {
        Self { extents: None, ints: None }
    }

    /// The extents when all are known.
    #[must_use]
    pub fn closed(&self) -> Option<Vec<u64>> {
        self.extents.as_ref()?.iter().copied().collect()
    }

    /// The values when all are known.
    #[must_use]
    pub fn closed_ints(&self) -> Option<Vec<i64>> {
        self.ints.as_ref()?.iter().copied().collect()
    }
}

/// Longer integer tensors are not followed: they hold indices, not shapes.
const INTS_MAX: usize = 256;
/// What one node costs beside its values, in steps.
const STEPS_PER_NODE: u64 = 16;
/// TensorFlow's kernels for images go up to rank 8.
const RANK_MAX: usize = 16;

/// Facts of all nodes of a graph.
#[derive(Clone, Debug)]
pub struct Shapes {
    facts: Vec<Fact>,
}

impl Shapes {
    /// Computes the facts of the nodes in `scope`, which stand in topological order, with `input` fed as `extents`.
    ///
    /// # Errors
    /// [`GraphError::ShapeMismatch`] for the first node that does not fit its inputs, [`GraphError::TensorTooLarge`]
    /// for the first whose output passes the limit.
    pub fn propagate(
        graph: &Graph<'_>,
        scope: &[NodeId],
        input: NodeId,
        extents: &Extents,
        limits: &GraphLimits,
    ) -> Result<Self, GraphError> {
        let mut shapes = Self::blank(graph);
        shapes.fill(graph, scope, Some((input, extents)), limits)?;
        Ok(shapes)
    }

    /// As [`Self::propagate`], with the shapes that placeholders state themselves.
    ///
    /// # Errors
    /// As [`Self::propagate`].
    pub fn stated(graph: &Graph<'_>, scope: &[NodeId], limits: &GraphLimits) -> Result<Self, GraphError> {
        let mut shapes = Self::blank(graph);
        shapes.fill(graph, scope, None, limits)?;
        Ok(shapes)
    }

    /// Nothing is known of `graph` yet.
    #[must_use]
    pub fn blank(graph: &Graph<'_>) -> Self {
        Self { facts: vec![Fact::default(); graph.len()] }
    }

    /// Computes the facts of the nodes in `scope` anew; for many tries of one scope.
    ///
    /// # Errors
    /// As [`Self::propagate`], and [`GraphError::Entangled`].
    pub fn fill(
        &mut self,
        graph: &Graph<'_>,
        scope: &[NodeId],
        fed: Option<(NodeId, &Extents)>,
        limits: &GraphLimits,
    ) -> Result<(), GraphError> {
        for &id in scope {
            let mut fact = if let Some((_, extents)) = fed.filter(|(input, _)| *input == id) {
                Fact::of(extents.clone())
            } else if fed.is_none() && graph.node(id).kind.is_placeholder() {
                Fact { extents: graph.stated_shape(id), ints: None }
            } else {
                self.infer(graph, id).and_then(check_rank).map_err(|reason| GraphError::ShapeMismatch {
                    node: graph.node(id).name.to_string(),
                    op: graph.node(id).op.to_owned(),
                    reason,
                })?
            };
            fact.ints = fact.ints.filter(|values| values.len() <= INTS_MAX);
            let values = fact.ints.as_ref().map_or(0, Vec::len) + graph.node(id).inputs.len();
            if !graph.steps.spend(STEPS_PER_NODE + values as u64) {
                return graph.steps.check();
            }
            check_size(graph.node(id), &fact, limits)?;
            self.facts[id.0 as usize] = fact;
        }
        Ok(())
    }

    /// What is known of `id`.
    #[must_use]
    pub fn fact(&self, id: NodeId) -> &Fact {
        &self.facts[id.0 as usize]
    }

    /// Extents of `id` when its rank is known.
    #[must_use]
    pub fn extents(&self, id: NodeId) -> Option<&Extents> {
        self.fact(id).extents.as_ref()
    }

    fn infer(&self, graph: &Graph<'_>, id: NodeId) -> Result<Fact, String> {
        let node = graph.node(id);
        if node.kind.shape == Shape::Constant {
            return Ok(integers::constant(graph, id));
        }
        let inputs: Vec<&Fact> = node.inputs.iter().map(|endpoint| self.fact(endpoint.node)).collect();
        if let Some(fact) = integers::infer(node, &inputs) {
            return Ok(fact);
        }
        if let Some(fact) = spatial::infer(node, &inputs)? {
            return Ok(fact);
        }
        if let Some(fact) = arrange::infer(node, &inputs)? {
            return Ok(fact);
        }
        elementwise(node, &inputs)
    }
}

fn check_rank(fact: Fact) -> Result<Fact, String> {
    match &fact.extents {
        Some(extents) if extents.len() > RANK_MAX => {
            Err(format!("its rank {} is above the limit of {RANK_MAX}", extents.len()))
        }
        _ => Ok(fact),
    }
}

fn check_size(node: &Node<'_>, fact: &Fact, limits: &GraphLimits) -> Result<(), GraphError> {
    const BYTES_PER_VALUE: u64 = 4;
    let Some(extents) = &fact.extents else { return Ok(()) };
    let values = extents.iter().fold(1_u64, |product, extent| product.saturating_mul(extent.unwrap_or(1)));
    let bytes = values.saturating_mul(BYTES_PER_VALUE);
    if bytes > limits.tensor_bytes_max {
        return Err(GraphError::TensorTooLarge { node: node.name.to_string(), bytes, limit: limits.tensor_bytes_max });
    }
    Ok(())
}

fn elementwise(node: &Node<'_>, inputs: &[&Fact]) -> Result<Fact, String> {
    match (node.kind.shape, inputs) {
        (Shape::Same, [first, ..]) => Ok(Fact { extents: first.extents.clone(), ints: None }),
        (Shape::Broadcast, [left, right]) => broadcast(left, right),
        (Shape::Broadcast, _) => Err(format!("it has {} inputs instead of 2", inputs.len())),
        (Shape::First, [first, ..]) => Ok((*first).clone()),
        (Shape::Picture, _) => {
            let channels = node.int("channels").and_then(|channels| u64::try_from(channels).ok());
            Ok(Fact::of(vec![None, None, channels.filter(|channels| *channels > 0)]))
        }
        (Shape::Select, [_, then, otherwise]) => broadcast(then, otherwise),
        _ => Ok(Fact::open()),
    }
}

fn broadcast(left: &Fact, right: &Fact) -> Result<Fact, String> {
    let (Some(left), Some(right)) = (&left.extents, &right.extents) else { return Ok(Fact::open()) };
    let rank = left.len().max(right.len());
    let extent = |extents: &Extents, axis: usize| match (axis + extents.len()).checked_sub(rank) {
        Some(index) => extents[index],
        None => Some(1),
    };
    let mut joined = Vec::with_capacity(rank);
    for axis in 0..rank {
        joined.push(match (extent(left, axis), extent(right, axis)) {
            (left, Some(1)) => left,
            (Some(1), right) => right,
            (Some(left), Some(right)) if left != right => {
                return Err(format!("extents {left} and {right} cannot be joined"));
            }
            (left, right) => left.or(right),
        });
    }
    Ok(Fact::of(joined))
}

/// An axis counted from the front, where `axis` may count from the back.
fn positive_axis(axis: i64, rank: usize) -> Result<usize, String> {
    let positive = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(positive)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| format!("axis {axis} is outside rank {rank}"))
}
