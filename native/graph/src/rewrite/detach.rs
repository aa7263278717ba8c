//! Weights beside the graph.
//!
//! libtensorflow copies a constant into every graph that it makes of a `GraphDef`, four times by the end. The kernels of
//! layers are therefore taken out of the graph, which gets placeholders for them, and fed to each run: the same bytes
//! serve every session.
//!
//! oneDNN keeps a kernel in a layout of its own from one run to the next if it knows it to be constant. Of one that is
//! fed it is told so for the whole process, by `TF_ONEDNN_ASSUME_FROZEN_WEIGHTS` (`AreWeightsFrozen` in
//! `tensorflow/core/util/onednn_env_vars.cc`), and believes it of kernels too that are computed from the photo. Layers
//! with such a kernel are therefore made to compute in float64, which oneDNN leaves to TensorFlow's own code.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use menagerie_contract::ForbiddenOp;

use crate::{
    data::{
        attr::Attr,
        constant::Constant,
        dtype::DataType,
        graph::{Graph, NodeId},
        parse::{self, NodeDef},
        tensor::element_count,
        wire::put_bytes,
    },
    encode::{self, Piece, put_node},
    error::GraphError,
    limits::GraphLimits,
    ops::{self, Kernel, Role},
};

/// A graph and what is fed to it beside the photo.
#[derive(Clone, Debug)]
pub struct Detached<'a> {
    /// The `GraphDef`, with a placeholder in place of each weight.
    pub graph: Vec<u8>,
    /// What each of them is fed.
    pub weights: Vec<Weight<'a>>,
}

/// A kernel of float32.
#[derive(Clone, Debug)]
pub struct Weight<'a> {
    /// Its placeholder.
    pub name: &'a str,
    /// Its extents.
    pub shape: Vec<u64>,
    /// Its values, little-endian and row-major.
    pub content: Cow<'a, [u8]>,
}

/// Takes the kernels out of `file`, a `GraphDef`.
///
/// # Errors
/// [`GraphError::OpForbidden`] for an op that cannot compute in float64 and takes a kernel that is computed from the
/// photo; those of [`parse::parse`] and [`Graph::build`], which a prepared graph has passed.
pub fn detach<'a>(file: &'a [u8], limits: &GraphLimits) -> Result<Detached<'a>, GraphError> {
    let definition = parse::parse(file, limits)?;
    let graph = Graph::build(definition.clone(), limits)?;
    let photo = graph.iter().filter(|(_, node)| node.op.starts_with("Placeholder")).map(|(id, _)| id);
    let of_photo = graph.descendants(photo);
    let mut bytes_left = limits.grown_bytes_max(file.len() as u64);
    let mut weights: BTreeMap<NodeId, Weight<'a>> = BTreeMap::new();
    for id in kernels(&graph) {
        // What is spelled out in another type than in the file is so within what the file may grow to.
        if let Some(weight) = weight(&graph, id, &definition.nodes[id.0 as usize], bytes_left) {
            if let Cow::Owned(content) = &weight.content {
                bytes_left = bytes_left.saturating_sub(content.len() as u64);
            }
            weights.insert(id, weight);
        }
    }
    let spent = spent(&graph, &weights);
    let mut out = Vec::new();
    for ((id, node), source) in graph.iter().zip(&definition.nodes).filter(|((id, _), _)| !spent.contains(id)) {
        if let Some(weight) = weights.get(&id) {
            let extents = weight.shape.iter().copied().map(Some).collect();
            Piece::placeholder(Cow::Borrowed(weight.name), DataType::Float, &extents).put(&mut out);
        } else if matches!(node.kind.role, Role::Layer(_, Kernel::Weights | Kernel::Bound))
            && graph.input(id, 1).is_some_and(|kernel| of_photo.contains(&kernel))
        {
            put_in_float64(&mut out, &graph, source, node.dtype("T").unwrap_or(DataType::Float))?;
        } else {
            put_node(&mut out, source.name, source.op, &source.inputs, &source.attributes);
        }
    }
    for function in definition.functions {
        let mut library = Vec::new();
        put_bytes(&mut library, 1, function);
        put_bytes(&mut out, 2, &library);
    }
    encode::put_versions(&mut out, definition.producer);
    Ok(Detached { graph: out, weights: weights.into_values().collect() })
}

