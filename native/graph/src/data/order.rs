//! The order in which the nodes of a graph can run.

use std::collections::HashSet;

use crate::{
    data::{graph::Graph, node::NodeId},
    error::GraphError,
};

impl Graph<'_> {
    pub(super) fn sort(&self) -> Result<Vec<NodeId>, GraphError> {
        let is_back_edge = |from: NodeId| matches!(self.node(from).op, "NextIteration" | "RefNextIteration");
        let mut waiting: Vec<u32> = self
            .iter()
            .map(|(_, node)| {
                let data = node.inputs.iter().map(|endpoint| endpoint.node);
                data.chain(node.controls.iter().copied()).filter(|from| !is_back_edge(*from)).count() as u32
            })
            .collect();
        let mut followers: Vec<Vec<NodeId>> = vec![Vec::new(); self.len()];
        for (id, node) in self.iter() {
            for control in node.controls.iter().filter(|from| !is_back_edge(**from)) {
                followers[control.0 as usize].push(id);
            }
        }
        let mut order: Vec<NodeId> = self.iter().map(|(id, _)| id).filter(|id| waiting[id.0 as usize] == 0).collect();
        let mut done = 0;
        while let Some(&id) = order.get(done) {
            done += 1;
            let data: &[NodeId] = if is_back_edge(id) { &[] } else { self.consumers(id) };
            for next in data.iter().chain(&followers[id.0 as usize]) {
                let left = &mut waiting[next.0 as usize];
                *left -= 1;
                if *left == 0 {
                    order.push(*next);
                }
            }
        }
        if waiting.iter().any(|left| *left > 0) {
            return Err(GraphError::Cycle(self.node_in_cycle(&waiting).to_owned()));
        }
        Ok(order)
    }

    pub(super) fn find_sources(&self) -> Vec<NodeId> {
        let mut sources: Vec<NodeId> = self.iter().map(|(id, _)| id).collect();
        for id in self.order() {
            if let (true, Some(up)) = (self.node(*id).kind.is_passage(), self.input(*id, 0)) {
                sources[id.0 as usize] = sources[up.0 as usize];
            }
        }
        sources
    }

    /// A node that truly lies on a cycle, among those that the sort could not reach: walking up through unreached nodes
    /// must come back to one already met.
    fn node_in_cycle(&self, waiting: &[u32]) -> &str {
        let stuck = |id: &NodeId| waiting[id.0 as usize] > 0;
        let mut met = HashSet::new();
        let mut at = self.iter().map(|(id, _)| id).find(|id| stuck(id));
        while let Some(id) = at {
            let node = self.node(id);
            if !met.insert(id) {
                return &node.name;
            }
            at = node.inputs.iter().map(|endpoint| endpoint.node).chain(node.controls.iter().copied()).find(&stuck);
        }
        ""
    }
}
