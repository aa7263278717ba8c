//! Photos that are decoded at a fraction of their size: what is left, where it lies, and what is left alone.

use std::{collections::BTreeSet, ffi::OsStr};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use menagerie_contract::{InferOptions, InputSpec, OutputKind, ResizeFilter, answer::Crop};
use menagerie_wasm::{
    Error, Model,
    decode::{Photo, decode, decode_shrunk},
    pipeline::{decode_photo, prepare, prepare_photo, shrink_of},
    resize::{region, resize, shrink_max},
};

use crate::{
    common::{LIMITS, beside_the_project, exif, files, input, options},
    jpeg_writer::{Picture, Way},
    pipeline::model,
};

const SAMPLINGS: [SamplingFactor; 4] =
    [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];

/// Waves that grow shorter to the right and downwards, with noise.
fn waves(width: u32, height: u32) -> Vec<u8> {
    let mut state = 1_u32;
    let mut noise = move || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        f64::from(state >> 16) / 4096.0 - 8.0
    };
    let level = |wave: f64, noise: f64| (128.0 + 90.0 * wave + noise) as u8;
    let mut rgb = Vec::with_capacity(3 * (width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (f64::from(x), f64::from(y));
            let (across, down) = ((x * x / 4000.0 + x / 40.0).sin(), (y * y / 5000.0).cos());
            rgb.extend([level(across, noise()), level(down, noise()), level(across * down, noise())]);
        }
    }
    rgb
}

fn file(width: u16, height: u16, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    set(&mut encoder);
    encoder.encode(&waves(width.into(), height.into()), width, height, ColorType::Rgb).unwrap();
    file
}

fn shrunk(file: &[u8], shrink: u32) -> Photo {
    decode_shrunk(file, &LIMITS, &|_| f64::from(shrink)).unwrap()
}

/// Each decoded pixel against the mean of the stored ones that it stands for: mean and largest difference.
fn differences(photo: &Photo, full: &Photo) -> (f64, f64) {
    let (width, height) = photo.decoded_size();
    assert_eq!(photo.stored_rgb.len(), 3 * (width * height) as usize);
    let (mut sum, mut largest) = (0.0, 0.0_f64);
    for (index, sample) in photo.stored_rgb.iter().enumerate() {
        let (pixel, channel) = (index as u32 / 3, index % 3);
        let (x, y) = (pixel % width * photo.shrink, pixel / width * photo.shrink);
        let square = (y..full.stored_height.min(y + photo.shrink))
            .flat_map(|y| (x..full.stored_width.min(x + photo.shrink)).map(move |x| (x, y)))
            .map(|(x, y)| f64::from(full.stored_rgb[3 * (y * full.stored_width + x) as usize + channel]));
        let (count, total) = square.fold((0.0, 0.0), |(count, total), level| (count + 1.0, total + level));
        let difference = (f64::from(*sample) - total / count).abs();
        sum += difference;
        largest = largest.max(difference);
    }
    (sum / photo.stored_rgb.len() as f64, largest)
}

#[test]
fn every_pixel_is_about_the_mean_of_its_square_at_every_sampling_and_size() {
    for sampling in SAMPLINGS {
        for (width, height) in [(131, 83), (128, 96), (17, 5)] {
            for interval in [0, 1, 5] {
                let file = file(width, height, |encoder| {
                    encoder.set_sampling_factor(sampling);
                    encoder.set_restart_interval(interval);
                });
                let full = decode(&file, &LIMITS).unwrap();
                for shrink in [2, 4, 8] {
                    let photo = shrunk(&file, shrink);
                    let name = format!("{sampling:?}, {width}x{height}, an interval of {interval}, 1/{shrink}");
                    assert_eq!(photo.shrink, shrink, "{name}");
                    assert_eq!((photo.stored_width, photo.stored_height), (width.into(), height.into()), "{name}");
                    let (mean, largest) = differences(&photo, &full);
                    assert!(mean < 3.0 && largest < 40.0, "{name}: {mean} {largest}");
                }
            }
        }
    }
}

