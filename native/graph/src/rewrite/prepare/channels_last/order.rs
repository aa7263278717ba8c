//! The two orders of an image's axes, and lists that name axes or have an entry for each.

/// Which axis of an image with channels first stands at each place of the turned one.
pub(super) const LAST: [usize; 4] = [0, 2, 3, 1];
/// Which axis of the turned image stands at each place of the one with channels first; also where each of its axes went.
pub(super) const FIRST: [usize; 4] = [0, 3, 1, 2];

/// One entry for each axis, in the order of the turned image.
pub(super) fn turn<T: Copy>(entries: &[T]) -> Option<[T; 4]> {
    let entries: &[T; 4] = entries.try_into().ok()?;
    Some(LAST.map(|axis| entries[axis]))
}

/// As [`turn`], for lists with two entries for each axis.
pub(super) fn turn_pairs(entries: &[i64]) -> Option<Vec<i64>> {
    let (pairs, []) = entries.as_chunks::<2>() else { return None };
    Some(turn(pairs)?.concat())
}

/// Where `axis`, which may count from the back, is in the turned image.
pub(super) fn turn_axis(axis: i64) -> Option<usize> {
    let axis = if axis < 0 { axis + 4 } else { axis };
    FIRST.get(usize::try_from(axis).ok()?).copied()
}

/// The axes of the turned image at which `dropped` axes of the other are, where those that are left keep their order.
pub(super) fn turn_dropped(dropped: &[i64]) -> Option<Vec<i64>> {
    let dropped: Vec<usize> = dropped.iter().map(|axis| turn_axis(*axis)).collect::<Option<_>>()?;
    let kept = FIRST.iter().filter(|axis| !dropped.contains(axis));
    kept.is_sorted().then(|| dropped.iter().map(|axis| *axis as i64).collect())
}

/// Extents with ones before them, for four axes.
pub(super) fn lift(extents: &[u64]) -> Vec<u64> {
    let mut lifted = vec![1; 4_usize.saturating_sub(extents.len())];
    lifted.extend_from_slice(extents);
    lifted
}

/// The values of a tensor of four axes, each of `size` bytes, in the order of the turned one; absent where there are not
/// as many as the extents say.
pub(super) fn turn_content(content: &[u8], extents: &[u64], size: usize) -> Option<Vec<u8>> {
    let extents: Vec<usize> = extents.iter().map(|extent| usize::try_from(*extent).ok()).collect::<Option<_>>()?;
    let &[batch, channels, rows, columns] = extents.as_slice() else { return None };
    let values = extents.iter().try_fold(size, |product, extent| product.checked_mul(*extent))?;
    if content.is_empty() || content.len() != values {
        return None;
    }
    let pixels = rows * columns;
    let mut turned = Vec::with_capacity(content.len());
    for image in 0..batch {
        for pixel in 0..pixels {
            for channel in 0..channels {
                let at = ((image * channels + channel) * pixels + pixel) * size;
                turned.extend_from_slice(&content[at..at + size]);
            }
        }
    }
    Some(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_orders_undo_each_other() {
        assert_eq!(turn(&FIRST), Some([0, 1, 2, 3]));
        assert_eq!(turn(&["n", "c", "h", "w"]), Some(["n", "h", "w", "c"]));
        assert_eq!([0, 1, -2, -1].map(turn_axis), [Some(0), Some(3), Some(1), Some(2)]);
        assert_eq!([4, -5].map(turn_axis), [None; 2]);
    }

    #[test]
    fn axes_are_dropped_where_the_others_keep_their_order() {
        assert_eq!(turn_dropped(&[2, 3]), Some(vec![1, 2]));
        assert_eq!(turn_dropped(&[-3]), Some(vec![3]));
        assert_eq!(turn_dropped(&[2]), None, "channels would come behind the columns");
        assert_eq!(turn_dropped(&[0, 1, 2]), Some(vec![0, 3, 1]));
    }

    #[test]
    fn values_are_turned_as_axes_are() {
        let content: Vec<u8> = (0..12).collect();
        let turned = turn_content(&content, &[1, 2, 2, 3], 1).unwrap();
        assert_eq!(turned, [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]);
        assert_eq!(turn_content(&content, &lift(&[2, 1, 3]), 2).unwrap(), [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
        assert_eq!(turn_content(&content, &[1, 2, 2, 2], 1), None);
        assert_eq!(turn_content(&[], &[1, 1, 1, 0], 1), None);
    }
}
