//! What stands beside a graph of how it is fed and read.

use menagerie_contract::ExportRequest;
use serde::Serialize;

use crate::resolve::Resolved;

/// Names and values: words as they are, numbers and lists as JSON. `mean` and `std` are on the 0–255 scale, in the order of
/// `channel_order`; `layout` is that of the fed tensor.
pub(super) fn of(
    resolved: &Resolved,
    names: Option<&[String]>,
    request: &ExportRequest,
) -> Vec<(&'static str, String)> {
    let (input, output) = (&resolved.spec.input, &resolved.spec.output);
    let mut about = vec![
        ("preprocessing", if request.preprocess { "inside" } else { "outside" }.to_owned()),
        ("width", input.width.to_string()),
        ("height", input.height.to_string()),
        ("channels", input.channels.to_string()),
        ("layout", text(&resolved.input_layout)),
        ("channel_order", text(&input.channel_order)),
        ("mean", text(&input.mean)),
        ("std", text(&input.std)),
        ("resize", text(&input.resize)),
        ("crop_fraction", text(&input.crop_fraction)),
        ("resize_filter", text(&input.resize_filter)),
        ("output", text(&output.kind)),
        ("classes", output.classes.to_string()),
        ("temperature", text(&request.temperature)),
        ("graph_sha256", resolved.spec.graph.sha256.clone()),
    ];
    about.extend(names.map(|names| ("labels", text(&names))));
    about
}

/// A word as it is, anything else as JSON.
fn text<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    serde_json::from_str(&json).unwrap_or(json)
}
