//! Labels as a program prints or writes them: lists, tuples and dictionaries of Python, numpy's arrays, and lists of
//! JavaScript, read into JSON. Comments between the values are skipped.

use serde_json::{Map, Value};

/// How deep lists may lie in each other.
const DEPTH_MAX: usize = 8;

/// Reads one value, with or without a name before it (`class_names = [...]`) and calls around it (`array([...])`).
///
/// Strings may follow each other without a comma, as numpy prints them. `None` for anything else.
pub(super) fn read(text: &str) -> Option<Value> {
    let text = text.trim_end_matches(|char: char| char == ';' || char.is_whitespace());
    let mut parser = Parser { rest: value_of_name(without_comments(text)) };
    let value = parser.value(0)?;
    parser.skip_space();
    parser.rest.is_empty().then_some(value)
}

/// `text` without the comments, `# …` or `// …`, and the space that it begins with.
pub(super) fn without_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if !text.starts_with('#') && !text.starts_with("//") {
            return text;
        }
        text = text.split_once('\n').map_or("", |(_, rest)| rest);
    }
}

/// What follows `name =`, `const name =` or `name:`, or all of it.
fn value_of_name(text: &str) -> &str {
    let is_name = |name: &str| {
        !name.trim().is_empty() && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '.' | ' '))
    };
    let before = text.find(['[', '{', '(', '\'', '"']).unwrap_or(0);
    match text[..before].find(['=', ':']) {
        Some(sign) if is_name(&text[..sign]) => &text[sign + 1..],
        _ => text,
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = without_comments(self.rest);
    }

    fn passes(&mut self, sign: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_space();
        if depth > DEPTH_MAX {
            return None;
        }
        match self.rest.chars().next()? {
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '{' => self.map(depth),
            '\'' | '"' => self.string(),
            '0'..='9' => {
                let (number, rest) = self.rest.split_at(self.rest.find(|char: char| !char.is_ascii_digit())?);
                self.rest = rest;
                number.parse::<u64>().ok().map(Value::from)
            }
            char if char.is_alphabetic() || char == '_' => self.named(depth),
            _ => None,
        }
    }

    /// A string with a prefix, or a call of one value and settings that say nothing of it: `dtype='<U10'`, `dtype=object`.
    fn named(&mut self, depth: usize) -> Option<Value> {
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '.');
        let (name, rest) = self.rest.split_at(self.rest.find(|char: char| !is_part(char))?);
        self.rest = rest;
        if rest.starts_with(['\'', '"']) && matches!(name, "u" | "b" | "r" | "U" | "B" | "R") {
            return self.string();
        }
        if !self.passes("(") {
            return None;
        }
        let value = self.value(depth + 1)?;
        while self.passes(",") {
            let (_, setting) = self.rest.split_once('=')?;
            let word_ends = setting.find(|char: char| !is_part(char))?;
            if setting[word_ends..].trim_start().starts_with([',', ')']) {
                self.rest = &setting[word_ends..];
            } else {
                self.rest = setting;
                self.value(depth + 1)?;
            }
        }
        self.passes(")").then_some(value)
    }

    fn list(&mut self, end: char, depth: usize) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut entries = Vec::new();
        loop {
            self.skip_space();
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                return Some(Value::Array(entries));
            }
            entries.push(self.value(depth + 1)?);
            self.passes(",");
        }
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        self.rest = &self.rest[1..];
        let mut map = Map::new();
        loop {
            if self.passes("}") {
                return Some(Value::Object(map));
            }
            let key = match self.value(depth + 1)? {
                Value::String(key) => key,
                Value::Number(key) => key.to_string(),
                _ => return None,
            };
            if !self.passes(":") {
                return None;
            }
            let value = self.value(depth + 1)?;
            if map.insert(key, value).is_some() {
                return None;
            }
            if !self.passes(",") && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<Value> {
        let quote = self.rest.chars().next()?;
        let mut chars = self.rest.char_indices().skip(1);
        let mut text = String::new();
        while let Some((at, char)) = chars.next() {
            match char {
                '\n' => return None,
                '\\' => match chars.next()?.1 {
                    escaped @ ('\'' | '"' | '\\') => text.push(escaped),
                    other => text.extend(['\\', other]),
                },
                end if end == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Some(Value::String(text));
                }
                other => text.push(other),
            }
        }
        None
    }
}
