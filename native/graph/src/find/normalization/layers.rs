//! The first layers of a net as plain arithmetic, fast enough to try every candidate pre-processing on them.
//!
//! Activations are always rows × columns × channels, whatever the layout of the graph.

/// How a window moves over an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of the window.
    pub size: [usize; 2],
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Whether the edges are padded (`SAME`) or not (`VALID`).
    pub same: bool,
}

impl Window {
    /// The window that takes all of `input`.
    fn whole(input: &Activation) -> Self {
        Self { size: [input.height, input.width], stride: [1, 1], same: false }
    }

    /// Output extent along `axis` and the padding before the first row or column.
    fn extent(self, input: usize, axis: usize) -> (usize, usize) {
        let (size, stride) = (self.size[axis], self.stride[axis]);
        if self.same {
            let output = input.div_ceil(stride);
            let padding = ((output - 1) * stride + size).saturating_sub(input);
            (output, padding / 2)
        } else {
            ((input + stride).saturating_sub(size) / stride, 0)
        }
    }
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `kernel[row][column][in][out]`.
    Convolution {
        /// Its window.
        window: Window,
        /// Channels read and made.
        channels: [usize; 2],
        /// The weights.
        kernel: Vec<f32>,
    },
    /// `kernel[row][column][in][multiplier]`.
    Depthwise {
        /// Its window.
        window: Window,
        /// Channels read and outputs of each.
        channels: [usize; 2],
        /// The weights.
        kernel: Vec<f32>,
    },
    /// `kernel[in][out]` on the whole activation in one row.
    Dense {
        /// Values made.
        outputs: usize,
        /// The weights.
        kernel: Vec<f32>,
    },
    /// `x * scale + offset`; one value, or one a channel.
    Affine {
        /// The factors.
        scale: Vec<f32>,
        /// What is added.
        offset: Vec<f32>,
    },
    /// Below 0 multiplied by `slope`, above `ceiling` cut.
    Rectify {
        /// 0 for `Relu`.
        slope: f32,
        /// 6 for `Relu6`, infinite otherwise.
        ceiling: f32,
    },
    /// Logistic function.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Exponential linear unit.
    Elu,
    /// Largest or mean value of a window.
    Pool {
        /// Its window.
        window: Window,
        /// Largest (else mean).
        largest: bool,
    },
    /// Zeros around: before and behind rows, before and behind columns.
    Pad([usize; 4]),
    /// Mean over rows and columns.
    GlobalAverage,
    /// All values in one row; channel by channel when the graph has channels first.
    Flatten {
        /// Whether a channel's values stand together.
        channels_first: bool,
    },
    /// First channel last.
    ReverseChannels,
}

/// A batch of activations.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// Images.
    pub count: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Rows and columns at each edge that do not see what the real net sees there; absent for whole photos.
    pub border: Option<usize>,
    /// `count * height * width * channels` values.
    pub values: Vec<f32>,
}

impl Activation {
    /// The same extents without values.
    #[must_use]
    pub fn without_values(&self) -> Self {
        Self { values: Vec::new(), ..*self }
    }

    fn value_count(&self) -> usize {
        self.count * self.height * self.width * self.channels
    }

    /// Mean and variance of each channel over all images and positions off the border.
    #[must_use]
    pub fn moments(&self) -> Vec<Moments> {
        let (mut sums, mut squares) = (vec![0.0_f64; self.channels], vec![0.0_f64; self.channels]);
        let mut positions = 0;
        for pixel in self.inner() {
            positions += 1;
            for ((sum, squares), value) in sums.iter_mut().zip(&mut squares).zip(pixel) {
                *sum += f64::from(*value);
                *squares += f64::from(*value) * f64::from(*value);
            }
        }
        let count = f64::from(positions.max(1));
        sums.iter()
            .zip(&squares)
            .map(|(sum, squares)| {
                let mean = sum / count;
                Moments { mean: mean as f32, variance: (squares / count - mean * mean).max(0.0) as f32 }
            })
            .collect()
    }

    /// Mean over the images, as one image.
    #[must_use]
    pub fn average_image(&self) -> Self {
        let mut values = vec![0.0; self.value_count() / self.count.max(1)];
        for image in self.values.chunks_exact(values.len().max(1)) {
            values.iter_mut().zip(image).for_each(|(sum, value)| *sum += value / self.count as f32);
        }
        Self { count: 1, values, ..self.without_values() }
    }

