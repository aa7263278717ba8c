//! What is known of the tensors that an op reads, and the orders in which it can have them.

use super::{
    constants::Form,
    proto::{Attribute, Element},
    writer::{BACK, Refusal, TURNED, Writer},
};
use crate::data::{
    graph::{Endpoint, NodeId},
    tensor::Extents,
};

impl Writer<'_> {
    /// Input `index` of `id`.
    pub fn input(&self, id: NodeId, index: usize) -> Result<Endpoint, Refusal> {
        let found = self.graph.node(id).inputs.get(index).copied();
        found.ok_or_else(|| self.refusal(id, format!("it has no input {index}")))
    }

    /// Extents of `endpoint`, in TensorFlow's order, when its rank is known.
    pub fn extents(&self, endpoint: Endpoint) -> Option<Extents> {
        let node = self.graph.node(endpoint.node);
        let first = self.shapes.fact(endpoint.node).extents.clone();
        match (endpoint.port, node.op) {
            // All outputs of an even split are alike.
            (0, _) | (_, "Split" | "Unpack") => first,
            (port, "SplitV") => {
                let (sizes, mut extents) = (self.ints(endpoint.node, 1).ok()?, first?);
                let axis = self.axis(endpoint.node, 2, extents.len()).ok()?;
                extents[axis] = u64::try_from(*sizes.get(port as usize)?).ok();
                Some(extents)
            }
            _ => None,
        }
    }

    /// Extents of input `index` of `id`, which must have `rank` axes.
    pub fn extents_of_rank(&self, id: NodeId, index: usize, rank: usize) -> Result<Extents, Refusal> {
        let extents = self.extents(self.input(id, index)?);
        extents
            .filter(|extents| extents.len() == rank)
            .ok_or_else(|| self.refusal(id, format!("its input {index} is not known to have {rank} axes")))
    }

    /// Number of axes of input `index` of `id`.
    pub fn rank(&self, id: NodeId, index: usize) -> Result<usize, Refusal> {
        let extents = self.extents(self.input(id, index)?);
        extents.map(|extents| extents.len()).ok_or_else(|| self.refusal(id, "the rank of its input is not known"))
    }

    /// Input `index` of `id`, integers that are known.
    pub fn ints(&self, id: NodeId, index: usize) -> Result<Vec<i64>, Refusal> {
        let endpoint = self.input(id, index)?;
        let ints = if endpoint.port == 0 { self.shapes.fact(endpoint.node).closed_ints() } else { None };
        ints.ok_or_else(|| self.refusal(id, format!("its input {index} is not known before the graph runs")))
    }

    /// Input `index` of `id`, an axis of a tensor of `rank` axes, counted from the front.
    pub fn axis(&self, id: NodeId, index: usize, rank: usize) -> Result<usize, Refusal> {
        let axes = self.axes(id, &self.ints(id, index)?, rank)?;
        axes.first().copied().ok_or_else(|| self.refusal(id, "it names no axis"))
    }

    /// `axes` of a tensor of `rank` axes, counted from the front.
    pub fn axes(&self, id: NodeId, axes: &[i64], rank: usize) -> Result<Vec<usize>, Refusal> {
        let from_front = |axis: &i64| {
            let place = if *axis < 0 { axis.checked_add(rank as i64)? } else { *axis };
            usize::try_from(place).ok().filter(|place| *place < rank)
        };
        let found: Option<Vec<usize>> = axes.iter().map(from_front).collect();
        found.ok_or_else(|| self.refusal(id, format!("its axes {axes:?} are not all among {rank}")))
    }

    /// What the values of `endpoint` are written as.
    pub fn element(&self, endpoint: Endpoint) -> Result<Element, Refusal> {
        let dtype = self.graph.dtype_of(endpoint);
        Element::of(dtype).ok_or_else(|| self.refusal(endpoint.node, format!("it computes in {}", dtype.name())))
    }

    /// Whether `endpoint` is computed turned.
    pub fn is_turned(&self, endpoint: Endpoint) -> Result<bool, Refusal> {
        Ok(self.value(endpoint)?.is_some_and(|value| value.is_turned))
    }

    /// `endpoint` in the order in which it is computed, and whether that is the turned one.
    pub fn own(&mut self, endpoint: Endpoint) -> Result<(String, bool), Refusal> {
        match self.value(endpoint)? {
            Some(value) => Ok((value.name.clone(), value.is_turned)),
            None => Ok((self.constant(endpoint, Form::Plain)?, false)),
        }
    }

    /// `endpoint` as TensorFlow has it.
    pub fn plain(&mut self, endpoint: Endpoint) -> Result<String, Refusal> {
        let (own, is_turned) = self.own(endpoint)?;
        if is_turned { Ok(self.transposed(endpoint, Form::Plain, own, &BACK)) } else { Ok(own) }
    }

    /// `endpoint`, which has four axes, turned.
    pub fn image(&mut self, endpoint: Endpoint) -> Result<String, Refusal> {
        let Some(value) = self.value(endpoint)? else { return self.constant(endpoint, Form::Image) };
        let (own, is_turned) = (value.name.clone(), value.is_turned);
        if is_turned { Ok(own) } else { Ok(self.transposed(endpoint, Form::Image, own, &TURNED)) }
    }

    /// `endpoint` as an ONNX kernel in `form`; one that is computed is turned where the graph runs.
    pub fn kernel(&mut self, id: NodeId, endpoint: Endpoint, form: Form) -> Result<String, Refusal> {
        if self.value(endpoint)?.is_none() {
            return self.constant(endpoint, form);
        }
        let own = self.plain(endpoint)?;
        let name = self.transposed(endpoint, form, own, &form.order());
        if form != Form::Depthwise {
            return Ok(name);
        }
        let extents = self.extents_of_rank(id, 1, 4)?;
        let (rows, columns) = extents[0].zip(extents[1]).ok_or_else(|| self.refusal(id, "its kernel is open"))?;
        let target = self.int64s(&[-1, 1, rows as i64, columns as i64])?;
        Ok(self.step(endpoint.node, "Reshape", vec![name, target], Vec::new()))
    }

    /// All of `inputs` in one order, in which an op can broadcast them to each other: turned where one of them is and all
    /// can be.
    pub fn together(&mut self, inputs: &[Endpoint]) -> Result<(Vec<String>, bool), Refusal> {
        let mut any_turned = false;
        let mut all_can = true;
        for input in inputs {
            any_turned |= self.is_turned(*input)?;
            let rank = self.extents(*input).map(|extents| extents.len());
            all_can &= match self.value(*input)? {
                Some(_) => matches!(rank, Some(4 | 0)),
                None => matches!(rank, Some(0..=4)),
            };
        }
        let is_turned = any_turned && all_can;
        let mut names = Vec::with_capacity(inputs.len());
        for input in inputs {
            let is_scalar = self.extents(*input).is_some_and(|extents| extents.is_empty());
            names.push(if is_turned && !is_scalar { self.image(*input)? } else { self.plain(*input)? });
        }
        Ok((names, is_turned))
    }

    /// `own`, as `endpoint` is written, with its axes in `order`.
    fn transposed(&mut self, endpoint: Endpoint, form: Form, own: String, order: &[usize]) -> String {
        if let Some(name) = self.others.get(&(endpoint, form)) {
            return name.clone();
        }
        let name = self.step(endpoint.node, "Transpose", vec![own], vec![("perm", indices(order))]);
        self.others.insert((endpoint, form), name.clone());
        name
    }
}

/// Axes as an attribute.
pub(super) fn indices(axes: &[usize]) -> Attribute {
    Attribute::Ints(axes.iter().map(|axis| *axis as i64).collect())
}

/// Where the `axes` of TensorFlow's image are in a turned one.
pub(super) fn turn_axes(axes: &[usize]) -> Vec<usize> {
    axes.iter().map(|axis| BACK.get(*axis).copied().unwrap_or(*axis)).collect()
}
