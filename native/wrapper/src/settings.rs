//! What a manifest or a request sets beside what the program says of itself.

use menagerie_contract::{ErrorCode, ModelSpec, Problem, SpecOverrides};
use serde_json::Value;

/// Where each setting stands in a spec as JSON.
const PLACES: &[(&str, &str)] = &[
    ("input_tensor", "/input/tensor"),
    ("output_tensor", "/output/tensor"),
    ("width", "/input/width"),
    ("height", "/input/height"),
    ("layout", "/input/layout"),
    ("channel_order", "/input/channel_order"),
    ("mean", "/input/mean"),
    ("std", "/input/std"),
    ("output_kind", "/output/kind"),
];

/// Takes over how photos are fitted, which is the service's work, and refuses what the program does otherwise: passed over,
/// it would change the answer in silence.
pub fn settle(spec: &mut ModelSpec, overrides: &SpecOverrides) -> Result<(), Problem> {
    spec.input.resize = overrides.resize.unwrap_or(spec.input.resize);
    spec.input.crop_fraction = overrides.crop_fraction.unwrap_or(spec.input.crop_fraction);
    spec.input.resize_filter = overrides.resize_filter.unwrap_or(spec.input.resize_filter);
    let unreadable = |error: serde_json::Error| Problem::new(ErrorCode::Internal, error.to_string());
    let (wanted, own) =
        (serde_json::to_value(overrides).map_err(unreadable)?, serde_json::to_value(&*spec).map_err(unreadable)?);
    for (name, place) in PLACES {
        if let (Some(wanted), Some(own)) = (wanted.get(name), own.pointer(place))
            && !is_same(wanted, own)
        {
            let message = format!("{name} is {wanted}, and this program has {own}; leave {name} out");
            return Err(Problem::new(ErrorCode::FieldInvalid, message));
        }
    }
    Ok(())
}

/// One value for all channels is the same as one for each.
fn is_same(wanted: &Value, own: &Value) -> bool {
    match (wanted.as_array().map(Vec::as_slice), own.as_array()) {
        (Some([one]), Some(each)) => each.iter().all(|value| value == one),
        _ => wanted == own,
    }
}

#[cfg(test)]
mod tests {
    use menagerie_contract::Resize;

    use super::*;

    #[test]
    fn how_photos_are_fitted_is_taken_over_and_another_size_is_refused() {
        let mut spec = crate::spec(32, 32, 2);
        let fitted = SpecOverrides { resize: Some(Resize::Pad), width: Some(32), ..SpecOverrides::default() };
        settle(&mut spec, &fitted).unwrap();
        assert_eq!(spec.input.resize, Resize::Pad);
        let larger = SpecOverrides { width: Some(64), ..SpecOverrides::default() };
        let problem = settle(&mut spec, &larger).unwrap_err();
        assert_eq!(problem.message, "width is 64, and this program has 32; leave width out");
    }

    #[test]
    fn one_mean_stands_for_every_channel() {
        let mut spec = crate::spec(32, 32, 2);
        let mean = |value| SpecOverrides { mean: Some(vec![value]), ..SpecOverrides::default() };
        assert_eq!(settle(&mut spec, &mean(0.0)), Ok(()));
        assert!(settle(&mut spec, &mean(127.5)).is_err());
    }
}
