//! Labels written as JSON, or as a program prints them.

use serde_json::{Map, Value};

use super::{Labels, LabelsError, invalid, literal, order_of};

/// Keys under which a list of labels may stand; `id2label` is that of the configurations of Hugging Face's models.
const LIST_KEYS: [&str; 7] = ["labels", "classes", "class_names", "classnames", "names", "categories", "id2label"];
/// Keys under which an entry's own label may stand.
const NAME_KEYS: [&str; 5] = ["label", "name", "class", "class_name", "display_name"];
/// Keys under which an entry's own number may stand.
const NUMBER_KEYS: [&str; 4] = ["id", "index", "class_id", "class_index"];

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
            if let Some(value) = literal::read(&format!("[{text}\n]")) {
                return labels(&value, ["python-list", "python-dict"]);
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
    let read = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| name(entry).ok_or_else(|| invalid(format!("entry {index} of its list is no label"))));
    let names: Vec<String> = read.collect::<Result<_, _>>()?;
    // Numbers with gaps, such as COCO's, are no indices: then the list has the order.
    let number = |entry: &Value| NUMBER_KEYS.iter().find_map(|key| entry.get(*key)?.as_u64()).map(|id| id as usize);
    match entries.iter().map(number).collect::<Option<Vec<_>>>().and_then(|numbers| order_of(&numbers)) {
        Some(order) => Ok(order.into_iter().map(|entry| names[entry].clone()).collect()),
        None => Ok(names),
    }
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
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    for (key, value) in map {
        let (index, name) = if is_label_to_index {
            (value.as_u64(), Some(key.trim().to_owned()))
        } else {
            (key.trim().parse().ok(), name(value))
        };
        let (Some(index), Some(name)) = (index, name) else {
            return Err(invalid(format!("entry {key:?} of its dictionary is no pair of index and label")));
        };
        numbers.push(usize::try_from(index).unwrap_or(usize::MAX));
        names.push(name);
    }
    let order = order_of(&numbers).ok_or_else(|| {
        let count = names.len();
        invalid(format!(
            "the indices of its dictionary of {count} run neither from 0 to {} nor from 1",
            count.saturating_sub(1)
        ))
    })?;
    Ok(order.into_iter().map(|entry| names[entry].clone()).collect())
}
