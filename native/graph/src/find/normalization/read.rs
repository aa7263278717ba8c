//! What constants behind the input say about the values that must be fed.

use menagerie_contract::ChannelOrder;

use super::probe::Inside;

/// What the caller must feed, as far as the graph says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// 0–255.
    Raw,
    /// 0–1.
    Unit,
}

/// What the graph's own arithmetic in front of its first layer turns fed values into tells what they are: nets are
/// trained on values around 1, so a factor of about 1/255 wants 0–255 and one of 2 to 5 wants 0–1. Where only something
/// is subtracted, a mean over 3 is one of 0–255 values.
#[must_use]
pub fn fed(inside: &Inside) -> Option<Fed> {
    if inside.is_nothing() {
        return None;
    }
    let mut answers = inside.scale.iter().zip(&inside.offset).map(|(scale, offset)| {
        let (scale, offset) = (scale.abs(), offset.abs());
        match scale {
            0.001..=0.05 => Some(Fed::Raw),
            0.99..=1.01 if offset > 3.0 => Some(Fed::Raw),
            0.99..=1.01 if (0.2..=1.0).contains(&offset) => Some(Fed::Unit),
            1.5..=10.0 | 250.0..=260.0 => Some(Fed::Unit),
            _ => None,
        }
    });
    let first = answers.next()??;
    answers.all(|answer| answer == Some(first)).then_some(first)
}

/// The subtracted means on 0–255, by tensor channel.
#[must_use]
pub fn means(inside: &Inside, fed: Fed) -> Vec<f32> {
    let unit = if fed == Fed::Unit { 255.0 } else { 1.0 };
    let mut means = vec![0.0; inside.channel.len()];
    for ((channel, scale), offset) in inside.channel.iter().zip(&inside.scale).zip(&inside.offset) {
        means[*channel] = -offset / scale * unit;
    }
    means
}

/// Photos have more red than blue, and so have all published means: the order of the means is that of the channels.
#[must_use]
pub fn order(means: &[f32]) -> Option<ChannelOrder> {
    const CLEAR: f32 = 8.0;
    let &[first, second, third] = means else { return None };
    let is_mean = [first, second, third].iter().all(|mean| (80.0..=150.0).contains(mean));
    if is_mean && first + CLEAR < third && (first..=third).contains(&second) {
        Some(ChannelOrder::Bgr)
    } else if is_mean && third + CLEAR < first && (third..=first).contains(&second) {
        Some(ChannelOrder::Rgb)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(scale: f32, offset: [f32; 3]) -> Inside {
        Inside { channel: vec![0, 1, 2], scale: vec![scale; 3], offset: offset.to_vec(), last: None }
    }

    #[test]
    fn constants_tell_what_is_fed() {
        let cases = [
            (inside(1.0, [0.0; 3]), None),
            (inside(2.0, [-1.0; 3]), Some(Fed::Unit)),
            (inside(1.0 / 255.0, [0.0; 3]), Some(Fed::Raw)),
            (inside(1.0 / 127.5, [-1.0; 3]), Some(Fed::Raw)),
            (inside(1.0, [-104.0, -117.0, -123.0]), Some(Fed::Raw)),
            (inside(1.0, [-0.5; 3]), Some(Fed::Unit)),
            (inside(255.0, [-104.0, -117.0, -123.0]), Some(Fed::Unit)),
            (inside(1000.0, [0.0; 3]), None),
        ];
        for (inside, expected) in cases {
            assert_eq!(fed(&inside), expected, "{inside:?}");
        }
    }

    #[test]
    fn the_order_of_the_means_is_the_order_of_the_channels() {
        let caffe = inside(1.0, [-104.0, -117.0, -123.0]);
        assert_eq!(order(&means(&caffe, Fed::Raw)), Some(ChannelOrder::Bgr));
        let imagenet = inside(1.0 / 0.225, [-0.485 / 0.225, -0.456 / 0.225, -0.406 / 0.225]);
        assert_eq!(order(&means(&imagenet, Fed::Unit)), Some(ChannelOrder::Rgb));
        assert_eq!(order(&[127.5; 3]), None);
        assert_eq!(order(&[127.5]), None);
    }
}
