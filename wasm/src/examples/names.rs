//! The class that a person means.

use crate::{calibrate::labels_of, error::Error, model::Model};

/// Labels that are proposed in place of one that there is not.
const PROPOSED_MAX: usize = 3;

/// The class of a label: as it is written, in other case, one of its synonyms between commas, with the number that label files
/// have before it, or its number alone.
///
/// # Errors
/// [`Error::FieldInvalid`] with the nearest labels where there is none, or several.
pub fn class_of(model: &Model, label: &str) -> Result<u32, Error> {
    let labels = labels_of(model);
    let wanted = label.trim();
    let place = |is_meant: &dyn Fn(&str) -> bool| {
        let mut found = labels.iter().enumerate().filter(|(_, name)| is_meant(name)).map(|(place, _)| place as u32);
        found.next().map(|first| (first, found.next().is_some()))
    };
    let is_same = |name: &str| name.trim().to_lowercase() == wanted.to_lowercase();
    let unnumbered = wanted.split_once(':').filter(|(number, _)| number.parse::<u32>().is_ok());
    let is_unnumbered = |name: &str| unnumbered.is_some_and(|(_, label)| name.trim() == label.trim());
    let ways: [&dyn Fn(&str) -> bool; 4] =
        [&|name| name == wanted, &is_same, &|name| name.split(',').any(is_same), &is_unnumbered];
    let found = ways.iter().find_map(|is_meant| place(*is_meant));
    let by_number =
        wanted.parse().ok().filter(|class| (*class as usize) < labels.len()).map(|class: u32| (class, false));
    match found.or(by_number) {
        Some((class, false)) => Ok(class),
        Some((_, true)) => {
            let what = "several classes have this label; name the class by its number, from 0";
            Err(Error::FieldInvalid(format!("example_label={label}: {what}")))
        }
        None => Err(Error::FieldInvalid(format!(
            "example_label={label}: the model has no such label; the nearest are {}, and a number from 0 to {} names a class too",
            nearest(&labels, wanted).join(", "),
            labels.len().saturating_sub(1)
        ))),
    }
}

fn nearest(labels: &[String], wanted: &str) -> Vec<String> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(100).collect();
    let mut by_distance: Vec<(usize, &String)> = labels
        .iter()
        .map(|label| {
            let names = label.to_lowercase();
            let distance = |name: &str| distance(&wanted, &name.trim().chars().take(100).collect::<Vec<_>>());
            (names.split(',').map(distance).min().unwrap_or_default(), label)
        })
        .collect();
    by_distance.sort_by_key(|(distance, _)| *distance);
    by_distance.into_iter().take(PROPOSED_MAX).map(|(_, label)| format!("{label:?}")).collect()
}

/// Levenshtein's: characters to insert, remove or replace.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, one) in a.iter().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (place, other) in b.iter().enumerate() {
            let replaced = before + usize::from(one != other);
            before = row[place + 1];
            row[place + 1] = replaced.min(before + 1).min(row[place] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_labels_are_proposed_first() {
        let labels = ["daisy", "roses", "tench, Tinca tinca", "tulips"].map(String::from);
        assert_eq!(nearest(&labels, "Rose")[0], "\"roses\"");
        assert_eq!(nearest(&labels, "tinca tinka")[0], "\"tench, Tinca tinca\"");
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
    }
}
