"""A trained net as a frozen GraphDef, in one of the forms that people publish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from .nets import BN_EPSILON, Array, Layer, Weights
from .preprocessing import Preprocessing

raw = tf.raw_ops
QUANTIZED_SIZE_MIN = 1024


@dataclass(frozen=True)
class Form:
    """How a net is written.

    `naming` is slim, keras1, keras2 or odd; `norm` is unfused, fused1, fused2,
    fused3, folded, folded8 (with kernels of eight bits) or multiply; `outside` says what is left to the caller when
    the graph normalises itself (raw, unit or uint8), or is empty.
    """

    naming: str
    norm: str
    layout: str = "NHWC"
    tail: str = "probabilities"
    outside: str = ""
    batch: int | None = None

    @property
    def name(self) -> str:
        parts = [self.naming, self.norm, self.layout.lower(), self.tail[:5], self.outside]
        return "-".join(part for part in parts if part)


class Names:
    """Node names in the manner of one maker."""

    def __init__(self, naming: str) -> None:
        self.naming = naming
        self.counts: dict[str, int] = {}

    def scope(self, kind: str) -> str:
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        match self.naming:
            case "slim":
                suffix = {"conv": "", "depthwise": "_depthwise", "dense": "_logits"}.get(kind, f"_{kind}")
                return f"MobilenetV1/Conv2d_{number}{suffix}"
            case "keras1":
                keras = {"conv": "conv2d", "depthwise": "depthwise_conv2d", "norm": "batch_normalization"}
                return f"{keras.get(kind, kind)}_{number + 1}"
            case "keras2":
                keras = {"conv": "conv2d", "depthwise": "depthwise_conv2d", "norm": "batch_normalization"}
                return f"sequential/{keras.get(kind, kind)}" + (f"_{number}" if number else "")
        return ""

    def node(self, scope: str, leaf: str) -> str:
        if self.naming == "odd":
            number = self.counts.get("", 0)
            self.counts[""] = number + 1
            return f"n{number}"
        return f"{scope}/{leaf}" if scope else leaf


def fold(layers: list[Layer], weights: Weights) -> tuple[list[Layer], Weights]:
    """Folds each norm that stands right behind a convolution into it."""
    folded_layers: list[Layer] = []
    folded: Weights = []
    for layer, entry in zip(layers, weights, strict=True):
        before = folded_layers[-1] if folded_layers else None
        if layer.kind != "norm" or before is None or before.kind not in ("conv", "depthwise"):
            folded_layers.append(layer)
            folded.append(dict(entry))
            continue
        scale, offset = scale_and_offset(entry)
        kernel = folded[-1]["kernel"]
        by_channel = scale[:, None] if before.kind == "depthwise" else scale
        bias = folded[-1].get("bias", np.zeros_like(scale))
        folded[-1] = {"kernel": kernel * by_channel, "bias": bias * scale + offset}
    return folded_layers, folded


def scale_and_offset(entry: dict[str, Array]) -> tuple[Array, Array]:
    """BatchNorm as `x * scale + offset`."""
    scale = entry["gamma"] / np.sqrt(entry["variance"] + BN_EPSILON)
    return scale, entry["beta"] - entry["mean"] * scale


class Writer:
    """Writes layers into the current tf.Graph."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.names = Names(form.naming)

    def constant(self, scope: str, leaf: str, value: Array):
        """A constant as its maker reads it: behind an Identity where variables were frozen."""
        match self.form.naming:
            case "slim" | "keras1":
                frozen = tf.constant(value, name=self.names.node(scope, leaf))
                return raw.Identity(input=frozen, name=self.names.node(scope, f"{leaf}/read"))
            case "keras2":
                frozen = tf.constant(value, name=self.names.node(scope, f"{leaf}/ReadVariableOp/resource"))
                return raw.Identity(input=frozen, name=self.names.node(scope, f"{leaf}/ReadVariableOp"))
        return tf.constant(value, name=self.names.node(scope, leaf))

    def eight_bits(self, scope: str, leaf: str, value: Array):
        """A constant of eight bits from its least to its largest value, as TensorFlow's `quantize_weights` writes it.

        Small ones stay as they are, there and here.
        """
        if value.size < QUANTIZED_SIZE_MIN:
            return self.constant(scope, leaf, value)
        low, high = min(float(value.min()), 0.0), max(float(value.max()), 0.0)
        node = self.names.node
        step = max(high - low, 1e-12) / 255
        # As `Dequantize` has it in this mode: 0 is one of the values.
        levels = np.round(value / step) - np.round(low / step)
        steps = np.clip(levels, 0, 255).astype(np.uint8).astype(tf.quint8.as_numpy_dtype)
        return raw.Dequantize(
            input=tf.constant(steps, tf.quint8, name=node(scope, f"{leaf}_const")),
            min_range=tf.constant(np.float32(low), name=node(scope, f"{leaf}_min")),
            max_range=tf.constant(np.float32(high), name=node(scope, f"{leaf}_max")),
            mode="MIN_FIRST",
            name=node(scope, leaf),
        )

    def channels(self, values: Array) -> Array:
        """Per-channel values in the shape that broadcasts over the layout."""
        return values.reshape(-1, 1, 1) if self.form.layout == "NCHW" else values

    def spatial(self, value: int) -> list[int]:
        return [1, 1, value, value] if self.form.layout == "NCHW" else [1, value, value, 1]

    def normalisation(self, tensor, preprocessing: Preprocessing):
        """What the form's `outside` leaves to the graph, as Sub and RealDiv or as Mul and Sub."""
        scale = 255.0 if self.form.outside == "unit" else 1.0
        mean = np.array(preprocessing.mean, np.float32) / scale
        std = np.array(preprocessing.std, np.float32) / scale
        if self.form.naming == "slim":
            factor = self.channels(1 / std)
            tensor = raw.Mul(x=tensor, y=tf.constant(factor, name="hub_input/Mul/y"), name="hub_input/Mul")
            shift = tf.constant(self.channels(mean / std), name="hub_input/Sub/y")
            return raw.Sub(x=tensor, y=shift, name="hub_input/Sub")
        if mean.any():
            tensor = raw.Sub(
                x=tensor,
                y=tf.constant(self.channels(mean), name=self.names.node("", "sub/y")),
                name=self.names.node("", "sub"),
            )
        if (std != 1).any():
            tensor = raw.RealDiv(
                x=tensor,
                y=tf.constant(self.channels(std), name=self.names.node("", "truediv/y")),
                name=self.names.node("", "truediv"),
            )
        return tensor

    def convolution(self, layer: Layer, entry: dict[str, Array], tensor):
        scope = self.names.scope(layer.kind)
        leaf = "weights" if self.form.naming == "slim" else "kernel"
        write = self.eight_bits if self.form.norm == "folded8" else self.constant
        kernel = write(scope, leaf, entry["kernel"])
        arguments = {
            "input": tensor,
            "filter": kernel,
            "strides": self.spatial(layer.stride),
            "padding": "SAME",
            "data_format": self.form.layout,
        }
        if layer.kind == "conv":
            tensor = raw.Conv2D(**arguments, name=self.names.node(scope, "Conv2D"))
        else:
            tensor = raw.DepthwiseConv2dNative(**arguments, name=self.names.node(scope, "depthwise"))
        if "bias" not in entry:
            return tensor
        if self.form.layout == "NCHW" and self.form.norm.startswith("folded"):
            bias = self.constant(scope, "bias", self.channels(entry["bias"]))
            return raw.AddV2(x=tensor, y=bias, name=self.names.node(scope, "add"))
        bias = self.constant(scope, "bias", entry["bias"])
        name = self.names.node(scope, "BiasAdd")
        return raw.BiasAdd(value=tensor, bias=bias, data_format=self.form.layout, name=name)

    def norm(self, entry: dict[str, Array], tensor):
        scope = self.names.scope("norm")
        node = self.names.node
        if self.form.norm in ("folded", "folded8", "multiply"):
            scale, offset = scale_and_offset(entry)
            scaled = raw.Mul(
                x=tensor, y=self.constant(scope, "mul", self.channels(scale)), name=node(scope, "mul_1")
            )
            shift = self.constant(scope, "sub", self.channels(offset))
            return raw.Add(x=scaled, y=shift, name=node(scope, "add_1"))
        reshape = self.channels if self.form.norm == "unfused" else lambda values: values
        gamma, beta, mean, variance = (
            self.constant(scope, leaf, reshape(entry[key]))
            for leaf, key in (
                ("gamma", "gamma"), ("beta", "beta"), ("moving_mean", "mean"), ("moving_variance", "variance"),
            )
        )
        if self.form.norm == "unfused":
            epsilon = tf.constant(np.float32(BN_EPSILON), name=node(scope, "batchnorm/add/y"))
            added = raw.AddV2(x=variance, y=epsilon, name=node(scope, "batchnorm/add"))
            root = raw.Rsqrt(x=added, name=node(scope, "batchnorm/Rsqrt"))
            scale = raw.Mul(x=root, y=gamma, name=node(scope, "batchnorm/mul"))
            scaled = raw.Mul(x=tensor, y=scale, name=node(scope, "batchnorm/mul_1"))
            shift = raw.Mul(x=mean, y=scale, name=node(scope, "batchnorm/mul_2"))
            offset = raw.Sub(x=beta, y=shift, name=node(scope, "batchnorm/sub"))
            return raw.AddV2(x=scaled, y=offset, name=node(scope, "batchnorm/add_1"))
        op = {
            "fused1": raw.FusedBatchNorm, "fused2": raw.FusedBatchNormV2, "fused3": raw.FusedBatchNormV3,
        }[self.form.norm]
        normed = op(
            x=tensor, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=BN_EPSILON,
            data_format=self.form.layout, is_training=False, name=node(scope, op.__name__.split(".")[-1]),
        )
        return normed.y

    def dense(self, entry: dict[str, Array], tensor):
        scope = self.names.scope("dense")
        kernel = self.constant(scope, "kernel", entry["kernel"])
        tensor = raw.MatMul(a=tensor, b=kernel, name=self.names.node(scope, "MatMul"))
        bias = self.constant(scope, "bias", entry["bias"])
        return raw.BiasAdd(value=tensor, bias=bias, name=self.names.node(scope, "BiasAdd"))

    def write(self, layers: list[Layer], weights: Weights, tensor):
        node = self.names.node
        for layer, entry in zip(layers, weights, strict=True):
            match layer.kind:
                case "conv" | "depthwise":
                    tensor = self.convolution(layer, entry, tensor)
                case "norm":
                    tensor = self.norm(entry, tensor)
                case "dense":
                    tensor = self.dense(entry, tensor)
                case "relu":
                    tensor = raw.Relu(features=tensor, name=node(self.names.scope("activation"), "Relu"))
                case "relu6":
                    tensor = raw.Relu6(features=tensor, name=node(self.names.scope("activation"), "Relu6"))
                case "maxpool":
                    window = self.spatial(layer.size)
                    tensor = raw.MaxPool(
                        input=tensor, ksize=window, strides=window, padding="VALID",
                        data_format=self.form.layout, name=node(self.names.scope("pool"), "MaxPool"),
                    )
                case "flatten":
                    shape = tf.constant([-1, int(np.prod(tensor.shape[1:]))], name=node("flatten", "shape"))
                    tensor = raw.Reshape(tensor=tensor, shape=shape, name=node("flatten", "Reshape"))
                case "average":
                    axes = tf.constant([2, 3] if self.form.layout == "NCHW" else [1, 2], name=node("mean", "axes"))
                    tensor = raw.Mean(input=tensor, axis=axes, name=node("mean", "Mean"))
        return tensor


