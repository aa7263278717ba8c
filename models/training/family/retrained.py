"""Retrains published ImageNet nets on small sets of photos, as most frozen graphs came to be.

    python -m family.retrained --data DIR --bases DIR --out DIR

`--bases` holds Google's `mobilenet_v1_0.25_128` and `mobilenet_v1_0.25_224` as frozen graphs `NAME.pb`, trained on
-1..1. Another pre-processing is put into the first kernel and the moments behind it, which is exact but for the edges;
then a new last layer alone is trained (`head`), or after it all layers a little, so that all moments become those of
the new photos (`all`), or all layers but the first once the batch normalisation was folded away (`unnormed`). `scratch`
are nets without batch normalisation that are trained from nothing on three classes, which such nets learn well in a
minute. No number of detection is fitted on these graphs, whose parts are `retrained` and, of what detection was not made
for, `newcomers`.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from .freeze import Form, fold
from .make import label_names, photos, write
from .nets import BN_EPSILON, Array, Layer, Training, Weights, accuracy, architecture, forward, train
from .plan import (
    FOLDED, FOLDED_KERAS, FOLDED_NCHW, FOLDED_ODD, KERAS1, KERAS2, MUL_ADD, NCHW, ODD, SLIM, SLIM_FUSED, Net, inside,
)
from .preprocessing import PREPROCESSINGS, Preprocessing

EIGHT_BITS = Form("slim", "folded8")
EIGHT_BITS_ODD = Form("odd", "folded8", tail="logits")
BASE_SCALE = 127.5
SCRATCH_CLASSES = 3
TRAIN_PHOTO_COUNT, SCRATCH_PHOTO_COUNT, TEST_PHOTO_COUNT = 1600, 4500, 200


def _net(preprocessing: str, how: str, photo_set: str, side: int, *forms: Form, **more) -> Net:
    return Net(preprocessing, how, photo_set, side, "retrained", forms, **more)


NETS: tuple[Net, ...] = (
    _net("symmetric", "head", "flowers5", 128, SLIM, EIGHT_BITS),
    _net("unit", "all", "waste6", 128, KERAS2, FOLDED),
    _net("caffe", "all", "imagenette10", 128, KERAS2, FOLDED),
    _net("imagenet", "all", "flowers5", 128, NCHW, EIGHT_BITS),
    _net("raw", "all", "imagenette10", 128, KERAS1, FOLDED),
    _net("unit_bgr", "all", "imagenette10", 128, KERAS2, EIGHT_BITS),
    _net("unit", "head", "flowers5", 224, SLIM_FUSED, FOLDED_ODD),
    _net("raw_bgr", "head", "imagenette10", 128, ODD, FOLDED),
    _net("signed", "head", "imagenette10", 128, KERAS1, EIGHT_BITS),
    _net("twice", "all", "imagenette10", 128, KERAS2, FOLDED),
    _net("double", "head", "imagenette10", 128, MUL_ADD, SLIM),
    _net("unit_gray", "all", "imagenette10", 128, KERAS1, FOLDED_KERAS),
    _net("unit_gray3", "all", "imagenette10", 128, KERAS2, EIGHT_BITS),
    _net("cifar", "all", "imagenette10", 128, NCHW, FOLDED_NCHW),
    _net("svhn", "head", "waste6", 128, ODD, FOLDED_ODD),
    _net("hundredth", "head", "imagenette10", 128, KERAS2, FOLDED),
    _net("symmetric_bgr", "all", "waste6", 128, SLIM, EIGHT_BITS_ODD),
    _net("unit", "scratch", "imagenette10", 64, KERAS2),
    _net("symmetric", "scratch", "imagenette10", 64, KERAS1, initialiser="he"),
    _net("caffe", "scratch", "imagenette10", 64, ODD, rate=5e-4),
    _net("symmetric", "unnormed", "imagenette10", 128, SLIM, EIGHT_BITS),
    _net("unit", "unnormed", "imagenette10", 128, KERAS2),
    _net("imagenet", "unnormed", "waste6", 128, ODD),
    _net("caffe", "head", "imagenette10", 128, SLIM, FOLDED_NCHW),
    _net("imagenet", "head", "imagenette10", 128, KERAS2, inside(EIGHT_BITS, "unit")),
    _net("symmetric", "all", "imagenette10", 128, KERAS1, inside(KERAS2, "unit"), EIGHT_BITS),
    _net("centred", "head", "imagenette10", 128, SLIM_FUSED, FOLDED),
    _net("raw", "head", "imagenette10", 128, SLIM, EIGHT_BITS),
    _net("symmetric_gray", "all", "imagenette10", 128, SLIM, FOLDED),
    _net("symmetric_gray3", "head", "imagenette10", 128, SLIM, FOLDED),
    _net("raw_gray", "all", "imagenette10", 128, KERAS2),
    _net("imagenet_bgr", "head", "imagenette10", 128, KERAS2, FOLDED),
    _net("raw", "scratch", "imagenette10", 64, KERAS2, rate=5e-4),
    _net("unit_bgr", "scratch", "imagenette10", 64, KERAS1),
    _net("unit_mean_bgr", "head", "imagenette10", 128, SLIM_FUSED),
    _net("caffe_scaled", "head", "imagenette10", 128, ODD),
    _net("twice_gray", "all", "imagenette10", 128, KERAS1, FOLDED_KERAS),
    _net("unit_double", "head", "imagenette10", 128, KERAS2, FOLDED),
)


def _newcomer(preprocessing: str, how: str, photo_set: str, side: int, *forms: Form, **more) -> Net:
    return Net(preprocessing, how, photo_set, side, "newcomers", forms, **more)


# What detection was not made for.
NEWCOMERS: tuple[Net, ...] = (
    _newcomer("offcentre", "all", "imagenette10", 128, KERAS2, FOLDED),
    _newcomer("std_only", "head", "imagenette10", 128, KERAS1, FOLDED),
    # Divided by 255 by the graph and by whoever feeds it.
    _newcomer("twice", "head", "imagenette10", 128, inside(KERAS2, "unit"), inside(FOLDED, "unit")),
    _newcomer("unit", "head", "flowers5", 299, SLIM_FUSED, FOLDED),
    _newcomer("signed", "head", "imagenette10", 128, inside(EIGHT_BITS_ODD, "uint8")),
    _newcomer("raw_bgr", "scratch", "imagenette10", 64, KERAS2, rate=5e-4),
    _newcomer("inverted_gray", "all", "imagenette10", 128, KERAS2, FOLDED),
    _newcomer("inverted_gray", "scratch", "imagenette10", 64, KERAS1),
    _newcomer("symmetric", "all", "imagenette10", 128, NCHW, FOLDED_NCHW),
    _newcomer("own", "all", "flowers5", 128, ODD, FOLDED),
    _newcomer("by_128", "head", "imagenette10", 128, KERAS1, FOLDED),
    _newcomer("caffe", "all", "imagenette10", 128, NCHW, FOLDED_NCHW),
    _newcomer("symmetric_bgr", "scratch", "imagenette10", 64, NCHW, initialiser="he"),
)


def base_weights(graph_file: Path) -> Weights:
    """The weights of a frozen MobileNet V1 by the layers of `mobilenet_v1_0.25`, but for the last one."""
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString(graph_file.read_bytes())
    constants = {node.name: node.attr["value"].tensor for node in definition.node if node.op == "Const"}

    def stage(scope: str, leaf: str) -> Weights:
        def value(name: str) -> Array:
            return tf.make_ndarray(constants[f"MobilenetV1/{scope}/{name}"])

        norm = {
            key: value(f"BatchNorm/{name}")
            for key, name in (
                ("gamma", "gamma"), ("beta", "beta"), ("mean", "moving_mean"), ("variance", "moving_variance"),
            )
        }
        return [{"kernel": value(leaf)}, norm, {}]

    weights = stage("Conv2d_0", "weights")
    for at in range(1, 14):
        weights += stage(f"Conv2d_{at}_depthwise", "depthwise_weights") + stage(f"Conv2d_{at}_pointwise", "weights")
    return [*weights, {}]


def fed_with(weights: Weights, preprocessing: Preprocessing) -> Weights:
    """The same net for another pre-processing: its first kernel, as long as before, and the moments behind it.

    Exact but for the edges, where padding is 0 and so another colour than before.
    """
    kernel = weights[0]["kernel"]
    if preprocessing.order == "bgr":
        kernel = kernel[:, :, ::-1]
    elif preprocessing.channel_count == 1:
        kernel = kernel.sum(2, keepdims=True)
    mean, std = (np.array(values, np.float64)[:, None] for values in (preprocessing.mean, preprocessing.std))
    shift = (kernel * ((BASE_SCALE - mean) / BASE_SCALE)).sum((0, 1, 2))
    turned = kernel * (std / BASE_SCALE)
    length = np.linalg.norm(kernel) / np.linalg.norm(turned)
    norm = weights[1]
    variance = norm["variance"].astype(np.float64)
    changed = {
        "mean": length * (norm["mean"] + shift),
        "variance": length**2 * variance,
        "gamma": norm["gamma"] * np.sqrt(length**2 * variance + BN_EPSILON) / (length * np.sqrt(variance + BN_EPSILON)),
        "beta": norm["beta"],
    }
    first = {"kernel": (length * turned).astype(np.float32)}
    return [first, {key: value.astype(np.float32) for key, value in changed.items()}, *weights[2:]]


def head(
    layers: list[Layer], weights: Weights, tensors: Array, label_indices: NDArray[np.int64], class_count: int
) -> dict[str, Array]:
    """The last layer, trained on what the others make of the photos."""
    parts = [tf.constant(tensors[at : at + 100]) for at in range(0, len(tensors), 100)]
    features = tf.concat([forward(layers[:-1], weights, part, training=False)[0] for part in parts], 0)
    kernel = tf.Variable(tf.zeros([features.shape[1], class_count]))
    bias = tf.Variable(tf.zeros([class_count]))
    optimizer = tf.keras.optimizers.Adam(0.01)
    for _ in range(200):
        with tf.GradientTape() as tape:
            logits = features @ kernel + bias
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(label_indices, logits)
            loss = tf.reduce_mean(losses) + 1e-3 * tf.nn.l2_loss(kernel)
        optimizer.apply_gradients(zip(tape.gradient(loss, [kernel, bias]), [kernel, bias], strict=True))
    return {"kernel": kernel.numpy(), "bias": bias.numpy()}


def make_net(net: Net, data: Path, bases: Path, out: Path) -> None:
    """Retrains one net, freezes its forms and writes them with their truths."""
    folders = [out / "graphs" / f"{net.name}-{form.name}" for form in net.forms]
    if all((folder / "meta.json").exists() for folder in folders):
        return
    began = time.process_time()
    preprocessing = PREPROCESSINGS[net.preprocessing]
    is_scratch = net.architecture == "scratch"
    labels = label_names(data, net.photos)
    train_count = SCRATCH_PHOTO_COUNT if is_scratch else TRAIN_PHOTO_COUNT
    parts = [
        photos(data, out / "cache", net.photos, split, net.side, count)
        for split, count in (("train", train_count), ("test", 1000 if is_scratch else TEST_PHOTO_COUNT))
    ]
    if is_scratch:
        labels = labels[:SCRATCH_CLASSES]
        parts = [(pixels[indices < len(labels)], indices[indices < len(labels)]) for pixels, indices in parts]
    (train_pixels, train_labels), (test_pixels, test_labels) = parts
    tensors = preprocessing.apply(train_pixels)
    seed = int.from_bytes(hashlib.sha256(net.name.encode()).digest()[:4], "big")
    if is_scratch:
        layers = architecture("plain", len(labels))
        training = Training(20, 25, "softmax", net.initialiser, net.momentum, net.rate)
        weights = train(layers, tensors, train_labels, training, seed)
    else:
        layers = architecture("mobilenet_v1_0.25", len(labels))
        base = bases / f"mobilenet_v1_0.25_{128 if net.side == 128 else 224}.pb"
        weights = fed_with(base_weights(base), preprocessing)
        weights = [*weights, head(layers, weights, tensors, train_labels, len(labels))]
        if net.architecture == "unnormed":
            layers, weights = fold(layers, weights)
        if net.architecture != "head":
            training = Training(1, 25, "softmax", "", 0.85, 5e-4 if net.architecture == "all" else 2e-4)
            fixed = 2 if net.architecture == "unnormed" else 0
            weights = train(layers, tensors, train_labels, training, seed, weights, fixed)
    share = accuracy(layers, weights, preprocessing.apply(test_pixels), test_labels, "softmax")
    write(net, layers, weights, labels, share, folders)
    print(f"{net.name}: {share:.3f} of the test photos, {time.process_time() - began:.0f} CPU s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of SET/SPLIT/LABEL/NAME.jpg")
    parser.add_argument("--bases", type=Path, required=True, help="folder of the ImageNet nets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the graphs; not in the repository")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for net in (*NETS, *NEWCOMERS):
        make_net(net, arguments.data, arguments.bases, arguments.out)
        tf.keras.backend.clear_session()


if __name__ == "__main__":
    main()
