//! Any bytes as a label file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use menagerie_graph::labels;

fuzz_target!(|file: &[u8]| {
    if let Ok(labels) = labels::read(file) {
        assert!(!labels.names.is_empty() && labels.names.len() <= labels::LABELS_MAX);
    }
});
