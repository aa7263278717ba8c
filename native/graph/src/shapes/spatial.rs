//! Shapes of convolutions, poolings, paddings, resizes and matrix products.

use super::Fact;
use crate::{
    data::{graph::Node, tensor::Extents},
    ops::Shape,
};

/// The fact of a spatial op; absent for other ops.
pub(super) fn infer(node: &Node<'_>, inputs: &[&Fact]) -> Result<Option<Fact>, String> {
    let extents = |index: usize| inputs.get(index).and_then(|fact| fact.extents.as_ref());
    let fact = match node.kind.shape {
        Shape::Convolution => convolution(node, extents(0), extents(1), false)?,
        Shape::Depthwise => convolution(node, extents(0), extents(1), true)?,
        Shape::Pool => pool(node, extents(0))?,
        Shape::Product => product(node, extents(0), extents(1))?,
        Shape::BatchProduct => batch_product(node, extents(0), extents(1)),
        Shape::Einsum => einsum(node, inputs),
        Shape::Pad => pad(extents(0), inputs.get(1))?,
        Shape::Resize => resize(extents(0), inputs.get(1)),
        Shape::SpaceToBatch => space_to_batch(inputs)?,
        Shape::BatchToSpace => batch_to_space(inputs)?,
        Shape::DepthToSpace => block(node, extents(0), true),
        Shape::SpaceToDepth => block(node, extents(0), false),
        _ => return Ok(None),
    };
    Ok(Some(fact))
}

/// Positions of rows, columns and channels in a rank-4 tensor.
fn axes(node: &Node<'_>) -> [usize; 3] {
    if node.is_channels_first() { [2, 3, 1] } else { [1, 2, 3] }
}

fn rank4<'e>(extents: Option<&'e Extents>, what: &str) -> Result<Option<&'e Extents>, String> {
    match extents {
        Some(extents) if extents.len() != 4 => Err(format!("its {what} has rank {} instead of 4", extents.len())),
        other => Ok(other),
    }
}

fn convolution(
    node: &Node<'_>,
    image: Option<&Extents>,
    kernel: Option<&Extents>,
    is_depthwise: bool,
) -> Result<Fact, String> {
    let (image, kernel) = (rank4(image, "input")?, rank4(kernel, "kernel")?);
    let axes = axes(node);
    let (Some(image), Some(kernel)) = (image, kernel) else {
        let mut open = vec![None; 4];
        if let (Some(kernel), false) = (kernel, is_depthwise) {
            open[axes[2]] = kernel[3];
        }
        return Ok(Fact::of(open));
    };
    if let (Some(found), Some(wanted)) = (image[axes[2]], kernel[2]) {
        // A grouped convolution's kernel takes a divisor of the channels.
        let fits = if is_depthwise { found == wanted } else { wanted > 0 && found.is_multiple_of(wanted) };
        if !fits {
            return Err(format!("its input has {found} channels, its kernel {wanted}"));
        }
    }
    let mut out = vec![image[0], None, None, None];
    for (position, axis) in axes.iter().take(2).enumerate() {
        out[*axis] = window(node, *axis, image[*axis], kernel[position])?;
    }
    out[axes[2]] =
        if is_depthwise { kernel[2].zip(kernel[3]).map(|(deep, times)| deep.saturating_mul(times)) } else { kernel[3] };
    Ok(Fact::of(out))
}

fn pool(node: &Node<'_>, image: Option<&Extents>) -> Result<Fact, String> {
    let Some(image) = rank4(image, "input")? else { return Ok(Fact::of(vec![None; 4])) };
    let sizes = node.ints("ksize").unwrap_or_default();
    let mut out = image.clone();
    for axis in axes(node).into_iter().take(2) {
        let size = sizes.get(axis).and_then(|size| u64::try_from(*size).ok());
        out[axis] = window(node, axis, image[axis], size)?;
    }
    Ok(Fact::of(out))
}

