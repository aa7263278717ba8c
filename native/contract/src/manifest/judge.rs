//! What the zoo asks of a manifest beyond its form.

#[cfg(feature = "typescript")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
#[cfg(feature = "typescript")]
use ts_rs::TS;

use super::{check, with_graph};
use crate::calibration::{BandLimits, MeasuredBand};

/// SPDX identifiers of the licences under which weights are taken: anyone may run, change and share them, for any
/// purpose, at most with credit and under the same terms.
pub const LICENCES: [&str; 16] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC-BY-2.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unlicense",
    "Zlib",
];

/// One thing that a model's folder has wrong or unsure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Finding {
    /// Whether the model is refused for it.
    pub severity: Severity,
    /// Path of a field of the manifest, or name of a file.
    pub field: String,
    /// What is so.
    pub problem: String,
    /// What to do.
    pub mend: String,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The model is refused.
    Error,
    /// A person looks at it.
    Warning,
}

/// Where a manifest lies: `<id>/manifest.json`, or `<id>/<version>/manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(JsonSchema, TS))]
pub struct Place {
    /// Name of the model's folder.
    pub id: String,
    /// Name of the version's folder, where there is one.
    pub version: Option<String>,
}

/// Everything that keeps a manifest out of the zoo, as far as the manifest alone tells.
#[must_use]
pub fn judge(json: &Value, place: &Place) -> Vec<Finding> {
    let json = &with_graph(json.clone());
    let mut findings: Vec<Finding> = check::complaints(json, check::MANIFEST)
        .into_iter()
        .map(|complaint| error(&complaint.field, complaint.text, complaint.mend))
        .collect();
    // A field that is missing or of another form was complained of.
    let text = |field: &str| json[field].as_str();
    for (field, folder) in [("id", Some(&place.id)), ("version", place.version.as_ref())] {
        if let (Some(stated), Some(folder)) = (text(field), folder)
            && stated != folder
        {
            let problem = format!("{field} is {stated}, and its folder is named {folder}");
            findings.push(error(field, problem, format!("write \"{folder}\", or rename the folder")));
        }
    }
    if let Some(licence) = text("licence")
        && !LICENCES.contains(&licence)
    {
        let mend = format!("take a model under one of {}", LICENCES.join(", "));
        findings.push(error("licence", format!("licence={licence} is not on the list"), mend));
    }
    if text("description").is_some_and(|description| description.trim().is_empty()) {
        findings.push(error(
            "description",
            "description is empty".into(),
            "say in a sentence what it tells apart".into(),
        ));
    }
    findings.extend(judge_bands(json));
    for (file, field) in [("graph", "bytes"), ("graph", "sha256"), ("labels", "sha256")] {
        if json[file].is_object() && json[file][field].is_null() {
            let path = format!("{file}.{field}");
            let mend = match field {
                "bytes" => "write the size of the file in bytes",
                _ => "write the SHA-256 of the file (`sha256sum` prints it)",
            };
            findings.push(error(&path, format!("{path} is not stated"), mend.into()));
        }
    }
    findings
}

/// Limits that do not rise, and limits that were moved since what they mean was measured.
fn judge_bands(json: &Value) -> Option<Finding> {
    let limits = match &json["bands"] {
        Value::Null => BandLimits::default(),
        stated => serde_json::from_value(stated.clone()).ok()?,
    };
    if !limits.rise() {
        let problem = "bands do not rise: each must begin above the one before".to_owned();
        return Some(error("bands", problem, "write medium < high < very_high, or remove them".into()));
    }
    let measured: Vec<MeasuredBand> = serde_json::from_value(json["calibration"]["bands"].clone()).ok()?;
    let moved = measured.into_iter().find(|row| limits.above(row.band).total_cmp(&row.above).is_ne())?;
    let (band, then, now) = (moved.band.as_str(), moved.above, limits.above(moved.band));
    let problem = format!("`{band}` begins above {now}, and was measured where it began above {then}");
    Some(error("calibration.bands", problem, "measure again: `menagerie calibrate ID --images DIR`".into()))
}

fn error(field: &str, problem: String, mend: String) -> Finding {
    Finding { severity: Severity::Error, field: field.to_owned(), problem, mend }
}
