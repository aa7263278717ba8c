"""Training batches: random crops of the stretched photo, flips, colour, mixing.

The service squashes the whole photo to a square, so a crop is a box in the
photo's own fractions (its area and its aspect jitter are relative to the whole
photo) that is squashed to the square in one antialiased step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from photos import Photo


@dataclass(frozen=True)
class Augmentation:
    """How strongly a batch is changed; the defaults are those of the final runs."""

    area_min: float = 0.25
    aspect_max: float = 1.5
    affine_chance: float = 0.3
    degrees_max: float = 25.0
    shear_max: float = 0.2
    colour: float = 0.3
    grey_chance: float = 0.03
    quarter_turns: bool = False


def random_box(
    height: int, width: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a crop."""
    area = rng.uniform(augmentation.area_min, 1.0)
    limit = math.log(augmentation.aspect_max)
    aspect = math.exp(rng.uniform(-limit, limit))
    box_height = min(height, max(8, round(height * math.sqrt(area / aspect))))
    box_width = min(width, max(8, round(width * math.sqrt(area * aspect))))
    top = int(rng.integers(0, height - box_height + 1))
    left = int(rng.integers(0, width - box_width + 1))
    return top, left, box_height, box_width


def affine(batch: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Rotate and shear each photo of a float batch a little, reflecting at the border."""
    count = batch.shape[0]
    angle = np.radians(rng.uniform(-augmentation.degrees_max, augmentation.degrees_max, count))
    shear = rng.uniform(-augmentation.shear_max, augmentation.shear_max, count)
    zero = np.zeros(count)
    rows = [
        [np.cos(angle), -np.sin(angle) + shear, zero],
        [np.sin(angle), np.cos(angle), zero],
    ]
    theta = torch.from_numpy(np.asarray(rows, dtype=np.float32).transpose(2, 0, 1))
    grid = functional.affine_grid(theta, list(batch.shape), align_corners=False)
    return functional.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)


def colour_jitter(batch: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Brightness, cast, contrast and saturation of 0..255 floats, as one 3x3 map a photo."""
    count = batch.shape[0]

    def factor(spread: float, channels: int = 1) -> NDArray[np.float32]:
        return rng.uniform(1 - spread, 1 + spread, (count, channels, 1)).astype(np.float32)

    spread = augmentation.colour
    gain = factor(spread) * factor(spread / 4, 3)
    contrast = factor(spread)
    saturation = factor(spread * 1.3)
    saturation[rng.random(count) < augmentation.grey_chance] = 0
    to_grey = np.full((count, 3, 3), 1 / 3, dtype=np.float32)
    mixing = to_grey + (np.eye(3, dtype=np.float32) - to_grey) * saturation
    colour_map = mixing * contrast * gain.transpose(0, 2, 1)
    means = batch.mean((2, 3)).numpy()
    level = (means[:, :, None] * gain).mean(1, keepdims=True) * (1 - contrast)
    shift = torch.from_numpy(np.broadcast_to(level, (count, 3, 1)).copy())
    flat = torch.baddbmm(shift, torch.from_numpy(colour_map), batch.flatten(2))
    return flat.view_as(batch).clamp_(0, 255)


class TrainingPhotos:
    """Photos as planes; draws augmented batches from them."""

    def __init__(self, photos: list[Photo], augmentation: Augmentation) -> None:
        self.planes = [
            torch.from_numpy(photo.pixels.copy()).permute(2, 0, 1).unsqueeze(0) for photo in photos
        ]
        self.labels = torch.tensor([photo.label_index for photo in photos])
        self.augmentation = augmentation

    def batch(
        self, indices: list[int], size: int, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Tensors of -1..1, NCHW, and their label indices."""
        batch = torch.cat([self.crop(index, size, rng) for index in indices]).float()
        turned = np.flatnonzero(rng.random(len(indices)) < self.augmentation.affine_chance)
        if len(turned):
            batch[turned] = affine(batch[turned], self.augmentation, rng)
        batch = colour_jitter(batch, self.augmentation, rng)
        return batch.sub_(127.5).div_(127.5), self.labels[indices]

    def crop(self, index: int, size: int, rng: np.random.Generator) -> Tensor:
        """One photo's random box, squashed to the square, flipped and turned."""
        plane = self.planes[index]
        top, left, height, width = random_box(
            plane.shape[2], plane.shape[3], self.augmentation, rng
        )
        box = plane[:, :, top : top + height, left : left + width]
        box = functional.interpolate(box, (size, size), mode="bilinear", antialias=True)
        if rng.random() < 0.5:
            box = box.flip(3)
        if self.augmentation.quarter_turns:
            box = torch.rot90(box, int(rng.integers(0, 4)), (2, 3))
        return box


def epoch_batches(
    count: int, batch_size: int, rank: int, processes: int, seed: int
) -> Iterator[list[int]]:
    """One process's share of each shuffled batch; a short last batch is dropped."""
    order = np.random.default_rng(seed).permutation(count)
    for start in range(0, count - batch_size + 1, batch_size):
        yield order[start + rank : start + batch_size : processes].tolist()


def mix(
    batch: Tensor,
    targets: Tensor,
    cutmix_chance: float,
    mixup_chance: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """CutMix, mixup or neither, with the batch turned back to front as partner."""
    draw = rng.random()
    if draw >= cutmix_chance + mixup_chance:
        return batch, targets
    partner, partner_targets = batch.flip(0), targets.flip(0)
    share = float(rng.beta(1.0, 1.0)) if draw < cutmix_chance else float(rng.beta(0.4, 0.4))
    if draw < cutmix_chance:
        size = batch.shape[2]
        side = round(size * math.sqrt(1 - share))
        top, left = (int(rng.integers(0, size - side + 1)) for _ in range(2))
        batch = batch.clone()
        region = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
        batch[region] = partner[region]
        share = 1 - (side / size) ** 2
    else:
        batch = batch * share + partner * (1 - share)
    return batch, targets * share + partner_targets * (1 - share)
