//! Labels written as JSON.

use serde_json::{Map, Value};

use super::{Labels, LabelsError, invalid};

/// Keys under which a list of labels may stand.
const LIST_KEYS: [&str; 5] = ["labels", "classes", "class_names", "names", "categories"];
/// Keys under which an entry's own label may stand.
const NAME_KEYS: [&str; 4] = ["label", "name", "class", "display_name"];

/// Reads an array of labels, or an object of index and label or of label and index.
pub(super) fn read(text: &str) -> Result<Labels, LabelsError> {
    let value: Value = serde_json::from_str(text).map_err(|error| invalid(format!("it is no valid JSON: {error}")))?;
    match value {
        Value::Array(entries) => Ok(Labels { names: array(&entries)?, format: "json-array" }),
        Value::Object(map) => {
            if let Some(Value::Array(entries)) = LIST_KEYS.iter().find_map(|key| map.get(*key)) {
                return Ok(Labels { names: array(entries)?, format: "json-array" });
            }
            Ok(Labels { names: object(&map)?, format: "json-object" })
        }
        _ => Err(invalid("its JSON is neither an array nor an object")),
    }
}

fn array(entries: &[Value]) -> Result<Vec<String>, LabelsError> {
    let named = entries.iter().enumerate().map(|(index, entry)| {
        name(entry).ok_or_else(|| invalid(format!("entry {index} of its JSON array is no label")))
    });
    named.collect()
}

/// A label: a string, the last of several (`["n01440764", "tench"]`), or the name in an object.
fn name(entry: &Value) -> Option<String> {
    match entry {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Array(parts) => parts.last().and_then(Value::as_str).map(|text| text.trim().to_owned()),
        Value::Object(map) => {
            NAME_KEYS.iter().find_map(|key| map.get(*key)).and_then(Value::as_str).map(|text| text.trim().to_owned())
        }
        _ => None,
    }
}

fn object(map: &Map<String, Value>) -> Result<Vec<String>, LabelsError> {
    let is_label_to_index = map.values().all(Value::is_u64);
    let mut names = vec![None; map.len()];
    for (key, value) in map {
        let (index, name) = if is_label_to_index {
            (value.as_u64(), Some(key.trim().to_owned()))
        } else {
            (key.trim().parse().ok(), name(value))
        };
        let (Some(index), Some(name)) = (index, name) else {
            return Err(invalid(format!("entry {key:?} of its JSON object is no pair of index and label")));
        };
        let slot = usize::try_from(index).ok().and_then(|index| names.get_mut(index)).ok_or_else(|| {
            invalid(format!("its JSON object has {} entries but index {index}; they must run from 0", map.len()))
        })?;
        if slot.replace(name).is_some() {
            return Err(invalid(format!("its JSON object has index {index} twice")));
        }
    }
    names.into_iter().collect::<Option<_>>().ok_or_else(|| invalid("its JSON object leaves an index out"))
}
