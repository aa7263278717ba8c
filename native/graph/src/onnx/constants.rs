//! Constants: each stands once in each order in which it is needed.

use std::borrow::Cow;

use super::{
    proto::{Element, Initializer},
    writer::{Refusal, TURNED, Writer},
};
use crate::{
    data::{
        graph::{Endpoint, NodeId},
        tensor::element_count,
    },
    encode::Content,
    error::GraphError,
};

/// The order in which the values of a constant are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// TensorFlow's.
    Plain,
    /// As what is broadcast to a turned image.
    Image,
    /// Rows, columns, inputs, outputs become outputs, inputs, rows, columns.
    Kernel,
    /// Rows, columns, channels, times become outputs, 1, rows, columns.
    Depthwise,
}

impl Form {
    /// Which of four axes stands at each place.
    pub const fn order(self) -> [usize; 4] {
        match self {
            Self::Plain => [0, 1, 2, 3],
            Self::Image => TURNED,
            Self::Kernel => [3, 2, 0, 1],
            Self::Depthwise => [2, 3, 0, 1],
        }
    }
}

impl<'g> Writer<'g> {
    /// `endpoint`, whose value is known before the graph runs, in `form`.
    pub fn constant(&mut self, endpoint: Endpoint, form: Form) -> Result<String, Refusal> {
        let id = self.graph.skip_passages(endpoint.node);
        let written = self.constants.get(&id);
        if let Some((_, name)) = written.and_then(|forms| forms.iter().find(|(known, _)| *known == form)) {
            return Ok(name.clone());
        }
        // The graph's own name goes to the first form; nothing else has it.
        let is_first = written.is_none();
        let (element, extents, content) = self.known(endpoint, id)?;
        let wanted_bytes = element_count(&extents).checked_mul(element.size_bytes() as u64);
        if endpoint.port != 0 || wanted_bytes != Some(content.byte_count() as u64) {
            return Err(self.refusal(id, "its values and its shape differ"));
        }
        let written = reorder(content, &extents, element, form);
        let Some((extents, content)) = written else {
            return Err(self.refusal(id, format!("its shape {extents:?} is none of four axes")));
        };
        self.spend(content.byte_count() as u64)?;
        let base = self.graph.node(id).name.to_string();
        let name = if is_first { base } else { self.fresh(&base) };
        self.initializers.push(Initializer { name: name.clone(), element, extents, content });
        self.constants.entry(id).or_default().push((form, name.clone()));
        Ok(name)
    }

    /// Type, extents and values of the constant `id`, in TensorFlow's order.
    fn known(&self, endpoint: Endpoint, id: NodeId) -> Result<(Element, Vec<u64>, Content<'g>), Refusal> {
        let unknown = || self.refusal(id, "");
        let source = self.unshaped(id);
        if source != id && endpoint.port == 0 {
            let (element, _, content) = self.known(Endpoint { node: source, port: 0 }, source)?;
            return Ok((element, self.shapes.fact(id).closed().ok_or_else(unknown)?, content));
        }
        let element = self.element(Endpoint { node: id, port: 0 });
        if let Some(tensor) = self.graph.tensor(id) {
            let element = element?;
            if !tensor.content.is_empty() && tensor.dtype.size_bytes() == Some(element.size_bytes() as u64) {
                return Ok((element, tensor.shape, Content::Ready(Cow::Borrowed(tensor.content))));
            }
            let bytes = if element == Element::Float {
                tensor.to_f32().ok_or_else(unknown)?.iter().flat_map(|value| value.to_le_bytes()).collect()
            } else {
                int_bytes(&tensor.to_i64().ok_or_else(unknown)?, element)
            };
            return Ok((element, tensor.shape, Content::from(bytes)));
        }
        let fact = self.shapes.fact(endpoint.node);
        if let (Some(ints), Some(extents)) = (fact.closed_ints(), fact.closed())
            && endpoint.port == 0
        {
            let element = self.element(endpoint)?;
            let bytes = if element == Element::Float {
                ints.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect()
            } else {
                int_bytes(&ints, element)
            };
            return Ok((element, extents, Content::from(bytes)));
        }
        if let Some(constant) = self.graph.constant(id) {
            let bytes: Vec<u8> = constant.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            return Ok((Element::Float, constant.shape, Content::from(bytes)));
        }
        Err(unknown())
    }