    /// The channels of each position off the border; of every position when the border leaves none.
    pub fn inner(&self) -> impl Iterator<Item = &[f32]> {
        let border = self.border.filter(|border| 2 * border < self.height.min(self.width)).unwrap_or(0);
        let channels = self.channels.max(1);
        let rows = self.values.chunks_exact((self.width * channels).max(1)).enumerate();
        let inside = rows.filter_map(move |(index, row)| {
            let at = index % self.height;
            if at < border || at + border >= self.height {
                return None;
            }
            row.get(border * channels..(self.width - border) * channels)
        });
        inside.flat_map(move |row| row.chunks_exact(channels))
    }
}

/// Mean and variance of one channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f32,
    /// Variance.
    pub variance: f32,
}

impl Layer {
    /// Multiply-adds that the layer takes on an activation of this size.
    #[must_use]
    pub fn cost(&self, input: &Activation) -> usize {
        let positions =
            |window: &Window| input.count * window.extent(input.height, 0).0 * window.extent(input.width, 1).0;
        match self {
            Self::Convolution { window, kernel, .. } | Self::Depthwise { window, kernel, .. } => {
                positions(window).saturating_mul(kernel.len())
            }
            Self::Dense { kernel, .. } => input.count.saturating_mul(kernel.len()),
            Self::Pool { window, .. } => positions(window) * window.size[0] * window.size[1] * input.channels,
            _ => input.value_count(),
        }
    }

    /// The extents of the layer's output, without values; absent when the activation does not fit.
    #[must_use]
    pub fn shape(&self, input: &Activation) -> Option<Activation> {
        let fits = |read: usize| (read == input.channels).then_some(());
        match self {
            Self::Convolution { window, channels: [read, made], .. } => {
                fits(*read)?;
                Some(output_of(input, *window, *made)?.0)
            }
            Self::Depthwise { window, channels: [read, multiplier], .. } => {
                fits(*read)?;
                Some(output_of(input, *window, read * multiplier)?.0)
            }
            Self::Dense { outputs, kernel } => {
                fits_dense(input, *outputs, kernel)?;
                Some(Activation { height: 1, width: 1, channels: *outputs, border: None, ..input.without_values() })
            }
            Self::Pool { window, .. } => Some(output_of(input, *window, input.channels)?.0),
            Self::GlobalAverage => Some(output_of(input, Window::whole(input), input.channels)?.0),
            Self::Pad(sides) => Some(padded(input, *sides)),
            Self::Flatten { .. } => {
                let channels = input.height * input.width * input.channels;
                Some(Activation { height: 1, width: 1, channels, border: None, ..input.without_values() })
            }
            _ => Some(input.without_values()),
        }
    }

    /// The layer's output; absent when the activation does not fit it.
    #[must_use]
    pub fn apply(&self, input: &Activation) -> Option<Activation> {
        match self {
            Self::Convolution { window, channels, kernel } => convolve(input, *window, *channels, kernel),
            Self::Depthwise { window, channels, kernel } => convolve_depthwise(input, *window, *channels, kernel),
            Self::Dense { outputs, kernel } => {
                let inputs = fits_dense(input, *outputs, kernel)?;
                let flat = Activation { height: 1, width: 1, channels: inputs, border: None, ..input.clone() };
                convolve(&flat, Window { size: [1, 1], stride: [1, 1], same: false }, [inputs, *outputs], kernel)
            }
            Self::Affine { scale, offset } => affine(input, scale, offset),
            Self::Rectify { slope, ceiling } => {
                Some(pointwise(input, |value| if value < 0.0 { value * slope } else { value.min(*ceiling) }))
            }
            Self::Sigmoid => Some(pointwise(input, |value| 1.0 / (1.0 + (-value).exp()))),
            Self::Tanh => Some(pointwise(input, f32::tanh)),
            Self::Elu => Some(pointwise(input, |value| if value < 0.0 { value.exp() - 1.0 } else { value })),
            Self::Pool { window, largest } => pool(input, *window, *largest),
            Self::Pad(sides) => Some(pad(input, *sides)),
            Self::GlobalAverage => pool(input, Window::whole(input), false),
            Self::Flatten { channels_first } => Some(flatten(input, *channels_first)),
            Self::ReverseChannels => {
                let mut output = input.clone();
                output.values.chunks_exact_mut(input.channels.max(1)).for_each(<[f32]>::reverse);
                Some(output)
            }
        }
    }
}

