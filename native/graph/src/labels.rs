//! Label files in the forms that people have, and how they fit a graph's classes.

mod json;
mod lines;
mod literal;
mod pbtxt;
mod table;
mod text;
mod write;

use menagerie_contract::{ErrorCode, LabelsSpec, OutputKind, OutputSpec, Problem, counted};

pub use self::write::write;

/// Largest label file, in bytes.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// Most labels of a file.
pub const LABELS_MAX: usize = 200_000;
/// Longest label, in characters.
pub const LABEL_CHARS_MAX: usize = 1000;

/// Classes of a net trained on ImageNet with a background class before the thousand.
const IMAGENET_WITH_BACKGROUND: u32 = 1001;

/// Why a label file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelsError {
    /// The file is no list of labels.
    #[error("the label file cannot be read: {0}")]
    Invalid(String),
    /// Labels that a file would not give back.
    #[error("these labels cannot be written to a label file: {0}")]
    Misread(String),
    /// Labels and classes disagree.
    #[error(
        "the label file has {} and the graph {}{hint}",
        counted(*.labels, "label", "labels"),
        counted(*.classes, "class", "classes")
    )]
    Mismatch {
        /// Labels in the file.
        labels: u32,
        /// Classes of the graph.
        classes: u32,
        /// What to do.
        hint: String,
    },
}

impl LabelsError {
    /// The stable code that clients see.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::Misread(_) => ErrorCode::LabelsInvalid,
            Self::Mismatch { .. } => ErrorCode::LabelsMismatch,
        }
    }
}

impl From<LabelsError> for Problem {
    fn from(error: LabelsError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// The labels of a file, in the order of the file's own indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// One name an entry.
    pub names: Vec<String>,
    /// The form of the file: `plain`, `quoted`, `index:label`, `index label`, `label:index`, `label=index`, `csv`,
    /// `csv with semicolons`, `table`, `synset`, `json-array`, `json-object`, `json-lines`, `python-list`, `python-dict` or
    /// `label map`; with `, Windows-1252` where that is its encoding.
    pub format: String,
}

/// Reads a label file: one label a line, in quotes or not (an index before it is dropped when it is the line's own on every
/// line and the labels differ without it); a table of index and label with commas, semicolons or tabs, with or without a
/// head line; a list or a dictionary of JSON, Python or numpy; a label map of `item { id: 1 name: 'cat' }`.
///
/// # Errors
/// [`LabelsError::Invalid`] when the bytes are no text, are empty, hold a blank line in the middle, or pass a limit.
pub fn read(bytes: &[u8]) -> Result<Labels, LabelsError> {
    let text::Text { text, encoding } = text::decode(bytes)?;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(invalid("it is empty"));
    }
    refuse_other_files(trimmed)?;
    let mut labels = of_text(&text, trimmed)?;
    if let Some(encoding) = encoding {
        labels.format = format!("{}, {encoding}", labels.format);
    }
    check(labels)
}

fn of_text(text: &str, trimmed: &str) -> Result<Labels, LabelsError> {
    if let Some(names) = pbtxt::read(trimmed) {
        return Ok(Labels { names: names?, format: "label map".into() });
    }
    let value = literal::without_comments(trimmed);
    match (value.chars().next(), trimmed.trim_end_matches(';').chars().last()) {
        (Some('['), Some(']')) | (Some('{'), Some('}')) => json::read(trimmed),
        (Some('('), Some(')')) => json::read(trimmed).or_else(|_| lines::read(text)),
        // A name or a call before it.
        (Some(first), Some(']' | '}' | ')')) if first.is_alphabetic() || first == '_' => {
            json::read(trimmed).or_else(|_| lines::read(text))
        }
        _ => lines::read(text),
    }
}

fn check(labels: Labels) -> Result<Labels, LabelsError> {
    if labels.names.is_empty() {
        return Err(invalid("it holds no labels"));
    }
    if labels.names.len() > LABELS_MAX {
        return Err(invalid(format!("it holds {} labels, more than {LABELS_MAX}", labels.names.len())));
    }
    for (index, name) in labels.names.iter().enumerate() {
        let chars = name.chars().count();
        if chars > LABEL_CHARS_MAX {
            return Err(invalid(format!(
                "label {index} has {chars} characters, more than {LABEL_CHARS_MAX}; is it a list of labels?"
            )));
        }
    }
    Ok(labels)
}