/// Extent behind a window that moves along one axis (`tensorflow/core/framework/kernel_shape_util.cc`).
fn window(node: &Node<'_>, axis: usize, extent: Option<u64>, size: Option<u64>) -> Result<Option<u64>, String> {
    let stride = list_value(node, "strides", axis)?;
    let dilation = list_value(node, "dilations", axis)?;
    let (Some(extent), Some(size)) = (extent, size) else { return Ok(None) };
    let reach = reach(size, dilation);
    let padded = match node.text("padding").unwrap_or("VALID") {
        "SAME" => return Ok(Some(extent.div_ceil(stride))),
        "EXPLICIT" => {
            let paddings = node.ints("explicit_paddings").unwrap_or_default();
            let sum = paddings.iter().skip(2 * axis).take(2).map(|side| (*side).max(0) as u64);
            sum.fold(extent, u64::saturating_add)
        }
        _ => extent,
    };
    if padded < reach {
        return Err(format!("its window of {reach} pixels is larger than its input of {padded}"));
    }
    Ok(Some((padded - reach) / stride + 1))
}

/// Pixels from the first to the last that a window of `size` looks at.
fn reach(size: u64, dilation: u64) -> u64 {
    size.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// What `SAME` adds before and after each of the four axes of a convolution's input
/// (`GetWindowedOutputSizeVerbose` in `tensorflow/core/framework/kernel_shape_util.cc`).
pub(crate) fn same_paddings(node: &Node<'_>, image: &[u64], kernel: &[u64]) -> Option<Vec<i64>> {
    let (&[_, _, _, _], &[rows, columns, _, _]) = (image, kernel) else { return None };
    let mut paddings = vec![0; 8];
    for (axis, size) in axes(node).into_iter().zip([rows, columns]) {
        let stride = list_value(node, "strides", axis).ok()?;
        let last = image[axis].div_ceil(stride).checked_sub(1)?.checked_mul(stride)?;
        let sum = last.checked_add(reach(size, list_value(node, "dilations", axis).ok()?))?.saturating_sub(image[axis]);
        paddings[2 * axis] = i64::try_from(sum / 2).ok()?;
        paddings[2 * axis + 1] = i64::try_from(sum.div_ceil(2)).ok()?;
    }
    Some(paddings)
}

fn list_value(node: &Node<'_>, name: &str, axis: usize) -> Result<u64, String> {
    match node.ints(name).and_then(|values| values.get(axis).copied()) {
        None => Ok(1),
        Some(value) => u64::try_from(value)
            .ok()
            .filter(|value| *value > 0)
            .ok_or_else(|| format!("its attribute {name} holds {value}")),
    }
}

fn product(node: &Node<'_>, left: Option<&Extents>, right: Option<&Extents>) -> Result<Fact, String> {
    let side = |extents: Option<&Extents>, transposed: bool, name: &str| match extents {
        None => Ok((None, None)),
        Some(extents) => match extents.as_slice() {
            [rows, columns] => Ok(if transposed { (*columns, *rows) } else { (*rows, *columns) }),
            other => Err(format!("its {name} input has rank {} instead of 2", other.len())),
        },
    };
    let (rows, inner_left) = side(left, node.flag("transpose_a"), "left")?;
    let (inner_right, columns) = side(right, node.flag("transpose_b"), "right")?;
    match (inner_left, inner_right) {
        (Some(left), Some(right)) if left != right => {
            Err(format!("it multiplies {left} values with a matrix of {right} rows"))
        }
        _ => Ok(Fact::of(vec![rows, columns])),
    }
}

fn batch_product(node: &Node<'_>, left: Option<&Extents>, right: Option<&Extents>) -> Fact {
    let (Some(left), Some(right)) = (left, right) else { return Fact::open() };
    let (rank, right_rank) = (left.len(), right.len());
    if rank < 2 || right_rank < 2 {
        return Fact::open();
    }
    let mut out = if rank >= right_rank { left.clone() } else { right.clone() };
    let out_rank = out.len();
    out[out_rank - 2] = if node.flag("adj_x") { left[rank - 1] } else { left[rank - 2] };
    out[out_rank - 1] = if node.flag("adj_y") { right[right_rank - 2] } else { right[right_rank - 1] };
    Fact::of(out)
}

/// One axis for each letter behind the arrow, as long as where the letter stands before it (tf.einsum). With the axes of
/// `...`, whose number the inputs tell, nothing is known.
fn einsum(node: &Node<'_>, inputs: &[&Fact]) -> Fact {
    let Some((from, to)) = node.text("equation").and_then(|equation| equation.split_once("->")) else {
        return Fact::open();
    };
    let letters = |term: &str| term.chars().filter(|letter| !letter.is_whitespace()).collect::<Vec<_>>();
    let to = letters(to);
    if !to.iter().all(char::is_ascii_alphabetic) {
        return Fact::open();
    }
    let terms: Vec<_> = from.split(',').map(letters).collect();
    let extent_of = |wanted: &char| {
        terms.iter().zip(inputs).find_map(|(term, input)| {
            let extents = input.extents.as_ref().filter(|extents| extents.len() == term.len())?;
            let axis = term.iter().position(|letter| letter == wanted)?;
            extents[axis]
        })
    };
    Fact::of(to.iter().map(extent_of).collect())
}

fn pad(image: Option<&Extents>, paddings: Option<&&Fact>) -> Result<Fact, String> {
    let Some(image) = image else { return Ok(Fact::open()) };
    let Some(paddings) = paddings.and_then(|fact| fact.closed_ints()) else {
        return Ok(Fact::of(vec![None; image.len()]));
    };
    if paddings.len() != 2 * image.len() {
        return Err(format!("it has {} paddings for rank {}", paddings.len(), image.len()));
    }
    let sides = paddings.chunks_exact(2).map(|pair| pair.iter().map(|side| (*side).max(0) as u64));
    Ok(Fact::of(
        image
            .iter()
            .zip(sides)
            .map(|(extent, sides)| extent.map(|extent| sides.fold(extent, u64::saturating_add)))
            .collect(),
    ))
}

fn resize(image: Option<&Extents>, size: Option<&&Fact>) -> Fact {
    let size = size.and_then(|fact| fact.ints.clone()).unwrap_or_default();
    let extent = |index: usize| size.get(index).copied().flatten().and_then(|side| u64::try_from(side).ok());
    let at = |index: usize| image.and_then(|extents| extents.get(index).copied().flatten());
    Fact::of(vec![at(0), extent(0), extent(1), at(3)])
}

fn space_to_batch(inputs: &[&Fact]) -> Result<Fact, String> {
    let [image, block, paddings] = inputs else { return Err("it lacks inputs".to_owned()) };
    let (Some(extents), Some(block), Some(paddings)) = (&image.extents, block.closed_ints(), paddings.closed_ints())
    else {
        return Ok(Fact::of(vec![None; image.extents.as_ref().map_or(4, Vec::len)]));
    };
    let mut out = extents.clone();
    for (index, side) in block.iter().enumerate() {
        let side = u64::try_from(*side).ok().filter(|side| *side > 0).ok_or("its block size is not positive")?;
        let padding: u64 = paddings.iter().skip(2 * index).take(2).map(|side| (*side).max(0) as u64).sum();
        let slot = out.get_mut(index + 1).ok_or("its block has more axes than its input")?;
        *slot = slot.map(|extent| extent.saturating_add(padding) / side);
        out[0] = out[0].map(|batch| batch.saturating_mul(side));
    }
    Ok(Fact::of(out))
}

fn batch_to_space(inputs: &[&Fact]) -> Result<Fact, String> {
    let [image, block, crops] = inputs else { return Err("it lacks inputs".to_owned()) };
    let (Some(extents), Some(block), Some(crops)) = (&image.extents, block.closed_ints(), crops.closed_ints()) else {
        return Ok(Fact::of(vec![None; image.extents.as_ref().map_or(4, Vec::len)]));
    };
    let mut out = extents.clone();
    for (index, side) in block.iter().enumerate() {
        let side = u64::try_from(*side).ok().filter(|side| *side > 0).ok_or("its block size is not positive")?;
        let crop: u64 = crops.iter().skip(2 * index).take(2).map(|side| (*side).max(0) as u64).sum();
        let slot = out.get_mut(index + 1).ok_or("its block has more axes than its input")?;
        *slot = slot.map(|extent| extent.saturating_mul(side).saturating_sub(crop));
        out[0] = out[0].map(|batch| batch / side);
    }
    Ok(Fact::of(out))
}

fn block(node: &Node<'_>, image: Option<&Extents>, to_space: bool) -> Fact {
    let side = node.int("block_size").and_then(|side| u64::try_from(side).ok()).filter(|side| *side > 0);
    let (Some(image), Some(side)) = (image.filter(|extents| extents.len() == 4), side) else {
        return Fact::of(vec![None; 4]);
    };
    let mut out = image.clone();
    let [rows, columns, deep] = axes(node);
    let area = side.saturating_mul(side);
    for axis in [rows, columns] {
        out[axis] = image[axis].map(|extent| if to_space { extent.saturating_mul(side) } else { extent / side });
    }
    out[deep] = image[deep].map(|extent| if to_space { extent / area } else { extent.saturating_mul(area) });
    Fact::of(out)
}
