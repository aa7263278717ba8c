//! The caller's settings in place of what was detected.

use menagerie_contract::{ChannelOrder, LoadRequest, Source, spec::CROP_FRACTION_MIN};

use crate::{
    error::GraphError,
    find::found::{InputFound, Normalization, evidence},
};

/// Puts the caller's mean, divisor, order and fit in place of the detected ones.
///
/// # Errors
/// [`GraphError::Override`] for a setting that does not fit the input.
pub fn override_normalization(
    normalization: &mut Normalization,
    input: &InputFound,
    request: &LoadRequest,
) -> Result<(), GraphError> {
    override_with(normalization, input, request, "set by the caller")
}

/// The same of whoever sets it.
pub(super) fn override_with(
    normalization: &mut Normalization,
    input: &InputFound,
    request: &LoadRequest,
    because: &str,
) -> Result<(), GraphError> {
    let overrides = &request.overrides;
    if let Some(order) = overrides.channel_order {
        if input.channels == 1 && order != ChannelOrder::Gray {
            return Err(GraphError::Override {
                field: "channel_order",
                value: format!("{order:?}").to_uppercase(),
                reason: "the input takes one channel, which is GRAY".to_owned(),
            });
        }
        if normalization.channel_order != order && order != ChannelOrder::Gray {
            turn_around(normalization);
        }
        normalization.channel_order = order;
    }
    let mut set = |field: &str, value: serde_json::Value, source: Source| {
        normalization.evidence.retain(|entry| entry.field != field);
        normalization.evidence.push(evidence(field, value, source, 1.0, because));
    };
    if let Some(order) = overrides.channel_order {
        set("input.channel_order", serde_json::json!(order), request.source);
    }
    if let Some(mean) = &overrides.mean {
        normalization.mean = per_channel("mean", mean, input.channels)?;
        set("input.mean", serde_json::json!(normalization.mean), request.source);
    }
    if let Some(std) = &overrides.std {
        normalization.std = per_channel("std", std, input.channels)?;
        if normalization.std.contains(&0.0) {
            return Err(GraphError::Override {
                field: "std",
                value: format!("{std:?}"),
                reason: "pixels cannot be divided by zero".to_owned(),
            });
        }
        set("input.std", serde_json::json!(normalization.std), request.source);
    }
    if let Some(resize) = overrides.resize {
        normalization.resize = resize;
        set("input.resize", serde_json::json!(resize), request.source);
    }
    if let Some(fraction) = overrides.crop_fraction {
        if !(CROP_FRACTION_MIN..=1.0).contains(&fraction) {
            return Err(GraphError::Override {
                field: "crop_fraction",
                value: fraction.to_string(),
                reason: format!("it must be {CROP_FRACTION_MIN} to 1"),
            });
        }
        normalization.crop_fraction = fraction;
        set("input.crop_fraction", serde_json::json!(fraction), request.source);
    }
    if let Some(filter) = overrides.resize_filter {
        normalization.resize_filter = filter;
        set("input.resize_filter", serde_json::json!(filter), request.source);
    }
    Ok(())
}

/// Puts the detected means and divisors into the other order of channels.
fn turn_around(normalization: &mut Normalization) {
    normalization.mean.reverse();
    normalization.std.reverse();
    for entry in &mut normalization.evidence {
        match entry.field.as_str() {
            "input.mean" => entry.value = serde_json::json!(normalization.mean),
            "input.std" => entry.value = serde_json::json!(normalization.std),
            _ => {}
        }
    }
}

fn per_channel(field: &'static str, values: &[f32], channels: u32) -> Result<Vec<f32>, GraphError> {
    let refuse = |reason: String| GraphError::Override { field, value: format!("{values:?}"), reason };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(refuse("it must be finite".to_owned()));
    }
    match values {
        [value] => Ok(vec![*value; channels as usize]),
        _ if values.len() == channels as usize => Ok(values.to_vec()),
        _ if channels == 1 => Err(refuse("the input takes one channel, so one value".to_owned())),
        _ => Err(refuse(format!("it takes one value or {channels}, one for each channel"))),
    }
}
