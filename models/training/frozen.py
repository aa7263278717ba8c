"""Write a trained net as a frozen TensorFlow graph.

    python frozen.py --weights flowers5.pt --size 128 --out graph.pb

Nodes: `input` (float32, [-1, S, S, 3], -1..1), `features` (the pooled vector),
`logits`, `final_result` (softmax). BatchNorm stays its own node with the
moments as constants. Scopes follow slim's MobilenetV2.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf
import torch
from numpy.typing import NDArray
from torch import Tensor

from net import BATCH_NORM_EPSILON, ConvNorm, Net

SCOPE = "MobilenetV2"


def hwio(kernel: Tensor) -> NDArray[np.float32]:
    """PyTorch's output, input, height, width as TensorFlow's height, width, input, output."""
    return kernel.detach().permute(2, 3, 1, 0).contiguous().numpy()


def constant(value: NDArray[np.float32], name: str) -> tf.Tensor:
    return tf.constant(value, dtype=tf.float32, name=name)


def conv_norm(x: tf.Tensor, layer: ConvNorm, scope: str) -> tf.Tensor:
    """Conv2D or DepthwiseConv2dNative, FusedBatchNormV3, and Relu6 unless linear."""
    strides = [1, layer.stride, layer.stride, 1]
    if layer.depthwise:
        kernel = layer.conv.weight.detach().permute(2, 3, 0, 1).contiguous().numpy()
        weights = constant(kernel, f"{scope}/depthwise_weights")
        x = tf.raw_ops.DepthwiseConv2dNative(
            input=x, filter=weights, strides=strides, padding="SAME", name=f"{scope}/depthwise"
        )
    else:
        weights = constant(hwio(layer.conv.weight), f"{scope}/weights")
        x = tf.raw_ops.Conv2D(
            input=x, filter=weights, strides=strides, padding="SAME", name=f"{scope}/Conv2D"
        )
    norm = layer.norm
    x = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=constant(norm.weight.detach().numpy(), f"{scope}/BatchNorm/gamma"),
        offset=constant(norm.bias.detach().numpy(), f"{scope}/BatchNorm/beta"),
        mean=constant(norm.running_mean.numpy(), f"{scope}/BatchNorm/moving_mean"),
        variance=constant(norm.running_var.numpy(), f"{scope}/BatchNorm/moving_variance"),
        epsilon=BATCH_NORM_EPSILON,
        is_training=False,
        name=f"{scope}/BatchNorm/FusedBatchNormV3",
    ).y
    return x if layer.linear else tf.raw_ops.Relu6(features=x, name=f"{scope}/Relu6")


def build(net: Net, size: int) -> tf.compat.v1.GraphDef:
    """The whole net at one input size."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, size, size, 3], name="input")
        x = conv_norm(x, net.stem, f"{SCOPE}/Conv")
        for position, block in enumerate(net.blocks):
            scope = f"{SCOPE}/expanded_conv" + (f"_{position}" if position else "")
            y = conv_norm(x, block.expand, f"{scope}/expand")
            if block.depthwise is not None:
                y = conv_norm(y, block.depthwise, f"{scope}/depthwise")
            y = conv_norm(y, block.project, f"{scope}/project")
            x = tf.raw_ops.AddV2(x=x, y=y, name=f"{scope}/add") if block.residual else y
        x = conv_norm(x, net.head, f"{SCOPE}/Conv_1")
        axes = tf.constant([1, 2], dtype=tf.int32, name=f"{SCOPE}/Logits/pool_axes")
        features = tf.raw_ops.Mean(input=x, axis=axes, keep_dims=False, name="features")
        kernel = net.classifier.weight.detach().t().contiguous().numpy()
        product = tf.raw_ops.MatMul(
            a=features,
            b=constant(kernel, f"{SCOPE}/Logits/weights"),
            name=f"{SCOPE}/Logits/MatMul",
        )
        bias = constant(net.classifier.bias.detach().numpy(), f"{SCOPE}/Logits/biases")
        logits = tf.raw_ops.BiasAdd(value=product, bias=bias, name="logits")
        tf.raw_ops.Softmax(logits=logits, name="final_result")
    return graph.as_graph_def()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--temperature", type=float, default=1.0, help="divides the logits")
    parser.add_argument("--labels-out", type=Path, help="also write labels.txt here")
    args = parser.parse_args()
    saved = torch.load(args.weights, weights_only=True)
    net = Net(len(saved["labels"]))
    net.load_state_dict(saved["state"])
    with torch.no_grad():
        net.classifier.weight /= args.temperature
        net.classifier.bias /= args.temperature
    net.eval()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(build(net, args.size).SerializeToString(deterministic=True))
    if args.labels_out:
        args.labels_out.write_text("".join(f"{label}\n" for label in saved["labels"]))
    print(f"{args.out.name}: {args.out.stat().st_size} bytes, {len(saved['labels'])} classes")


if __name__ == "__main__":
    main()
