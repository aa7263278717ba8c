//! Scalings that are fitted to stored moments: rare ones, ones that nobody listed, and moments that nothing fits.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;
#[path = "support/trained.rs"]
mod trained;

use menagerie_contract::{ChannelOrder, Evidence, ModelSpec, Source};
use menagerie_graph::{
    GraphLimits,
    normalization::candidates::{Candidate, Scaling},
    resolve,
};
use support::request;
use trained::{Form, Head, net, net_of, net_with};

const FORM: Form = Form::Fused("FusedBatchNormV3");

fn spec(file: &[u8]) -> ModelSpec {
    resolve(file, &request(), &GraphLimits::default()).unwrap().spec
}

fn evidence<'s>(spec: &'s ModelSpec, field: &str) -> &'s Evidence {
    spec.evidence.iter().find(|entry| entry.field == field).unwrap()
}

fn scaled(mean: f32, std: f32, order: ChannelOrder) -> Candidate {
    Candidate { scaling: Scaling { name: "of the test", mean: [mean; 3], std: [std; 3] }, order }
}

#[test]
fn pixels_that_were_divided_by_255_twice_are_found_in_colour_and_in_grey() {
    for (seed, order) in [(1, ChannelOrder::Rgb), (2, ChannelOrder::Gray), (3, ChannelOrder::Gray)] {
        let spec = spec(&net(&scaled(0.0, 65025.0, order), FORM, Head::Nothing, seed));
        assert_eq!((spec.input.mean[0], spec.input.std[0], spec.input.channel_order), (0.0, 65025.0, order));
        assert!(evidence(&spec, "input.std").confidence > 0.9, "{:?}", evidence(&spec, "input.std"));
    }
}

#[test]
fn a_division_that_the_graph_does_itself_is_left_to_it_unless_moments_say_that_it_was_done_twice() {
    for (std, wanted, source) in [(255.0, 1.0, Source::Read), (65025.0, 255.0, Source::Measured)] {
        let spec = spec(&net(&scaled(0.0, std, ChannelOrder::Rgb), FORM, Head::Divided, 8));
        assert_eq!((spec.input.mean[0], spec.input.std[0]), (0.0, wanted), "{}", evidence(&spec, "input.std").because);
        assert_eq!(evidence(&spec, "input.std").source, source);
    }
}

#[test]
fn dark_for_light_is_kept_in_mind_for_grey_photos() {
    let plain = spec(&net(&scaled(0.0, 255.0, ChannelOrder::Gray), FORM, Head::Nothing, 2));
    let found = (plain.input.std[0], plain.input.channel_order);
    assert_eq!(found, (255.0, ChannelOrder::Gray), "{:?}", evidence(&plain, "input.std"));
    let turned = spec(&net(&scaled(255.0, -255.0, ChannelOrder::Gray), FORM, Head::Nothing, 2));
    let share = turned.scalings.iter().find(|it| (it.mean[0], it.std[0]) == (255.0, -255.0)).unwrap().probability;
    assert!(share > 0.1 && evidence(&turned, "input.std").confidence < 0.9, "{:?}", evidence(&turned, "input.std"));
}

#[test]
fn ranges_that_are_a_factor_of_two_apart_are_told_apart() {
    for (mean, std) in [(0.0, 127.5), (127.5, 127.5), (127.5, 255.0), (32512.5, 32512.5)] {
        let spec = spec(&net(&scaled(mean, std, ChannelOrder::Rgb), FORM, Head::Nothing, 4));
        assert_eq!((spec.input.mean[0], spec.input.std[0]), (mean, std), "{}", evidence(&spec, "input.std").because);
    }
}

#[test]
fn a_scaling_that_nobody_listed_is_stated_as_measured_with_a_warning() {
    for (order, std) in [(ChannelOrder::Rgb, 9.0), (ChannelOrder::Gray, 4000.0)] {
        let spec = spec(&net(&scaled(0.0, std, order), FORM, Head::Nothing, 5));
        let entry = evidence(&spec, "input.std");
        assert!((spec.input.std[0] / std - 1.0).abs() < 0.25, "{entry:?}");
        assert!(spec.input.mean.iter().all(|mean| *mean == 0.0), "{:?}", spec.input.mean);
        assert!(entry.because.contains("no known scaling"), "{}", entry.because);
        assert!((0.5..0.75).contains(&entry.confidence), "{}", entry.confidence);
        assert!(spec.warnings.iter().any(|warning| warning.contains("input.std")), "{:?}", spec.warnings);
    }
}

