#!/usr/bin/env python3
"""A whole wrapper without libraries: tells photos apart by the colours in them. See docs/wrappers.md.

The model's file is JSON: for each class a list of the colours [red, green, blue] that its photos have.
"""

import hashlib
import json
import struct
import sys

HELLO, LOAD, LOADED, INFER, SCORES, ERROR, PING, PONG = range(1, 9)
SIDE = 32
IMAGE_BYTES = SIDE * SIDE * 3


def read_exactly(count):
    data = sys.stdin.buffer.read(count)
    if data and len(data) < count:
        sys.exit("stdin closed within a frame")
    return data


def send(kind, request_id, payload):
    sys.stdout.buffer.write(struct.pack("<IBI", 5 + len(payload), kind, request_id) + payload)
    sys.stdout.buffer.flush()


def send_json(kind, request_id, **value):
    send(kind, request_id, json.dumps(value).encode())


def histogram(pixels):
    """Shares of 64 colours: two bits of each channel."""
    shares = {}
    for red, green, blue in zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True):
        colour = (red >> 6, green >> 6, blue >> 6)
        shares[colour] = shares.get(colour, 0) + 3 / len(pixels)
    return shares


def load(payload):
    (json_bytes,) = struct.unpack_from("<I", payload)
    request = json.loads(payload[4 : 4 + json_bytes])
    graph = payload[4 + json_bytes :]
    set_by_others = sorted(set(request["overrides"]) - {"resize", "crop_fraction", "resize_filter"})
    if set_by_others:
        raise ValueError("field_invalid", f"this program settles {', '.join(set_by_others)} itself; leave it out")
    try:
        classes = [histogram([value for colour in colours for value in colour]) for colours in json.loads(graph)]
    except (ValueError, TypeError) as error:
        raise ValueError("graph_invalid", f"the model's file is no list of lists of colours: {error}") from error
    fitted = {"resize": "stretch", "crop_fraction": 1, "resize_filter": "antialias"} | request["overrides"]
    size = {"width": SIDE, "height": SIDE, "channels": 3, "channel_order": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1]}
    counts = dict.fromkeys(["nodes", "parameters", "multiply_adds", "memory_bytes_estimate"], 0)
    sha256 = request.get("graph_sha256") or hashlib.sha256(graph).hexdigest()
    spec = {
        "input": {"tensor": "pixels", "dtype": "uint8", "layout": "NHWC"} | size | fitted,
        "output": {"tensor": "scores", "kind": "softmax", "classes": len(classes), "heads": []},
        "graph": {"sha256": sha256, "bytes": len(graph), "ops": {}} | counts,
        "evidence": [],
        "verdict": {"allowed": True, "forbidden": []},
    }
    return classes, spec


def infer(classes, payload):
    (images,) = struct.unpack_from("<I", payload)
    if images == 0 or len(payload) != 4 + images * IMAGE_BYTES:
        raise ValueError("field_invalid", f"{len(payload) - 4} bytes are not {images} images of {IMAGE_BYTES}")
    scores = []
    for start in range(4, len(payload), IMAGE_BYTES):
        seen = histogram(payload[start : start + IMAGE_BYTES])
        shared = [1e-6 + sum(min(share, own.get(colour, 0)) for colour, share in seen.items()) for own in classes]
        scores += [value / sum(shared) for value in shared]
    return struct.pack(f"<IIII{len(scores)}f", images, len(classes), 0, 0, *scores)


about = {"engine": "histogram 1.0", "runtime": {"name": "Python", "version": sys.version.split()[0]}}
limits = {"frame_bytes_max": 2**26, "images_max": 64, "sandbox": {"held": [], "missing": ["this is an example"]}}
send_json(HELLO, 0, protocol=2, kernels="none", **about, **limits)
model = None
while header := read_exactly(9):
    length, kind, request_id = struct.unpack("<IBI", header)
    if length < 5 or length > limits["frame_bytes_max"] or kind not in (LOAD, INFER, PING):
        sys.exit(f"a frame of kind {kind} and {length} bytes is not for a program")
    payload = read_exactly(length - 5)
    if len(payload) < length - 5:
        sys.exit("stdin closed within a frame")
    try:
        if kind == LOAD:
            model, spec = load(payload)
            send_json(LOADED, request_id, spec=spec, lanes=1)
        elif kind == INFER:
            send(SCORES, request_id, infer(model, payload))
        else:
            send(PONG, request_id, b"")
    except ValueError as error:
        send_json(ERROR, request_id, code=error.args[0], message=error.args[1])
