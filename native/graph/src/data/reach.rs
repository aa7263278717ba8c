//! What of a graph depends on what.

use std::collections::HashSet;

use crate::{
    data::{graph::Graph, node::NodeId},
    ops::Verdict,
};

impl Graph<'_> {
    /// Everything that the nodes `from` need, through data and, when `with_controls`, control inputs, and they themselves.
    #[must_use]
    pub fn ancestors(&self, from: impl IntoIterator<Item = NodeId>, with_controls: bool) -> HashSet<NodeId> {
        self.above(from, with_controls, |_| false)
    }

    /// What lies between `input` and `outputs`, in topological order; `with_controls` also what must run before, except
    /// for what only checks need that are left out ([`Verdict::LeftOut`]).
    #[must_use]
    pub fn between(
        &self,
        input: NodeId,
        outputs: impl IntoIterator<Item = NodeId>,
        with_controls: bool,
    ) -> Vec<NodeId> {
        let needed = self.above(outputs, with_controls, |id| {
            id == input || with_controls && self.node(id).kind.verdict == Verdict::LeftOut
        });
        self.ordered(&needed)
    }

    /// `nodes` in topological order.
    #[must_use]
    pub fn ordered(&self, nodes: &HashSet<NodeId>) -> Vec<NodeId> {
        if !self.steps.spend(self.len() as u64) {
            return Vec::new();
        }
        self.order().iter().copied().filter(|id| nodes.contains(id)).collect()
    }

    fn above(
        &self,
        from: impl IntoIterator<Item = NodeId>,
        with_controls: bool,
        is_end: impl Fn(NodeId) -> bool,
    ) -> HashSet<NodeId> {
        let mut seen = HashSet::new();
        let mut stack: Vec<NodeId> = from.into_iter().collect();
        while let Some(id) = stack.pop() {
            if seen.insert(id) && !is_end(id) {
                let node = self.node(id);
                if !self.steps.spend((node.inputs.len() + node.controls.len()) as u64 + 1) {
                    break;
                }
                stack.extend(node.inputs.iter().map(|endpoint| endpoint.node));
                if with_controls {
                    stack.extend(&node.controls);
                }
            }
        }
        seen
    }

    /// Everything that takes data from the nodes `from`, directly or not, and they themselves.
    #[must_use]
    pub fn descendants(&self, from: impl IntoIterator<Item = NodeId>) -> HashSet<NodeId> {
        let mut seen = HashSet::new();
        let mut stack: Vec<NodeId> = from.into_iter().collect();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                if !self.steps.spend(self.consumers(id).len() as u64 + 1) {
                    break;
                }
                stack.extend(self.consumers(id));
            }
        }
        seen
    }
}
