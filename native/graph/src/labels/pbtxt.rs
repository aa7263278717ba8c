//! Labels in protocol buffers' text format, as TensorFlow's detection and classification samples write them: messages with
//! a number and a name, `item { id: 1 name: 'cat' }`.

use super::{LabelsError, invalid};

/// Fields that hold the number of a class.
const NUMBERS: [&str; 3] = ["id", "target_class", "label"];
/// Fields that hold its name, best first.
const NAMES: [&str; 4] = ["display_name", "name", "label_name", "target_class_string"];

/// The labels in the order of their numbers, which run from 0 or from 1. `None` for text of another form.
pub(super) fn read(text: &str) -> Option<Result<Vec<String>, LabelsError>> {
    let mut items = Vec::new();
    let mut rest = skip(text);
    while !rest.is_empty() {
        let (_, tail) = word(rest)?;
        let tail = skip(tail);
        let (item, tail) = item(skip(tail.strip_prefix(':').unwrap_or(tail)).strip_prefix('{')?)?;
        items.push(item);
        rest = skip(tail);
    }
    (!items.is_empty()).then(|| in_order(items))
}

/// Number and name of a message.
type Item = (Option<u64>, Option<String>);

fn in_order(items: Vec<Item>) -> Result<Vec<String>, LabelsError> {
    let count = items.len() as u64;
    let mut named = Vec::with_capacity(items.len());
    for (position, (number, name)) in items.into_iter().enumerate() {
        let Some((number, name)) = number.zip(name) else {
            return Err(invalid(format!("item {} of its label map has no id or no name", position + 1)));
        };
        named.push((number, name));
    }
    named.sort_by_key(|(number, _)| *number);
    let first = named.first().map_or(0, |(number, _)| *number);
    let runs = named.iter().zip(first..).all(|((number, _), expected)| *number == expected);
    if first > 1 || !runs {
        return Err(invalid(format!(
            "the ids of its label map do not run from 1 to {count}; send one label a line, in the order of the classes"
        )));
    }
    Ok(named.into_iter().map(|(_, name)| name).collect())
}

/// The fields of a message up to its end, and what follows.
fn item(mut rest: &str) -> Option<(Item, &str)> {
    let (mut number, mut names) = (None, [const { None }; NAMES.len()]);
    loop {
        rest = skip(rest);
        if let Some(tail) = rest.strip_prefix('}') {
            return Some(((number, names.into_iter().flatten().next()), tail));
        }
        let (field, tail) = word(rest)?;
        let tail = skip(skip(tail).strip_prefix(':')?);
        let (value, tail) = if let Some(quote @ ('\'' | '"')) = tail.chars().next() {
            let (value, tail) = quoted(&tail[1..], quote)?;
            if let Some(place) = NAMES.iter().position(|name| *name == field) {
                names[place] = Some(value.trim().to_owned());
            }
            (None, tail)
        } else {
            let (value, tail) = word(tail)?;
            (value.parse().ok(), tail)
        };
        if NUMBERS.contains(&field) && value.is_some() {
            number = value;
        }
        rest = skip(tail).trim_start_matches([',', ';']);
    }
}

/// Without spaces and comments.
fn skip(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        match text.strip_prefix('#') {
            Some(comment) => text = comment.split_once('\n').map_or("", |(_, rest)| rest),
            None => return text,
        }
    }
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|char: char| !char.is_alphanumeric() && !matches!(char, '_' | '-' | '.')).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\n' => return None,
            '\\' => value.push(chars.next()?.1),
            end if end == quote => return Some((value, &text[at + 1..])),
            other => value.push(other),
        }
    }
    None
}
