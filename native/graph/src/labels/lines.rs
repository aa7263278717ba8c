//! Labels written one a line.

use std::collections::HashSet;

use super::{
    LABELS_MAX, Labels, LabelsError, invalid, literal,
    table::{self, is_synset},
};

/// In a list of hundreds, the part of the labels that may stand twice without its numbers: two of ImageNet's classes are
/// cranes.
const DOUBLES_ONE_IN: usize = 100;

/// What a table for Excel may begin with: the sign between its columns.
const SEPARATOR: &str = "sep=";

/// Reads one label a line; what every line carries beside its label is dropped.
pub(super) fn read(text: &str) -> Result<Labels, LabelsError> {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = unified.trim_end().split('\n').map(str::trim).collect();
    if lines.len() > 1 && lines[0].to_ascii_lowercase().starts_with(SEPARATOR) {
        lines.remove(0);
    }
    if let Some(blank) = lines.iter().position(|line| line.is_empty()) {
        return Err(invalid(format!("line {} of {} is blank", blank + 1, lines.len())));
    }
    if lines.len() > LABELS_MAX + 1 {
        return Err(invalid(format!("it has {} lines, more than {LABELS_MAX}", lines.len())));
    }
    let labels = |names: Vec<String>, format: &str| Ok(Labels { names, format: format.to_owned() });
    if let Some((names, format)) = table_of(&lines, [table::COMMAS]) {
        return labels(names, format);
    }
    if let Some(names) = quoted(&lines) {
        return labels(names, "quoted");
    }
    let lines = without_bullets(without_commas(lines));
    let (names, format) = if let Some(names) = indexed(&lines, 1, split_at_sign) {
        (names, "index:label")
    } else if let Some(names) = indexed(&lines, 0, split_at_space) {
        (names, "index label")
    } else if let Some((names, format)) = table_of(&lines, table::OTHERS) {
        return labels(names, format);
    } else {
        (lines, "plain")
    };
    let without_synsets: Option<Vec<&str>> = names.iter().map(|name| strip_synset(name)).collect();
    let (names, format) = match without_synsets.filter(|names| differ(names)) {
        Some(names) => (names, "synset"),
        None => (names, format),
    };
    labels(quoted(&names).unwrap_or_else(|| names.into_iter().map(str::to_owned).collect()), format)
}

/// The labels of a table without a head line have to differ, as where numbers come off elsewhere.
fn table_of<const N: usize>(lines: &[&str], forms: [(char, &'static str); N]) -> Option<(Vec<String>, &'static str)> {
    forms.into_iter().find_map(|(separator, format)| {
        let (names, has_head) = table::read(lines, separator)?;
        (has_head || differ(&names)).then_some((names, format))
    })
}

/// The labels where each line is a string in quotes, with or without a comma behind it, or one line has all of them.
fn quoted(lines: &[&str]) -> Option<Vec<String>> {
    let strings = |line: &str| {
        let line = line.trim_end_matches(',').trim_end();
        if !line.starts_with(['\'', '"']) || !line.ends_with(['\'', '"']) {
            return None;
        }
        let value = literal::read(&format!("[{line}]"))?;
        value.as_array()?.iter().map(|string| Some(string.as_str()?.trim().to_owned())).collect::<Option<Vec<_>>>()
    };
    if let [line] = lines {
        return strings(line);
    }
    let of_line =
        |line: &&str| strings(line).and_then(|strings| <[String; 1]>::try_from(strings).ok()).map(|[only]| only);
    lines.iter().map(of_line).collect()
}

/// The lines without the comma that each but the last one ends with.
fn without_commas(lines: Vec<&str>) -> Vec<&str> {
    let is_list = lines.len() > 1 && lines.iter().rev().skip(1).all(|line| line.len() > 1 && line.ends_with(','));
    if is_list { lines.into_iter().map(|line| line.trim_end_matches(',').trim_end()).collect() } else { lines }
}

/// The lines without the sign of a list that all of them begin with.
fn without_bullets(lines: Vec<&str>) -> Vec<&str> {
    let bullet = ["- ", "* ", "• "].into_iter().find(|bullet| lines.iter().all(|line| line.starts_with(bullet)));
    match bullet {
        Some(bullet) => lines.iter().map(|line| line.trim_start_matches(bullet).trim()).collect(),
        None => lines,
    }
}

/// The labels when each line starts with its own index, from 0 or from `first_max`, and they differ without it: `0 fingers`
/// and `1 finger` are labels.
fn indexed<'t>(
    lines: &[&'t str],
    first_max: usize,
    split: fn(&'t str) -> Option<(&'t str, &'t str)>,
) -> Option<Vec<&'t str>> {
    let first: usize = split(lines.first()?)?.0.parse().ok().filter(|first| *first <= first_max)?;
    let labels = lines.iter().zip(first..).map(|(line, index)| {
        let (number, label) = split(line)?;
        (number.parse() == Ok(index) && !label.is_empty()).then_some(label)
    });
    labels.collect::<Option<Vec<_>>>().filter(|labels| differ(labels))
}

fn differ<T: AsRef<str>>(labels: &[T]) -> bool {
    let distinct: HashSet<&str> = labels.iter().map(AsRef::as_ref).collect();
    labels.len() - distinct.len() <= labels.len() / DOUBLES_ONE_IN
}

fn split_at_sign(line: &str) -> Option<(&str, &str)> {
    let at = line.find(|char: char| !char.is_ascii_digit())?;
    let (number, rest) = line.split_at(at);
    let rest = rest.trim_start();
    let label = ["->", "=>", ":", ";", "=", "|", ") ", ". ", "- "].iter().find_map(|sign| rest.strip_prefix(sign))?;
    Some((number, label.trim()))
}

fn split_at_space(line: &str) -> Option<(&str, &str)> {
    let (number, label) = line.split_once(char::is_whitespace)?;
    Some((number, label.trim()))
}

/// `n01440764 tench` without its WordNet number.
fn strip_synset(line: &str) -> Option<&str> {
    let (number, label) = line.split_once(char::is_whitespace)?;
    is_synset(number).then_some(label.trim())
}
