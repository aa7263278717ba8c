"""The nets as lists of layers, and their training.

A layer's weights are a dictionary of arrays; a net is its layers and one such
dictionary per layer, which `freeze` writes as a graph.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

BN_EPSILON = 1e-3
WEIGHT_DECAY = 4e-5

Array = NDArray[np.float32]
Weights = list[dict[str, Array]]


@dataclass(frozen=True)
class Layer:
    """`kind` is conv, depthwise, dense, norm, relu, relu6, maxpool, flatten or average."""

    kind: str
    size: int = 0
    stride: int = 1
    units: int = 0
    bias: bool = False


def conv(units: int, size: int = 3, stride: int = 1, bias: bool = False) -> Layer:
    return Layer("conv", size, stride, units, bias)


def depthwise(size: int = 3, stride: int = 1, bias: bool = False) -> Layer:
    return Layer("depthwise", size, stride, 0, bias)


NORM, RELU, RELU6, AVERAGE = Layer("norm"), Layer("relu"), Layer("relu6"), Layer("average")
POOL = Layer("maxpool", 2, 2)
FLATTEN = Layer("flatten")


def dense(units: int) -> Layer:
    return Layer("dense", units=units, bias=True)


def _separable(units: int, stride: int = 1) -> list[Layer]:
    return [depthwise(stride=stride), NORM, RELU6, conv(units, 1), NORM, RELU6]


def architecture(name: str, class_count: int) -> list[Layer]:
    """One of the shapes of net that people publish, small."""
    head = [AVERAGE, dense(class_count)]
    match name:
        case "mobile":
            return [
                conv(16, stride=2), NORM, RELU6, *_separable(32), *_separable(64, 2),
                *_separable(64), *_separable(128, 2), *head,
            ]
        case "depthwise_first":
            return [*_separable(24, 2), *_separable(48, 2), *_separable(96, 2), *head]
        case "norm_after_bias":
            return [
                conv(16, bias=True), NORM, RELU, POOL, conv(32, bias=True), NORM, RELU, POOL,
                conv(64, bias=True), NORM, RELU, *head,
            ]
        case "norm_after_relu":
            return [
                conv(16, bias=True), RELU, NORM, POOL, conv(32, bias=True), RELU, NORM, POOL,
                conv(64, bias=True), RELU, NORM, *head,
            ]
        case "norm_after_pool":
            return [
                conv(16, 5, bias=True), RELU, POOL, NORM, conv(32, bias=True), RELU, POOL, NORM,
                conv(64, bias=True), RELU, *head,
            ]
        case "preactivation":
            return [
                conv(16), conv(16, 1, bias=True), NORM, RELU, conv(32, stride=2), NORM, RELU,
                conv(64, stride=2), NORM, RELU, *head,
            ]
        case "norm_on_input":
            return [NORM, conv(16, stride=2, bias=True), RELU, conv(32, bias=True), RELU, POOL,
                    conv(64, bias=True), RELU, *head]
        case "two_convs":
            return [
                conv(12, bias=True), RELU, conv(16, bias=True), NORM, RELU, POOL, conv(32, bias=True),
                NORM, RELU, POOL, conv(64, bias=True), NORM, RELU, *head,
            ]
        case "plain":
            return [
                conv(16, bias=True), RELU, POOL, conv(32, bias=True), RELU, POOL, conv(32, bias=True),
                RELU, POOL, FLATTEN, dense(48), RELU, dense(class_count),
            ]
        case "mobilenet_v1_0.25":
            units = [16, 32, 32, 64, 64, *[128] * 6, 256, 256]
            return [
                conv(8, stride=2), NORM, RELU6,
                *[
                    layer for at, count in enumerate(units)
                    for layer in _separable(count, 2 if at in (1, 3, 5, 11) else 1)
                ],
                *head,
            ]
        case "mobile_plain":
            return [
                conv(16, stride=2, bias=True), RELU6, depthwise(bias=True), RELU6,
                conv(32, 1, bias=True), RELU6, depthwise(stride=2, bias=True), RELU6,
                conv(64, 1, bias=True), RELU6, POOL, conv(64, bias=True), RELU6, *head,
            ]
    raise ValueError(f"unknown architecture {name!r}")


def initial_weights(
    layers: list[Layer], channel_count: int, side: int, initialiser: str, rng: np.random.Generator
) -> Weights:
    """Keras's Glorot-uniform, He-normal or slim's truncated normal with std 0.09."""
    weights: Weights = []
    channels = channel_count
    for layer in layers:
        entry: dict[str, Array] = {}
        if layer.kind in ("conv", "depthwise", "dense"):
            spatial = layer.size**2 if layer.kind != "dense" else 1
            if layer.kind == "depthwise":
                shape: tuple[int, ...] = (layer.size, layer.size, channels, 1)
                fan_in, fan_out = spatial, spatial
                outputs = channels
            elif layer.kind == "conv":
                shape = (layer.size, layer.size, channels, layer.units)
                fan_in, fan_out = spatial * channels, spatial * layer.units
                outputs = layer.units
            else:
                shape = (channels, layer.units)
                fan_in, fan_out = channels, layer.units
                outputs = layer.units
            if initialiser == "glorot":
                limit = math.sqrt(6 / (fan_in + fan_out))
                kernel = rng.uniform(-limit, limit, shape)
            elif initialiser == "he":
                kernel = rng.normal(0, math.sqrt(2 / fan_in), shape)
            else:
                kernel = np.clip(rng.normal(0, 0.09, shape), -0.18, 0.18)
            entry["kernel"] = kernel.astype(np.float32)
            if layer.bias:
                entry["bias"] = np.zeros(outputs, np.float32)
            channels = outputs
        elif layer.kind == "norm":
            entry = {
                "gamma": np.ones(channels, np.float32),
                "beta": np.zeros(channels, np.float32),
                "mean": np.zeros(channels, np.float32),
                "variance": np.ones(channels, np.float32),
            }
        elif layer.kind == "flatten":
            channels *= side * side
        if layer.stride > 1:
            side = side // layer.stride if layer.kind == "maxpool" else -(-side // layer.stride)
        weights.append(entry)
    return weights


def forward(layers, variables, tensor, training: bool):
    """Logits, and the batch moments of each norm layer (by layer index) when training."""
    moments = {}
    for index, (layer, entry) in enumerate(zip(layers, variables, strict=True)):
        strides = [1, layer.stride, layer.stride, 1]
        if layer.kind == "conv":
            tensor = tf.nn.conv2d(tensor, entry["kernel"], strides, "SAME")
        elif layer.kind == "depthwise":
            tensor = tf.nn.depthwise_conv2d(tensor, entry["kernel"], strides, "SAME")
        elif layer.kind == "dense":
            tensor = tensor @ entry["kernel"]
        elif layer.kind == "norm":
            mean, variance = entry["mean"], entry["variance"]
            if training:
                mean, variance = tf.nn.moments(tensor, [0, 1, 2])
                moments[index] = (mean, variance)
            tensor = tf.nn.batch_normalization(
                tensor, mean, variance, entry["beta"], entry["gamma"], BN_EPSILON
            )
        elif layer.kind == "relu":
            tensor = tf.nn.relu(tensor)
        elif layer.kind == "relu6":
            tensor = tf.nn.relu6(tensor)
        elif layer.kind == "maxpool":
            tensor = tf.nn.max_pool2d(tensor, layer.size, layer.stride, "VALID")
        elif layer.kind == "flatten":
            tensor = tf.reshape(tensor, [-1, int(np.prod(tensor.shape[1:]))])
        elif layer.kind == "average":
            tensor = tf.reduce_mean(tensor, [1, 2])
        if "bias" in entry:
            tensor = tensor + entry["bias"]
    return tensor, moments


@dataclass(frozen=True)
class Training:
    """How long and how a net is trained; `momentum` is that of the moving moments."""

    epochs: int
    cpu_seconds_max: float
    head: str
    initialiser: str
    momentum: float = 0.9
    rate: float = 2e-3
    batch: int = 64


def train(
    layers: list[Layer],
    photos: Array,
    label_indices: NDArray[np.int64],
    training: Training,
    seed: int,
    start: Weights | None = None,
    fixed: int = 0,
) -> Weights:
    """Adam with a cosine rate and mirrored photos; stops at the epoch or the CPU limit.

    Goes on from `start` where there is one; the `fixed` first layers stay as they are.
    """
    rng = np.random.default_rng(seed)
    start = start or initial_weights(layers, photos.shape[3], photos.shape[1], training.initialiser, rng)
    variables = [
        {
            name: tf.Variable(value, trainable=index >= fixed and name not in ("mean", "variance"))
            for name, value in entry.items()
        }
        for index, entry in enumerate(start)
    ]
    trained = [v for entry in variables for v in entry.values() if v.trainable]
    kernels = [entry["kernel"] for entry in variables if "kernel" in entry]
    first = [tf.Variable(tf.zeros_like(v)) for v in trained]
    second = [tf.Variable(tf.zeros_like(v)) for v in trained]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, *photos.shape[1:]], tf.float32),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([], tf.float32),
            tf.TensorSpec([], tf.float32),
        ]
    )
    def step(batch, labels, rate, step_number):
        with tf.GradientTape() as tape:
            logits, moments = forward(layers, variables, batch, training=True)
            if training.head == "softmax":
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            elif training.head == "sigmoid":
                targets = tf.one_hot(labels, logits.shape[1])
                losses = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), 1)
            else:
                targets = tf.cast(labels, tf.float32)
                losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits[:, 0])
            loss = tf.reduce_mean(losses) + WEIGHT_DECAY * tf.add_n([tf.nn.l2_loss(k) for k in kernels])
        for variable, gradient, m, v in zip(trained, tape.gradient(loss, trained), first, second, strict=True):
            m.assign(0.9 * m + 0.1 * gradient)
            v.assign(0.999 * v + 0.001 * gradient**2)
            corrected = m / (1 - 0.9**step_number)
            scale = tf.sqrt(v / (1 - 0.999**step_number)) + 1e-7
            variable.assign_sub(rate * corrected / scale)
        for index, (mean, variance) in moments.items():
            for name, value in (("mean", mean), ("variance", variance)):
                moving = variables[index][name]
                moving.assign(training.momentum * moving + (1 - training.momentum) * value)
        return loss

    batches = len(photos) // training.batch
    total = training.epochs * batches
    began = time.process_time()
    number = 0
    for _ in range(training.epochs):
        order = rng.permutation(len(photos))
        spent = time.process_time() - began
        for batch_index in range(batches):
            chosen = order[batch_index * training.batch : (batch_index + 1) * training.batch]
            batch = photos[chosen]
            if rng.random() < 0.5:
                batch = batch[:, :, ::-1]
            number += 1
            done = max(number / total, spent / training.cpu_seconds_max)
            rate = training.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))
            step(tf.constant(batch), tf.constant(label_indices[chosen]), rate, float(number))
        if time.process_time() - began > training.cpu_seconds_max:
            break
    return [{name: v.numpy() for name, v in entry.items()} for entry in variables]


def accuracy(layers, weights: Weights, photos: Array, label_indices, head: str) -> float:
    """Share of photos whose best class is the label."""
    right = 0
    for start in range(0, len(photos), 200):
        logits, _ = forward(layers, weights, tf.constant(photos[start : start + 200]), training=False)
        logits = logits.numpy()
        answers = (logits[:, 0] > 0).astype(int) if head == "binary" else logits.argmax(1)
        right += int((answers == label_indices[start : start + 200]).sum())
    return right / len(photos)