/// The values of one image that a dense layer reads.
fn fits_dense(input: &Activation, outputs: usize, kernel: &[f32]) -> Option<usize> {
    let inputs = input.height * input.width * input.channels;
    (outputs > 0 && kernel.len() == inputs * outputs).then_some(inputs)
}

/// The extents of an output of `window` on `input`, and the padding above and left of the input.
fn output_of(input: &Activation, window: Window, channels: usize) -> Option<(Activation, [usize; 2])> {
    let (height, top) = window.extent(input.height, 0);
    let (width, left) = window.extent(input.width, 1);
    if height == 0 || width == 0 || channels == 0 {
        return None;
    }
    let reach = if window.same { window.size[0].max(window.size[1]) / 2 } else { 0 };
    let border = input.border.map(|border| (border + reach).div_ceil(window.stride[0]));
    Some((Activation { height, width, channels, border, ..input.without_values() }, [top, left]))
}

/// Calls `visit(output position, input position, kernel position)` for each pair of positions that meet.
fn for_each_meeting(
    input: &Activation,
    output: &Activation,
    window: Window,
    padding: [usize; 2],
    mut visit: impl FnMut(usize, usize, usize),
) {
    for image in 0..input.count {
        for row in 0..output.height {
            for column in 0..output.width {
                let to = (image * output.height + row) * output.width + column;
                for kernel_row in 0..window.size[0] {
                    let from_row = (row * window.stride[0] + kernel_row).wrapping_sub(padding[0]);
                    if from_row >= input.height {
                        continue;
                    }
                    for kernel_column in 0..window.size[1] {
                        let from_column = (column * window.stride[1] + kernel_column).wrapping_sub(padding[1]);
                        if from_column < input.width {
                            let from = (image * input.height + from_row) * input.width + from_column;
                            visit(to, from, kernel_row * window.size[1] + kernel_column);
                        }
                    }
                }
            }
        }
    }
}

fn convolve(input: &Activation, window: Window, channels: [usize; 2], kernel: &[f32]) -> Option<Activation> {
    let [read, made] = channels;
    if read != input.channels || kernel.len() != window.size[0] * window.size[1] * read * made {
        return None;
    }
    let (mut output, padding) = output_of(input, window, made)?;
    let mut values = vec![0.0; output.value_count()];
    for_each_meeting(input, &output, window, padding, |to, from, tap| {
        let sums = &mut values[to * made..(to + 1) * made];
        let weights = &kernel[tap * read * made..(tap + 1) * read * made];
        for (value, row) in input.values[from * read..(from + 1) * read].iter().zip(weights.chunks_exact(made)) {
            if *value != 0.0 {
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * weight);
            }
        }
    });
    output.values = values;
    Some(output)
}

fn convolve_depthwise(input: &Activation, window: Window, channels: [usize; 2], kernel: &[f32]) -> Option<Activation> {
    let [read, multiplier] = channels;
    let made = read * multiplier;
    if read != input.channels || kernel.len() != window.size[0] * window.size[1] * made {
        return None;
    }
    let (mut output, padding) = output_of(input, window, made)?;
    let mut values = vec![0.0; output.value_count()];
    for_each_meeting(input, &output, window, padding, |to, from, tap| {
        let sums = values[to * made..(to + 1) * made].chunks_exact_mut(multiplier);
        let weights = kernel[tap * made..(tap + 1) * made].chunks_exact(multiplier);
        for ((value, sums), weights) in input.values[from * read..(from + 1) * read].iter().zip(sums).zip(weights) {
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
        }
    });
    output.values = values;
    Some(output)
}

fn pool(input: &Activation, window: Window, largest: bool) -> Option<Activation> {
    let channels = input.channels;
    let (mut output, padding) = output_of(input, window, channels)?;
    let mut values = vec![if largest { f32::NEG_INFINITY } else { 0.0 }; output.value_count()];
    let mut met = vec![0_u32; values.len() / channels.max(1)];
    for_each_meeting(input, &output, window, padding, |to, from, _| {
        met[to] += 1;
        let pooled = values[to * channels..(to + 1) * channels].iter_mut();
        for (pooled, value) in pooled.zip(&input.values[from * channels..(from + 1) * channels]) {
            *pooled = if largest { pooled.max(*value) } else { *pooled + value };
        }
    });
    if !largest {
        for (pixel, met) in values.chunks_exact_mut(channels.max(1)).zip(&met) {
            for value in pixel {
                *value /= (*met).max(1) as f32;
            }
        }
    }
    output.values = values;
    Some(output)
}

