//! From probabilities to settings, in words.

use menagerie_contract::{
    ChannelOrder, Decision, Dtype, Evidence, Example, ModelSpec, Resize, Source, SpecOverrides, counted,
    spec::{Alternative, CERTAIN_MIN},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    posterior::{Posterior, labels_log, tried},
    spread::{self, Spread},
    ways::{Ways, is_fixed},
};
use crate::{calibrate::labels_of, model::Model};

/// No probability is shown as more than this, as in detection.
const CONFIDENCE_MAX: f64 = 0.99;
/// Nothing but what the graph itself makes certain is shown as more than this, as in detection, unless the labels alone, with
/// every way of scaling that is left as probable before, make it [`BY_LABELS_MIN`] probable: more than one photo can, whose odds
/// are 0.92 to 0.02 at most. Labels that the best way explains no better than chance do not.
const UNCERTAIN_MAX: f64 = 0.89;
const BY_LABELS_MIN: f64 = 0.98;
/// Below this the caller is warned, as in detection.
const CONFIDENCE_WARNED: f32 = 0.75;
/// What a probability has to move for the photos to be named as its source.
const MOVED_MIN: f64 = 0.02;
/// What the shape of photos says something of, and what.
const FIT_FIELDS: [&str; 3] = ["input.resize", "input.crop_fraction", "input.resize_filter"];
const BY_SHAPE: &str =
    ", and of another shape than the input, where nets of ImageNet's classes are mostly shown 0.875 of the middle";
const POOR: &str =
    "the labels together fit even the best settings no better than chance; check the photos and their labels";
/// Values that are less probable are not listed.
const LISTED_MIN: f64 = 0.001;

