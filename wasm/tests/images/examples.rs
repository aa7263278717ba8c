//! Labelled photos against a net that answers the better, the more its tensor is like the one that it was trained on.

use menagerie_contract::{
    ChannelOrder, Decision, Dtype, Evidence, Example, Frame, Layout, NextStep, OutputKind, Resize, ResizeFilter,
    Scaling, Source, SpecOverrides, Try, frame::Scores,
};
use menagerie_wasm::{Model, examples};
use serde_json::{Value, json};

use crate::{
    common::{files, options},
    pipeline::model,
};

const LABELS: &str = "cat\ndog\nbird\nfox\n";
const CLASSES: u32 = 4;

fn evidence(field: &str, value: Value, confidence: f32) -> Evidence {
    let because = "most are so".into();
    Evidence { field: field.into(), value, source: Source::Prior, because, confidence, alternatives: vec![] }
}

fn scaling(mean: f32, std: f32, channel_order: ChannelOrder, probability: f32) -> Scaling {
    Scaling { mean: vec![mean; 3], std: vec![std; 3], channel_order, probability }
}

/// RGB on 0..1 by habit, with everything open.
fn open_model() -> Model {
    let mut model = model(OutputKind::Softmax, CLASSES, Some(LABELS));
    let (rgb, bgr) = (ChannelOrder::Rgb, ChannelOrder::Bgr);
    model.spec.input.std = vec![255.0; 3];
    model.spec.scalings = vec![
        scaling(0.0, 255.0, rgb, 0.6),
        scaling(127.5, 127.5, rgb, 0.2),
        scaling(0.0, 255.0, bgr, 0.15),
        scaling(127.5, 127.5, bgr, 0.05),
    ];
    model.spec.evidence = vec![
        evidence("input.mean", json!([0.0, 0.0, 0.0]), 0.75),
        evidence("input.std", json!([255.0, 255.0, 255.0]), 0.75),
        evidence("input.channel_order", json!("RGB"), 0.8),
        evidence("input.resize", json!("stretch"), 0.7),
        evidence("input.resize_filter", json!("antialias"), 0.6),
    ];
    model
}

/// The same with one way left, the one that its net was trained with.
fn trained(mean: f32, std: f32, order: ChannelOrder, resize: Resize) -> Model {
    let mut model = open_model();
    model.spec.scalings = vec![];
    model.spec.evidence = vec![];
    model.spec.input.mean = vec![mean; 3];
    model.spec.input.std = vec![std; 3];
    model.spec.input.channel_order = order;
    model.spec.input.resize = resize;
    model
}

struct Photo {
    bytes: Vec<u8>,
    /// What the client says.
    label: &'static str,
    /// What a net answers that sees it as in its training.
    class: usize,
}

