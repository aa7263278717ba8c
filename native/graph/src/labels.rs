//! Label files in the forms that people have, and how they fit a graph's classes.

mod json;
mod lines;

use menagerie_contract::{ErrorCode, LabelsSpec, OutputKind, Problem};

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
    /// Labels and classes disagree.
    #[error("the label file has {labels} labels and the graph {classes} classes{hint}")]
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
            Self::Invalid(_) => ErrorCode::LabelsInvalid,
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
    /// The form of the file: `plain`, `index:label`, `index label`, `csv`, `synset`, `json-array`, `json-object` or
    /// `python-dict`.
    pub format: &'static str,
}

/// Reads a label file: one label a line (an index before it is dropped when it is the line's own on every line),
/// CSV of index and label, a JSON array, or a JSON object of index and label.
///
/// # Errors
/// [`LabelsError::Invalid`] when the bytes are no text, are empty, hold a blank line in the middle, or pass a limit.
pub fn read(bytes: &[u8]) -> Result<Labels, LabelsError> {
    let text = decode(bytes)?;
    let text = text.trim_start_matches('\u{feff}');
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(invalid("it is empty"));
    }
    refuse_other_files(trimmed)?;
    let labels = match (trimmed.chars().next(), trimmed.chars().last()) {
        (Some('['), Some(']')) | (Some('{'), Some('}')) => match json::read(trimmed) {
            Err(error) => lines::python_dict(trimmed).ok_or(error)?,
            Ok(labels) => labels,
        },
        _ => lines::read(text)?,
    };
    check(labels)
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

fn invalid(reason: impl Into<String>) -> LabelsError {
    LabelsError::Invalid(reason.into())
}

fn decode(bytes: &[u8]) -> Result<String, LabelsError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(invalid(format!("it is {} bytes large, more than {FILE_BYTES_MAX}", bytes.len())));
    }
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    let is_text = |text: &String| !text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'));
    text.filter(is_text).ok_or_else(|| invalid("it is not text in UTF-8"))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    if rest.is_empty() { String::from_utf16(&units).ok() } else { None }
}

