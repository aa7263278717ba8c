//! Log lines: one JSON object a line on stderr.

use std::io::{Write, stderr};

use serde_json::{Map, Value};

/// Something worth knowing.
pub fn info(message: &str, fields: &[(&str, Value)]) {
    line("info", message, fields);
}

/// Something that ended a request or the process.
pub fn error(message: &str, fields: &[(&str, Value)]) {
    line("error", message, fields);
}

fn line(level: &str, message: &str, fields: &[(&str, Value)]) {
    let mut object = Map::new();
    object.insert("level".into(), level.into());
    object.insert("msg".into(), message.into());
    object.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let mut text = Value::Object(object).to_string();
    text.push('\n');
    // Where even stderr is gone there is nobody left to tell.
    let _: std::io::Result<()> = stderr().write_all(text.as_bytes());
}
