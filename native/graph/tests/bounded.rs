//! Fuzzing under a count of memory: changed graphs and changed settings neither panic nor allocate without bound.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod counting;
mod support;

use std::time::{Duration, Instant};

use menagerie_contract::{ChannelOrder, LoadRequest, OutputKind, Resize, ResizeFilter, SpecOverrides};
use menagerie_graph::{GraphLimits, resolve};
use support::{Random, change, seeds, with};

const FUZZ_TIME: Duration = Duration::from_secs(8);
/// Where that time is too short for them, as on an emulated processor, it takes longer.
const ROUNDS_MIN: u32 = 100;
/// Beyond this nothing may be held for a small file: one spelled-out constant of `filled_tensor_bytes_max`, once as it
/// stands and once as its f32 values, and the synthetic photos.
const HELD_BYTES_MAX: usize = 192 << 20;

fn pick<T: Copy>(random: &mut Random, values: &[T]) -> Option<T> {
    (random.below(2) == 0).then(|| values[random.below(values.len())])
}

/// Settings as a request could spell them: in range, out of range, and contradictory.
fn settings(random: &mut Random) -> LoadRequest {
    const NAMES: [&str; 5] = ["input", "logits", "softmax", "nosuch", ""];
    const SIDES: [u32; 6] = [0, 1, 7, 224, 5000, u32::MAX];
    const NUMBERS: [f32; 7] = [0.0, 1.0, 127.5, -1e30, f32::MAX, f32::NAN, f32::INFINITY];
    let numbers = |random: &mut Random| {
        (random.below(2) == 0).then(|| (0..random.below(5)).map(|_| NUMBERS[random.below(NUMBERS.len())]).collect())
    };
    let overrides = SpecOverrides {
        input_tensor: pick(random, &NAMES).map(Into::into),
        output_tensor: pick(random, &NAMES).map(Into::into),
        width: pick(random, &SIDES),
        height: pick(random, &SIDES),
        layout: None,
        channel_order: pick(random, &[ChannelOrder::Rgb, ChannelOrder::Bgr, ChannelOrder::Gray]),
        mean: numbers(random),
        std: numbers(random),
        resize: pick(random, &[Resize::Stretch, Resize::CenterCrop, Resize::Pad]),
        crop_fraction: pick(random, &[-1.0, 0.0, 0.5, 1.0, 2.0, f32::NAN]),
        resize_filter: pick(random, &[ResizeFilter::Antialias, ResizeFilter::Bilinear, ResizeFilter::Nearest]),
        output_kind: pick(random, &[OutputKind::Softmax, OutputKind::Logits, OutputKind::Sigmoid, OutputKind::Index]),
        label_offset: pick(random, &[i32::MIN, -1, 0, 1, i32::MAX]),
    };
    LoadRequest { label_count: pick(random, &[0, 1, 5, 1001, u32::MAX]), ..with(overrides) }
}

#[test]
fn changed_graphs_and_settings_stay_within_memory_and_give_sound_specs() {
    let end = Instant::now() + FUZZ_TIME;
    let mut random = Random(0x5eed_0003);
    let limits = GraphLimits::default();
    let seeds = seeds(300 << 10);
    let (mut rounds, mut resolved_count, mut peak_max) = (0, 0, 0);
    while rounds < ROUNDS_MIN || Instant::now() < end {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        if bytes.is_empty() {
            continue;
        }
        for _ in 0..random.below(4) {
            change(&mut bytes, &mut random);
        }
        let request = settings(&mut random);
        let count = counting::start();
        if let Ok(resolved) = resolve(&bytes, &request, &limits) {
            let input = &resolved.spec.input;
            assert!(input.width.max(input.height) <= limits.side_pixels_max, "{request:?}");
            assert!(input.width.min(input.height) > 0, "{request:?}");
            assert_eq!([input.mean.len(), input.std.len()], [input.channels as usize; 2], "{request:?}");
            assert!(input.std.iter().all(|value| value.is_finite() && *value != 0.0), "{request:?}");
            assert!(input.mean.iter().all(|value| value.is_finite()), "{request:?}");
            resolved_count += 1;
        }
        peak_max = peak_max.max(count.peak_bytes());
        rounds += 1;
    }
    println!("{rounds} rounds, {resolved_count} resolved, at most {peak_max} bytes held");
    assert!(resolved_count > 0, "{rounds} rounds");
    assert!(peak_max <= HELD_BYTES_MAX, "{peak_max} bytes");
}
