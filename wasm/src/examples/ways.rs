//! The ways of feeding a photo that a model's settings leave open, with the logarithm of how probable each is before any
//! photo was seen.

use menagerie_contract::{ChannelOrder, Dtype, InputSpec, ModelSpec, Resize, ResizeFilter, Scaling, Source};

/// Probability that what a graph says of itself misleads: shared by all ways of scaling.
const DOUBT: f64 = 0.02;
/// What the logarithm of the odds of channel orders is multiplied with where they are habit: whoever brings labelled photos
/// mostly has a graph that is unlike the others.
const HABIT: f32 = 0.7;
/// Share of nets with three channels that are shown grey photos.
const GREY_SHARE: f32 = 0.02;
/// Divisor of pixels that the data set divides by 255, and the net once more. Without stored moments a graph shows nothing of it,
/// so that only labels tell; it is shared by the orders of the channels.
const TWICE: f32 = 255.0 * 255.0;
const TWICE_SHARE: f32 = 0.002;
/// Ways of fitting that are met beside the usual one, with their shares: torchvision keeps 0.875 of each side.
const FITS: [(Resize, f32, f64); 4] = [
    (Resize::Stretch, 1.0, 3.0),
    (Resize::CenterCrop, 1.0, 3.0),
    (Resize::CenterCrop, 0.875, 3.0),
    (Resize::Pad, 1.0, 1.0),
];
/// Filters likewise.
const FILTERS: [(ResizeFilter, f64); 3] =
    [(ResizeFilter::Antialias, 2.0), (ResizeFilter::Bilinear, 2.0), (ResizeFilter::Nearest, 1.0)];

/// A way with the natural logarithm of its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Way<T> {
    pub value: T,
    pub log_prior: f64,
}

/// How a photo becomes the pixels of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    pub resize: Resize,
    pub crop_fraction: f32,
    pub filter: ResizeFilter,
}

impl Fit {
    /// An input that is fitted this way, with its colours as they are.
    pub fn of(self, input: &InputSpec) -> InputSpec {
        let Self { resize, crop_fraction, filter } = self;
        let channel_order = if input.channels == 1 { ChannelOrder::Gray } else { ChannelOrder::Rgb };
        InputSpec { resize, crop_fraction, resize_filter: filter, channel_order, ..input.clone() }
    }
}

/// Everything that may be tried. Neither list is empty; the most probable of each comes first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ways {
    pub scalings: Vec<Way<Scaling>>,
    pub fits: Vec<Way<Fit>>,
}

impl Ways {
    /// What `spec` leaves open. What a request or a manifest says, and what nothing is said of, stays as it is.
    pub fn of(spec: &ModelSpec) -> Self {
        Self { scalings: scalings(spec), fits: fits(spec) }
    }
}

/// Whether a field is not to be touched.
pub fn is_fixed(spec: &ModelSpec, field: &str) -> bool {
    let source = spec.evidence.iter().find(|entry| entry.field == field).map(|entry| entry.source);
    source.is_none_or(|source| matches!(source, Source::Request | Source::Manifest))
}

fn scalings(spec: &ModelSpec) -> Vec<Way<Scaling>> {
    let input = &spec.input;
    let taken = Scaling {
        mean: input.mean.clone(),
        std: input.std.clone(),
        channel_order: input.channel_order,
        probability: 1.0,
    };
    let [is_mean_fixed, is_std_fixed, is_order_fixed] =
        ["input.mean", "input.std", "input.channel_order"].map(|field| is_fixed(spec, field));
    let is_raw = input.dtype == Dtype::Uint8;
    let mut met: Vec<Scaling> = Vec::new();
    for mut scaling in spec.scalings.iter().cloned() {
        if is_mean_fixed || is_raw {
            scaling.mean.clone_from(&taken.mean);
        }
        if is_std_fixed || is_raw {
            scaling.std.clone_from(&taken.std);
        }
        if is_order_fixed {
            scaling.channel_order = taken.channel_order;
        }
        add(&mut met, scaling);
    }
    if met.is_empty() {
        met.push(taken);
    } else if !is_mean_fixed && !is_std_fixed && !is_raw {
        add_twice(&mut met);
    }
    temper(&mut met, spec);
    if input.channels == 3 && !is_order_fixed {
        let grey: Vec<Scaling> = met.iter().filter(|way| way.channel_order == ChannelOrder::Rgb).cloned().collect();
        for way in &mut met {
            way.probability *= 1.0 - GREY_SHARE;
        }
        met.extend(grey.into_iter().map(|way| Scaling {
            channel_order: ChannelOrder::Gray,
            probability: way.probability * GREY_SHARE,
            ..way
        }));
    }
    met.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let sum: f64 = met.iter().map(|way| f64::from(way.probability)).sum();
    let count = met.len() as f64;
    let log_prior = |way: &Scaling| ((1.0 - DOUBT) * f64::from(way.probability) / sum + DOUBT / count).ln();
    met.into_iter().map(|value| Way { log_prior: log_prior(&value), value }).collect()
}