def freeze(
    layers: list[Layer], weights: Weights, preprocessing: Preprocessing, side: int, form: Form, head: str
) -> tuple[bytes, dict]:
    """The GraphDef's bytes and its truth: input, output and pre-processing."""
    if form.norm.startswith("folded"):
        layers, weights = fold(layers, weights)
    if form.layout == "NCHW":
        layers, weights = channels_first(layers, weights, side, preprocessing.channel_count)
    channels = preprocessing.channel_count
    shape = [form.batch, channels, side, side] if form.layout == "NCHW" else [form.batch, side, side, channels]
    dtype = tf.uint8 if form.outside == "uint8" else tf.float32
    input_name = {"slim": "input", "keras1": "conv2d_1_input", "keras2": "x", "odd": "tensor_in"}[form.naming]
    with tf.Graph().as_default() as graph:
        writer = Writer(form)
        tensor = raw.Placeholder(dtype=dtype, shape=shape, name=input_name)
        if form.naming == "keras1":
            raw.PlaceholderWithDefault(input=tf.constant(False), shape=[], name="keras_learning_phase")
        if form.outside == "uint8":
            tensor = raw.Cast(x=tensor, DstT=tf.float32, name="Cast")
        if form.outside:
            tensor = writer.normalisation(tensor, preprocessing)
        tensor = writer.write(layers, weights, tensor)
        if form.tail == "probabilities":
            scope = writer.names.scope("predictions")
            if head == "softmax":
                tensor = raw.Softmax(logits=tensor, name=writer.names.node(scope, "Softmax"))
            else:
                tensor = raw.Sigmoid(x=tensor, name=writer.names.node(scope, "Sigmoid"))
        if form.naming == "keras2":
            nothing = tf.no_op(name="NoOp")
            with tf.control_dependencies([nothing]):
                tensor = raw.Identity(input=tensor, name="Identity")
    probabilities = "softmax" if head == "softmax" else "sigmoid"
    kept_outside = {"raw": 1.0, "uint8": 1.0, "unit": 255.0}.get(form.outside)
    truth = {
        "input": {"name": input_name, "dtype": dtype.name, "shape": shape},
        "output": {
            "name": tensor.op.name,
            "kind": probabilities if form.tail == "probabilities" else "logits",
            "classes": int(tensor.shape[1]),
        },
        "preprocess": {
            "size": side,
            "mean": [0.0] * channels if kept_outside else list(preprocessing.mean),
            "std": [kept_outside] * channels if kept_outside else list(preprocessing.std),
            "order": preprocessing.order,
            "layout": form.layout,
            "formula": "x=(pixel-mean)/std",
        },
    }
    return graph.as_graph_def().SerializeToString(), truth


def channels_first(
    layers: list[Layer], weights: Weights, side: int, channels: int
) -> tuple[list[Layer], Weights]:
    """Reorders the rows of the dense layer behind a flatten, whose features come channel by channel."""
    reordered: Weights = []
    flattened: tuple[int, int] | None = None
    for layer, entry in zip(layers, weights, strict=True):
        changed = dict(entry)
        if layer.kind == "dense" and flattened:
            rows, count = flattened
            kernel = entry["kernel"].reshape(rows, rows, count, -1)
            changed["kernel"] = np.ascontiguousarray(kernel.transpose(2, 0, 1, 3)).reshape(rows * rows * count, -1)
            flattened = None
        if layer.kind == "conv":
            channels = layer.units
        if layer.kind == "flatten":
            flattened = (side, channels)
        if layer.stride > 1:
            side = side // layer.stride if layer.kind == "maxpool" else -(-side // layer.stride)
        reordered.append(changed)
    return layers, reordered
