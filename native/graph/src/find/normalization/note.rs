//! How photos are fitted, where a graph says it itself: a note on its image input, which no runtime looks at.

use menagerie_contract::{LoadRequest, Source, SpecOverrides};

use crate::{
    data::{
        attr::Attr,
        graph::{Graph, NodeId},
    },
    find::found::{InputFound, Normalization},
};

/// The attribute: attributes whose names begin with `_` are none of the op's (`tensorflow/core/framework/node_def.proto`), and
/// TensorFlow lets them pass (`ValidateNodeDef`).
pub const ATTRIBUTE: &str = "_menagerie";
/// Bytes of a note that is read.
const BYTES_MAX: usize = 4096;

/// A note is JSON of [`SpecOverrides`] with fields of these alone.
#[must_use]
pub fn text(settings: &SpecOverrides) -> String {
    serde_json::to_string(settings).unwrap_or_default()
}

/// Puts what the note on `input` says in place of what was detected. One that is none says nothing.
pub fn apply(graph: &Graph<'_>, input: &InputFound, normalization: &mut Normalization) {
    let Some(said) = read(graph, input.node) else { return };
    let fit = SpecOverrides {
        channel_order: said.channel_order,
        resize: said.resize,
        crop_fraction: said.crop_fraction,
        resize_filter: said.resize_filter,
        ..SpecOverrides::default()
    };
    let mut changed = normalization.clone();
    let request = LoadRequest::new(Source::Read, fit);
    if super::settings::override_with(&mut changed, input, &request, "the graph's own note says so").is_ok() {
        *normalization = changed;
    }
}

fn read(graph: &Graph<'_>, input: NodeId) -> Option<SpecOverrides> {
    let Some(Attr::Bytes(bytes)) = graph.node(input).attr(ATTRIBUTE) else { return None };
    serde_json::from_slice(bytes).ok().filter(|_| bytes.len() <= BYTES_MAX)
}
