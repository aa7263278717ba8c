"""Makes frozen graphs with random weights: as large and as slow as the trained ones, and free to share.

The batch normalisations keep the statistics of the bench's photos, so that activations stay in range and the graph's
pre-processing can be read out of it, as with a trained one.

make_graphs.py IMAGE FOLDER
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

SIDE = 224
CLASS_COUNT = 1001
SEED = 6
CROP_COUNT = 16
CONTRAST = 40.0
"""Factor on the last layer: random classes are otherwise too close for rounding to leave their order alone."""

MODELS = {
    "mobilenet_v1_0.25_224": lambda: keras.applications.MobileNet(alpha=0.25, **OPTIONS),
    "mobilenet_v2_1.4_224": lambda: keras.applications.MobileNetV2(alpha=1.4, **OPTIONS),
}
OPTIONS = {"input_shape": (SIDE, SIDE, 3), "weights": None, "classes": CLASS_COUNT}


def crops(path: Path) -> np.ndarray:
    """Parts of the photo as -1..1, [count, SIDE, SIDE, 3]."""
    photo = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 127.5 - 1
    generator = np.random.default_rng(SEED)
    tops = generator.integers(0, photo.shape[0] - SIDE, CROP_COUNT)
    lefts = generator.integers(0, photo.shape[1] - SIDE, CROP_COUNT)
    return np.stack([photo[y : y + SIDE, x : x + SIDE] for y, x in zip(tops, lefts, strict=True)])


def settle(model: keras.Model, images: np.ndarray) -> None:
    """Gives each batch normalisation the statistics of `images`."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)
    last = next(layer for layer in reversed(model.layers) if layer.weights)
    kernel, *bias = last.get_weights()
    last.set_weights([kernel * CONTRAST, *bias])


def freeze(model: keras.Model) -> bytes:
    """The serialised GraphDef, with input `input`."""
    call = tf.function(lambda input: model(input, training=False))
    concrete = call.get_concrete_function(tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="input"))
    return convert_variables_to_constants_v2(concrete).graph.as_graph_def().SerializeToString(deterministic=True)


def main() -> None:
    images, folder = crops(Path(sys.argv[1])), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in MODELS.items():
        keras.utils.set_random_seed(SEED)
        model = build()
        settle(model, images)
        (folder / f"{name}.pb").write_bytes(freeze(model))
    (folder / "labels.txt").write_text("".join(f"class {index}\n" for index in range(CLASS_COUNT)))


if __name__ == "__main__":
    main()
