//! Images of another size.

use super::{
    super::{
        proto::Attribute,
        writer::{Refusal, Writer},
    },
    Rows,
    Rule::Written,
    arithmetic::need_floats,
};
use crate::data::graph::NodeId;

pub(super) const ROWS: Rows = &[("ResizeBilinear", Written(bilinear)), ("ResizeNearestNeighbor", Written(nearest))];

fn bilinear(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    let coordinates = match (node.flag("align_corners"), node.flag("half_pixel_centers")) {
        (true, false) => "align_corners",
        (false, true) => "half_pixel",
        (false, false) => "asymmetric",
        (true, true) => return Err(writer.refusal(id, "it has align_corners and half_pixel_centers")),
    };
    resize(writer, id, vec![("mode", text("linear")), ("coordinate_transformation_mode", text(coordinates))])
}

fn nearest(writer: &mut Writer<'_>, id: NodeId) -> Result<(), Refusal> {
    let node = writer.graph.node(id);
    if node.flag("align_corners") || node.flag("half_pixel_centers") {
        return Err(writer.refusal(id, "it has align_corners or half_pixel_centers"));
    }
    let attributes = vec![
        ("mode", text("nearest")),
        ("coordinate_transformation_mode", text("asymmetric")),
        ("nearest_mode", text("floor")),
    ];
    resize(writer, id, attributes)
}

fn text(value: &str) -> Attribute {
    Attribute::Text(value.to_owned())
}

/// By factors, because a size would name that of the batch too.
fn resize(writer: &mut Writer<'_>, id: NodeId, attributes: Vec<(&'static str, Attribute)>) -> Result<(), Refusal> {
    need_floats(writer, id)?;
    let extents = writer.extents_of_rank(id, 0, 4)?;
    let size = writer.ints(id, 1)?;
    let unknown = || writer.refusal(id, "its sizes are not known");
    let [Some(rows), Some(columns)] = [extents[1], extents[2]] else { return Err(unknown()) };
    let &[new_rows, new_columns] = size.as_slice() else { return Err(unknown()) };
    let factors = factor(rows, new_rows).zip(factor(columns, new_columns));
    let (down, across) = factors.ok_or_else(|| writer.refusal(id, "its sizes have no exact ratio"))?;
    let image = writer.image(writer.input(id, 0)?)?;
    let scales = writer.floats(vec![4], &[1.0, 1.0, down, across])?;
    writer.put(id, "Resize", vec![image, String::new(), scales], attributes, true)
}

/// The factor that makes `to` of `from`, whose product is rounded down.
fn factor(from: u64, to: i64) -> Option<f32> {
    let factor = to as f32 / from as f32;
    let fits = |factor: &f32| *factor > 0.0 && (from as f32 * factor).floor() as i64 == to;
    [factor, factor.next_up()].into_iter().find(fits)
}
