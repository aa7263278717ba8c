//! Freeing the batch: a `Reshape` to a fixed number of images becomes one to any number.

use std::collections::HashMap;

use super::Plan;
use crate::{data::graph::NodeId, shapes::Shapes};

/// New targets of the `Reshape` nodes that state the batch as their first extent.
pub(super) fn free_targets(plan: &Plan<'_, '_>, shapes: &Shapes) -> HashMap<NodeId, Vec<i64>> {
    let fed = plan.graph.descendants([plan.input.node]);
    let stated = plan.input.batch.map_or(1, u64::from);
    plan.needed
        .iter()
        .filter(|id| plan.graph.node(**id).op == "Reshape" && fed.contains(id))
        .filter_map(|id| {
            let (value, target) = (plan.graph.input(*id, 0)?, plan.graph.input(*id, 1)?);
            let wanted = shapes.fact(target).closed_ints()?;
            let is_batch = |extent: Option<&u64>| extent == Some(&stated);
            if wanted.first().copied() != i64::try_from(stated).ok() || !is_batch(shapes.fact(value).closed()?.first())
            {
                return None;
            }
            let rest = shapes.fact(*id).closed()?;
            let rest = rest.iter().skip(1).map(|extent| i64::try_from(*extent).ok());
            let target: Option<Vec<i64>> = std::iter::once(Some(-1)).chain(rest).collect();
            Some((*id, target?))
        })
        .collect()
}
