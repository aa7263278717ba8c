//! What engines say of themselves, and what is not taken from them.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use menagerie_contract::Loaded;
use serde_json::{Value, json};

fn loaded(pointer: &str, value: Value) -> Loaded {
    let mut json = json!({
        "lanes": 1,
        "spec": {
            "input": {
                "tensor": "i", "dtype": "uint8", "layout": "NHWC", "width": 8, "height": 8, "channels": 3,
                "channel_order": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1], "resize": "stretch",
            },
            "output": { "tensor": "o", "kind": "softmax", "classes": 2 },
            "graph": {
                "sha256": "", "bytes": 0, "nodes": 0, "parameters": 0, "multiply_adds": 0,
                "memory_bytes_estimate": 0, "ops": {},
            },
            "evidence": [],
            "verdict": { "allowed": true, "forbidden": [] },
        },
    });
    *json.pointer_mut(pointer).unwrap() = value;
    serde_json::from_value(json).unwrap()
}

#[test]
fn what_no_photo_can_be_made_for_is_named() {
    assert_eq!(loaded("/lanes", json!(2)).check(), Ok(()));
    for (pointer, value, wrong) in [
        ("/spec/input/width", json!(100_000), "input.width is 100000; it must be 1 to 4096"),
        ("/spec/input/height", json!(0), "input.height is 0; it must be 1 to 4096"),
        ("/spec/input/channels", json!(4), "input.channels is 4; it must be 1 or 3"),
        ("/spec/input/mean", json!([0]), "input.mean has 1 values; it must have 3"),
        ("/spec/output/classes", json!(0), "output.classes is 0; it must be 1 to 4194288"),
        ("/lanes", json!(0), "lanes is 0; it must be 1 to 1024"),
    ] {
        assert_eq!(loaded(pointer, value).check(), Err(wrong.into()));
    }
}
