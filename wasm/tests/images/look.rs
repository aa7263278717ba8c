//! What photos look like from afar.

use menagerie_contract::{ImageLimits, InferOptions};
use menagerie_teach::Look;
use menagerie_wasm::look::look;

/// A JPEG of hills and a slope, mirrored where that is wanted.
fn jpeg(side: u16, quality: u8, is_mirrored: bool) -> Vec<u8> {
    let mut rgb = Vec::new();
    for y in 0..side {
        for x in 0..side {
            let x = if is_mirrored { side - 1 - x } else { x };
            let (across, down) = (f32::from(x) / f32::from(side), f32::from(y) / f32::from(side));
            let hill = 60.0 * (9.0 * across + 4.0 * down * down).sin() + 40.0 * (7.0 * down).cos();
            rgb.extend([150.0 + hill, 120.0 + hill, 100.0 + 90.0 * across].map(|value: f32| value as u8));
        }
    }
    let mut file = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    encoder.encode(&rgb, side, side, jpeg_encoder::ColorType::Rgb).unwrap();
    file
}

fn seen(image: &[u8]) -> Look {
    let limits = ImageLimits { pixels_max: 1_000_000, side_pixels_max: 2000 };
    look(image, &InferOptions { limits, ..options() }).unwrap().0
}

fn options() -> InferOptions {
    serde_json::from_str(
        r#"{"top_k":1,"score_threshold":0,"picture":false,"limits":{"pixels_max":1,"side_pixels_max":1}}"#,
    )
    .unwrap()
}

#[test]
fn a_photo_looks_the_same_in_another_size_and_quality_and_as_its_mirror_image_where_that_shows_the_same() {
    let first = seen(&jpeg(400, 95, false));
    for other in [jpeg(160, 95, false), jpeg(400, 30, false), jpeg(700, 60, false)] {
        assert!(first.is_near(&seen(&other)), "{first:?}, {:?}", seen(&other));
    }
    let mirror = seen(&jpeg(400, 95, true));
    assert!(first.is_near(&mirror) && mirror.is_near(&first));
    assert!(!first.without_mirror().is_near(&mirror.without_mirror()));
}

#[test]
fn the_size_is_that_of_the_photo() {
    let limits = ImageLimits { pixels_max: 1_000_000, side_pixels_max: 2000 };
    let (_, size) = look(&jpeg(160, 95, false), &InferOptions { limits, ..options() }).unwrap();
    assert_eq!(size, (160, 160));
}

#[test]
fn what_is_no_photo_is_refused_as_for_an_answer() {
    let error = look(b"no photo at all", &options()).unwrap_err();
    assert_eq!(error.code().as_str(), "image_unsupported");
}