#[test]
fn grey_files_are_decoded_at_a_fraction_too() {
    let (width, height) = (131, 83);
    let grey: Vec<u8> = waves(width, height).into_iter().step_by(3).collect();
    let mut file = Vec::new();
    Encoder::new(&mut file, 90).encode(&grey, width as u16, height as u16, ColorType::Luma).unwrap();
    let full = decode(&file, &LIMITS).unwrap();
    for shrink in [2, 4, 8] {
        let photo = shrunk(&file, shrink);
        assert_eq!(photo.shrink, shrink);
        assert!(differences(&photo, &full).0 < 3.0);
        assert!(photo.stored_rgb.as_chunks::<3>().0.iter().all(|[red, green, blue]| red == green && green == blue));
    }
}

#[test]
fn progressive_files_several_scans_and_rgb_are_decoded_at_a_fraction_too() {
    let progressive = file(131, 83, |encoder| encoder.set_progressive(true));
    let mut named_rgb = file(131, 83, |encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1));
    for marker in [[0xff, 0xc0], [0xff, 0xda]] {
        let segment = named_rgb.windows(2).position(|pair| pair == marker).unwrap();
        let (first, step) = if marker[1] == 0xc0 { (segment + 10, 3) } else { (segment + 5, 2) };
        (0..3).for_each(|index| named_rgb[first + step * index] = b"RGB"[index]);
    }
    // Written in one scan for each component.
    let four_to_one = file(131, 83, |encoder| encoder.set_sampling_factor(SamplingFactor::F_4_1));
    for (file, shrinks) in [(progressive, &[2, 4, 8][..]), (named_rgb, &[2, 4, 8]), (four_to_one, &[2])] {
        let full = decode(&file, &LIMITS).unwrap();
        for shrink in shrinks.iter().copied() {
            let photo = shrunk(&file, shrink);
            assert_eq!(photo.shrink, shrink);
            let (mean, largest) = differences(&photo, &full);
            assert!(mean < 4.0 && largest < 60.0, "1/{shrink}: {mean} {largest}");
        }
    }
}

#[test]
fn other_fractions_and_samplings_in_threes_are_decoded_at_the_next_size() {
    let baseline = file(64, 48, |_| {});
    assert_eq!(shrunk(&baseline, 1).shrink, 1);
    let shrink_of = |most: f64| decode_shrunk(&baseline, &LIMITS, &|_| most).unwrap().shrink;
    assert_eq!([1.99, 2.0, 3.99, 4.0, 7.99, 8.0, 100.0].map(shrink_of), [1, 2, 2, 4, 4, 8, 8]);
    let thirds = Picture::new((50, 20), &[(3, 1), (1, 1), (1, 1)], |_, _, _| 1).write(&Way::sequential(3));
    assert_eq!(shrunk(&thirds, 8), decode(&thirds, &LIMITS).unwrap());
}

#[test]
fn the_fraction_leaves_twice_what_the_model_sees() {
    let rectangle = |x, width, height| Some(Crop::Rectangle { x, y: 0, width, height });
    for (crop, side, mode, expected) in [
        (None, 375, "stretch", 4.0),
        (None, 375, "center-crop", 4.0),
        (None, 500, "pad", 4.0),
        (rectangle(0, 300, 200), 100, "stretch", 1.0),
        (Some(Crop::Point { x: 9, y: 9, side: None }), 375, "stretch", 2.0),
        // Refused later on.
        (rectangle(4000, 9, 9), 1, "stretch", 1.0),
    ] {
        let most = shrink_max((4000, 3000), crop, &input(side, mode, 3));
        assert!((most - expected).abs() < 1e-9, "{crop:?} {side} {mode}: {most}");
    }
    for filter in [ResizeFilter::Bilinear, ResizeFilter::Nearest] {
        let few_pixels = InputSpec { resize_filter: filter, ..input(100, "stretch", 3) };
        assert!((shrink_max((4000, 3000), None, &few_pixels) - 1.0).abs() < 1e-9, "{filter:?}");
    }
}