    /// The first node above `id` that does more than to give the same values other extents.
    fn unshaped(&self, mut id: NodeId) -> NodeId {
        loop {
            id = self.graph.skip_passages(id);
            let up =
                self.graph.node(id).inputs.first().filter(|up| up.port == 0 && gives_extents(self.graph.node(id).op));
            match up {
                Some(up) if self.graph.steps.spend(1) => id = up.node,
                _ => return id,
            }
        }
    }

    /// Whether the value of `id` is known before the graph runs; then it is written where it is read. Nodes are asked
    /// about in the order in which they run.
    pub fn is_known(&mut self, id: NodeId) -> bool {
        let fact = self.shapes.fact(id);
        let node = self.graph.node(id);
        let has_known_values = || node.inputs.first().is_some_and(|up| up.port == 0 && self.known.contains(&up.node));
        let is_known = self.graph.constant_shape(id).is_some()
            || fact.closed_ints().is_some()
            || (gives_extents(node.op) || node.kind.is_passage()) && fact.closed().is_some() && has_known_values();
        if is_known {
            self.known.insert(id);
        }
        is_known
    }

    /// Whether the value of `endpoint` is known as floats, and which they are.
    pub fn floats_of(&self, endpoint: Endpoint) -> Option<Vec<f32>> {
        Some(self.graph.constant(endpoint.node).filter(|_| endpoint.port == 0)?.values)
    }

    /// A list of integers, as ONNX takes axes and extents.
    pub fn int64s(&mut self, values: &[i64]) -> Result<String, GraphError> {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.make(Element::Int64, vec![values.len() as u64], bytes)
    }

    /// A single float.
    pub fn float(&mut self, value: f32) -> Result<String, GraphError> {
        self.make(Element::Float, Vec::new(), value.to_le_bytes().to_vec())
    }

    /// Floats of `extents`.
    pub fn floats(&mut self, extents: Vec<u64>, values: &[f32]) -> Result<String, GraphError> {
        self.make(Element::Float, extents, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn make(&mut self, element: Element, extents: Vec<u64>, bytes: Vec<u8>) -> Result<String, GraphError> {
        let key = (element, extents, bytes);
        if let Some(name) = self.made.get(&key) {
            return Ok(name.clone());
        }
        self.spend(key.2.len() as u64)?;
        let name = self.fresh("constant");
        let (extents, content) = (key.1.clone(), Content::from(key.2.clone()));
        self.initializers.push(Initializer { name: name.clone(), element, extents, content });
        self.made.insert(key, name.clone());
        Ok(name)
    }
}

/// Whether `op` gives the values of its first input other extents.
fn gives_extents(op: &str) -> bool {
    matches!(op, "Reshape" | "Squeeze" | "ExpandDims")
}

fn int_bytes(values: &[i64], element: Element) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(element.size_bytes())).collect()
}

/// `content` with its axes in the order of `form`; absent where it has not the axes for it.
fn reorder<'g>(content: Content<'g>, extents: &[u64], element: Element, form: Form) -> Option<(Vec<u64>, Content<'g>)> {
    if form == Form::Plain || form == Form::Image && extents.is_empty() {
        return Some((extents.to_vec(), content));
    }
    let mut lifted = vec![1; 4_usize.checked_sub(extents.len())?];
    if !lifted.is_empty() && form != Form::Image {
        return None;
    }
    lifted.extend_from_slice(extents);
    let order = form.order();
    let turned: Vec<u64> = order.iter().map(|axis| lifted[*axis]).collect();
    let written = match (form, turned.as_slice()) {
        (Form::Depthwise, &[channels, times, rows, columns]) => vec![channels.checked_mul(times)?, 1, rows, columns],
        _ => turned,
    };
    let is_moved = lifted.iter().filter(|extent| **extent != 1).count() > 1;
    if !is_moved {
        return Some((written, content));
    }
    let lifted: Vec<usize> = lifted.iter().map(|extent| usize::try_from(*extent).ok()).collect::<Option<_>>()?;
    let byte_count = content.byte_count();
    let size = element.size_bytes();
    let write = Box::new(move |out: &mut Vec<u8>| {
        if let Content::Ready(bytes) = &content {
            put_reordered(out, bytes, &lifted, &order, size);
        }
    });
    Some((written, Content::Made { byte_count, write }))
}

