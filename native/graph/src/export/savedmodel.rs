//! The folder of a `SavedModel` with constants in the place of variables, in a .zip
//! (`tensorflow/core/protobuf/saved_model.proto`, `meta_graph.proto`).

use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    data::{
        graph::{Endpoint, Graph},
        parse,
        wire::{put_bytes, put_int},
    },
    error::GraphError,
    limits::GraphLimits,
    onnx,
    resolve::Resolved,
};

/// The only version of the format there is.
const SCHEMA_VERSION: i64 = 1;
/// What `tf.saved_model.load` looks for.
const TAG: &[u8] = b"serve";
const SIGNATURE: &[u8] = b"serving_default";
const METHOD: &[u8] = b"tensorflow/serving/predict";

/// The archive: `saved_model.pb`, and in `assets.extra`, which TensorFlow leaves to whoever writes it, `labels.txt` and what
/// is known of the model, `menagerie.json`.
pub(super) fn write(
    resolved: &Resolved,
    names: Option<&[String]>,
    about: &[(&'static str, String)],
    limits: &GraphLimits,
) -> Result<Vec<u8>, GraphError> {
    let about: serde_json::Map<_, _> = about.iter().map(|(name, text)| ((*name).to_owned(), value_of(text))).collect();
    let about = serde_json::to_string_pretty(&about).unwrap_or_default();
    let mut files =
        vec![("saved_model.pb", saved_model(resolved, limits)?), ("assets.extra/menagerie.json", about.into_bytes())];
    if let Some(names) = names {
        files.push(("assets.extra/labels.txt", (names.join("\n") + "\n").into_bytes()));
    }
    packed(&files).map_err(|error| GraphError::SavedModel(format!("it cannot be packed: {error}")))
}

/// Numbers and lists stand in the text as JSON, words as they are.
fn value_of(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Weights are random enough that packing them gains a tenth and takes a second for 20 MB: they are stored as they are.
fn packed(files: &[(&str, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        archive.start_file(*name, options)?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn saved_model(resolved: &Resolved, limits: &GraphLimits) -> Result<Vec<u8>, GraphError> {
    let graph = Graph::build(parse::parse(&resolved.graph, limits)?, limits)?;
    let info = |name: &str, extents: Option<&[Option<u64>]>| {
        let (mut info, mut shape) = (Vec::new(), Vec::new());
        put_bytes(&mut info, 1, format!("{name}:0").as_bytes());
        let dtype = graph.find(name).map(|node| graph.dtype_of(Endpoint { node, port: 0 }));
        put_int(&mut info, 2, dtype.map_or(0, |dtype| i64::from(dtype.number())));
        for extent in extents.into_iter().flatten() {
            let mut dimension = Vec::new();
            put_int(&mut dimension, 1, extent.map_or(-1, |extent| extent as i64));
            put_bytes(&mut shape, 2, &dimension);
        }
        if extents.is_none() {
            put_int(&mut shape, 3, 1);
        }
        put_bytes(&mut info, 3, &shape);
        info
    };
    let input = info(&resolved.input_tensor, Some(&onnx::input_extents(resolved)));
    let output = info(&resolved.output_tensor, None);
    let mut signature = Vec::new();
    put_entry(&mut signature, 1, b"image", &input);
    put_entry(&mut signature, 2, b"scores", &output);
    put_bytes(&mut signature, 3, METHOD);
    let (mut about, mut meta_graph, mut model) = (Vec::new(), Vec::new(), Vec::new());
    put_bytes(&mut about, 4, TAG);
    put_bytes(&mut meta_graph, 1, &about);
    put_bytes(&mut meta_graph, 2, &resolved.graph);
    put_entry(&mut meta_graph, 5, SIGNATURE, &signature);
    put_int(&mut model, 1, SCHEMA_VERSION);
    put_bytes(&mut model, 2, &meta_graph);
    Ok(model)
}

/// Appends an entry of `map<string, message>`.
fn put_entry(out: &mut Vec<u8>, number: u32, key: &[u8], content: &[u8]) {
    let mut entry = Vec::new();
    put_bytes(&mut entry, 1, key);
    put_bytes(&mut entry, 2, content);
    put_bytes(out, number, &entry);
}
