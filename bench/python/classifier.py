"""What the Python contenders share: Pillow and a TensorFlow session, as tutorials put them together.

The environment names the graph (BENCH_GRAPH_PATH) and its spec as JSON (BENCH_SPEC).
"""

import io
import json
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tensorflow as tf
from PIL import Image


class Classifier:
    """A frozen graph behind one session; `classify` may be called from many threads."""

    def __init__(self) -> None:
        spec = json.loads(os.environ["BENCH_SPEC"])
        entry, exit_ = spec["input"], spec["output"]
        self._size = (entry["width"], entry["height"])
        self._mean = np.array(entry["mean"], np.float32)
        self._std = np.array(entry["std"], np.float32)
        definition = tf.compat.v1.GraphDef()
        definition.ParseFromString(Path(os.environ["BENCH_GRAPH_PATH"]).read_bytes())
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(definition, name="")
        self._input = graph.get_tensor_by_name(f"{entry['tensor']}:0")
        self._output = graph.get_tensor_by_name(f"{exit_['tensor']}:0")
        self._session = tf.compat.v1.Session(graph=graph)

    def classify(self, image: bytes) -> dict[str, float | int]:
        """The class of an encoded image and its probability."""
        photo = Image.open(io.BytesIO(image)).convert("RGB").resize(self._size, Image.Resampling.BILINEAR)
        pixels = (np.asarray(photo, np.float32) - self._mean) / self._std
        scores = self._session.run(self._output, {self._input: pixels[None]})[0]
        best = int(scores.argmax())
        return {"index": best, "probability": float(scores[best])}