/// `examples` have labels; the photos of `spread` have none.
pub fn decide(model: &Model, ways: &Ways, examples: &[Example], by_labels: &Posterior, spread: &Spread) -> Decision {
    let too_few = (spread.photo_count > 0 && !spread::tells(spread.photo_count)).then(|| too_few(spread.photo_count));
    if examples.is_empty() && spread.logs.is_empty() {
        return Decision { warnings: too_few.into_iter().collect(), ..Decision::default() };
    }
    let posterior = by_labels.with(spread);
    let (scaling, fit) = posterior.best();
    let classes = labels_of(model).len();
    let chance = 1.0 / classes.max(1) as f32;
    let of_one = |example: &Example| {
        let view = |fit: usize| example.views.get(fit).copied().unwrap_or_default();
        let own = tried(example, scaling as u32, view(fit)).or_else(|| tried(example, scaling as u32, view(0)));
        own.map_or(0.0, |found| found.probability)
    };
    let got: Vec<f32> = examples.iter().map(of_one).collect();
    let mean = got.iter().sum::<f32>() / got.len().max(1) as f32;
    let by_chance = labels_log(got.iter().map(|_| chance), classes);
    let labels_log = labels_log(got.iter().copied(), classes);
    if !examples.is_empty() && mean <= chance {
        return Decision { warnings: vec![fits_nothing(examples, mean)], labels_log, ..Decision::default() };
    }
    let Some((scaled, fitted)) = ways.scalings.get(scaling).zip(ways.fits.get(fit)) else { return Decision::default() };
    let (scaled, fitted) = (&scaled.value, fitted.value);
    let spec = &model.spec;
    let said = Said {
        spec,
        prior: Posterior::of(&Ways::of(spec), &[], 0, classes),
        shape_tells: ways.shape_tells,
        labels_alone: by_labels.of_labels_alone(ways),
        by_labels,
        posterior: &posterior,
        photos: photos(examples.len(), if spread.logs.is_empty() { 0 } else { spread.photo_count }),
        mean: (!examples.is_empty()).then_some(mean),
        is_poor: !examples.is_empty() && labels_log <= by_chance,
    };
    let of_scaling = |at: usize| &ways.scalings[at].value;
    let of_fit = |at: usize| &ways.fits[at].value;
    let mut overrides = SpecOverrides::default();
    let mut evidence = Vec::new();
    if spec.input.dtype == Dtype::Float32 {
        if !is_fixed(spec, "input.mean") {
            overrides.mean = Some(scaled.mean.clone());
            evidence.push(said.evidence("input.mean", &scaled.mean, |at, _| json!(of_scaling(at).mean)));
        }
        if !is_fixed(spec, "input.std") {
            overrides.std = Some(scaled.std.clone());
            evidence.push(said.evidence("input.std", &scaled.std, |at, _| json!(of_scaling(at).std)));
        }
    }
    if !is_fixed(spec, "input.channel_order")
        && (spec.input.channels == 3 || scaled.channel_order != ChannelOrder::Gray)
    {
        overrides.channel_order = Some(scaled.channel_order);
        let order = |at: usize, _| json!(of_scaling(at).channel_order);
        evidence.push(said.evidence("input.channel_order", scaled.channel_order, order));
    }
    if !is_fixed(spec, "input.resize") {
        overrides.resize = Some(fitted.resize);
        evidence.push(said.evidence("input.resize", fitted.resize, |_, at| json!(of_fit(at).resize)));
    }
    let is_open = spec.input.resize != Resize::CenterCrop || !is_fixed(spec, "input.crop_fraction");
    if fitted.resize == Resize::CenterCrop && is_open {
        overrides.crop_fraction = Some(fitted.crop_fraction);
        let fraction = |_, at: usize| match of_fit(at).resize {
            Resize::CenterCrop => json!(of_fit(at).crop_fraction),
            _ => Value::Null,
        };
        evidence.push(said.evidence("input.crop_fraction", fitted.crop_fraction, fraction));
    }
    if !is_fixed(spec, "input.resize_filter") {
        overrides.resize_filter = Some(fitted.filter);
        evidence.push(said.evidence("input.resize_filter", fitted.filter, |_, at| json!(of_fit(at).filter)));
    }
    let mut warnings: Vec<String> = evidence
        .iter()
        .filter(|entry| entry.confidence < CONFIDENCE_WARNED && is_told_by_graphs(&entry.field))
        .map(|entry| {
            let sure = 100.0 * entry.confidence;
            format!("{} is only {sure:.0} % sure with {}; send more, of other labels", entry.field, said.photos)
        })
        .chain(too_few)
        .chain(said.is_poor.then(|| POOR.to_owned()))
        .collect();
    let odd = examples.iter().zip(&got).filter(|(_, probability)| **probability < chance);
    warnings.extend(odd.map(|(example, probability)| {
        let share = 100.0 * probability;
        format!(
            "the photo labelled {:?} gets {share:.1} % for that label where the others fit; the label may be wrong",
            label_of(example)
        )
    }));
    Decision { overrides, evidence, warnings, labels_log }
}

/// As detection, which warns of these alone: the others are habit for most graphs.
fn is_told_by_graphs(field: &str) -> bool {
    menagerie_contract::spec::SETTINGS_FIELDS.contains(&field)
}

fn label_of(example: &Example) -> &str {
    example.label.as_deref().unwrap_or_default()
}

fn photos(labelled: usize, unlabelled: usize) -> String {
    let labelled = (labelled > 0).then(|| counted(labelled, "labelled photo", "labelled photos"));
    let unlabelled = (unlabelled > 0).then(|| counted(unlabelled, "photo", "photos") + " without labels");
    labelled.into_iter().chain(unlabelled).collect::<Vec<_>>().join(" and ")
}

fn too_few(photo_count: usize) -> String {
    format!(
        "{} without labels {} nothing of the settings; send {} or more, of several classes, or say what one of them shows",
        counted(photo_count, "photo", "photos"),
        if photo_count == 1 { "says" } else { "say" },
        spread::PHOTOS_MIN
    )
}

