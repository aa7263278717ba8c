//! Packed `SavedModel` folders: frozen on load, or refused with what is missing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};

use menagerie_contract::{ErrorCode, GraphFormat, LoadRequest, OutputKind};
use menagerie_graph::{GraphError, GraphLimits, resolve};
use support::{Random, request};

const FILES: [&str; 3] = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"];

fn zip_of(folder: &Path, prefix: &str, files: &[&str]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for file in files {
        archive.start_file(format!("{prefix}{file}"), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&fs::read(folder.join(file)).unwrap()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn tar_gz_of(folder: &Path, prefix: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for file in FILES {
        archive.append_path_with_name(folder.join(file), format!("{prefix}{file}")).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn refused(bytes: &[u8], limits: &GraphLimits) -> GraphError {
    resolve(bytes, &request(), limits).unwrap_err()
}

#[test]
fn a_packed_folder_is_frozen_whatever_its_packing() {
    let Some(folder) = support::shared("zoo-data/samplenet_tf2_savedmodel") else { return };
    for bytes in [
        zip_of(&folder, "", &FILES),
        zip_of(&folder, "model/1/", &FILES),
        tar_gz_of(&folder, "model/"),
        tar_gz_of(&folder, ""),
    ] {
        let resolved = resolve(&bytes, &request(), &GraphLimits::default()).unwrap();
        let (input, output) = (&resolved.spec.input, &resolved.spec.output);
        assert_eq!((input.tensor.as_str(), input.width, input.channels), ("serving_default_conv2d_9_input", 32, 3));
        assert_eq!((output.tensor.as_str(), output.classes), ("StatefulPartitionedCall", 10));
        assert_eq!((output.kind, input.batch), (OutputKind::Logits, None));
        assert_eq!(resolved.spec.graph.parameters, 196_426);
        assert!(!resolved.spec.graph.ops.contains_key("VarHandleOp"));
    }
}

#[test]
fn a_file_is_read_as_what_the_load_says_it_is() {
    let frozen = support::small_net(5).op("softmax", "Softmax", &["logits"]).bytes.clone();
    let read = |file: &[u8], format| {
        resolve(file, &LoadRequest { format, ..request() }, &GraphLimits::default())
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    assert_eq!(read(&frozen, GraphFormat::FrozenGraph), Ok(()));
    let refusal = read(&frozen, GraphFormat::SavedModel).unwrap_err();
    assert!(refusal.contains("no .zip or .tar.gz archive"), "{refusal}");
    let refusal = read(&frozen, GraphFormat::Unknown).unwrap_err();
    assert!(refusal.contains("a format that this engine does not read"), "{refusal}");
    let Some(folder) = support::shared("zoo-data/samplenet_tf2_savedmodel") else { return };
    let packed = zip_of(&folder, "", &FILES);
    assert_eq!(read(&packed, GraphFormat::SavedModel), Ok(()));
    assert!(read(&packed, GraphFormat::FrozenGraph).is_err());
}

#[test]
fn a_folder_without_its_weights_is_refused() {
    let Some(folder) = support::shared("zoo-data/samplenet_tf2_savedmodel") else { return };
    for (files, word) in [(&FILES[..1], "checkpoint has no"), (&FILES[..2], "variables/")] {
        let error = refused(&zip_of(&folder, "", files), &GraphLimits::default());
        assert_eq!(error.code(), ErrorCode::GraphInvalid);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn an_archive_that_unpacks_beyond_the_limit_is_refused() {
    let Some(folder) = support::shared("zoo-data/samplenet_tf2_savedmodel") else { return };
    let limits = GraphLimits { unpacked_bytes_max: 100_000, ..GraphLimits::default() };
    assert_eq!(refused(&zip_of(&folder, "", &FILES), &limits).code(), ErrorCode::GraphTooLarge);
    let error = refused(&tar_gz_of(&folder, ""), &limits);
    assert!(matches!(error.code(), ErrorCode::GraphTooLarge | ErrorCode::GraphInvalid), "{error}");
}

#[test]
fn an_archive_of_something_else_is_named() {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("archive/data.pkl", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(b"weights").unwrap();
    let error = refused(&archive.finish().unwrap().into_inner(), &GraphLimits::default());
    assert!(error.to_string().contains("PyTorch"), "{error}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"no tar at all").unwrap();
    let error = refused(&gzip.finish().unwrap(), &GraphLimits::default());
    assert!(error.to_string().contains("gzip"), "{error}");
}

#[test]
fn changed_archives_never_panic() {
    let Some(folder) = support::shared("zoo-data/samplenet_tf2_savedmodel") else { return };
    // A plain tar has no checksum over its contents, so changes reach the protocol buffers and the table.
    let mut archive = tar::Builder::new(Vec::new());
    for file in &FILES[..2] {
        archive.append_path_with_name(folder.join(file), file).unwrap();
    }
    let seed = archive.into_inner().unwrap();
    let mut random = Random(0x5eed_0003);
    for _ in 0..300 {
        let mut bytes = seed.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
        }
        let _ = resolve(&bytes, &request(), &GraphLimits::default());
    }
    let zipped = zip_of(&folder, "", &FILES[..2]);
    for archive in [seed, zipped] {
        for length in (0..archive.len()).step_by(archive.len() / 100) {
            assert!(resolve(&archive[..length], &request(), &GraphLimits::default()).is_err());
        }
    }
}
