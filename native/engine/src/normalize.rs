//! Pixels to the numbers that a graph is fed.

use menagerie_contract::{ChannelOrder, Dtype, InputSpec, Layout, value_tables};

use crate::runtime::{Input, Values};

/// Turns u8 pixels, rows of interleaved RGB or grey, into a model's input tensor: `(pixel - mean) / std`.
pub struct Normalizer {
    /// Value of each byte for each channel of the tensor, in the tensor's order of channels.
    tables: Vec<[f32; 256]>,
    /// Channel of the pixels that each channel of the tensor is taken from.
    sources: Vec<usize>,
    height: usize,
    width: usize,
    layout: Layout,
    /// Order of the axes in which clients give the tensor.
    given_layout: Layout,
    dtype: Dtype,
}

impl Normalizer {
    /// The way from pixels to `input`, with the tensor's axes in the order of `layout`.
    pub fn new(input: &InputSpec, layout: Layout) -> Self {
        let channels = input.channels as usize;
        let tables = value_tables(&input.mean, &input.std, input.channels);
        let sources = match input.channel_order {
            ChannelOrder::Bgr => (0..channels).rev().collect(),
            ChannelOrder::Rgb | ChannelOrder::Gray => (0..channels).collect(),
        };
        Self {
            tables,
            sources,
            height: input.height as usize,
            width: input.width as usize,
            layout,
            given_layout: input.layout,
            dtype: input.dtype,
        }
    }

    /// Bytes of one image's pixels.
    pub fn image_bytes(&self) -> usize {
        self.height * self.width * self.sources.len()
    }

    /// Writes `batch` images, the last one repeated where fewer came. `pixels` holds at least one and at most `batch`
    /// whole images.
    pub fn write(&self, pixels: &[u8], values: Values<'_>) {
        match values {
            Values::Float32(values) => {
                self.fill(pixels, values, |channel, pixel| self.tables[channel][usize::from(pixel)]);
            }
            Values::Uint8(values) => self.fill(pixels, values, |_, pixel| pixel),
        }
    }

    /// Writes `batch` images whose values are given, as little-endian f32 with their axes in the order of the spec;
    /// otherwise as [`Normalizer::write`].
    pub fn write_given(&self, given: &[u8], values: Values<'_>) {
        if let Values::Float32(values) = values {
            self.fill_given(given, values);
        }
    }

    /// The tensor of `batch` images, which `fill` writes.
    pub fn input<'a>(&self, batch: usize, fill: &'a dyn Fn(Values<'_>)) -> Input<'a> {
        Input { shape: self.shape(batch), dtype: self.dtype, fill }
    }

    fn fill_given(&self, values: &[u8], target: &mut [f32]) {
        let image = self.image_bytes();
        let (values, _) = values.as_chunks::<4>();
        let (channels, plane) = (self.sources.len(), self.height * self.width);
        // A graph with its channels first may have been rewritten to have them last.
        let is_turned = self.given_layout == Layout::Nchw && self.layout != Layout::Nchw;
        for (target, values) in target.chunks_exact_mut(image).zip(values.chunks_exact(image)) {
            for (at, target) in target.iter_mut().enumerate() {
                let from = if is_turned { at % channels * plane + at / channels } else { at };
                *target = f32::from_le_bytes(values[from]);
            }
        }
        repeat_last(target, image, values.len());
    }

    fn shape(&self, batch: usize) -> Vec<i64> {
        let [batch, height, width, channels] =
            [batch, self.height, self.width, self.sources.len()].map(|axis| axis as i64);
        match self.layout {
            Layout::Nhwc => vec![batch, height, width, channels],
            Layout::Nchw => vec![batch, channels, height, width],
            Layout::Nhw => vec![batch, height, width],
            Layout::Flat => vec![batch, height * width * channels],
        }
    }

    fn fill<T: Copy>(&self, pixels: &[u8], values: &mut [T], value: impl Fn(usize, u8) -> T) {
        let image = self.image_bytes();
        for (target, source) in values.chunks_exact_mut(image).zip(pixels.chunks_exact(image)) {
            self.fill_image(source, target, &value);
        }
        repeat_last(values, image, pixels.len());
    }

    fn fill_image<T: Copy>(&self, pixels: &[u8], values: &mut [T], value: &impl Fn(usize, u8) -> T) {
        match (self.layout, self.sources.as_slice()) {
            (Layout::Nchw, sources) => {
                let planes = values.chunks_exact_mut(self.height * self.width);
                for (channel, (plane, source)) in planes.zip(sources).enumerate() {
                    for (target, pixel) in plane.iter_mut().zip(pixels.chunks_exact(sources.len())) {
                        *target = value(channel, pixel[*source]);
                    }
                }
            }
            (_, &[first, second, third]) => {
                for (target, pixel) in values.as_chunks_mut::<3>().0.iter_mut().zip(pixels.as_chunks::<3>().0) {
                    *target = [value(0, pixel[first]), value(1, pixel[second]), value(2, pixel[third])];
                }
            }
            (_, sources) => {
                for (target, pixel) in values.chunks_exact_mut(sources.len()).zip(pixels.chunks_exact(sources.len())) {
                    for (channel, (target, source)) in target.iter_mut().zip(sources).enumerate() {
                        *target = value(channel, pixel[*source]);
                    }
                }
            }
        }
    }
}

/// Repeats the last image, of `image` values, after the `filled` ones.
fn repeat_last<T: Copy>(values: &mut [T], image: usize, filled: usize) {
    for at in (filled..values.len()).step_by(image) {
        values.copy_within(at - image..at, at);
    }
}

#[cfg(test)]
mod tests {
    use menagerie_contract::{Resize, ResizeFilter};

