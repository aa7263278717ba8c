//! Labels written as JSON, or as a program prints them.

use serde_json::{Map, Value};

use super::{Labels, LabelsError, invalid, literal};

/// Keys under which a list of labels may stand.
const LIST_KEYS: [&str; 6] = ["labels", "classes", "class_names", "classnames", "names", "categories"];
/// Keys under which an entry's own label may stand.
const NAME_KEYS: [&str; 5] = ["label", "name", "class", "class_name", "display_name"];

/// Reads an array of labels, or an object of index and label or of label and index; JSON, one JSON value a line, or a
/// [`literal`].
pub(super) fn read(text: &str) -> Result<Labels, LabelsError> {
    match serde_json::from_str(text) {
        Ok(value) => labels(&value, ["json-array", "json-object"]),
        Err(error) => {
            if let Some(value) = literal::read(text) {
                return labels(&value, ["python-list", "python-dict"]);
            }
            let values = serde_json::Deserializer::from_str(text).into_iter();
            if let Ok(values @ [_, _, ..]) = values.collect::<Result<Vec<Value>, _>>().as_deref() {
                return labels(&Value::Array(values.to_vec()), ["json-lines", "json-lines"]);
            }
            let hint = if text.contains("...") { "; it was shortened with `...` when it was printed" } else { "" };
            Err(invalid(format!("it is no valid JSON, list or dictionary: {error}{hint}")))
        }
    }
}

fn labels(value: &Value, [list, map]: [&str; 2]) -> Result<Labels, LabelsError> {
    let (names, format) = match value {
        Value::Array(entries) => (array(entries)?, list),
        Value::Object(map_of) => match LIST_KEYS.iter().find_map(|key| map_of.get(*key)) {
            Some(Value::Array(entries)) => (array(entries)?, list),
            Some(Value::Object(inner)) => (object(inner)?, map),
            _ => (object(map_of)?, map),
        },
        _ => return Err(invalid("it is neither a list nor a dictionary")),
    };
    Ok(Labels { names, format: format.to_owned() })
}

fn array(entries: &[Value]) -> Result<Vec<String>, LabelsError> {
    if let Some(pairs) = pairs(entries) {
        return object(&pairs);
    }
    let named = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| name(entry).ok_or_else(|| invalid(format!("entry {index} of its list is no label"))));
    named.collect()
}

/// Entries that are pairs of a number and a label, in either order, as an object of label and number.
fn pairs(entries: &[Value]) -> Option<Map<String, Value>> {
    let pair = |entry: &Value| match entry.as_array()?.as_slice() {
        [Value::Number(number), Value::String(label)] | [Value::String(label), Value::Number(number)] => {
            Some((label.clone(), Value::Number(number.clone())))
        }
        _ => None,
    };
    let pairs: Map<String, Value> = entries.iter().map(pair).collect::<Option<_>>()?;
    (!pairs.is_empty() && pairs.len() == entries.len()).then_some(pairs)
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
            return Err(invalid(format!("entry {key:?} of its dictionary is no pair of index and label")));
        };
        let slot = usize::try_from(index).ok().and_then(|index| names.get_mut(index)).ok_or_else(|| {
            invalid(format!("its dictionary has {} entries but index {index}; they must run from 0", map.len()))
        })?;
        if slot.replace(name).is_some() {
            return Err(invalid(format!("its dictionary has index {index} twice")));
        }
    }
    names.into_iter().collect::<Option<_>>().ok_or_else(|| invalid("its dictionary leaves an index out"))
}