fn fits_nothing(examples: &[Example], mean: f32) -> String {
    let mut labels: Vec<String> = examples.iter().map(|example| format!("{:?}", label_of(example))).collect();
    labels.dedup();
    let share = 100.0 * mean;
    format!(
        "the labels {} fit no settings: the photos get {share:.1} % for them with the best ones, no more than by chance, so \
         that the settings are those of the graph alone; check the photos, their labels and the label file",
        labels.join(", ")
    )
}

/// What photos say of fields.
struct Said<'a> {
    spec: &'a ModelSpec,
    /// Without photos, with those that have labels, and with all.
    prior: Posterior,
    by_labels: &'a Posterior,
    posterior: &'a Posterior,
    /// What the labels say without the graph, between the ways of scaling that both leave.
    labels_alone: Posterior,
    /// Whether some photo has another shape than the input, which says how it is fitted.
    shape_tells: bool,
    photos: String,
    /// Of what the labels get; absent where there are none.
    mean: Option<f32>,
    /// Whether they get no more together than by chance, so that no way explains them.
    is_poor: bool,
}

impl Said<'_> {
    /// The field's value with the probability of all ways that share it. `of` is the value of a scaling and a fit. What the
    /// photos hardly move stays as it was found.
    fn evidence(&self, field: &str, taken: impl Serialize, of: impl Fn(usize, usize) -> Value) -> Evidence {
        let taken = json!(taken);
        let mut shares = shares_of(self.posterior, &of);
        let share_in =
            |shares: &[(Value, f64)]| shares.iter().find(|(value, _)| *value == taken).map_or(0.0, |(_, share)| *share);
        let share = share_in(&shares);
        let moved = (share - share_in(&shares_of(&self.prior, &of))).abs();
        let known = self.spec.evidence.iter().find(|entry| entry.field == field);
        if let Some(entry) = known.filter(|entry| entry.value == taken && moved < MOVED_MIN) {
            return entry.clone();
        }
        let alone = known.map_or_else(String::new, |entry| {
            format!("; the graph alone: {} at {:.2}, {}", entry.value, entry.confidence, entry.because)
        });
        shares.retain(|(value, share)| *value != taken && *share >= LISTED_MIN && !value.is_null());
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let alternatives =
            shares.into_iter().map(|(value, share)| Alternative { value, score: share as f32 }).collect();
        // Photos without labels never make a setting sure.
        let before = share_in(&shares_of(self.by_labels, &of));
        let sure = share.min(spread::CONFIDENCE_MAX.max(before));
        let is_by_labels = !self.is_poor && share_in(&shares_of(&self.labels_alone, &of)) >= BY_LABELS_MIN;
        let is_certain =
            known.is_some_and(|entry| entry.confidence >= CERTAIN_MIN && entry.value == taken) || is_by_labels;
        let most = if is_certain { CONFIDENCE_MAX } else { UNCERTAIN_MAX };
        let labels =
            self.mean.map_or_else(String::new, |mean| format!(", whose labels get {mean:.2} on average this way"));
        let by_shape = if self.shape_tells && FIT_FIELDS.contains(&field) { BY_SHAPE } else { "" };
        Evidence {
            field: field.to_owned(),
            value: taken,
            source: Source::Examples,
            because: format!("with {}{labels}{by_shape}{alone}", self.photos),
            confidence: sure.min(most) as f32,
            alternatives,
        }
    }
}

/// The probability of each value of a field.
fn shares_of(posterior: &Posterior, of: impl Fn(usize, usize) -> Value) -> Vec<(Value, f64)> {
    let mut shares: Vec<(Value, f64)> = Vec::new();
    for (scaling, fit, probability) in posterior.pairs() {
        let value = of(scaling, fit);
        match shares.iter_mut().find(|(other, _)| *other == value) {
            Some((_, share)) => *share += probability,
            None => shares.push((value, probability)),
        }
    }
    shares
}
