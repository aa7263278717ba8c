//! The rewritten graph as bytes.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{Turning, order};
use crate::{
    data::{
        dtype::DataType,
        graph::{Endpoint, NodeId},
        tensor::Extents,
    },
    encode::{self, Piece},
};

impl<'g> Piece<'g> {
    /// With attribute `name` set to the `AttrValue` `body`.
    pub(super) fn with(mut self, name: &'g str, body: Vec<u8>) -> Self {
        self.attributes.retain(|(key, _)| *key != name);
        self.attributes.push((name, body.into()));
        self
    }

    /// With 32-bit integers as the type `name`.
    pub(super) fn indexed(self, name: &'g str) -> Self {
        self.with(name, encode::dtype_attr(DataType::Int32))
    }

    /// With inputs.
    pub(super) fn reading(mut self, inputs: Vec<String>) -> Self {
        self.inputs = inputs.into_iter().map(Cow::Owned).collect();
        self
    }

    /// With list attribute `name`, where it is there, changed by `change`; absent where that gives nothing.
    pub(super) fn with_list(self, name: &'g str, list: Option<Vec<i64>>, change: Change) -> Option<Self> {
        match list {
            Some(list) if !list.is_empty() => {
                let list = change(&list)?;
                Some(self.with(name, encode::ints_attr(&list)))
            }
            _ => Some(self),
        }
    }
}

/// A change of a list of integers.
pub(super) type Change = fn(&[i64]) -> Option<Vec<i64>>;

/// Entries for each axis turned.
pub(super) fn axes(list: &[i64]) -> Option<Vec<i64>> {
    Some(order::turn(list)?.to_vec())
}

impl<'g> Turning<'g, '_> {
    /// `input` in another order of axes.
    pub(super) fn transposed(
        &mut self,
        name: Cow<'g, str>,
        input: String,
        order: &[usize; 4],
        dtype: DataType,
    ) -> Piece<'g> {
        let user = self.scores;
        let order = self.integers(user, &[4], &order.map(|axis| axis as i64));
        let node = Piece { name, op: "Transpose", inputs: Vec::new(), attributes: Vec::new() };
        node.with("T", encode::dtype_attr(dtype)).indexed("Tperm").reading(vec![input, order])
    }

    /// A name like that of `id` that nothing has.
    pub(super) fn fresh(&mut self, id: NodeId, ending: &str) -> String {
        let mut name = format!("{}/{ending}", self.graph.node(id).name);
        while self.graph.find(&name).is_some() || !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// What is known of the extents of `endpoint` as the file has it.
    pub(super) fn extents(&self, endpoint: Endpoint) -> Option<Extents> {
        let is_split = matches!(self.graph.node(endpoint.node).op, "Split" | "SplitV");
        if endpoint.port == 0 || is_split { self.shapes.fact(endpoint.node).extents.clone() } else { None }
    }

    /// Element type of `endpoint`.
    pub(super) fn dtype(&self, endpoint: Endpoint) -> DataType {
        self.graph.dtype_of(endpoint)
    }

    /// The graph, without what nothing needs any more.
    pub(super) fn finish(self) -> Vec<u8> {
        let by_name: HashMap<&str, usize> =
            self.written.iter().enumerate().map(|(index, node)| (node.name.as_ref(), index)).collect();
        let mut needed = HashSet::new();
        let mut stack = vec![by_name.get(self.graph.node(self.scores).name.as_ref())];
        while let Some(next) = stack.pop() {
            if let Some(index) = next
                && needed.insert(*index)
            {
                let inputs = self.written[*index].inputs.iter();
                stack.extend(inputs.map(|input| by_name.get(input.split(':').next().unwrap_or(input))));
            }
        }
        let kept: Vec<&Piece<'_>> = self
            .written
            .iter()
            .enumerate()
            .filter_map(|(index, node)| needed.contains(&index).then_some(node))
            .collect();
        let mut out = Vec::with_capacity(kept.iter().map(|node| node.byte_count()).sum::<usize>() + 16);
        for node in kept {
            node.put(&mut out);
        }
        encode::put_versions(&mut out, self.graph.producer);
        out
    }
}