/// Adds the divisor that detection weighs only where moments are stored.
fn add_twice(met: &mut Vec<Scaling>) {
    if met.iter().any(|way| way.std.contains(&TWICE)) {
        return;
    }
    let orders: Vec<ChannelOrder> = [ChannelOrder::Rgb, ChannelOrder::Bgr, ChannelOrder::Gray]
        .into_iter()
        .filter(|order| met.iter().any(|way| way.channel_order == *order))
        .collect();
    let channels = met.first().map_or(0, |way| way.mean.len());
    met.extend(orders.iter().map(|order| Scaling {
        mean: vec![0.0; channels],
        std: vec![TWICE; channels],
        channel_order: *order,
        probability: TWICE_SHARE / orders.len() as f32,
    }));
}

/// Draws the probabilities of the orders within each scaling together, where the graph does not tell the order.
fn temper(ways: &mut [Scaling], spec: &ModelSpec) {
    let order = spec.evidence.iter().find(|entry| entry.field == "input.channel_order");
    if order.is_none_or(|order| order.source != Source::Prior) {
        return;
    }
    // As colours are, red first.
    let colours = |values: &[f32], order| {
        let mut values = values.to_vec();
        if order == ChannelOrder::Bgr {
            values.reverse();
        }
        values
    };
    let keys: Vec<_> =
        ways.iter().map(|way| (colours(&way.mean, way.channel_order), colours(&way.std, way.channel_order))).collect();
    let before: Vec<f32> = ways.iter().map(|way| way.probability).collect();
    for (at, way) in ways.iter_mut().enumerate() {
        let same = || (0..keys.len()).filter(|other| keys[*other] == keys[at]);
        let together: f32 = same().map(|other| before[other]).sum();
        let orders: f32 = same().map(|other| (before[other] / together).powf(HABIT)).sum();
        way.probability = together * (before[at] / together).powf(HABIT) / orders;
    }
}

/// Adds the probability of a way that is there already.
fn add(met: &mut Vec<Scaling>, scaling: Scaling) {
    let is_same = |other: &&mut Scaling| {
        (&other.mean, &other.std, other.channel_order) == (&scaling.mean, &scaling.std, scaling.channel_order)
    };
    match met.iter_mut().find(is_same) {
        Some(known) => known.probability += scaling.probability,
        None => met.push(scaling),
    }
}

fn fits(spec: &ModelSpec) -> Vec<Way<Fit>> {
    let input = &spec.input;
    let confidence = |field: &str| {
        let entry = spec.evidence.iter().find(|entry| entry.field == field);
        entry.map_or(1.0, |entry| f64::from(entry.confidence))
    };
    let is_cropped = input.resize == Resize::CenterCrop;
    let is_crop_fixed = is_cropped && is_fixed(spec, "input.crop_fraction");
    let is_resize_fixed = is_fixed(spec, "input.resize");
    let cuts = FITS.iter().filter(|(resize, fraction, _)| {
        let is_same = (*resize, *fraction) == (input.resize, input.crop_fraction);
        let is_open = !is_resize_fixed || (is_cropped && *resize == Resize::CenterCrop && !is_crop_fixed);
        !is_same && is_open
    });
    let cuts = shared(
        (input.resize, input.crop_fraction),
        if is_resize_fixed && is_cropped { 0.5 } else { confidence("input.resize") },
        cuts.map(|(resize, fraction, share)| ((*resize, *fraction), *share)).collect(),
    );
    let is_filter_fixed = is_fixed(spec, "input.resize_filter");
    let filters = FILTERS.iter().filter(|(filter, _)| !is_filter_fixed && *filter != input.resize_filter);
    let filters = shared(input.resize_filter, confidence("input.resize_filter"), filters.copied().collect());
    let joined = cuts.iter().flat_map(|((resize, crop_fraction), cut)| {
        filters.iter().map(move |(filter, share)| Way {
            value: Fit { resize: *resize, crop_fraction: *crop_fraction, filter: *filter },
            log_prior: (cut * share).ln(),
        })
    });
    joined.collect()
}

/// The usual value, first, with its probability, and the others with their shares of the rest.
fn shared<T>(usual: T, probability: f64, others: Vec<(T, f64)>) -> Vec<(T, f64)> {
    if others.is_empty() {
        return vec![(usual, 1.0)];
    }
    let sum: f64 = others.iter().map(|(_, share)| share).sum();
    let rest = others.into_iter().map(|(value, share)| (value, (1.0 - probability) * share / sum));
    std::iter::once((usual, probability)).chain(rest).collect()
}
