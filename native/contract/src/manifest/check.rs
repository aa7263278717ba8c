//! What is wrong with a manifest, field by field.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    answer::Band,
    calibration::{TEMPERATURE_MAX, TEMPERATURE_MIN},
    manifest::{MANIFEST_SCHEMA, ProgramProtocol},
    spec::{
        CROP_FRACTION_MIN, ChannelOrder, Dtype, Evidence, LABEL_OFFSET_MAX, Layout, OutputKind, Resize, ResizeFilter,
        SIDE_PIXELS_MAX,
    },
};

/// Longest id and version of a model that a client registers.
const REGISTERED_NAME_CHARS_MAX: usize = 64;

/// Most arguments of a program.
const ARGUMENTS_MAX: usize = 64;

const OBJECT: &str = "an object";
const LIST: &str = "a list";

/// What is wrong with a field.
pub struct Complaint {
    /// Its path, such as `input.width`.
    pub field: String,
    /// `field=value: what it must be`.
    pub text: String,
    /// What to do.
    pub mend: String,
}

/// What a value must be, where it is not.
type Rule = fn(&Value) -> Result<(), String>;

/// One field of an object.
pub struct Field {
    pub name: &'static str,
    presence: Presence,
    shape: Shape,
}

enum Presence {
    Needed,
    Optional,
    /// As `Optional`, or null.
    Nullable,
}

