//! How an image's values lie in the tensor: layout, channels, and the extents that the graph states.

use menagerie_contract::{Layout, LoadRequest, Source, counted};

use super::Draft;
use crate::{
    data::{
        graph::{Graph, NodeId},
        tensor::Extents,
    },
    error::GraphError,
    find::found::evidence,
    ops::Layer,
};

/// How the values of an image are laid out in the tensor.
pub(super) struct Plan {
    pub layout: Layout,
    pub channels: u32,
    pub batch: Option<u64>,
    /// Extents that the graph states, where it does.
    pub height: Option<u64>,
    pub width: Option<u64>,
    /// Values of one image in a flat input.
    pub values: Option<u64>,
}

impl Plan {
    pub(super) fn of(
        graph: &Graph<'_>,
        node: NodeId,
        first_layer: Option<NodeId>,
        shape: Option<&Extents>,
        request: &LoadRequest,
        found: &mut Draft,
    ) -> Result<Self, GraphError> {
        let kernel = first_layer.and_then(|layer| kernel_channels(graph, layer));
        let mut plan = match shape.map(Vec::as_slice) {
            Some([batch, a, b, c]) => Self::rank4(graph, first_layer, kernel, [*batch, *a, *b, *c], found),
            Some([height, Some(2..), Some(3)]) if height.is_none_or(|height| height > 1) => {
                return Err(GraphError::NoInput(format!(
                    "placeholder {:?} takes one colour image without a batch axis, and the graph works on all of its axes; \
                     export it with an input of four axes",
                    graph.node(node).name
                )));
            }
            Some([batch, height, width]) => {
                let because = "the placeholder has three axes: batch, rows and columns";
                found.evidence.push(evidence("input.layout", Layout::Nhw, Source::Read, 0.97, because));
                Self { layout: Layout::Nhw, channels: 1, batch: *batch, height: *height, width: *width, values: None }
            }
            Some([batch, values]) => {
                let values = values.or_else(|| flat_values(graph, first_layer));
                let because = "the placeholder has two axes: batch and values";
                Self::flat(graph, node, *batch, values, because, request, found)?
            }
            Some(other) => {
                return Err(GraphError::NoInput(format!(
                    "placeholder {:?} has {}; an image batch has 2 to 4",
                    graph.node(node).name,
                    counted(other.len(), "axis", "axes")
                )));
            }
            None => match first_layer.and_then(|layer| graph.node(layer).kind.layer_kind()) {
                Some(Layer::Product) if reshaped_image(graph, node).is_none() => {
                    let values = flat_values(graph, first_layer);
                    let because = "the placeholder states no shape and a matrix product comes first";
                    Self::flat(graph, node, None, values, because, request, found)?
                }
                _ => Self::rank4(graph, first_layer, kernel, [None; 4], found),
            },
        };
        if let Some(layout) = request.overrides.layout
            && layout != plan.layout
        {
            plan.change_layout(layout, shape, request)?;
            found.evidence.retain(|entry| entry.field != "input.layout");
            found.evidence.push(evidence("input.layout", layout, request.source, 1.0, "set by the caller"));
        }
        let because = match kernel {
            Some(kernel) => format!("the first layer's kernel takes {kernel}"),
            None => "from the placeholder's shape and what follows it".to_owned(),
        };
        found.evidence.push(evidence("input.channels", plan.channels, Source::Read, 0.99, because));
        if plan.channels != 1 && plan.channels != 3 {
            return Err(GraphError::Channels {
                tensor: graph.node(node).name.to_string(),
                channels: u64::from(plan.channels),
            });
        }
        Ok(plan)
    }

    fn rank4(
        graph: &Graph<'_>,
        first_layer: Option<NodeId>,
        kernel: Option<u64>,
        [batch, a, b, c]: [Option<u64>; 4],
        found: &mut Draft,
    ) -> Self {
        let is_colour = |extent: Option<u64>| matches!(extent, Some(1 | 3));
        let fits = |extent: Option<u64>| match kernel {
            Some(kernel) if kernel == 1 || kernel == 3 => extent == Some(kernel),
            _ => is_colour(extent),
        };
        let (layout, because) = match (fits(a), fits(c)) {
            (true, false) => (Layout::Nchw, "the channels stand on the second axis of the placeholder".to_owned()),
            (false, true) => (Layout::Nhwc, "the channels stand on the last axis of the placeholder".to_owned()),
            _ => match first_layer.map(|layer| graph.node(layer)) {
                Some(layer) if layer.is_channels_first() => {
                    (Layout::Nchw, format!("layer {:?} counts channels before rows", layer.name))
                }
                _ => (Layout::Nhwc, "the graph's convolutions count channels last".to_owned()),
            },
        };
        let is_read = fits(a) != fits(c);
        let confidence = if is_read { 0.99 } else { 0.95 };
        found.evidence.push(evidence("input.layout", layout, Source::Read, confidence, because));
        let (channels, height, width) = if layout == Layout::Nchw { (a, b, c) } else { (c, a, b) };
        let channels = channels.or(kernel).unwrap_or(3);
        Self { layout, channels: channels.min(u64::from(u32::MAX)) as u32, batch, height, width, values: None }
    }

