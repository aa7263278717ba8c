//! What a file is when it is no frozen graph, and what its owner can do.

use crate::error::GraphError;

/// What stands at the end of most advice.
const FREEZE: &str = "export a frozen graph (.pb) and upload that";

/// The advice for an archive.
const UNPACK: &str = "unpack it and upload the frozen graph (.pb) inside";

/// Refuses a file that is recognisably something else than a GraphDef.
///
/// # Errors
/// [`GraphError::OtherForm`] that names the form and what to do.
pub fn refuse_others(file: &[u8]) -> Result<(), GraphError> {
    match recognise(file) {
        Some((what, advice)) => Err(GraphError::OtherForm { what: what.to_owned(), advice }),
        None => Ok(()),
    }
}

/// The form of `file` and advice; absent when it may be a GraphDef.
fn recognise(file: &[u8]) -> Option<(&'static str, String)> {
    let starts = |magic: &[u8]| file.starts_with(magic);
    let tag = |at: usize, magic: &[u8]| file.get(at..at + magic.len()) == Some(magic);
    let found = |what, advice: &str| Some((what, advice.to_owned()));
    if file.is_empty() {
        return found("an empty file (0 bytes)", "the upload or download did not work; try it again");
    }
    if starts(b"version https://git-lfs") {
        return found("a Git LFS pointer, which only names a large file", "fetch the file itself with `git lfs pull`");
    }
    if tag(4, b"TFL3") {
        return found("a TensorFlow Lite model", "upload the frozen graph (.pb) from which it was converted");
    }
    if starts(b"\x89HDF\r\n\x1a\n") {
        return found("a Keras HDF5 file (.h5)", "turn it into a frozen graph with models/training/keras_to_frozen.py");
    }
    if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
        return Some(recognise_zip(file));
    }
    if starts(&[0x1f, 0x8b]) {
        return found("a gzip file without a SavedModel folder in it", UNPACK);
    }
    if starts(b"BZh") || starts(b"\xfd7zXZ") || starts(&[0x28, 0xb5, 0x2f, 0xfd]) || starts(b"7z\xbc\xaf") {
        return found("a packed archive", UNPACK);
    }
    if tag(257, b"ustar") {
        return found("a tar archive without a SavedModel folder in it", UNPACK);
    }
    if starts(&[0x80, 2]) || starts(&[0x80, 3]) || starts(&[0x80, 4]) || starts(&[0x80, 5]) {
        return found(
            "a Python pickle, such as PyTorch writes",
            "convert the model to TensorFlow, then export a frozen graph (.pb)",
        );
    }
    if starts(b"\x93NUMPY") {
        return found("a NumPy array", FREEZE);
    }
    if is_leveldb_table(file) {
        return found(
            "the index of a TensorFlow checkpoint",
            "a checkpoint holds weights without their graph; freeze graph and checkpoint together",
        );
    }
    if let Some(picture) = recognise_picture(file) {
        return found(picture, "this field takes the model; upload the picture as the image");
    }
    if is_saved_model(file) {
        return found(
            "the saved_model.pb of a SavedModel without its variables",
            "pack the whole folder, with variables/, as .zip or .tar.gz and upload that",
        );
    }
    if is_onnx(file) {
        return found("an ONNX model", "convert it to TensorFlow, then export a frozen graph (.pb)");
    }
    recognise_text(file)
}

fn recognise_zip(file: &[u8]) -> (&'static str, String) {
    // Member names stand in the clear, in the local headers at the front and in the directory at the end.
    const LOOKED_AT: usize = 1 << 16;
    let head = file.get(..LOOKED_AT).unwrap_or(file);
    let tail = file.get(file.len().saturating_sub(LOOKED_AT)..).unwrap_or(file);
    let holds = |name: &[u8]| [head, tail].iter().any(|part| part.windows(name.len()).any(|window| window == name));
    if holds(b"model.weights.h5") {
        ("a Keras archive (.keras)", "turn it into a frozen graph with models/training/keras_to_frozen.py".to_owned())
    } else if holds(b"data.pkl") {
        ("a PyTorch archive", "convert the model to TensorFlow, then export a frozen graph (.pb)".to_owned())
    } else {
        ("a zip archive without a SavedModel folder in it", UNPACK.to_owned())
    }
}

