//! Writes the TypeScript types and constants of the contract, the JSON schemas of what clients are answered with, and that
//! of `manifest.json`, to the three paths given as arguments.

use std::{collections::BTreeMap, env, fs, process::ExitCode};

use menagerie_contract::{
    Agreement, Answer, ClientTensor, Confidence, ErrorCode, Example, ExplainOptions, Explanation, ExportRequest, Hello,
    InferOptions, LoadRequest, Loaded, Manifest, ModelSpec, NextStep, Problem, Runtime, Sandbox, TeachReport, VERSION,
    explanation, frame, manifest, message, spec,
};
use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};
use ts_rs::{Config, TS, TypeVisitor};

/// Declarations by type name.
struct Declarations {
    config: Config,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        let name = T::name(&self.config);
        if T::output_path().is_some() && !self.by_name.contains_key(&name) {
            self.by_name.insert(name, T::decl(&self.config));
            T::visit_dependencies(self);
        }
    }
}

fn types() -> String {
    let mut declarations = Declarations { config: Config::default(), by_name: BTreeMap::new() };
    declarations.visit::<Agreement>();
    declarations.visit::<Answer>();
    declarations.visit::<ClientTensor>();
    declarations.visit::<Confidence>();
    declarations.visit::<ErrorCode>();
    declarations.visit::<Example>();
    declarations.visit::<ExplainOptions>();
    declarations.visit::<Explanation>();
    declarations.visit::<ExportRequest>();
    declarations.visit::<Hello>();
    declarations.visit::<InferOptions>();
    declarations.visit::<LoadRequest>();
    declarations.visit::<Loaded>();
    declarations.visit::<Manifest>();
    declarations.visit::<ModelSpec>();
    declarations.visit::<NextStep>();
    declarations.visit::<TeachReport>();
    declarations.visit::<menagerie_contract::Try>();
    declarations.visit::<Problem>();
    declarations.visit::<manifest::Finding>();
    declarations.visit::<manifest::Place>();
    declarations.by_name.values().map(|declaration| "export ".to_owned() + declaration + "\n\n").collect()
}

fn constants() -> String {
    let values = [
        ("PROTOCOL", frame::PROTOCOL.to_string()),
        ("MANIFEST_SCHEMA", manifest::MANIFEST_SCHEMA.to_string()),
        ("FRAME_HEADER_BYTES", frame::HEADER_BYTES.to_string()),
        ("FRAME_REQUEST_ID_OFFSET", frame::REQUEST_ID_OFFSET.to_string()),
        ("FRAME_BYTES_MAX", frame::FRAME_BYTES_MAX.to_string()),
        ("REPLY_BYTES_MAX", frame::REPLY_BYTES_MAX.to_string()),
        ("CROP_FRACTION_MIN", spec::CROP_FRACTION_MIN.to_string()),
        ("SIDE_PIXELS_MAX", spec::SIDE_PIXELS_MAX.to_string()),
        ("LABEL_OFFSET_MAX", spec::LABEL_OFFSET_MAX.to_string()),
        ("DETAIL_MIN", explanation::DETAIL_MIN.to_string()),
        ("DETAIL_MAX", explanation::DETAIL_MAX.to_string()),
        ("LIBTENSORFLOW", format!("{:?}", message::LIBTENSORFLOW)),
        ("ONNXRUNTIME", format!("{:?}", message::ONNXRUNTIME)),
        ("VERSION", format!("{VERSION:?}")),
    ];
    let lines = values.map(|(name, value)| format!("export const {name} = {value};\n"));
    let kinds: Vec<String> =
        frame::FrameKind::ALL.iter().map(|(kind, name)| format!("  {name}: {},\n", *kind as u8)).collect();
    let codes = ErrorCode::ALL.iter().map(|code| code.as_str());
    format!(
        "{}\nexport const FRAME_KIND = {{\n{}}} as const;\n\n{}\n{}",
        lines.concat(),
        kinds.concat(),
        list("MANIFEST_FIELDS", "(keyof Manifest)", Manifest::fields()),
        list("ERROR_CODES", "ErrorCode", codes) + "\n" + &list("LICENCES", "string", manifest::LICENCES.into_iter()),
    )
}

fn list(name: &str, of: &str, words: impl Iterator<Item = &'static str>) -> String {
    let lines: Vec<String> = words.map(|word| format!("  \"{word}\",\n")).collect();
    let lines = lines.concat();
    format!("export const {name} = [\n{lines}] as const satisfies readonly {of}[];\n")
}

/// JSON Schema 2020-12 by type name, as the types are serialised.
fn schemas() -> String {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    generator.subschema_for::<Agreement>();
    generator.subschema_for::<Answer>();
    generator.subschema_for::<Confidence>();
    generator.subschema_for::<ErrorCode>();
    generator.subschema_for::<Explanation>();
    generator.subschema_for::<Manifest>();
    generator.subschema_for::<ModelSpec>();
    generator.subschema_for::<Runtime>();
    generator.subschema_for::<Sandbox>();
    generator.subschema_for::<TeachReport>();
    generator.subschema_for::<manifest::Finding>();
    let schemas = Value::Object(generator.take_definitions(true));
    let manifest = manifest_schema();
    format!(
        "export const CONTRACT_SCHEMAS: Readonly<Record<string, object>> = {schemas:#};\n\n\
         /** JSON Schema of `manifest.json`, which `$schema` names. */\n\
         export const MANIFEST_JSON_SCHEMA: object = {manifest:#};\n"
    )
}

/// JSON Schema 2020-12 of `manifest.json`, as it may be written: what is left out has its default, and is not null.
fn manifest_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(|schema: &mut Schema| {
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            if !manifest::NULLABLE.contains(&name.as_str()) {
                refuse_null(property);
            }
        }
    }));
    let mut schema = settings.into_generator().into_root_schema_for::<Manifest>().to_value();
    // A program may stand in place of a graph.
    if let Some(required) = schema["required"].as_array_mut() {
        required.retain(|name| name != "graph");
    }
    schema["anyOf"] = json!([{ "required": ["graph"] }, { "required": ["engine"] }]);
    schema
}

/// Takes null out of what an `Option` may be.
fn refuse_null(property: &mut Value) {
    if let Some([first, null]) = property["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        property["type"] = first.clone();
    }
    if let Some(choices) = property.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
    }
}

fn main() -> ExitCode {
    let [_, types_path, schemas_path, manifest_path] = env::args().collect::<Vec<_>>().try_into().unwrap_or_default();
    if manifest_path.is_empty() {
        eprintln!("usage: generate-contract TYPES.ts SCHEMAS.ts MANIFEST.schema.json");
        return ExitCode::from(2);
    }
    let header = "// Generated from native/contract by `npm run generate`. Do not edit.\n\n";
    for (path, content) in [
        (types_path, header.to_owned() + &types() + &constants()),
        (schemas_path, header.to_owned() + &schemas()),
        (manifest_path, format!("{:#}\n", manifest_schema())),
    ] {
        if let Err(error) = fs::write(&path, content) {
            eprintln!("cannot write {path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