    fn flat(
        graph: &Graph<'_>,
        node: NodeId,
        batch: Option<u64>,
        values: Option<u64>,
        because: &str,
        request: &LoadRequest,
        found: &mut Draft,
    ) -> Result<Self, GraphError> {
        found.evidence.push(evidence("input.layout", Layout::Flat, Source::Read, 0.98, because));
        if let Some((height, width, channels)) = reshaped_image(graph, node) {
            return Ok(Self {
                layout: Layout::Flat,
                channels: channels.min(u64::from(u32::MAX)) as u32,
                batch,
                height: Some(height),
                width: Some(width),
                values,
            });
        }
        let Some(values) = values else {
            return Err(GraphError::NoInput(format!(
                "placeholder {:?} is a list of values whose number the graph does not say",
                graph.node(node).name
            )));
        };
        if let (Some(width), Some(height)) = (request.overrides.width, request.overrides.height) {
            let area = u64::from(width) * u64::from(height);
            if let Some(channels @ (1 | 3)) = values.checked_div(area)
                && values == area * channels
            {
                return Ok(Self {
                    layout: Layout::Flat,
                    channels: channels as u32,
                    batch,
                    height: Some(u64::from(height)),
                    width: Some(u64::from(width)),
                    values: Some(values),
                });
            }
        }
        let side = |area: u64| Some(area.isqrt()).filter(|side| *side > 0 && side * side == area);
        let (channels, side) = match (side(values), values.is_multiple_of(3).then(|| side(values / 3)).flatten()) {
            (Some(side), _) => (1, side),
            (None, Some(side)) => (3, side),
            (None, None) => {
                return Err(GraphError::NoInput(format!(
                    "placeholder {:?} takes {}, no square image of 1 or 3 channels; set `width` and `height`",
                    graph.node(node).name,
                    counted(values, "value", "values")
                )));
            }
        };
        Ok(Self { layout: Layout::Flat, channels, batch, height: Some(side), width: Some(side), values: Some(values) })
    }

    fn change_layout(
        &mut self,
        layout: Layout,
        shape: Option<&Extents>,
        request: &LoadRequest,
    ) -> Result<(), GraphError> {
        let rank = |layout: Layout| match layout {
            Layout::Nhwc | Layout::Nchw => 4,
            Layout::Nhw => 3,
            Layout::Flat => 2,
        };
        match shape.map(Vec::as_slice) {
            Some([_, a, b, c]) if rank(layout) == 4 => {
                let (channels, height, width) = if layout == Layout::Nchw { (*a, *b, *c) } else { (*c, *a, *b) };
                self.channels = channels.unwrap_or(u64::from(self.channels)).min(u64::from(u32::MAX)) as u32;
                (self.height, self.width) = (height, width);
            }
            Some(extents) if rank(layout) != extents.len() => {
                return Err(GraphError::Override {
                    field: "layout",
                    value: format!("{:?}", request.overrides.layout),
                    reason: format!("the input has {}", counted(extents.len(), "axis", "axes")),
                });
            }
            _ => {}
        }
        self.layout = layout;
        Ok(())
    }
}

/// Channels that the kernel of convolution `layer` takes.
fn kernel_channels(graph: &Graph<'_>, layer: NodeId) -> Option<u64> {
    if graph.node(layer).kind.is_product() {
        return None;
    }
    match graph.constant_shape(graph.input(layer, 1)?)?.as_slice() {
        [_, _, channels, _] => Some(*channels),
        _ => None,
    }
}

/// Rows of the first matrix product: the values of one flat image.
fn flat_values(graph: &Graph<'_>, first_layer: Option<NodeId>) -> Option<u64> {
    let layer = first_layer?;
    let shape = graph.constant_shape(graph.input(layer, 1)?)?;
    match shape.as_slice() {
        [rows, columns] => Some(if graph.node(layer).flag("transpose_b") { *columns } else { *rows }),
        _ => None,
    }
}

/// Rows, columns and channels of a `Reshape` to an image right behind the input.
fn reshaped_image(graph: &Graph<'_>, input: NodeId) -> Option<(u64, u64, u64)> {
    graph.consumers(input).iter().find_map(|consumer| {
        if graph.node(*consumer).op != "Reshape" {
            return None;
        }
        match graph.constant_ints(graph.input(*consumer, 1)?)?.as_slice() {
            [_, height, width, channels @ (1 | 3)] if *height > 0 && *width > 0 => {
                Some((*height as u64, *width as u64, *channels as u64))
            }
            _ => None,
        }
    })
}