/// Appends the values of `bytes`, each of `size` bytes and of four axes of `extents`, with the axes in `order`.
fn put_reordered(out: &mut Vec<u8>, bytes: &[u8], extents: &[usize], order: &[usize; 4], size: usize) {
    match size {
        1 => put_values::<1>(out, bytes, extents, order),
        2 => put_values::<2>(out, bytes, extents, order),
        4 => put_values::<4>(out, bytes, extents, order),
        _ => put_values::<8>(out, bytes, extents, order),
    }
}

/// As [`put_reordered`], for values of `SIZE` bytes.
fn put_values<const SIZE: usize>(out: &mut Vec<u8>, bytes: &[u8], extents: &[usize], order: &[usize; 4]) {
    /// As many floats as a line of the processor's cache: what stands side by side before is written to as many places.
    const BLOCK: usize = 16;
    let (values, _) = bytes.as_chunks::<SIZE>();
    if values.is_empty() {
        return;
    }
    let mut strides = [1; 4];
    for axis in (0..3).rev() {
        strides[axis] = strides[axis + 1] * extents[axis + 1];
    }
    let [counts, steps] = [order.map(|axis| extents[axis]), order.map(|axis| strides[axis])];
    let row = counts[1] * counts[2] * counts[3];
    // It stays in the cache until it is appended.
    let mut rows = vec![[0; SIZE]; BLOCK.min(counts[0]) * row];
    for first in (0..counts[0]).step_by(BLOCK) {
        let count = BLOCK.min(counts[0] - first);
        let mut to = 0;
        for second in 0..counts[1] {
            for third in 0..counts[2] {
                for fourth in 0..counts[3] {
                    let from = first * steps[0] + second * steps[1] + third * steps[2] + fourth * steps[3];
                    let block = values[from..].iter().step_by(steps[0]).take(count);
                    for (to, value) in rows[to..].iter_mut().step_by(row).zip(block) {
                        *to = *value;
                    }
                    to += 1;
                }
            }
        }
        out.extend_from_slice(rows[..count * row].as_flattened());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_their_axes_go() {
        let content = || Content::from((0..12_u8).collect::<Vec<_>>());
        let written = |extents: &[u64], form: Form| {
            let (extents, content) = reorder(content(), extents, Element::Uint8, form).unwrap();
            let mut out = Vec::new();
            content.put(&mut out);
            (extents, out)
        };
        assert_eq!(
            written(&[1, 2, 3, 2], Form::Kernel),
            (vec![2, 3, 1, 2], vec![0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11])
        );
        assert_eq!(
            written(&[2, 1, 3, 2], Form::Depthwise),
            (vec![6, 1, 2, 1], vec![0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11])
        );
        assert_eq!(written(&[2, 6], Form::Image), (vec![1, 6, 1, 2], vec![0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]));
        assert_eq!(written(&[12], Form::Image), (vec![1, 12, 1, 1], (0..12).collect()));
        assert!(reorder(content(), &[12], Element::Uint8, Form::Kernel).is_none());
    }

    #[test]
    fn a_kernel_of_many_outputs_is_written_output_by_output() {
        let (inputs, outputs) = (3_u16, 37_u16);
        let values = (0..inputs * outputs).flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let extents = [1, 1, u64::from(inputs), u64::from(outputs)];
        let (_, content) = reorder(Content::from(values), &extents, Element::Uint16, Form::Kernel).unwrap();
        let mut out = vec![7];
        content.put(&mut out);
        let wanted = (0..outputs).flat_map(|output| (0..inputs).map(move |input| input * outputs + output));
        assert_eq!(out[1..], wanted.flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    }
}
