//! How photos may be fitted to the input, with the logarithm of how probable each way is.

use menagerie_contract::{ChannelOrder, Example, InputSpec, ModelSpec, Resize, ResizeFilter};

use super::ways::{Way, is_fixed};

/// What is kept of a photo, and the share of each side that a centre crop keeps.
type Cut = (Resize, f32);

/// Ways of fitting that are met beside the usual one, with their shares: torchvision keeps 0.875 of each side.
const CUTS: [(Cut, f64); 4] = [
    ((Resize::Stretch, 1.0), 3.0),
    ((Resize::CenterCrop, 1.0), 3.0),
    ((Resize::CenterCrop, 0.875), 3.0),
    ((Resize::Pad, 1.0), 1.0),
];
/// Filters likewise.
const FILTERS: [(ResizeFilter, f64); 3] =
    [(ResizeFilter::Antialias, 2.0), (ResizeFilter::Bilinear, 2.0), (ResizeFilter::Nearest, 1.0)];
/// The classes of `ImageNet`, without and with one for the background. Makers of such nets show them parts of
/// photos, and publish what they do on 0.875 of the middle (torchvision's `references/classification`; TF-Slim's
/// `inception_preprocessing.py`, whose nets have 1001 classes, by bilinear sampling alone).
const IMAGENET_CLASSES: [u32; 2] = [1000, SLIM_CLASSES];
const SLIM_CLASSES: u32 = 1001;
/// Shares of the ways of fitting photos of another shape than the input to such nets (docs/detection.md).
const IMAGENET_CUTS: [(Cut, f64); 4] = [
    ((Resize::Stretch, 1.0), 0.13),
    ((Resize::CenterCrop, 1.0), 0.17),
    ((Resize::CenterCrop, 0.875), 0.68),
    ((Resize::Pad, 1.0), 0.02),
];
/// Filters likewise, of TF-Slim's nets.
const SLIM_FILTERS: [(ResizeFilter, f64); 3] =
    [(ResizeFilter::Antialias, 0.25), (ResizeFilter::Bilinear, 0.6), (ResizeFilter::Nearest, 0.15)];

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

/// What `spec` leaves open; the usual way comes first.
pub fn of(spec: &ModelSpec) -> Vec<Way<Fit>> {
    joined(&cuts(spec), &filters(spec))
}

/// The same where one of `photos` has another shape than the input, whose way of training on such photos is known. `fits` are
/// those of [`of`], in whose order their views are.
pub fn by_shape(spec: &ModelSpec, photos: &[Example], fits: &[Way<Fit>]) -> Option<Vec<Way<Fit>>> {
    let is_open = !is_fixed(spec, "input.resize") && spec.input.resize == Resize::Stretch;
    let is_imagenet = IMAGENET_CLASSES.contains(&spec.output.classes);
    if !is_open || !is_imagenet || !photos.iter().any(|photo| is_of_another_shape(photo, fits)) {
        return None;
    }
    let is_slim = spec.output.classes == SLIM_CLASSES && !is_fixed(spec, "input.resize_filter");
    let filters = if is_slim { weighed(filters(spec), &SLIM_FILTERS) } else { filters(spec) };
    Some(joined(&weighed(cuts(spec), &IMAGENET_CUTS), &filters))
}

/// Whether the centre square of a photo is another view than the whole photo stretched.
fn is_of_another_shape(photo: &Example, fits: &[Way<Fit>]) -> bool {
    let view = |resize| {
        let is_whole = |way: &Way<Fit>| (way.value.resize, way.value.crop_fraction) == (resize, 1.0);
        photo.views.get(fits.iter().position(is_whole)?)
    };
    view(Resize::Stretch) != view(Resize::CenterCrop)
}

fn cuts(spec: &ModelSpec) -> Vec<(Cut, f64)> {
    let input = &spec.input;
    let usual = (input.resize, input.crop_fraction);
    let is_cropped = input.resize == Resize::CenterCrop;
    let is_crop_fixed = is_cropped && is_fixed(spec, "input.crop_fraction");
    let is_resize_fixed = is_fixed(spec, "input.resize");
    let is_open = |resize| !is_resize_fixed || (is_cropped && resize == Resize::CenterCrop && !is_crop_fixed);
    let others = CUTS.iter().filter(|(cut, _)| *cut != usual && is_open(cut.0));
    shared(
        usual,
        if is_resize_fixed && is_cropped { 0.5 } else { confidence(spec, "input.resize") },
        others.copied().collect(),
    )
}

fn filters(spec: &ModelSpec) -> Vec<(ResizeFilter, f64)> {
    let usual = spec.input.resize_filter;
    let is_fixed = is_fixed(spec, "input.resize_filter");
    let others = FILTERS.iter().filter(|(filter, _)| !is_fixed && *filter != usual);
    shared(usual, confidence(spec, "input.resize_filter"), others.copied().collect())
}

fn confidence(spec: &ModelSpec, field: &str) -> f64 {
    let entry = spec.evidence.iter().find(|entry| entry.field == field);
    entry.map_or(1.0, |entry| f64::from(entry.confidence))
}

fn joined(cuts: &[(Cut, f64)], filters: &[(ResizeFilter, f64)]) -> Vec<Way<Fit>> {
    let pairs = cuts.iter().flat_map(|cut| filters.iter().map(move |filter| (cut, filter)));
    let fit = |(((resize, crop_fraction), cut), (filter, share)): (&(Cut, f64), &(ResizeFilter, f64))| Way {
        value: Fit { resize: *resize, crop_fraction: *crop_fraction, filter: *filter },
        log_prior: (cut * share).ln(),
    };
    pairs.map(fit).collect()
}

/// The same values with the shares that they have in `table`, if there.
fn weighed<T: PartialEq + Copy>(values: Vec<(T, f64)>, table: &[(T, f64)]) -> Vec<(T, f64)> {
    let share = |value: T| table.iter().find(|(other, _)| *other == value).map(|(_, share)| *share);
    values.into_iter().map(|(value, before)| (value, share(value).unwrap_or(before))).collect()
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
