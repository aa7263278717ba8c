"""The words of each model's card and licence; every number is filled in by `evaluate.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_LICENCE = Path(__file__).resolve().parents[2] / "LICENSE"


@dataclass(frozen=True)
class Card:
    """What cannot be measured about a model."""

    name: str
    title: str
    description: str
    default: bool
    source: str
    attribution: str
    limits: str
    not_for: str

    def text(self, **values: Any) -> str:
        """MODEL.md."""
        own = {
            "title": self.title,
            "description": self.description,
            "source": self.source,
            "attribution": self.attribution,
            "limits": self.limits,
            "not_for": self.not_for,
        }
        return TEMPLATE.format(**own, **values)


TEMPLATE = """\
<!-- Written by models/training/evaluate.py; the numbers are measured. -->
# {title}

{description}

| | |
|---|---|
| classes | {labels} |
| input | `input`: float32, NHWC, {size} x {size}, RGB, (pixel - 127.5) / 127.5, whole photo stretched |
| output | `final_result`: softmax; `logits` before it; `features`: {features} values before the class layer |
| net | inverted residuals with linear bottlenecks and ReLU6 (MobileNetV2's block; fused 3x3 form in the early stages), BatchNorm unfolded, {parameters} million parameters |
| graph | {graph_bytes} bytes, float32 |
| licence | Apache-2.0 for the weights; see the data below |

## Accuracy

**{top1} top-1** on the {count} photos of the test split ({hits} right; 95 % interval {interval}),
measured on this frozen graph with TensorFlow {tensorflow}: decode, stretch to {size} x {size} with
Pillow's antialiased bilinear filter, (pixel - 127.5) / 127.5. The PyTorch net it was written from
scores {torch_top1} on the same tensors; the largest difference of a probability is {torch_gap}.

{twins} test photos have a near copy in the train split (grey 16 x 16 thumbnails that correlate above
{twin_correlation}). Without them: {without_twins} of {without_twins_count}.

{classes}

Rows are the true class, columns the answer. The most frequent error is {worst_error}.

{confusion}

## Data

{source} Its train split has {train_photos} photos. No setting was
chosen on the test split; it was also measured on weights that were not yet final.

{attribution}

The backbone was first trained on the train splits of three sets together: flowers5, waste6 and
imagenette10 (ten ImageNet classes). ImageNet's photos are offered for non-commercial research, and
whether such terms reach weights trained on them is not settled: whoever needs weights free of that
question should train again without imagenette10 (leave it out of `--sets`).

## Training

From random weights, on two shared CPU cores (x86-64 with AVX-512), without a GPU, in PyTorch with bfloat16
convolutions and float32 weights: {minutes} minutes by the clock for the runs below, on a machine
busy with other work. AdamW, half a cosine, CutMix and mixup, random crops,
flips, rotation, shear and colour changes; the average of the weights (EMA) is what is kept.
Scripts, logs and seeds are in `models/training`.

{runs}

`fit` leaves out the {validation_percent} % of the train split that are for validation ({validation_photos} photos of
this set); the size and the temperature were chosen there, by log loss:

{choice}

The graph divides its logits by {temperature}, the temperature of the size that was chosen: training with label smoothing and
mixed photos leaves the confidence too low. What is left of that is measured on the test split, and mended by the service.

The published weights are those of the run `{published}`. Threads and bfloat16 make a
second run differ in the last digits, not in kind.

## Limits

{limits}

## Not for

{not_for}
"""

CARDS = {
    "flowers5": Card(
        name="flowers5",
        title="Five flowers",
        description="Tells daisies, dandelions, roses, sunflowers and tulips apart.",
        default=True,
        source=(
            "TensorFlow's `flower_photos` "
            "(<http://download.tensorflow.org/example_images/flower_photos.tgz>), shrunk to a short "
            "side of at most 144 pixels."
        ),
        attribution=(
            "The photos are by many photographers on Flickr, each under the Creative Commons "
            "Attribution 2.0 licence (<https://creativecommons.org/licenses/by/2.0/>); the archive's "
            "`LICENSE.txt` names the author and address of each one. The photos that lie in "
            "`models/samples` are credited in the `LICENSE.md` there."
        ),
        limits=(
            "- Every photo gets one of the five names: there is no class for anything else, and a photo of "
            "a dog is answered with a flower, sometimes with high confidence.\n"
            "- The labels of the set are noisy: some photos show a field, a bouquet, a drawing, or a "
            "flower that is only near one of the five.\n"
            "- Photos of Flickr users: mostly close, sharp and in daylight. How it does on "
            "phone photos from far away was not measured."
        ),
        not_for=(
            "Botany, foraging, allergy or any decision that matters. It is a first model to see the "
            "service answer, and a start for retraining on photos of your own."
        ),
    ),
    "waste6": Card(
        name="waste6",
        title="Six kinds of waste",
        description="Tells cardboard, glass, metal, paper, plastic and other trash apart.",
        default=False,
        source=(
            "TrashNet (<https://github.com/garythung/trashnet>), shrunk to a short side of at most "
            "144 pixels."
        ),
        attribution="TrashNet is under the MIT License, Copyright (c) 2017 Gary Thung.",
        limits=(
            "- One item on a plain, light background, photographed by few people with few phones: on "
            "a conveyor belt, in a bin or in the street the accuracy was not measured.\n"
            "- The same item can appear in several photos, in train and in test, which flatters the "
            "test accuracy; near copies are counted above, other views of one item are not.\n"
            "- `trash` has few photos; its row in the table has a wide margin.\n"
            "- Every photo gets one of the six names; there is no class for anything else."
        ),
        not_for=(
            "Controlling a sorting plant, or telling people what may go into which bin: rules differ "
            "by place, and composite items have no class. It shows the service with a second model, "
            "and is a start for retraining on photos of your own."
        ),
    ),
}


def apache_licence(card: Card) -> str:
    """What the LICENSE file beside the weights says."""
    head = (
        f"Weights of {card.name} (graph.pb), Copyright 2026 the Menagerie authors.\n"
        "Licensed under the Apache License, Version 2.0, whose text follows.\n\n"
        f"Training data: {card.attribution}\n"
        "The backbone was also trained on imagenette10 (ImageNet's terms, research);\n"
        "see MODEL.md.\n\n"
    )
    return head + PROJECT_LICENCE.read_text("utf-8").lstrip("\n")
