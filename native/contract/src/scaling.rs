//! Pixels to the numbers that a graph is fed.

/// The value of each byte of pixels for each channel of a tensor, in the tensor's order of channels: `(pixel - mean) / std`,
/// all on the 0–255 scale. One `mean` or `std` is every channel's; where there is none they are 0 and 1.
#[must_use]
pub fn value_tables(mean: &[f32], std: &[f32], channels: u32) -> Vec<[f32; 256]> {
    let of =
        |values: &[f32], channel: usize, absent: f32| values.get(channel).or(values.first()).copied().unwrap_or(absent);
    (0..channels as usize)
        .map(|channel| {
            let (mean, std) = (of(mean, channel, 0.0), of(std, channel, 1.0));
            std::array::from_fn(|pixel| (pixel as f32 - mean) / std)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_own_mean_and_std_or_that_of_all() {
        let at = |tables: &[[f32; 256]], pixel: usize| tables.iter().map(|table| table[pixel]).collect::<Vec<f32>>();
        let two = value_tables(&[10.0, 20.0], &[4.0], 2);
        assert_eq!(at(&two, 0), [-2.5, -5.0]);
        assert_eq!(at(&two, 255), [61.25, 58.75]);
        assert_eq!(at(&value_tables(&[], &[], 1), 255), [255.0]);
    }
}