fn photos(labels: &[(&'static str, usize)]) -> Vec<Photo> {
    let files = files();
    let photo = |(place, (label, class)): (usize, &(&'static str, usize))| Photo {
        bytes: files[place % files.len()].1.clone(),
        label,
        class: *class,
    };
    labels.iter().enumerate().map(photo).collect()
}

fn tensors(frame: &[u8]) -> Vec<Vec<f32>> {
    let Frame::Tensors { image_count, values } = Frame::decode(frame).unwrap().1 else { panic!("no tensors") };
    let values: Vec<f32> = values.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    values.chunks_exact(values.len() / image_count as usize).map(<[f32]>::to_vec).collect()
}

/// What the photos decide, and how often each was run.
fn decide(model: &Model, truth: &Model, photos: &[Photo]) -> (Decision, Vec<usize>) {
    decide_by(model, truth, photos, 0.2)
}

fn decide_by(model: &Model, truth: &Model, photos: &[Photo], unlike: f32) -> (Decision, Vec<usize>) {
    let view_bytes = 16 * 16 * 3;
    let mut tried: Vec<Example> = Vec::new();
    let (mut pixels, mut wanted) = (Vec::new(), Vec::new());
    for Photo { bytes, label, .. } in photos {
        let (all, views) = examples::views(model, bytes, Some(label), &options().limits).unwrap();
        let (own, _) = examples::views(truth, bytes, Some(label), &options().limits).unwrap();
        wanted.push(tensors(&examples::feed(truth, &own, &[0]).unwrap()).remove(0));
        pixels.push(all);
        tried.push(Example { label: Some((*label).into()), views, tries: vec![] });
    }
    loop {
        let (photo, scalings, views) = match examples::next_step(model, &tried) {
            NextStep::Decided { decision } => return (decision, tried.iter().map(|one| one.tries.len()).collect()),
            NextStep::Run { photo, scalings, views } => (photo as usize, scalings, views),
        };
        let shown: Vec<u8> =
            views.iter().flat_map(|view| pixels[photo][*view as usize * view_bytes..][..view_bytes].to_vec()).collect();
        let frame = examples::feed(model, &shown, &scalings).unwrap();
        let scores = tensors(&frame)
            .iter()
            .flat_map(|tensor| answer(tensor, &wanted[photo], photos[photo].class, unlike))
            .collect();
        let image_count = views.len() as u32;
        let reply = Scores { image_count, class_count: CLASSES, queue_us: 0, run_us: 0, values: scores };
        let reply = Frame::Scores(reply).encode(1).unwrap();
        tried[photo]
            .tries
            .extend(examples::judge(model, &reply, Some(photos[photo].label), &scalings, &views).unwrap());
    }
}

/// Probabilities: 0.9 for the class of what the net knows, `unlike` of what is nothing like it.
fn answer(tensor: &[f32], wanted: &[f32], class: usize, unlike: f32) -> Vec<f32> {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    let off = norm(&mut tensor.iter().zip(wanted).map(|(a, b)| a - b)) / norm(&mut wanted.iter().copied());
    let own = unlike + (0.9 - unlike) * (-8.0 * off).exp();
    let other = (1.0 - own) / 3.0;
    (0..CLASSES as usize).map(|at| if at == class { own } else { other }).collect()
}

fn entry<'a>(decision: &'a Decision, field: &str) -> &'a Evidence {
    decision.evidence.iter().find(|entry| entry.field == field).unwrap()
}

const RIGHT: [(&str, usize); 3] = [("cat", 0), ("dog", 1), ("bird", 2)];

#[test]
fn three_photos_turn_a_habit_around() {
    let truth = trained(127.5, 127.5, ChannelOrder::Bgr, Resize::Stretch);
    let (decision, _) = decide_by(&open_model(), &truth, &photos(&RIGHT), 0.05);
    assert_eq!(decision.overrides.mean, Some(vec![127.5; 3]));
    assert_eq!(decision.overrides.std, Some(vec![127.5; 3]));
    assert_eq!(decision.overrides.channel_order, Some(ChannelOrder::Bgr));
    assert_eq!(decision.overrides.resize, Some(Resize::Stretch));
    let order = entry(&decision, "input.channel_order");
    assert_eq!((order.source, &order.value), (Source::Examples, &json!("BGR")));
    assert!(order.because.starts_with("with 3 labelled photos, whose labels get 0."), "{}", order.because);
    assert!(order.confidence > 0.8, "{}", order.confidence);
    assert_eq!(order.alternatives[0].value, json!("RGB"));
    assert!((-1.0..0.0).contains(&decision.labels_log), "{}", decision.labels_log);
}

#[test]
fn a_wrong_label_among_five_does_not_win() {
    let truth = trained(127.5, 127.5, ChannelOrder::Bgr, Resize::Stretch);
    let said = [("cat", 0), ("dog", 1), ("fox", 2), ("bird", 2), ("cat", 0)];
    for wrong in 0..said.len() {
        let mut said = said;
        said[2].0 = "bird";
        said[wrong].0 = if said[wrong].0 == "fox" { "cat" } else { "fox" };
        let (decision, _) = decide(&open_model(), &truth, &photos(&said));
        assert_eq!(decision.overrides.channel_order, Some(ChannelOrder::Bgr), "photo {wrong}");
        assert_eq!(decision.overrides.mean, Some(vec![127.5; 3]), "photo {wrong}");
        let doubt = format!("the photo labelled \"{}\"", said[wrong].0);
        assert!(decision.warnings.iter().any(|warning| warning.contains(&doubt)), "{:?}", decision.warnings);
    }
}

#[test]
fn labels_that_fit_nothing_leave_the_settings_and_are_named() {
    let truth = trained(0.0, 255.0, ChannelOrder::Rgb, Resize::Stretch);
    let (decision, _) = decide_by(&open_model(), &truth, &photos(&[("cat", 1), ("dog", 2), ("fox", 0)]), 0.3);
    assert_eq!((decision.overrides, decision.evidence.len()), (SpecOverrides::default(), 0));
    let [warning] = decision.warnings.as_slice() else { panic!("{:?}", decision.warnings) };
    assert!(warning.starts_with("the labels \"cat\", \"dog\", \"fox\" fit no settings"), "{warning}");
    assert!(decision.labels_log < -4.0, "{}", decision.labels_log);
}

#[test]
fn the_first_photo_takes_sixty_runs_at_most_and_what_is_far_behind_is_not_run_again() {
    let mut model = open_model();
    model.spec.scalings.push(scaling(0.0, 1.0, ChannelOrder::Rgb, 0.1));
    let truth = trained(0.0, 255.0, ChannelOrder::Rgb, Resize::Stretch);
    let said = [("cat", 0), ("dog", 1), ("bird", 2), ("fox", 3), ("cat", 0)];
    let (_, runs) = decide_by(&model, &truth, &photos(&said), 0.01);
    assert!(runs[0] <= examples::RUNS_MAX, "{runs:?}");
    assert!(runs[4] < runs[0], "{runs:?}");
}

#[test]
fn what_a_request_says_is_not_tried_otherwise() {
    let mut model = open_model();
    for entry in model.spec.evidence.iter_mut().filter(|entry| entry.field != "input.resize_filter") {
        entry.source = Source::Request;
    }
    let truth = trained(0.0, 255.0, ChannelOrder::Rgb, Resize::Stretch);
    let (decision, runs) = decide(&model, &truth, &photos(&RIGHT[..1]));
    assert_eq!(
        (decision.overrides.mean, decision.overrides.channel_order, decision.overrides.resize),
        (None, None, None)
    );
    assert!(decision.overrides.resize_filter.is_some());
    assert_eq!(runs, [3], "one for each filter");
}

#[test]
fn views_are_fed_in_every_order_and_layout() {
    let mut model = trained(0.0, 1.0, ChannelOrder::Bgr, Resize::Stretch);
    (model.spec.input.width, model.spec.input.height) = (2, 1);
    let view = [1, 2, 3, 4, 5, 6];
    let fed = |model: &Model| tensors(&examples::feed(model, &view, &[0]).unwrap()).remove(0);
    assert_eq!(fed(&model), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
    model.spec.input.layout = Layout::Nchw;
    assert_eq!(fed(&model), [3.0, 6.0, 2.0, 5.0, 1.0, 4.0]);
    model.spec.input.channel_order = ChannelOrder::Gray;
    model.spec.input.mean = vec![1.0; 3];
    assert_eq!(fed(&model), [1.0, 4.0, 1.0, 4.0, 1.0, 4.0]);
    model.spec.input.dtype = Dtype::Uint8;
    let frame = examples::feed(&model, &view, &[0]).unwrap();
    assert_eq!(Frame::decode(&frame).unwrap().1, Frame::Infer { image_count: 1, pixels: &[2, 2, 2, 5, 5, 5] });
}

#[test]
fn a_label_is_found_in_any_case_and_by_its_number_and_a_wrong_one_is_refused_with_the_nearest() {
    let mut model = open_model();
    model.spec.input.resize_filter = ResizeFilter::Nearest;
    let photo = &files()[0].1;
    for label in ["cat", "CAT", "3", "7:cat"] {
        examples::views(&model, photo, Some(label), &options().limits).unwrap();
    }
    let error = examples::views(&model, photo, Some("dogs"), &options().limits).unwrap_err();
    assert!(
        error.to_string().starts_with("example_label=dogs: the model has no such label; the nearest are \"dog\""),
        "{error}"
    );
}

/// Photos without labels that were run in two ways of scaling: in the one all are answered alike, in the other each way.
fn unlabelled(count: usize) -> Vec<Example> {
    let of = |photo: usize| {
        let answered = |scaling, class| Try { scaling, view: 0, probability: 0.95, classes: vec![(class, 0.95)] };
        let tries = vec![answered(0, 0), answered(1, photo as u32 % CLASSES)];
        Example { label: None, views: vec![0; 12], tries }
    };
    (0..count).map(of).collect()
}

/// The same before anything was run.
fn untried(count: usize) -> Vec<Example> {
    unlabelled(count).into_iter().map(|photo| Example { tries: vec![], ..photo }).collect()
}

/// RGB on 0..1, or nearly as probable on -1..1.
fn nearly_even_model() -> Model {
    let mut model = open_model();
    model.spec.scalings =
        vec![scaling(0.0, 255.0, ChannelOrder::Rgb, 0.5), scaling(127.5, 127.5, ChannelOrder::Rgb, 0.4)];
    model
}

#[test]
fn eight_photos_without_labels_turn_what_is_nearly_even_and_are_never_sure() {
    let model = nearly_even_model();
    let NextStep::Run { photo, scalings, .. } = examples::next_step(&model, &untried(8)) else {
        panic!("nothing to run")
    };
    assert_eq!((photo, scalings), (0, vec![0, 1]));
    let NextStep::Decided { decision } = examples::next_step(&model, &unlabelled(8)) else { panic!("not decided") };
    assert_eq!(decision.overrides.std, Some(vec![127.5; 3]));
    let std = entry(&decision, "input.std");
    assert_eq!(std.source, Source::Examples);
    assert!(std.because.starts_with("with 8 photos without labels"), "{}", std.because);
    assert!((0.7..=0.75).contains(&std.confidence), "{}", std.confidence);
}

#[test]
fn fewer_photos_without_labels_are_not_run_and_said_to_be_too_few() {
    let NextStep::Decided { decision } = examples::next_step(&nearly_even_model(), &untried(7)) else { panic!("runs") };
    assert_eq!(decision.overrides, SpecOverrides::default());
    assert!(decision.warnings[0].starts_with("7 photos without labels say nothing"), "{:?}", decision.warnings);
}

#[test]
fn photos_without_labels_are_not_run_where_one_way_of_scaling_leads() {
    let mut model = nearly_even_model();
    model.spec.scalings[1].probability = 0.05;
    let NextStep::Decided { decision } = examples::next_step(&model, &untried(8)) else { panic!("runs") };
    assert_eq!(decision, Decision::default());
}

#[test]
fn labels_that_every_way_of_scaling_fits_as_well_make_nothing_surer_than_the_graph_can() {
    let mut model = open_model();
    model.spec.scalings[0].probability = 8.0;
    let view_labels = [("cat", 0), ("dog", 1), ("bird", 2)];
    let truth = trained(0.0, 255.0, ChannelOrder::Rgb, Resize::Stretch);
    let (decision, _) = decide_by(&model, &truth, &photos(&view_labels), 0.8);
    let std = entry(&decision, "input.std");
    assert_eq!(std.value, json!([255.0, 255.0, 255.0]));
    assert!(std.confidence <= 0.89, "{}", std.confidence);
}

/// What photos of one label decide that gets so much of each in the first way of scaling, and in all others.
fn decide_tried(shares: [(f32, f32); 5]) -> Decision {
    let of = |(first, others): (f32, f32)| {
        let tried = |scaling| {
            let probability = if scaling == 0 { first } else { others };
            Try { scaling, view: 0, probability, classes: vec![] }
        };
        Example { label: Some("cat".into()), views: vec![0; 12], tries: (0..16).map(tried).collect() }
    };
    let NextStep::Decided { decision } = examples::next_step(&nearly_even_model(), &shares.map(of)) else {
        panic!("runs")
    };
    decision
}

#[test]
fn one_photo_alone_makes_nothing_surer_than_the_graph_can_and_two_do() {
    let [alike, telling] = [(0.95, 0.95), (0.95, 0.0)];
    let sure = |shares| entry(&decide_tried(shares), "input.std").confidence;
    assert!((0.88..=0.89).contains(&sure([telling, alike, alike, alike, alike])));
    assert!(sure([telling, alike, telling, alike, alike]) > 0.9);
}

#[test]
fn labels_that_together_get_less_than_by_chance_make_nothing_sure_and_are_said_to() {
    let decision = decide_tried([(0.9, 0.0), (0.15, 0.0), (0.01, 0.0), (0.0, 0.0), (0.24, 0.0)]);
    assert!(entry(&decision, "input.std").confidence <= 0.89);
    assert!(
        decision.warnings.iter().any(|warning| warning.contains("no better than chance")),
        "{:?}",
        decision.warnings
    );
}

#[test]
fn labels_find_divisors_of_which_a_graph_without_moments_shows_nothing() {
    for (mean, std) in [(0.0, 65_025.0), (0.0, 127.5), (127.5, 63.75), (127.5, 1.0)] {
        let truth = trained(mean, std, ChannelOrder::Rgb, Resize::Stretch);
        let (decision, _) = decide_by(&open_model(), &truth, &photos(&RIGHT), 0.02);
        assert_eq!((decision.overrides.mean, decision.overrides.std), (Some(vec![mean; 3]), Some(vec![std; 3])));
        for source in [Source::Request, Source::Read] {
            let mut known = open_model();
            known.spec.evidence[1].source = source;
            let (decision, _) = decide_by(&known, &truth, &photos(&RIGHT), 0.02);
            assert_ne!(decision.overrides.std, Some(vec![std; 3]), "{source:?}");
        }
    }
}

/// A net of `classes` that answers alike however it is fed, with its scaling stated, on a photo with these views.
fn by_habit(classes: u32, views: [u32; 12], change: impl FnOnce(&mut Model)) -> Decision {
    let mut model = open_model();
    model.spec.output.classes = classes;
    for entry in &mut model.spec.evidence[..3] {
        entry.source = Source::Request;
    }
    change(&mut model);
    let mut tried = [Example { label: Some("cat".into()), views: views.to_vec(), tries: vec![] }];
    loop {
        match examples::next_step(&model, &tried) {
            NextStep::Decided { decision } => return decision,
            NextStep::Run { scalings, views, .. } => {
                let runs = scalings.into_iter().zip(views);
                tried[0].tries.extend(runs.map(|(scaling, view)| Try {
                    scaling,
                    view,
                    probability: 0.8,
                    classes: vec![],
                }));
            }
        }
    }
}

/// Views by fit: stretched, the centre square, 0.875 of it, padded; each by three filters.
const OBLONG: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const OF_THE_SHAPE_OF_THE_INPUT: [u32; 12] = [0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 2];

#[test]
fn photos_of_another_shape_than_the_input_are_cropped_as_makers_of_imagenet_nets_publish_it() {
    let decision = by_habit(1001, OBLONG, |_| {});
    let SpecOverrides { resize, crop_fraction, resize_filter, .. } = decision.overrides;
    assert_eq!(
        (resize, crop_fraction, resize_filter),
        (Some(Resize::CenterCrop), Some(0.875), Some(ResizeFilter::Bilinear))
    );
    for field in ["input.resize", "input.crop_fraction", "input.resize_filter"] {
        let because = &entry(&decision, field).because;
        assert!(because.contains("of another shape than the input"), "{field}: {because}");
    }
    let other = by_habit(1000, OBLONG, |_| {}).overrides;
    assert_eq!((other.crop_fraction, other.resize_filter), (Some(0.875), Some(ResizeFilter::Antialias)));
}

#[test]
fn photos_of_the_shape_of_the_input_and_those_of_other_nets_are_stretched_and_a_request_decides() {
    let fit = |classes, views, change: fn(&mut Model)| by_habit(classes, views, change).overrides;
    assert_eq!(fit(1001, OF_THE_SHAPE_OF_THE_INPUT, |_| {}).resize, Some(Resize::Stretch));
    assert_eq!(fit(100, OBLONG, |_| {}).resize, Some(Resize::Stretch));
    let by_request = |model: &mut Model| model.spec.evidence[4].source = Source::Request;
    assert_eq!(fit(1001, OBLONG, by_request).resize_filter, None);
    let stretched = |model: &mut Model| model.spec.evidence[3].source = Source::Request;
    assert_eq!(fit(1001, [0, 1, 2].repeat(4).try_into().unwrap(), stretched).resize, None);
}
