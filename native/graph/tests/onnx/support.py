"""The engine, asked for files and for answers, and ONNX Runtime."""

import json
import os
import struct
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

ROOT = Path(__file__).parents[4]
ENGINE = os.environ.get("MENAGERIE_ENGINE", str(ROOT / "target/release/menagerie-engine"))
SHARED = Path(os.environ.get("MENAGERIE_SHARED", ROOT.parent / "shared"))

# How far two probabilities of one class may lie apart.
APART_MAX = 1e-4
# Graphs that are asked at once: an engine starts mostly on one core.
THREADS = 4

# Kinds of frames, and the bytes before their payload (native/contract/src/frame.rs).
HELLO, LOAD, LOADED, INFER, SCORES, ERROR = 1, 2, 3, 4, 5, 6
HEADER = struct.Struct("<IBI")


def for_each(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, items))


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A model that passes the format's own checker, on ONNX Runtime."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Refused(Exception):
    """What the engine says of a graph."""


def load_request(labels: list[str] | None, overrides: dict[str, str] | None) -> dict[str, Any]:
    counted = {} if labels is None else {"label_count": len(labels)}
    return {
        "origin": "zoo",
        "format": "auto",
        "overrides": overrides or {},
        "source": "request",
        "threads": 1,
        **counted,
    }


def export(
    graph: bytes,
    labels: list[str] | None,
    form: str,
    *,
    preprocess: bool,
    temperature: float = 1.0,
    overrides: dict[str, str] | None = None,
) -> bytes:
    """The model in a form for other programs. Raises Refused."""
    label_file = b"" if labels is None else "\n".join(labels).encode()
    request = {
        "load": load_request(labels, overrides),
        "form": form,
        "preprocess": preprocess,
        "labels_bytes": len(label_file),
        "temperature": temperature,
    }
    message = json.dumps(request).encode()
    given = struct.pack("<I", len(message)) + message + label_file + graph
    done = subprocess.run([ENGINE, "export"], input=given, capture_output=True, check=False)
    if done.returncode != 0:
        raise Refused(done.stderr.decode())
    return done.stdout


class Engine:
    """A process that holds one graph on libtensorflow."""

    def __init__(self, graph: bytes, labels: list[str] | None, overrides: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [ENGINE, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._read()
        request = json.dumps(load_request(labels, overrides)).encode()
        kind, payload = self._ask(LOAD, struct.pack("<I", len(request)) + request + graph)
        if kind != LOADED:
            self.close()
            raise Refused(payload.decode())
        self.spec = json.loads(payload)["spec"]

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """images x classes, as the graph gives them; pixels are images x height x width x channels."""
        kind, payload = self._ask(INFER, struct.pack("<I", len(pixels)) + pixels.tobytes())
        if kind != SCORES:
            raise Refused(payload.decode())
        images, classes, _, _ = struct.unpack_from("<4I", payload)
        return np.frombuffer(payload[16:], "<f4").reshape(images, classes)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _ask(self, kind: int, payload: bytes) -> tuple[int, bytes]:
        assert self._process.stdin is not None
        self._process.stdin.write(HEADER.pack(len(payload) + HEADER.size - 4, kind, 1) + payload)
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> tuple[int, bytes]:
        assert self._process.stdout is not None
        length, kind, _ = HEADER.unpack(self._process.stdout.read(HEADER.size))
        return kind, self._process.stdout.read(length - HEADER.size + 4)