fn pointwise(input: &Activation, change: impl Fn(f32) -> f32) -> Activation {
    let mut output = input.clone();
    output.values.iter_mut().for_each(|value| *value = change(*value));
    output
}

fn affine(input: &Activation, scale: &[f32], offset: &[f32]) -> Option<Activation> {
    let channels = input.channels;
    let fits = |values: &[f32]| values.len() == 1 || values.len() == channels;
    if !fits(scale) || !fits(offset) {
        return None;
    }
    let of = |values: &[f32], channel: usize| if values.len() == 1 { values[0] } else { values[channel] };
    let mut output = input.clone();
    for pixel in output.values.chunks_exact_mut(channels.max(1)) {
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = *value * of(scale, channel) + of(offset, channel);
        }
    }
    Some(output)
}

fn pad(input: &Activation, sides: [usize; 4]) -> Activation {
    let [top, _, left, _] = sides;
    let mut output = padded(input, sides);
    let (width, channels) = (output.width, output.channels);
    let mut values = vec![0.0; output.value_count()];
    let rows = input.values.chunks_exact((input.width * channels).max(1));
    for (index, row) in rows.enumerate() {
        let (image, row_index) = (index / input.height, index % input.height);
        let start = ((image * output.height + row_index + top) * width + left) * channels;
        values[start..start + row.len()].copy_from_slice(row);
    }
    output.values = values;
    output
}

fn padded(input: &Activation, [top, bottom, left, right]: [usize; 4]) -> Activation {
    let (height, width) = (input.height + top + bottom, input.width + left + right);
    let border = input.border.map(|border| border + top.max(left));
    Activation { height, width, border, ..input.without_values() }
}

fn flatten(input: &Activation, channels_first: bool) -> Activation {
    let (positions, channels) = (input.height * input.width, input.channels);
    let values = if channels_first {
        let image = positions * channels;
        let from = |index: usize| index / image * image + index % positions * channels + index % image / positions;
        (0..input.values.len()).map(|index| input.values[from(index)]).collect()
    } else {
        input.values.clone()
    };
    Activation { count: input.count, height: 1, width: 1, channels: positions * channels, border: None, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(height: usize, width: usize, channels: usize) -> Activation {
        let values = (0..height * width * channels).map(|index| index as f32).collect();
        Activation { count: 1, height, width, channels, border: None, values }
    }

    #[test]
    fn a_convolution_pads_as_tensorflow_does() {
        // SAME with stride 2 on 4 columns pads one column, at the end.
        let window = Window { size: [1, 3], stride: [1, 2], same: true };
        let layer = Layer::Convolution { window, channels: [1, 1], kernel: vec![1.0, 10.0, 100.0] };
        assert_eq!(layer.apply(&ramp(1, 4, 1)).unwrap().values, [210.0, 32.0]);
        let valid = Layer::Convolution {
            window: Window { same: false, ..window },
            channels: [1, 1],
            kernel: vec![1.0, 10.0, 100.0],
        };
        assert_eq!(valid.apply(&ramp(1, 4, 1)).unwrap().values, [210.0]);
    }

    #[test]
    fn a_depthwise_convolution_keeps_channels_apart() {
        let window = Window { size: [1, 1], stride: [1, 1], same: true };
        let layer = Layer::Depthwise { window, channels: [2, 2], kernel: vec![1.0, 2.0, 3.0, 4.0] };
        assert_eq!(layer.apply(&ramp(1, 2, 2)).unwrap().values, [0.0, 0.0, 3.0, 4.0, 2.0, 4.0, 9.0, 12.0]);
    }

    #[test]
    fn channels_first_flattening_puts_a_channel_together() {
        let layer = Layer::Flatten { channels_first: true };
        assert_eq!(layer.apply(&ramp(1, 2, 2)).unwrap().values, [0.0, 2.0, 1.0, 3.0]);
    }

    #[test]
    fn moments_leave_the_border_out() {
        let mut activation = ramp(3, 3, 1);
        activation.border = Some(1);
        assert_eq!(activation.moments(), [Moments { mean: 4.0, variance: 0.0 }]);
    }

    #[test]
    fn an_activation_that_does_not_fit_gives_nothing() {
        let window = Window { size: [3, 3], stride: [1, 1], same: false };
        let layer = Layer::Convolution { window, channels: [3, 1], kernel: vec![0.0; 27] };
        assert_eq!(layer.apply(&ramp(2, 2, 3)), None);
        assert_eq!(layer.apply(&ramp(3, 3, 1)), None);
    }
}