/// Nodes that are kernels of float32 and nothing else.
fn kernels(graph: &Graph<'_>) -> BTreeSet<NodeId> {
    let (mut kernels, mut others) = (BTreeSet::new(), BTreeSet::new());
    for (_, node) in graph.iter() {
        let takes_float32 =
            node.kind.plain_layer().is_some() && node.dtype("T").is_none_or(|dtype| dtype == DataType::Float);
        for (index, input) in node.inputs.iter().enumerate() {
            if index == 1 && takes_float32 && input.port == 0 {
                kernels.insert(input.node);
            } else {
                others.insert(input.node);
            }
        }
        others.extend(&node.controls);
    }
    kernels.difference(&others).copied().collect()
}

/// What the kernel `id` is fed; absent when it is no constant of float32, or one of more than `bytes_max` in another type.
fn weight<'a>(graph: &Graph<'_>, id: NodeId, source: &NodeDef<'a>, bytes_max: u64) -> Option<Weight<'a>> {
    let node = graph.node(id);
    let dtype = match node.op {
        "Const" => node.dtype("dtype"),
        "Cast" => node.dtype("DstT"),
        "Dequantize" => node.dtype("dtype").or(Some(DataType::Float)),
        _ => None,
    };
    if dtype != Some(DataType::Float) {
        return None;
    }
    let value =
        source.attributes.iter().find(|(name, _)| *name == "value").and_then(|(_, body)| Attr::parse(body).ok());
    if let Some(Attr::Tensor(tensor)) = value
        && tensor.dtype == DataType::Float
        && !tensor.content.is_empty()
    {
        return Some(Weight { name: source.name, shape: tensor.shape, content: Cow::Borrowed(tensor.content) });
    }
    let bytes = element_count(&graph.constant_shape(id)?).saturating_mul(size_of::<f32>() as u64);
    let Constant { shape, values } = if bytes <= bytes_max { graph.constant(id)? } else { return None };
    let content = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Some(Weight { name: source.name, shape, content: Cow::Owned(content) })
}

/// Nodes that nothing but `weights` was computed of.
fn spent(graph: &Graph<'_>, weights: &BTreeMap<NodeId, Weight<'_>>) -> HashSet<NodeId> {
    let sources = |id: NodeId| graph.node(id).inputs.iter().map(|input| input.node);
    let awaited: HashSet<NodeId> = graph.iter().flat_map(|(_, node)| &node.controls).copied().collect();
    let mut spent = HashSet::new();
    let mut stack: Vec<NodeId> = weights.keys().copied().flat_map(sources).collect();
    while let Some(id) = stack.pop() {
        if spent.contains(&id) {
            continue;
        }
        let is_gone = |next: &NodeId| weights.contains_key(next) || spent.contains(next);
        if !awaited.contains(&id) && graph.consumers(id).iter().all(is_gone) && spent.insert(id) {
            stack.extend(sources(id));
        }
    }
    spent
}

/// `node` as casts of both inputs to float64, the layer, and a cast back that has its name.
fn put_in_float64(out: &mut Vec<u8>, graph: &Graph<'_>, node: &NodeDef<'_>, dtype: DataType) -> Result<(), GraphError> {
    let (&[image, kernel], true) = (node.inputs.as_slice(), ops::of(node.op).plain_layer().is_some()) else {
        return Err(GraphError::OpForbidden(ForbiddenOp {
            op: node.op.to_owned(),
            node: node.name.to_owned(),
            reason: "its kernel is computed from the photo; export the graph again without fusing or quantising".into(),
        }));
    };
    let fresh = |ending| graph.fresh_name(node.name, ending);
    let (wide_image, wide_kernel, wide) = (fresh("image64"), fresh("kernel64"), fresh("float64"));
    Piece::cast(wide_image.clone(), Cow::Borrowed(image), dtype, DataType::Double).put(out);
    Piece::cast(wide_kernel.clone(), Cow::Borrowed(kernel), dtype, DataType::Double).put(out);
    let double = encode::dtype_attr(DataType::Double);
    let mut attributes = node.attributes.clone();
    attributes.retain(|(name, _)| *name != "T");
    attributes.push(("T", &double));
    put_node(out, &wide, node.op, &[wide_image, wide_kernel], &attributes);
    Piece::cast(Cow::Borrowed(node.name), wide, DataType::Double, dtype).put(out);
    Ok(())
}
