#!/usr/bin/env python3
"""A whole engine: tells dark photos from bright ones, whatever the graph. See docs/engine-protocol.md."""

import hashlib
import json
import struct
import sys

HELLO, LOAD, LOADED, INFER, SCORES, ERROR, PING, PONG = range(1, 9)
SIDE = 32


def read_exactly(count):
    data = sys.stdin.buffer.read(count)
    if data and len(data) < count:
        sys.exit("stdin closed within a frame")
    return data


def send(kind, request_id, payload):
    sys.stdout.buffer.write(struct.pack("<IBI", 5 + len(payload), kind, request_id) + payload)
    sys.stdout.buffer.flush()


def send_json(kind, request_id, value):
    send(kind, request_id, json.dumps(value).encode())


def load(request_id, payload):
    (json_bytes,) = struct.unpack_from("<I", payload)
    graph = payload[4 + json_bytes :]
    spec = {
        "input": {
            "tensor": "none",
            "dtype": "uint8",
            "layout": "NHWC",
            "width": SIDE,
            "height": SIDE,
            "channels": 3,
            "channel_order": "RGB",
            "mean": [0, 0, 0],
            "std": [1, 1, 1],
            "resize": "stretch",
        },
        "output": {"tensor": "none", "kind": "softmax", "classes": 2, "heads": []},
        "graph": {
            "sha256": hashlib.sha256(graph).hexdigest(),
            "bytes": len(graph),
            "nodes": 0,
            "parameters": 0,
            "multiply_adds": 0,
            "memory_bytes_estimate": 0,
            "ops": {},
        },
        "evidence": [],
        "verdict": {"allowed": True, "forbidden": []},
        "warnings": [],
    }
    send_json(LOADED, request_id, {"spec": spec, "lanes": 1})


def infer(request_id, payload):
    (images,) = struct.unpack_from("<I", payload)
    image_bytes = SIDE * SIDE * 3
    scores = []
    for image in range(images):
        pixels = payload[4 + image * image_bytes : 4 + (image + 1) * image_bytes]
        bright = sum(pixels) / (255 * image_bytes)
        scores += [1 - bright, bright]
    send(SCORES, request_id, struct.pack(f"<IIII{len(scores)}f", images, 2, 0, 0, *scores))


send_json(
    HELLO,
    0,
    {
        "protocol": 2,
        "engine": "example 1.0",
        "runtime": {"name": "example", "version": "1.0"},
        "kernels": "none",
        "frame_bytes_max": 2**29,
        "images_max": 64,
        "sandbox": {"held": [], "missing": ["this is an example"]},
    },
)
while header := read_exactly(9):
    length, kind, request_id = struct.unpack("<IBI", header)
    payload = read_exactly(length - 5)
    if kind == LOAD:
        load(request_id, payload)
    elif kind == INFER:
        infer(request_id, payload)
    elif kind == PING:
        send(PONG, request_id, b"")
    else:
        sys.exit(f"a frame of kind {kind} is not for an engine")