fn refuse_other_files(text: &str) -> Result<(), LabelsError> {
    let head: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    if head.starts_with("version https://git-lfs") {
        return Err(invalid("it is a Git LFS pointer; fetch the file itself with `git lfs pull`"));
    }
    if head.starts_with("<!doctype html") || head.starts_with("<html") {
        return Err(invalid("it is an HTML page, probably an error page saved as a file"));
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
        let spec = LabelsSpec { count, offset, format: self.format.to_owned() };
        Ok((spec, (0..wanted).map(name).collect()))
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

/// Whether `name` stands for no class at all, as the first entry of many files does.
fn is_background(name: &str) -> bool {
    ["background", "__background__", "dummy"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Names for a graph without labels: `class 0`, `class 1`, …
#[must_use]
pub fn numbered(classes: u32) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Vec<String>, &'static str) {
        let labels = read(text.as_bytes()).unwrap();
        (labels.names, labels.format)
    }

    #[test]
    fn every_form_reads_as_the_same_labels() {
        for (text, format) in [
            ("cat\ndog\n", "plain"),
            ("cat\r\ndog\r\n\r\n", "plain"),
            ("cat\rdog", "plain"),
            ("\u{feff}cat\ndog", "plain"),
            ("0:cat\n1:dog", "index:label"),
            ("0: cat\n1: dog\n", "index:label"),
            ("0 cat\n1 dog", "index label"),
            ("0\tcat\n1\tdog", "index label"),
            ("0,cat\n1,dog", "csv"),
            ("index,label\n0,cat\n1,\"dog\"\n", "csv"),
            ("cat,0\ndog,1\n", "csv"),
            ("n02121808 cat\nn02084071 dog\n", "synset"),
            ("[\"cat\", \"dog\"]", "json-array"),
            ("{\"0\": \"cat\", \"1\": \"dog\"}", "json-object"),
            ("{\"1\": \"dog\", \"0\": \"cat\"}", "json-object"),
            ("{\"0\": [\"n02121808\", \"cat\"], \"1\": [\"n02084071\", \"dog\"]}", "json-object"),
            ("{\"dog\": 1, \"cat\": 0}", "json-object"),
            ("{\"labels\": [\"cat\", \"dog\"]}", "json-array"),
            ("{0: 'cat',\n 1: \"dog\"}", "python-dict"),
        ] {
            assert_eq!(names(text), (vec!["cat".to_owned(), "dog".to_owned()], format), "{text:?}");
        }
    }

    #[test]
    fn a_number_that_is_not_the_lines_index_stays() {
        assert_eq!(names("61326 scratch\n61326 dent").0, ["61326 scratch", "61326 dent"]);
        assert_eq!(names("1 one\n2 two").0, ["1 one", "2 two"]);
        assert_eq!(names("0 zero\n1 one\nthree").0, ["0 zero", "1 one", "three"]);
    }

    #[test]
    fn labels_that_are_numbers_stay() {
        assert_eq!(names("0\n1\n2").0, ["0", "1", "2"]);
    }

    #[test]
    fn commas_inside_a_label_stay() {
        assert_eq!(names("tench, Tinca tinca\ngoldfish, Carassius auratus").0[0], "tench, Tinca tinca");
        assert_eq!(names("0:tench, Tinca tinca\n1:goldfish").0[0], "tench, Tinca tinca");
        assert_eq!(names("0,\"tench, Tinca tinca\"\n1,goldfish").0[0], "tench, Tinca tinca");
    }

    #[test]
    fn utf16_with_a_mark_is_read() {
        let bytes: Vec<u8> = "\u{feff}cat\r\ndog".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&bytes).unwrap().names, ["cat", "dog"]);
    }

    #[test]
    fn what_is_no_list_of_labels_is_invalid() {
        for bytes in [
            &b""[..],
            b"\n\n",
            b"\x89PNG\r\n\x1a\n\0\0",
            b"caf\xe9",
            b"cat\n\ndog",
            b"[1, 2]",
            b"[]",
            b"{\"1\": \"cat\", \"3\": \"dog\"}",
            b"{\"0\": \"cat\", \"x\": \"dog\"}",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
            b"<!DOCTYPE html><html>",
        ] {
            let error = read(bytes).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LabelsInvalid, "{error}");
        }
    }

    fn numbered_labels(count: u32) -> Labels {
        Labels { names: numbered(count), format: "plain" }
    }

    #[test]
    fn equal_counts_fit() {
        let (spec, names) = numbered_labels(3).align(3, OutputKind::Softmax, None).unwrap();
        assert_eq!((spec.offset, names.len()), (0, 3));
    }

    #[test]
    fn a_thousand_labels_fit_the_classes_behind_the_background() {
        let (spec, names) = numbered_labels(1000).align(1001, OutputKind::Softmax, None).unwrap();
        assert_eq!((spec.offset, names[0].as_str(), names[1].as_str()), (1, "background", "class 0"));
    }

    #[test]
    fn a_background_label_is_left_out_where_the_graph_has_no_such_class() {
        let labels = Labels { names: ["dummy", "cat", "dog"].map(str::to_owned).to_vec(), format: "plain" };
        let (spec, names) = labels.align(2, OutputKind::Softmax, None).unwrap();
        assert_eq!((spec.offset, names), (-1, vec!["cat".to_owned(), "dog".to_owned()]));
    }

    #[test]
    fn other_counts_are_a_mismatch_with_both_counts() {
        for (labels, classes) in [(5, 6), (6, 5), (1001, 1000), (2, 3), (1000, 1002)] {
            let error = numbered_labels(labels).align(classes, OutputKind::Softmax, None).unwrap_err();
            assert_eq!(error.code(), ErrorCode::LabelsMismatch);
            let text = error.to_string();
            assert!(text.contains(&labels.to_string()) && text.contains(&classes.to_string()), "{text}");
        }
    }

    #[test]
    fn a_single_sigmoid_or_logit_takes_one_label_or_two() {
        assert_eq!(numbered_labels(1).align(1, OutputKind::Sigmoid, None).unwrap().1.len(), 1);
        assert_eq!(numbered_labels(2).align(1, OutputKind::Sigmoid, None).unwrap().1.len(), 2);
        let error = numbered_labels(3).align(1, OutputKind::Sigmoid, None).unwrap_err();
        assert!(error.to_string().ends_with("give two labels, the second for a high value"), "{error}");
        assert_eq!(numbered_labels(2).align(1, OutputKind::Logits, None).unwrap().1.len(), 2);
        assert!(numbered_labels(2).align(1, OutputKind::Softmax, None).is_err());
    }

    #[test]
    fn an_offset_from_the_caller_must_make_the_counts_fit() {
        let (_, names) = numbered_labels(5).align(6, OutputKind::Softmax, Some(1)).unwrap();
        assert_eq!(names[1], "class 0");
        assert!(numbered_labels(5).align(6, OutputKind::Softmax, Some(0)).is_err());
        assert!(numbered_labels(5).align(5, OutputKind::Softmax, Some(i32::MIN)).is_err());
    }
}