#[test]
fn the_model_sees_nearly_the_same_pixels_whatever_the_crop_and_the_orientation() {
    for orientation in [1, 3, 6, 8] {
        let file = file(403, 301, |encoder| {
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
            encoder.add_exif_metadata(&exif(orientation)).unwrap();
        });
        let crops = [
            (None, 30, 4),
            (Some(Crop::Point { x: 210, y: 150, side: None }), 30, 2),
            (Some(Crop::Rectangle { x: 31, y: 57, width: 243, height: 239 }), 14, 8),
        ];
        for (crop, side, shrink) in crops {
            for mode in ["stretch", "center-crop", "pad"] {
                let input: InputSpec = input(side, mode, 3);
                let pixels = |photo: &Photo| resize(photo, region(photo.size(), crop).unwrap(), &input).unwrap().bytes;
                let photo = decode_shrunk(&file, &LIMITS, &|size| shrink_max(size, crop, &input)).unwrap();
                assert_eq!(photo.shrink, shrink);
                let (seen, expected) = (pixels(&photo), pixels(&decode(&file, &LIMITS).unwrap()));
                let sum: u32 = seen.iter().zip(&expected).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
                let mean = f64::from(sum) / seen.len() as f64;
                assert!(mean < 1.5, "orientation {orientation}, {crop:?}, {mode}: {mean}");
            }
        }
    }
}

/// Deterministic damage, anywhere and in the head alone: what one way refuses the other does not show.
#[test]
fn damage_is_shown_or_refused_as_at_full_size() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let mut scaled_count = 0;
    for sampling in SAMPLINGS {
        let file = file(67, 45, |encoder| {
            encoder.set_sampling_factor(sampling);
            encoder.set_restart_interval(2);
        });
        for round in 0..600 {
            let mut damaged = file.clone();
            for _ in 0..=random(6) {
                let end = if round % 2 == 0 { damaged.len() } else { 700 };
                let at = random(end);
                damaged[at] = random(256) as u8;
            }
            let full = decode(&damaged, &LIMITS);
            let scaled = decode_shrunk(&damaged, &LIMITS, &|_| [2.0, 4.0, 8.0][round % 3]);
            match (&full, &scaled) {
                (Ok(full), Ok(photo)) => {
                    let (width, height) = photo.decoded_size();
                    assert_eq!(photo.size(), full.size());
                    assert_eq!(photo.stored_rgb.len(), 3 * (width * height) as usize);
                    scaled_count += u32::from(photo.shrink > 1);
                }
                (Err(full), Err(scaled)) => assert_eq!(full.code(), scaled.code()),
                _ => panic!("{sampling:?}, round {round}: {:?}, {:?}", full.err(), scaled.err()),
            }
        }
    }
    assert!(scaled_count > 100, "{scaled_count}");
}

/// The frame of the image, and the one of its photo as it is decoded for the same model after it was kept as JSON and pixels.
fn frame_and_kept(model: &Model, image: &[u8], options: &InferOptions) -> (Vec<u8>, Vec<u8>, u32) {
    let sha256 = |pixels: &[u8]| Ok(pixels.len().to_string());
    let (frame, seen) = prepare(model, image, options, || 1.0, sha256).unwrap();
    let (any, _) = decode_photo(image, options, None).unwrap();
    let shrink = shrink_of(&any, &model.spec.input, options).unwrap();
    let (photo, asked) = decode_photo(image, options, Some(shrink)).unwrap();
    assert_eq!(asked, shrink);
    let json = serde_json::to_string(&photo).unwrap();
    let kept = serde_json::from_str::<Photo>(&json).unwrap().with_pixels(photo.stored_rgb).unwrap();
    let (kept_frame, kept_seen) = prepare_photo(model, &kept, options, 0.0, || 1.0, sha256).unwrap();
    assert_eq!(seen, kept_seen);
    (frame, kept_frame, photo.shrink)
}

