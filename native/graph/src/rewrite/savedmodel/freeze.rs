//! Variables become constants, and what the serving signature needs becomes a GraphDef.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{
    archive::Folder,
    bundle::Bundle,
    proto::{self, MetaGraph, Signature},
    refuse,
};
use crate::{
    data::{attr::Attr, parse},
    encode::{self, NO_ATTRIBUTES, Piece, put_node},
    error::GraphError,
    limits::GraphLimits,
    rewrite::functions::{FlatGraph, FlatNode, Library, flatten},
};

/// The signature that TensorFlow gives the model's call.
const SERVING_SIGNATURE: &str = "serving_default";
/// The tag of graphs for answering.
const SERVING_TAG: &str = "serve";

/// The frozen graph of `folder`.
pub(super) fn freeze(folder: &Folder, limits: &GraphLimits) -> Result<Vec<u8>, GraphError> {
    let damaged = |error| refuse(format!("saved_model.pb is damaged: {error}"));
    let mut metas = proto::meta_graphs(folder.graph()).map_err(damaged)?;
    let serving = metas.iter().position(|meta| meta.tags.contains(&SERVING_TAG)).unwrap_or(0);
    if metas.is_empty() {
        return Err(refuse("saved_model.pb holds no graph"));
    }
    let meta = metas.swap_remove(serving);
    let signature = serving_signature(&meta)?;
    let definition = parse::parse(meta.graph, limits)?;
    let producer = definition.producer;
    let library = Library::read(&definition, limits)?;
    let graph = flatten(&library, folder.came, limits)?;
    let bundle = Bundle::open(folder)?;
    Frozen { keys: saved_keys(&graph), graph: &graph, bundle: &bundle, limits }.write(signature, producer)
}

fn serving_signature<'m, 'a>(meta: &'m MetaGraph<'a>) -> Result<&'m Signature<'a>, GraphError> {
    let named = meta.signatures.iter().find(|signature| signature.name == SERVING_SIGNATURE);
    let with_outputs =
        || meta.signatures.iter().find(|signature| !signature.name.starts_with("__") && !signature.outputs.is_empty());
    named.or_else(with_outputs).ok_or_else(|| {
        refuse("it has no signature that says what it answers; save it with a serving signature (`model.export`)")
    })
}

/// The checkpoint key of each variable, by the name that its handles share: the graph itself restores its variables, and
/// so says which is which.
fn saved_keys(graph: &FlatGraph<'_, '_>) -> HashMap<String, String> {
    let mut keys = HashMap::new();
    let mut copies = Vec::new();
    for node in &graph.nodes {
        let ("AssignVariableOp" | "Assign", [variable, value, ..]) = (node.op, node.inputs.as_slice()) else {
            continue;
        };
        let variable = shared_name(&graph.nodes[graph.origin(*variable).node]);
        let value = graph.origin(*value);
        let source = &graph.nodes[value.node];
        if let Some(key) = restored_key(graph, source, value.port) {
            keys.insert(variable, key);
        } else if let ("ReadVariableOp", Some(original)) = (source.op, source.inputs.first()) {
            copies.push((variable, shared_name(&graph.nodes[graph.origin(*original).node])));
        }
    }
    // Keras 3 saves copies of its variables and calls the originals.
    for (copy, original) in copies {
        if let (Some(key), false) = (keys.get(&copy).cloned(), keys.contains_key(&original)) {
            keys.insert(original, key);
        }
    }
    keys
}

/// The checkpoint key that output `port` of `restore` reads.
fn restored_key(graph: &FlatGraph<'_, '_>, restore: &FlatNode<'_, '_>, port: u32) -> Option<String> {
    if restore.op != "RestoreV2" {
        return None;
    }
    let names = &graph.nodes[graph.origin(*restore.inputs.get(1)?).node];
    match names.attr("value")? {
        Attr::Tensor(names) => std::str::from_utf8(names.texts().get(port as usize)?).ok().map(str::to_owned),
        _ => None,
    }
}

/// The name by which all handles of one variable know it.
fn shared_name(node: &FlatNode<'_, '_>) -> String {
    match node.attr("shared_name") {
        Some(Attr::Bytes(name)) if !name.is_empty() => String::from_utf8_lossy(name).into_owned(),
        _ => node.name.clone(),
    }
}

struct Frozen<'g, 'l> {
    graph: &'g FlatGraph<'l, 'g>,
    bundle: &'g Bundle<'g>,
    keys: HashMap<String, String>,
    limits: &'g GraphLimits,
}

impl Frozen<'_, '_> {
    fn write(&self, signature: &Signature<'_>, producer: i64) -> Result<Vec<u8>, GraphError> {
        let mut outputs = Vec::new();
        for (output, tensor) in &signature.outputs {
            let source = self.graph.source(tensor).ok_or_else(|| {
                refuse(format!("output {output:?} of its signature is {tensor:?}, which the graph does not make"))
            })?;
            outputs.push((*tensor, source));
        }
        let needed = self.needed(outputs.iter().map(|(_, source)| source.node));
        let mut out = Vec::new();
        for (_, node) in self.graph.nodes.iter().enumerate().filter(|(index, _)| needed.contains(index)) {
            self.put_node(node, &mut out)?;
            if out.len() as u64 > self.limits.file_bytes_max {
                return Err(GraphError::FileTooLarge { bytes: out.len() as u64, limit: self.limits.file_bytes_max });
            }
        }
        let taken: HashSet<&str> = needed.iter().map(|index| self.graph.nodes[*index].name.as_str()).collect();
        for (tensor, source) in outputs {
            let name = tensor.replace(':', "_");
            let name = name.strip_suffix("_0").unwrap_or(&name);
            if !taken.contains(name) {
                put_node(&mut out, name, "Identity", &[self.graph.written(source)], NO_ATTRIBUTES);
            }
        }
        encode::put_versions(&mut out, producer);
        Ok(out)
    }

    fn needed(&self, from: impl Iterator<Item = usize>) -> HashSet<usize> {
        let mut needed = HashSet::new();
        let mut stack: Vec<usize> = from.collect();
        while let Some(index) = stack.pop() {
            if needed.insert(index) {
                stack.extend(self.graph.nodes[index].inputs.iter().map(|source| source.node));
            }
        }
        needed
    }

    fn put_node(&self, node: &FlatNode<'_, '_>, out: &mut Vec<u8>) -> Result<(), GraphError> {
        let is_variable = matches!(node.op, "VarHandleOp" | "VariableV2" | "Variable");
        if is_variable {
            // Graphs of TensorFlow 1 save a variable under its own name.
            let key = self.keys.get(&shared_name(node)).unwrap_or(&node.name);
            let weight = self.bundle.weight(key)?;
            let value = encode::tensor_attr(weight.dtype, &weight.shape, weight.content);
            Piece::constant(Cow::Borrowed(&node.name), weight.dtype, value.into()).put(out);
            return Ok(());
        }
        let inputs: Vec<String> = node.inputs.iter().map(|source| self.graph.written(*source)).collect();
        if node.op == "ReadVariableOp" {
            let dtype = node.attributes.iter().find(|(key, _)| *key == "dtype").map_or(&[][..], |(_, body)| body);
            put_node(out, &node.name, "Identity", &inputs, &[("T", dtype)]);
        } else {
            put_node(out, &node.name, node.op, &inputs, node.attributes);
        }
        Ok(())
    }
}