/// The places of `numbers` in their order; `None` where they do not run from 0 or from 1.
fn order_of(numbers: &[usize]) -> Option<Vec<usize>> {
    let first = numbers.iter().copied().min().filter(|first| *first <= 1)?;
    let mut order = vec![None; numbers.len()];
    for (place, number) in numbers.iter().enumerate() {
        if order.get_mut(number - first)?.replace(place).is_some() {
            return None;
        }
    }
    order.into_iter().collect()
}

fn invalid(reason: impl Into<String>) -> LabelsError {
    LabelsError::Invalid(reason.into())
}

fn refuse_other_files(text: &str) -> Result<(), LabelsError> {
    let head: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    if head.starts_with("version https://git-lfs") {
        return Err(invalid("it is a Git LFS pointer; fetch the file itself with `git lfs pull`"));
    }
    if head.starts_with("<!doctype html") || head.starts_with("<html") {
        return Err(invalid("it is an HTML page, probably an error page saved as a file"));
    }
    let is_yaml = head.starts_with("---\n") || head.starts_with("names:\n") || text.contains("\nnames:");
    if head.starts_with("<?xml") || is_yaml {
        return Err(invalid("it is XML or YAML; send one label a line, in the order of the classes"));
    }
    Ok(())
}

impl Labels {
    /// How the labels fit `classes` scores of `kind`, and the name of each class.
    ///
    /// The label of class `i` is entry `i - offset`. Without `offset`, equal counts fit; 1000 labels fit the 1001 classes
    /// of ImageNet nets with a background class; a file whose first label is `background` or `dummy` fits a graph
    /// without that class. A single sigmoid or logit takes one label, or two of which the second is the one it scores: then
    /// two names come back.
    ///
    /// # Errors
    /// [`LabelsError::Mismatch`] with both counts.
    pub fn align(
        &self,
        classes: u32,
        kind: OutputKind,
        offset: Option<i32>,
    ) -> Result<(LabelsSpec, Vec<String>), LabelsError> {
        let count = self.names.len() as u32;
        let tells_two_apart = kind.tells_two_apart(classes);
        let wanted = if tells_two_apart && count == 2 { 2 } else { classes };
        let needed = if tells_two_apart {
            "; one value tells two classes apart: give two labels, the second for a high value"
        } else {
            "; each class needs one label"
        };
        let offset = match offset {
            Some(offset) => offset,
            None => self.natural_offset(wanted).ok_or_else(|| self.mismatch(classes, needed.to_owned()))?,
        };
        if i64::from(count) + i64::from(offset) != i64::from(wanted) {
            return Err(self.mismatch(classes, format!(" (label_offset is {offset})")));
        }
        let name = |class: u32| {
            let entry = usize::try_from(i64::from(class) - i64::from(offset)).ok();
            entry.and_then(|entry| self.names.get(entry)).map_or("background", String::as_str).to_owned()
        };
        let spec = LabelsSpec { count, offset, format: self.format.clone() };
        Ok((spec, (0..wanted).map(name).collect()))
    }

    /// As [`Self::align`] with the classes of `output`, with a name for both of two that one value tells apart: a single label
    /// is that of a high value, and the other one is then `not` it.
    ///
    /// # Errors
    /// As [`Self::align`].
    pub fn of_output(
        &self,
        output: &OutputSpec,
        offset: Option<i32>,
    ) -> Result<(LabelsSpec, Vec<String>), LabelsError> {
        let (spec, mut names) = self.align(output.classes, output.kind, offset)?;
        if let (true, [only]) = (output.kind.tells_two_apart(output.classes), names.as_slice()) {
            names = vec![format!("not {only}"), only.clone()];
        }
        Ok((spec, names))
    }

    fn natural_offset(&self, classes: u32) -> Option<i32> {
        let count = self.names.len() as u32;
        let starts_with_background = self.names.first().is_some_and(|name| is_background(name));
        if count == classes {
            Some(0)
        } else if count == classes + 1 && starts_with_background {
            Some(-1)
        } else if classes == IMAGENET_WITH_BACKGROUND && count + 1 == classes && !starts_with_background {
            Some(1)
        } else {
            None
        }
    }

    fn mismatch(&self, classes: u32, hint: String) -> LabelsError {
        LabelsError::Mismatch { labels: self.names.len() as u32, classes, hint }
    }
}

/// Whether `name` stands for no class at all, as the first entry of many files does: a class of its own in the training, or
/// the head of a column.
fn is_background(name: &str) -> bool {
    ["background", "__background__", "dummy", "label", "labels", "class", "class_name", "name"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// Names for a graph without labels: `class 0`, `class 1`, …
#[must_use]
pub fn numbered(classes: u32) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

#[cfg(test)]
mod tests;
