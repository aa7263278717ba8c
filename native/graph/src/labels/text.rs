//! The bytes of a label file to text.

use super::{FILE_BYTES_MAX, LabelsError, invalid};

/// A file's text without a byte order mark and without what ends the files of DOS.
pub(super) struct Text {
    pub text: String,
    /// The encoding, where it is another one than Unicode.
    pub encoding: Option<&'static str>,
}

/// Reads UTF-8, UTF-16 and, where every line can be meant so, Windows-1252.
pub(super) fn decode(bytes: &[u8]) -> Result<Text, LabelsError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(invalid(format!("it is {} bytes large, more than {FILE_BYTES_MAX}", bytes.len())));
    }
    let unicode = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Text of which every other byte is 0, without a mark.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => utf16(bytes, u16::from_le_bytes),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => utf16(bytes, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    let is_unicode = unicode.is_some();
    let text = unicode
        .or_else(|| windows_1252(bytes))
        .map(|text| text.trim_end().trim_end_matches(END_OF_FILE).trim_start_matches('\u{feff}').to_owned());
    let is_text = |text: &String| !text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'));
    let encoding = if is_unicode { None } else { Some("Windows-1252") };
    match text.filter(is_text) {
        Some(text) => Ok(Text { text, encoding }),
        None => Err(invalid("it is not text in UTF-8; save it as a text file in UTF-8")),
    }
}

/// Control-Z, which DOS writes behind a text, and zeros, which fill its last block.
const END_OF_FILE: [char; 2] = ['\u{1a}', '\0'];

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    if matches!(rest, [] | [0x1a]) { String::from_utf16(&units).ok() } else { None }
}

/// The characters of 0x80 to 0x9f in Windows-1252 (Unicode's table `CP1252.TXT`); U+FFFD where there is none.
const WINDOWS_80_TO_9F: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}', '\u{fffd}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
];

/// `None` where a byte means nothing, or a line has more letters outside of ASCII than in it: that is another alphabet,
/// whose labels would be other ones.
fn windows_1252(bytes: &[u8]) -> Option<String> {
    let text: String = bytes
        .iter()
        .map(|byte| match byte {
            0x80..=0x9f => WINDOWS_80_TO_9F[usize::from(byte - 0x80)],
            _ => char::from(*byte),
        })
        .collect();
    let is_western = |line: &str| {
        let ascii = line.chars().filter(char::is_ascii_alphabetic).count();
        line.chars().filter(|char| !char.is_ascii() && char.is_alphabetic()).count() <= ascii
    };
    (!text.contains('\u{fffd}') && text.lines().all(is_western)).then_some(text)
}