#[test]
fn x_over_128_less_1_is_the_scaling_to_minus_1_to_1() {
    let spec = spec(&net(&scaled(128.0, 128.0, ChannelOrder::Rgb), FORM, Head::Nothing, 6));
    assert_eq!((spec.input.mean[0], spec.input.std[0]), (127.5, 127.5));
    assert!(evidence(&spec, "input.std").confidence > 0.9);
}

#[test]
fn channels_that_died_after_training_had_seen_them_live_do_not_hide_what_the_others_say() {
    for (mean, std) in [(0.0, 255.0), (127.5, 127.5)] {
        let spec = spec(&net_with(&scaled(mean, std, ChannelOrder::Rgb), FORM, Head::Nothing, 9, |_, variance| {
            variance.iter_mut().step_by(3).for_each(|variance| *variance *= 100.0);
        }));
        assert_eq!((spec.input.mean[0], spec.input.std[0]), (mean, std), "{}", evidence(&spec, "input.std").because);
        assert!(evidence(&spec, "input.std").confidence > 0.75, "{:?}", evidence(&spec, "input.std"));
        // What else was odd about the photos may be their colours.
        assert!(
            evidence(&spec, "input.channel_order").confidence < 0.9,
            "{:?}",
            evidence(&spec, "input.channel_order")
        );
    }
}

#[test]
fn moments_that_no_scaling_gives_leave_less_confidence_and_say_so() {
    let truth = scaled(0.0, 255.0, ChannelOrder::Rgb);
    let good = spec(&net(&truth, FORM, Head::Nothing, 7));
    let poor = spec(&net_with(&truth, FORM, Head::Nothing, 7, |mean, variance| {
        mean.reverse();
        for (at, variance) in variance.iter_mut().enumerate() {
            *variance *= [0.03, 20.0, 1.0][at % 3];
        }
    }));
    let [good, poor] = [&good, &poor].map(|spec| evidence(spec, "input.std"));
    assert!(good.confidence > 0.9 && !good.because.contains("fit is poor"), "{good:?}");
    assert!(poor.confidence < good.confidence && poor.confidence < 0.9, "{poor:?}");
    assert!(poor.because.contains("even the best fit is poor"), "{poor:?}");
}

#[test]
fn grey_photos_in_three_channels_are_told_from_colours() {
    for seed in 1..6 {
        let grey = scaled(0.0, 255.0, ChannelOrder::Gray);
        let found = spec(&net_of(&grey, 3, FORM, Head::Nothing, seed, |_, _| {}));
        let entry = evidence(&found, "input.channel_order");
        assert_eq!((found.input.channel_order, found.input.channels), (ChannelOrder::Gray, 3), "{seed}: {entry:?}");
        assert_eq!(
            (found.input.mean[0], found.input.std[0]),
            (0.0, 255.0),
            "{}",
            evidence(&found, "input.std").because
        );
        let colours = spec(&net(&scaled(0.0, 255.0, ChannelOrder::Bgr), FORM, Head::Nothing, seed));
        let entry = evidence(&colours, "input.channel_order");
        assert!(colours.input.channel_order == ChannelOrder::Bgr && entry.confidence > 0.9, "{seed}: {entry:?}");
    }
}

#[test]
fn a_mean_between_the_listed_ones_is_not_sure_and_none_at_all_is() {
    for (mean, is_sure) in [(120.0, false), (127.5, false), (0.0, true)] {
        let spec = spec(&net(&scaled(mean, 127.5, ChannelOrder::Rgb), FORM, Head::Nothing, 6));
        let [entry, std] = ["input.mean", "input.std"].map(|field| evidence(&spec, field));
        assert_eq!(entry.confidence > 0.9, is_sure, "{entry:?}");
        assert!(std.confidence > 0.9, "{std:?}");
    }
}