    use super::*;

    fn input(layout: Layout, channel_order: ChannelOrder, channels: u32) -> InputSpec {
        InputSpec {
            tensor: "input".into(),
            dtype: Dtype::Float32,
            layout,
            width: 2,
            height: 1,
            channels,
            channel_order,
            mean: vec![10.0, 20.0, 30.0][..channels as usize].to_vec(),
            std: vec![1.0, 2.0, 4.0][..channels as usize].to_vec(),
            resize: Resize::Stretch,
            crop_fraction: 1.0,
            resize_filter: ResizeFilter::Antialias,
            batch: None,
        }
    }

    fn filled(input: &InputSpec, pixels: &[u8], batch: usize) -> Vec<f32> {
        let normalizer = Normalizer::new(input, input.layout);
        let mut values = vec![f32::NAN; normalizer.image_bytes() * batch];
        normalizer.fill(pixels, &mut values, |channel, pixel| normalizer.tables[channel][usize::from(pixel)]);
        values
    }

    #[test]
    fn each_layout_and_channel_order_has_its_place_for_every_pixel() {
        let pixels = [11, 22, 34, 13, 26, 42];
        let cases = [
            (Layout::Nhwc, ChannelOrder::Rgb, [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]),
            (Layout::Flat, ChannelOrder::Rgb, [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]),
            (Layout::Nchw, ChannelOrder::Rgb, [1.0, 3.0, 1.0, 3.0, 1.0, 3.0]),
            (Layout::Nhwc, ChannelOrder::Bgr, [24.0, 1.0, -4.75, 32.0, 3.0, -4.25]),
            (Layout::Nchw, ChannelOrder::Bgr, [24.0, 32.0, 1.0, 3.0, -4.75, -4.25]),
        ];
        for (layout, order, expected) in cases {
            assert_eq!(filled(&input(layout, order, 3), &pixels, 1), expected, "{layout:?} {order:?}");
        }
    }

    #[test]
    fn grey_pixels_have_one_channel() {
        assert_eq!(filled(&input(Layout::Nhw, ChannelOrder::Gray, 1), &[10, 255], 1), [0.0, 245.0]);
    }

    #[test]
    fn a_batch_is_filled_up_with_its_last_image() {
        let values = filled(&input(Layout::Nhw, ChannelOrder::Gray, 1), &[10, 11, 12, 13], 4);
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0]);
    }

    #[test]
    fn values_that_are_given_are_fed_as_they_are_with_their_axes_in_the_graphs_order() {
        let given = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
        let bytes: Vec<u8> = given.iter().flat_map(|value| value.to_le_bytes()).collect();
        let cases = [
            (Layout::Nhwc, Layout::Nhwc, given),
            (Layout::Nchw, Layout::Nchw, given),
            (Layout::Nchw, Layout::Nhwc, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]),
        ];
        for (of_spec, of_graph, expected) in cases {
            let normalizer = Normalizer::new(&input(of_spec, ChannelOrder::Bgr, 3), of_graph);
            let mut values = vec![f32::NAN; 12];
            normalizer.fill_given(&bytes, &mut values);
            assert_eq!(values, [expected, expected].concat(), "{of_spec:?} {of_graph:?}");
        }
    }

    #[test]
    fn bytes_are_fed_as_they_are_to_a_uint8_input() {
        let input = InputSpec { dtype: Dtype::Uint8, ..input(Layout::Nhwc, ChannelOrder::Bgr, 3) };
        let normalizer = Normalizer::new(&input, input.layout);
        let mut values = [0; 6];
        normalizer.fill(&[1, 2, 3, 4, 5, 6], &mut values, |_, pixel| pixel);
        assert_eq!(values, [3, 2, 1, 6, 5, 4]);
    }
}
