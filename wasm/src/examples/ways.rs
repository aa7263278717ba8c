//! The ways of feeding a photo that a model's settings leave open, with the logarithm of how probable each is before any
//! photo was seen.

use menagerie_contract::{ChannelOrder, Dtype, Example, ModelSpec, Scaling, Source};

use super::fits::{self, Fit};

/// Probability that what a graph says of itself misleads: shared by all ways of scaling.
const DOUBT: f64 = 0.02;
/// What the logarithm of the odds of channel orders is multiplied with where they are habit: whoever brings labelled photos
/// mostly has a graph that is unlike the others.
const HABIT: f32 = 0.7;
/// Share of nets with three channels that are shown grey photos.
const GREY_SHARE: f32 = 0.02;
/// Means and divisors that detection weighs only where moments are stored; without them a graph shows too little, so that only
/// labels tell: divided by 255 twice, 0..2, -2..2 and -127.5..127.5. Each has [`RARE_SHARE`], in the most probable order.
const RARE: [(f32, f32); 4] = [(0.0, 255.0 * 255.0), (0.0, 127.5), (127.5, 63.75), (127.5, 1.0)];
const RARE_SHARE: f32 = 0.002;

/// A way with the natural logarithm of its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Way<T> {
    pub value: T,
    pub log_prior: f64,
}

/// Everything that may be tried. Neither list is empty; the most probable scaling and the usual fit come first.
#[derive(Clone, Debug, PartialEq)]
pub struct Ways {
    pub scalings: Vec<Way<Scaling>>,
    pub fits: Vec<Way<Fit>>,
    /// Whether the shape of the photos says how they are fitted.
    pub shape_tells: bool,
}

impl Ways {
    /// What `spec` leaves open. What a request or a manifest says, and what nothing is said of, stays as it is.
    pub fn of(spec: &ModelSpec) -> Self {
        Self { scalings: scalings(spec), fits: fits::of(spec), shape_tells: false }
    }

    /// The same, in the same order, as probable as it is for `photos`, whose views were made.
    pub fn for_photos(spec: &ModelSpec, photos: &[Example]) -> Self {
        let ways = Self::of(spec);
        match fits::by_shape(spec, photos, &ways.fits) {
            Some(fits) => Self { fits, shape_tells: true, ..ways },
            None => ways,
        }
    }
}

/// Whether a field is not to be touched.
pub fn is_fixed(spec: &ModelSpec, field: &str) -> bool {
    source_of(spec, field).is_none_or(|source| matches!(source, Source::Request | Source::Manifest))
}

fn source_of(spec: &ModelSpec, field: &str) -> Option<Source> {
    spec.evidence.iter().find(|entry| entry.field == field).map(|entry| entry.source)
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
    let is_read = source_of(spec, "input.std") == Some(Source::Read);
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
    }
    temper(&mut met, spec);
    if input.channels == 3 && !is_order_fixed {
        let grey: Vec<Scaling> = met.iter().filter(|way| way.channel_order == ChannelOrder::Rgb).cloned().collect();
        for way in &mut met {
            way.probability *= 1.0 - GREY_SHARE;
        }
        for way in grey {
            let probability = way.probability * GREY_SHARE;
            add(&mut met, Scaling { channel_order: ChannelOrder::Gray, probability, ..way });
        }
    }
    if !spec.scalings.is_empty() && !is_mean_fixed && !is_std_fixed && !is_raw && !is_read {
        add_rare(&mut met);
    }
    met.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let sum: f64 = met.iter().map(|way| f64::from(way.probability)).sum();
    let count = met.len() as f64;
    let log_prior = |way: &Scaling| ((1.0 - DOUBT) * f64::from(way.probability) / sum + DOUBT / count).ln();
    met.into_iter().map(|value| Way { log_prior: log_prior(&value), value }).collect()
}

/// Adds what is [`RARE`] and was not weighed.
fn add_rare(met: &mut Vec<Scaling>) {
    let Some(usual) = met.iter().max_by(|a, b| a.probability.total_cmp(&b.probability)).cloned() else { return };
    for (mean, std) in RARE {
        let (mean, std) = (vec![mean; usual.mean.len()], vec![std; usual.mean.len()]);
        if !met.iter().any(|way| (&way.mean, &way.std) == (&mean, &std)) {
            met.push(Scaling { mean, std, probability: RARE_SHARE, ..usual.clone() });
        }
    }
}

/// Draws the probabilities of the orders within each scaling together, where the graph does not tell the order.
fn temper(ways: &mut [Scaling], spec: &ModelSpec) {
    if source_of(spec, "input.channel_order") != Some(Source::Prior) {
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