#[test]
fn a_photo_that_is_kept_gives_the_pixels_of_its_file() {
    let photos = [file(800, 600, |_| {}), file(803, 597, |encoder| encoder.add_exif_metadata(&exif(6)).unwrap())];
    let rectangle = |width, height| Some(Crop::Rectangle { x: 11, y: 7, width, height });
    let crops = [None, rectangle(560, 560), rectangle(300, 280), rectangle(99, 120), rectangle(20, 20)];
    let mut shrinks = BTreeSet::new();
    for image in photos.into_iter().chain(files().into_iter().map(|(_, file)| file)) {
        let size = decode(&image, &LIMITS).unwrap().size();
        for (side, resize_filter) in
            [(16, ResizeFilter::Antialias), (64, ResizeFilter::Antialias), (64, ResizeFilter::Nearest)]
        {
            let mut model = model(OutputKind::Softmax, 2, None);
            model.spec.input = InputSpec { resize_filter, ..input(side, "center-crop", 3) };
            for crop in crops {
                let options = InferOptions { crop, picture: true, ..options() };
                if region(size, crop).is_err() {
                    continue;
                }
                let (frame, kept, shrink) = frame_and_kept(&model, &image, &options);
                assert!(frame == kept, "{size:?}, {crop:?}, {side}");
                shrinks.insert(shrink);
            }
        }
    }
    assert_eq!(shrinks, BTreeSet::from([1, 2, 4, 8]));
}

#[test]
fn a_photo_without_all_of_its_pixels_is_none() {
    let photo = shrunk(&file(40, 30, |_| {}), 2);
    let bytes = photo.stored_rgb.len();
    assert_eq!(photo.clone().with_pixels(vec![0; bytes]).unwrap().stored_rgb.len(), 20 * 15 * 3);
    assert!(matches!(photo.with_pixels(vec![0; bytes - 1]), Err(Error::Internal(_))));
}

#[test]
fn a_crop_outside_of_a_kept_photo_is_refused_before_it_is_decoded_again() {
    let photo = shrunk(&file(40, 30, |_| {}), 8);
    let crop = Some(Crop::Rectangle { x: 30, y: 0, width: 20, height: 5 });
    let refused = shrink_of(&photo, &input(16, "stretch", 3), &InferOptions { crop, ..options() });
    assert!(matches!(refused, Err(Error::FieldInvalid(message)) if message.contains("40x30")));
}

#[test]
fn hard_images_beside_the_project_are_shown_or_refused_as_at_full_size() {
    let Some(folder) = beside_the_project("image-torture") else { return };
    let mut scaled_count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let image = std::fs::read(&path).unwrap();
        let full = decode(&image, &LIMITS);
        for shrink in [2.0, 4.0, 8.0] {
            let scaled = decode_shrunk(&image, &LIMITS, &|_| shrink);
            match (&full, &scaled) {
                (Ok(full), Ok(photo)) => {
                    scaled_count += u32::from(photo.shrink > 1);
                    let (mean, _) = differences(photo, full);
                    let mean_max = match path.file_name().and_then(OsStr::to_str) {
                        // Damaged, and noise of full contrast.
                        Some("hopper_bad_exif.jpg") => 7.0,
                        // The colour is a product of two samples, which are means by then.
                        Some("pil_sample_cmyk.jpg" | "Channel_digital_image_CMYK_color_no_profile.jpg") => 4.5,
                        _ => 4.0,
                    };
                    assert!(mean < mean_max, "{} at 1/{shrink}: {mean}", path.display());
                }
                (Err(full), Err(scaled)) => assert_eq!(full.code(), scaled.code()),
                _ => panic!("{}: {:?}, {:?}", path.display(), full.err(), scaled.err()),
            }
        }
    }
    assert!(scaled_count > 30, "{scaled_count}");
}
