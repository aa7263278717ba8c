"""The pre-processings that people train with, as data.

Each is `(pixel - mean) / std` on 0-255 pixels, per channel in `order`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Preprocessing:
    """Mean and std are in the channel order of the tensor; "gray->rgb" is grey in each of three channels."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: str

    @property
    def channel_count(self) -> int:
        return 1 if self.order == "gray" else 3

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N x H x W x 3 RGB bytes to the tensor that the net sees."""
        ordered = pixels.astype(np.float32)
        if self.order == "bgr":
            ordered = ordered[..., ::-1]
        elif self.order.startswith("gray"):
            # ITU-R BT.601 luma, as Pillow's "L" and OpenCV's grey have it.
            ordered = ordered @ np.array([0.299, 0.587, 0.114], np.float32)
            ordered = np.repeat(ordered[..., None], self.channel_count, axis=-1)
        mean = np.array(self.mean, np.float32)
        std = np.array(self.std, np.float32)
        return np.ascontiguousarray((ordered - mean) / std, dtype=np.float32)


def _same(mean: float, std: float, order: str) -> Preprocessing:
    count = 1 if order == "gray" else 3
    return Preprocessing((mean,) * count, (std,) * count, order)


# torchvision's ImageNet statistics and Caffe's ImageNet mean (BGR), both on 0-255.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
# CIFAR-10's and SVHN's as pytorch-cifar and its kin publish them, and those of a set of grey chest X-rays, on 0-255.
CIFAR_MEAN, CIFAR_STD = (125.307, 122.961, 113.8575), (51.5865, 50.847, 51.255)
SVHN_MEAN, SVHN_STD = (111.61, 113.16, 120.57), (50.5, 51.26, 50.23)
XRAY_MEAN, XRAY_STD = 122.99, 60.26

PREPROCESSINGS: dict[str, Preprocessing] = {
    "unit": _same(0.0, 255.0, "rgb"),
    "symmetric": _same(127.5, 127.5, "rgb"),
    "raw": _same(0.0, 1.0, "rgb"),
    "centred": _same(127.5, 255.0, "rgb"),
    "imagenet": Preprocessing(IMAGENET_MEAN, IMAGENET_STD, "rgb"),
    "imagenet_bgr": Preprocessing(IMAGENET_MEAN[::-1], IMAGENET_STD[::-1], "bgr"),
    "caffe": Preprocessing(CAFFE_MEAN_BGR, (1.0, 1.0, 1.0), "bgr"),
    "unit_bgr": _same(0.0, 255.0, "bgr"),
    "symmetric_bgr": _same(127.5, 127.5, "bgr"),
    "raw_bgr": _same(0.0, 1.0, "bgr"),
    "unit_gray": _same(0.0, 255.0, "gray"),
    "symmetric_gray": _same(127.5, 127.5, "gray"),
    "raw_gray": _same(0.0, 1.0, "gray"),
    # Divided by 255 by the data set and once more by the net.
    "twice": _same(0.0, 255.0**2, "rgb"),
    "twice_gray": _same(0.0, 255.0**2, "gray"),
    # Divided by 255 and then scaled as if it were not.
    "twice_symmetric": _same(127.5 * 255, 127.5 * 255, "rgb"),
    # -2..2, 0..2 and x / 100.
    "double": _same(127.5, 63.75, "rgb"),
    "unit_double": _same(0.0, 127.5, "rgb"),
    "hundredth": _same(0.0, 100.0, "rgb"),
    # x / 128 - 1.
    "signed": _same(128.0, 128.0, "rgb"),
    "cifar": Preprocessing(CIFAR_MEAN, CIFAR_STD, "rgb"),
    "svhn": Preprocessing(SVHN_MEAN, SVHN_STD, "rgb"),
    "xray_gray": _same(XRAY_MEAN, XRAY_STD, "gray"),
    # 0..1 with the means subtracted, blue first.
    "unit_mean_bgr": Preprocessing(IMAGENET_MEAN[::-1], (255.0,) * 3, "bgr"),
    # Grey photos in three channels.
    "unit_gray3": _same(0.0, 255.0, "gray->rgb"),
    "symmetric_gray3": _same(127.5, 127.5, "gray->rgb"),
    # What nobody lists: another middle than the half range's, deviations without means, a power of two, a set's own
    # moments, dark for light.
    "offcentre": _same(120.0, 127.5, "rgb"),
    "std_only": Preprocessing((0.0,) * 3, IMAGENET_STD, "rgb"),
    "by_128": _same(0.0, 128.0, "rgb"),
    "own": Preprocessing((117.3, 107.1, 77.0), (75.6, 69.3, 75.1), "rgb"),
    "inverted_gray": _same(255.0, -255.0, "gray"),
    # Caffe's mean and its scale of 0.017.
    "caffe_scaled": Preprocessing(CAFFE_MEAN_BGR, (1 / 0.017,) * 3, "bgr"),
}