enum Shape {
    Value(Rule),
    Object(&'static [Field]),
    /// An object of which other fields are not looked at.
    Part(&'static [Field]),
    /// A list of objects.
    List(&'static [Field]),
}

const fn needed(name: &'static str, rule: Rule) -> Field {
    Field { name, presence: Presence::Needed, shape: Shape::Value(rule) }
}

const fn optional(name: &'static str, rule: Rule) -> Field {
    Field { name, presence: Presence::Optional, shape: Shape::Value(rule) }
}

const fn nullable(name: &'static str, rule: Rule) -> Field {
    Field { name, presence: Presence::Nullable, shape: Shape::Value(rule) }
}

const fn object(name: &'static str, presence: Presence, fields: &'static [Field]) -> Field {
    Field { name, presence, shape: Shape::Object(fields) }
}

const fn list(name: &'static str, fields: &'static [Field]) -> Field {
    Field { name, presence: Presence::Needed, shape: Shape::List(fields) }
}

const INPUT: &[Field] = &[
    optional("tensor", text),
    optional("dtype", word::<Dtype>),
    optional("layout", word::<Layout>),
    optional("width", side),
    optional("height", side),
    optional("channels", channels),
    optional("channel_order", word::<ChannelOrder>),
    optional("mean", |value| per_channel(value, |_| true, "1 to 3 numbers")),
    optional("std", |value| per_channel(value, |number| number != 0.0, "1 to 3 numbers, none of them 0")),
    optional("resize", word::<Resize>),
    optional("crop_fraction", |value| number(value, CROP_FRACTION_MIN, 1.0)),
    optional("resize_filter", word::<ResizeFilter>),
];

const OUTPUT: &[Field] =
    &[optional("tensor", text), optional("kind", word::<OutputKind>), optional("classes", at_least_one)];

const FEATURES: &[Field] = &[needed("tensor", text), needed("size", at_least_one)];

const ACCURACY: &[Field] =
    &[needed("top1", share), needed("photos", at_least_one), needed("split", text), needed("data", text)];

const BANDS: &[Field] = &[needed("medium", share), needed("high", share), needed("very_high", share)];

const CALIBRATION: &[Field] = &[
    needed("data", text),
    needed("date", day),
    needed("n", at_least_one),
    needed("top1", share),
    needed("top5", share),
    needed("temperature", |value| number(value, TEMPERATURE_MIN, TEMPERATURE_MAX)),
    needed("folds", |value| whole(value, 2, i64::from(u32::MAX))),
    object("calibration_error", Presence::Needed, &[needed("before", share), needed("after", share)]),
    needed("unsure_below", share),
    list("bands", &[needed("band", word::<Band>), needed("above", share), needed("right", count), needed("n", count)]),
    list(
        "reliability",
        &[needed("above", share), needed("probability", share), needed("right", count), needed("n", count)],
    ),
    list("classes", &[needed("label", text), needed("n", count), needed("right", count), needed("answered", count)]),
    list("confusions", &[needed("label", text), needed("answered", text), needed("n", count)]),
];

const SOURCE: &[Field] = &[
    needed("url", address),
    needed("member", words),
    optional("labels_url", address),
    optional("labels_member", words),
];

const PROGRAM: &[Field] =
    &[needed("program", file_name), optional("arguments", arguments), optional("protocol", word::<ProgramProtocol>)];

/// The fields of a manifest.
pub const MANIFEST: &[Field] = &[
    optional("$schema", text),
    needed("schema", |value| whole(value, i64::from(MANIFEST_SCHEMA), i64::from(MANIFEST_SCHEMA))),
    needed("id", id),
    needed("version", version),
    needed("title", words),
    needed("description", text),
    needed("licence", words),
    optional("default", |value| held(value.is_boolean(), "true or false")),
    object("engine", Presence::Optional, PROGRAM),
    object(
        "graph",
        Presence::Needed,
        &[needed("file", file_name), nullable("bytes", byte_count), nullable("sha256", sha256)],
    ),
    object("source", Presence::Optional, SOURCE),
    object(
        "labels",
        Presence::Optional,
        &[needed("file", file_name), nullable("sha256", sha256), optional("offset", label_offset)],
    ),
    object("input", Presence::Needed, INPUT),
    object("output", Presence::Needed, OUTPUT),
    object("features", Presence::Optional, FEATURES),
    object("accuracy", Presence::Optional, ACCURACY),
    object("bands", Presence::Optional, BANDS),
    object("calibration", Presence::Optional, CALIBRATION),
    optional("evidence", evidence),
];

/// What a client may say of a model that it registers: any part of a manifest, so that a whole one can be sent too.
pub const PART: &[Field] = &[
    optional("$schema", text),
    optional("schema", |value| whole(value, i64::from(MANIFEST_SCHEMA), i64::from(MANIFEST_SCHEMA))),
    optional("id", |value| short(value).and_then(|()| id(value))),
    optional("version", |value| short(value).and_then(|()| registered_version(value))),
    optional("title", words),
    optional("description", text),
    optional("licence", words),
    optional("default", |value| held(value.is_boolean(), "true or false")),
    optional("engine", |_| held(false, "left out: programs are run from the operator's own zoo alone")),
    Field { name: "graph", presence: Presence::Optional, shape: Shape::Part(&[nullable("sha256", sha256)]) },
    object("source", Presence::Optional, SOURCE),
    Field {
        name: "labels",
        presence: Presence::Optional,
        shape: Shape::Part(&[nullable("sha256", sha256), optional("offset", label_offset)]),
    },
    object("input", Presence::Optional, INPUT),
    object("output", Presence::Optional, OUTPUT),
    object("features", Presence::Optional, FEATURES),
    object("accuracy", Presence::Optional, ACCURACY),
    object("bands", Presence::Optional, BANDS),
    object("calibration", Presence::Optional, CALIBRATION),
    optional("evidence", evidence),
];

/// One for each field that is wrong.
#[must_use]
pub fn complaints(json: &Value, fields: &[Field]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    match json.as_object() {
        Some(object) => check(object, fields, true, "", &mut complaints),
        None => complaints.push(Complaint {
            field: "manifest".into(),
            text: "it must be an object".into(),
            mend: "begin it with { and end it with }".into(),
        }),
    }
    complaints
}

fn check(object: &Map<String, Value>, fields: &[Field], whole: bool, prefix: &str, complaints: &mut Vec<Complaint>) {
    if whole {
        let unknown = object.keys().filter(|name| fields.iter().all(|field| field.name != name.as_str()));
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        complaints.extend(unknown.map(|name| Complaint {
            field: format!("{prefix}{name}"),
            text: format!("{prefix}{name}: there is no such field"),
            mend: format!("remove it, or write one of {}", names.join(", ")),
        }));
    }
    for field in fields {
        let path = format!("{prefix}{}", field.name);
        match (object.get(field.name), &field.presence) {
            (None, Presence::Needed) => complaints.push(Complaint {
                text: format!("{path} is missing"),
                mend: format!("add it: {}", field.shape.wanted()),
                field: path,
            }),
            (None, _) | (Some(Value::Null), Presence::Nullable) => {}
            (Some(value), _) => match (&field.shape, value) {
                (Shape::Value(rule), _) => complaints.extend(rule(value).err().map(|what| wrong(&path, value, &what))),
                (Shape::Object(fields), Value::Object(inner)) => {
                    check(inner, fields, true, &format!("{path}."), complaints);
                }
                (Shape::Part(fields), Value::Object(inner)) => {
                    check(inner, fields, false, &format!("{path}."), complaints);
                }
                (Shape::List(fields), Value::Array(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        let path = format!("{path}[{index}]");
                        match item.as_object() {
                            Some(inner) => check(inner, fields, true, &format!("{path}."), complaints),
                            None => complaints.push(wrong(&path, item, OBJECT)),
                        }
                    }
                }
                (Shape::List(_), _) => complaints.push(wrong(&path, value, LIST)),
                (Shape::Object(_) | Shape::Part(_), _) => complaints.push(wrong(&path, value, OBJECT)),
            },
        }
    }
}

fn wrong(path: &str, value: &Value, what: &str) -> Complaint {
    Complaint {
        field: path.to_owned(),
        text: format!("{path}{}: must be {what}", shown(value)),
        mend: format!("write {what}"),
    }
}

impl Shape {
    /// What a field of this shape must be.
    fn wanted(&self) -> String {
        match self {
            Self::Value(rule) => rule(&Value::Null).err().unwrap_or_default(),
            Self::Object(_) | Self::Part(_) => OBJECT.into(),
            Self::List(_) => LIST.into(),
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("={text}"),
        Value::Number(number) => format!("={number}"),
        _ => String::new(),
    }
}

fn held(holds: bool, what: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn text(value: &Value) -> Result<(), String> {
    held(value.is_string(), "text")
}

fn words(value: &Value) -> Result<(), String> {
    held(value.as_str().is_some_and(|text| !text.is_empty()), "text that is not empty")
}

/// Whether the text is not empty and made of characters that `first`, and then `rest`, take.
fn spelt(value: &Value, first: fn(u8) -> bool, rest: fn(u8) -> bool, what: &str) -> Result<(), String> {
    let fits = |text: &str| text.bytes().next().is_some_and(first) && text.bytes().skip(1).all(rest);
    held(value.as_str().is_some_and(fits), what)
}

fn id(value: &Value) -> Result<(), String> {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    spelt(
        value,
        small,
        |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte),
        "lower-case letters, digits, `.`, `_` and `-`, the first one a letter or digit",
    )
}

fn version(value: &Value) -> Result<(), String> {
    let plain = |byte: u8| byte != b'/' && byte != b'@';
    spelt(value, plain, plain, "text without `/` and `@`")
}

fn registered_version(value: &Value) -> Result<(), String> {
    spelt(
        value,
        |byte| byte.is_ascii_alphanumeric(),
        |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
        "letters, digits, `.`, `_` and `-`, the first one a letter or digit",
    )
}

fn short(value: &Value) -> Result<(), String> {
    let fits = value.as_str().is_none_or(|text| text.chars().count() <= REGISTERED_NAME_CHARS_MAX);
    held(fits, format!("at most {REGISTERED_NAME_CHARS_MAX} characters"))
}

fn file_name(value: &Value) -> Result<(), String> {
    spelt(
        value,
        |byte| byte.is_ascii_alphanumeric() || byte == b'_',
        |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte),
        "a plain file name",
    )
}

fn arguments(value: &Value) -> Result<(), String> {
    let is_argument = |text: &Value| text.as_str().is_some_and(|text| !text.contains('\0'));
    let fits = |texts: &Vec<Value>| texts.len() <= ARGUMENTS_MAX && texts.iter().all(is_argument);
    held(value.as_array().is_some_and(fits), format!("a list of at most {ARGUMENTS_MAX} texts"))
}

fn sha256(value: &Value) -> Result<(), String> {
    let is_hex = |text: &str| {
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    held(value.as_str().is_some_and(is_hex), "64 lower-case hex digits")
}

fn address(value: &Value) -> Result<(), String> {
    let is_address = |text: &str| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_alphanumeric() || first == '['))
            && !text.contains(|character: char| character.is_whitespace() || character.is_control())
    };
    held(value.as_str().is_some_and(is_address), "an address that begins with https:// or http://")
}

fn evidence(value: &Value) -> Result<(), String> {
    held(Vec::<Evidence>::deserialize(value).is_ok(), "a list of evidence, as GET /api/models/{id} answers it")
}

fn word<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    let Err(error) = T::deserialize(value).map(|_| ()) else { return Ok(()) };
    // serde lists the words behind this one.
    let message = error.to_string();
    Err(message.split_once("expected ").map_or("another word", |(_, words)| words).to_owned())
}

