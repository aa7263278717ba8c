"""Labelled photos on disk, decoded once and kept in memory.

The folder is `SET/SPLIT/LABEL/NAME.jpg`. A label's index is its place in the
sorted list of the set's label folders. The validation split is cut from
`train` by a hash of the file name, so it is the same in every run; the test
split is never looked at while training.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SETS: tuple[str, ...] = ("flowers5", "waste6", "imagenette10")
VALIDATION_PERCENT = 10

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Photo:
    """One decoded photo: height x width x 3, RGB, and where it came from."""

    pixels: Pixels
    label_index: int
    path: str


def labels_of(data: Path, set_name: str) -> list[str]:
    """The sorted label folders of a set's train split."""
    folder = data / set_name / "train"
    labels = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if not labels:
        raise FileNotFoundError(f"no label folders in {folder}")
    return labels


def is_validation(path: Path) -> bool:
    """Whether a photo of the train split belongs to the validation tenth."""
    digest = hashlib.sha256(f"{path.parent.name}/{path.name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < VALIDATION_PERCENT


def photo_paths(data: Path, set_name: str, split: str) -> list[Path]:
    """The photos of `train`, `test`, `fit` (train without validation) or `validation`."""
    folder = data / set_name / ("test" if split == "test" else "train")
    paths = sorted(folder.glob("*/*.jpg"))
    if split in ("train", "test"):
        return paths
    if split not in ("fit", "validation"):
        raise ValueError(f"unknown split {split!r}")
    return [path for path in paths if is_validation(path) == (split == "validation")]


def decode(path: Path) -> Pixels:
    """RGB pixels of one image file."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def load_photos(data: Path, set_name: str, split: str, label_offset: int = 0) -> list[Photo]:
    """Decode a split; `label_offset` shifts the indices for joint training."""
    index_of = {label: index for index, label in enumerate(labels_of(data, set_name))}
    return [
        Photo(
            decode(path),
            index_of[path.parent.name] + label_offset,
            f"{path.parent.name}/{path.name}",
        )
        for path in photo_paths(data, set_name, split)
    ]


def stretch(pixels: Pixels, size: int) -> Pixels:
    """The whole photo squashed to size x size: Pillow's antialiased triangle filter."""
    resized = Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def to_tensor(pixels: Pixels) -> NDArray[np.float32]:
    """What the graph is fed: (pixel - 127.5) / 127.5."""
    return (pixels.astype(np.float32) - 127.5) / 127.5
