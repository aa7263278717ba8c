//! Rewrites before anything is looked for: what the graph does only while it is trained, or to decode a file, goes.
//!
//! Afterwards the image input is a plain placeholder with a batch axis, and no switch decides about the way to the
//! scores.

mod dropout;
mod heads;
mod switches;

use crate::graph::Graph;

/// Cuts decoders off, settles training switches, removes dropout. Linear in the size of the graph.
#[must_use]
pub fn simplify(graph: Graph<'_>) -> Graph<'_> {
    let graph = heads::cut_decoders(graph);
    let graph = heads::add_batch_axis(graph);
    let graph = switches::settle_placeholders(graph);
    let graph = switches::take_known_branches(graph);
    dropout::remove(graph)
}