fn whole(value: &Value, min: i64, max: i64) -> Result<(), String> {
    let fits = value.as_i64().is_some_and(|number| (min..=max).contains(&number));
    held(fits, if min == max { min.to_string() } else { format!("a whole number from {min} to {max}") })
}

fn at_least_one(value: &Value) -> Result<(), String> {
    held(value.as_u64().is_some_and(|number| (1..=u64::from(u32::MAX)).contains(&number)), "a whole number from 1")
}

fn count(value: &Value) -> Result<(), String> {
    whole(value, 0, i64::from(u32::MAX))
}

fn share(value: &Value) -> Result<(), String> {
    number(value, 0.0, 1.0)
}

fn day(value: &Value) -> Result<(), String> {
    let is_day = |text: &str| {
        text.len() == 10
            && text.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    held(value.as_str().is_some_and(is_day), "a day, YYYY-MM-DD")
}

/// Empty files too: what is wrong with one is said by who reads it.
fn byte_count(value: &Value) -> Result<(), String> {
    whole(value, 0, i64::from(u32::MAX))
}

fn side(value: &Value) -> Result<(), String> {
    whole(value, 1, i64::from(SIDE_PIXELS_MAX))
}

fn channels(value: &Value) -> Result<(), String> {
    held(matches!(value.as_u64(), Some(1 | 3)), "1 or 3")
}

fn label_offset(value: &Value) -> Result<(), String> {
    whole(value, i64::from(-LABEL_OFFSET_MAX), i64::from(LABEL_OFFSET_MAX))
}

fn number(value: &Value, min: f32, max: f32) -> Result<(), String> {
    let fits = value.as_f64().is_some_and(|number| (min..=max).contains(&(number as f32)));
    held(fits, format!("a number from {min} to {max}"))
}

fn per_channel(value: &Value, allows: fn(f64) -> bool, what: &str) -> Result<(), String> {
    let fits = |numbers: &Vec<Value>| {
        (1..=3).contains(&numbers.len())
            && numbers
                .iter()
                .all(|number| number.as_f64().is_some_and(|number| allows(number) && (number as f32).is_finite()))
    };
    held(value.as_array().is_some_and(fits), what)
}
