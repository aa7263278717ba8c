//! Labels written one a line.

use super::{Labels, LabelsError, invalid};

/// Reads one label a line; what every line carries beside its label is dropped.
pub(super) fn read(text: &str) -> Result<Labels, LabelsError> {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = unified.trim_end().split('\n').map(str::trim).collect();
    if let Some(blank) = lines.iter().position(|line| line.is_empty()) {
        return Err(invalid(format!("line {} of {} is blank", blank + 1, lines.len())));
    }
    if let Some(names) = csv(&lines) {
        return Ok(Labels { names, format: "csv" });
    }
    let (names, format) = if let Some(names) = indexed(&lines, split_at_sign) {
        (names, "index:label")
    } else if let Some(names) = indexed(&lines, split_at_space) {
        (names, "index label")
    } else {
        (lines.clone(), "plain")
    };
    let without_synsets: Option<Vec<&str>> = names.iter().map(|name| strip_synset(name)).collect();
    let (names, format) = match without_synsets {
        Some(names) => (names, "synset"),
        None => (names, format),
    };
    Ok(Labels { names: names.into_iter().map(str::to_owned).collect(), format })
}

/// The labels when each line starts with its own index.
fn indexed<'t>(lines: &[&'t str], split: fn(&'t str) -> Option<(&'t str, &'t str)>) -> Option<Vec<&'t str>> {
    let labels = lines.iter().enumerate().map(|(index, line)| {
        let (number, label) = split(line)?;
        (number.parse() == Ok(index) && !label.is_empty()).then_some(label)
    });
    labels.collect()
}

fn split_at_sign(line: &str) -> Option<(&str, &str)> {
    let at = line.find(|char: char| !char.is_ascii_digit())?;
    let (number, rest) = line.split_at(at);
    let rest = rest.trim_start();
    let label = [":", ";", "=", "|", ") ", ". ", "- "].iter().find_map(|sign| rest.strip_prefix(sign))?;
    Some((number, label.trim()))
}

fn split_at_space(line: &str) -> Option<(&str, &str)> {
    let (number, label) = line.split_once(char::is_whitespace)?;
    Some((number, label.trim()))
}

/// `n01440764 tench` without its WordNet number.
fn strip_synset(line: &str) -> Option<&str> {
    let (number, label) = line.split_once(char::is_whitespace)?;
    let digits = number.strip_prefix('n')?;
    let is_synset = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_synset.then_some(label.trim())
}

/// The labels of a CSV of index and label in either order, with or without a head line.
fn csv(lines: &[&str]) -> Option<Vec<String>> {
    let rows: Vec<Vec<String>> = lines.iter().map(|line| fields(line)).collect();
    let is_index =
        |row: &[String], column: usize, index: usize| row.get(column).is_some_and(|field| field.parse() == Ok(index));
    [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().find_map(|(column, head_lines)| {
        let body = rows.get(head_lines..).filter(|body| !body.is_empty())?;
        if head_lines == 1 && rows[0].iter().any(|field| field.parse::<u64>().is_ok()) {
            return None;
        }
        let labels = body.iter().enumerate().map(|(index, row)| {
            let label = row.get(1 - column)?;
            let fits = row.len() == 2 && is_index(row, column, index) && !label.is_empty();
            fits.then(|| label.clone())
        });
        labels.collect()
    })
}

/// The fields of a CSV line; a quoted field may hold commas and doubled quotes.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                push(&mut fields, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => push(&mut fields, other),
        }
    }
    fields.into_iter().map(|field| field.trim().to_owned()).collect()
}

fn push(fields: &mut [String], char: char) {
    if let Some(last) = fields.last_mut() {
        last.push(char);
    }
}

/// The labels of a printed Python dictionary, `{0: 'tench', 1: 'goldfish'}`, one entry a line or all on one.
pub(super) fn python_dict(text: &str) -> Option<Labels> {
    let mut rest = text.strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (index, tail) = rest.split_once(':')?;
        if index.trim().parse() != Ok(names.len()) {
            return None;
        }
        let tail = tail.trim_start();
        let quote = tail.chars().next().filter(|char| matches!(char, '\'' | '"'))?;
        let (name, tail) = tail.get(1..)?.split_once(quote)?;
        names.push(name.trim().to_owned());
        let tail = tail.trim_start();
        rest = match tail.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if tail.is_empty() => "",
            None => return None,
        };
    }
    Some(Labels { names, format: "python-dict" })
}