fn recognise_picture(file: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| file.starts_with(magic);
    if starts(&[0xff, 0xd8, 0xff]) {
        Some("a JPEG picture")
    } else if starts(b"\x89PNG\r\n\x1a\n") {
        Some("a PNG picture")
    } else if starts(b"GIF8") {
        Some("a GIF picture")
    } else if starts(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        Some("a WebP picture")
    } else if starts(b"%PDF") {
        Some("a PDF document")
    } else {
        None
    }
}

/// A LevelDB table, as checkpoint indices are: its footer ends with a magic number (`leveldb/table/format.h`).
pub(crate) fn is_leveldb_table(file: &[u8]) -> bool {
    file.ends_with(&0xdb47_7524_8b80_fb57_u64.to_le_bytes())
}

/// `SavedModel` is `saved_model_schema_version = 1` (varint 1), then `meta_graphs` (field 2).
pub(crate) fn is_saved_model(file: &[u8]) -> bool {
    file.starts_with(&[0x08, 0x01, 0x12])
}

/// `ModelProto` starts with its `ir_version` (varint, field 1) and a producer name or the graph.
fn is_onnx(file: &[u8]) -> bool {
    matches!(file, [0x08, 1..=20, 0x12 | 0x3a | 0x42, ..]) && !is_saved_model(file)
        || file
            .get(..64.min(file.len()))
            .is_some_and(|head| head.windows(7).any(|window| window == b"pytorch") && head[0] == 8)
}

fn recognise_text(file: &[u8]) -> Option<(&'static str, String)> {
    const LOOKED_AT: usize = 4096;
    let head = file.get(..LOOKED_AT).unwrap_or(file);
    // A cut in the middle of a character still is text.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let is_control = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    if text.chars().any(is_control) {
        return None;
    }
    let trimmed = text.trim_start_matches('\u{feff}').trim_start();
    let lower = trimmed.get(..512).unwrap_or(trimmed).to_ascii_lowercase();
    let found = |what, advice: &str| Some((what, advice.to_owned()));
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") || lower.starts_with("<?xml") {
        return found("an HTML page, probably an error page saved as a file", "download the graph itself");
    }
    let first_word = trimmed.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').next().unwrap_or("");
    if matches!(first_word, "node" | "versions" | "library" | "saved_model_schema_version" | "meta_graphs") {
        return found(
            "a graph in text format (.pbtxt)",
            "write it in binary form: parse it with text_format.Merge and save graph_def.SerializeToString()",
        );
    }
    if first_word == "model_checkpoint_path" {
        return found(
            "the text file that names TensorFlow checkpoints",
            "freeze the graph together with its checkpoint",
        );
    }
    if trimmed.starts_with('{') {
        return found("a JSON file", "a TensorFlow.js or Keras JSON holds no weights; export a frozen graph (.pb)");
    }
    // Bytes of 32 and above are impossible field headers of a GraphDef, except for a lone newline.
    if trimmed.chars().next().is_some_and(|char| char > ' ') && !file.starts_with(b"\n") {
        return found("a text file", "upload the frozen graph (.pb); labels go into their own field");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_named() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let mut table = vec![0; 60];
        table.extend_from_slice(&0xdb47_7524_8b80_fb57_u64.to_le_bytes());
        for (file, word) in [
            (&b""[..], "empty"),
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"\x18\0\0\0TFL3\0\0", "Lite"),
            (b"\x89HDF\r\n\x1a\nxxxx", "HDF5"),
            (b"PK\x03\x04....archive/data.pkl", "PyTorch"),
            (b"PK\x03\x04....model.weights.h5", ".keras"),
            (b"PK\x03\x04....other", "zip"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (&tar, "tar"),
            (b"\x80\x02}q\0", "pickle"),
            (b"\x93NUMPY\x01\0", "NumPy"),
            (&table, "checkpoint"),
            (b"\xff\xd8\xff\xe0", "JPEG"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"\x08\x01\x12\xe0\x97\x04", "saved_model.pb"),
            (b"\x08\x07\x12\x07pytorch", "ONNX"),
            (b"<!DOCTYPE html><html>", "HTML"),
            (b"node {\n  name: \"input\"\n}", "text format"),
            (b"model_checkpoint_path: \"model.ckpt\"", "checkpoint"),
            (b"{\"format\": \"layers-model\"}", "JSON"),
            (b"cat\ndog\n", "text file"),
        ] {
            let error = refuse_others(file).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_graph_is_not_taken_for_another_form() {
        assert_eq!(refuse_others(b"\x0a\x12\x0a\x05input\x12\x09Placehold"), Ok(()));
    }
}
