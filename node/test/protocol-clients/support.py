"""What the tests of every client share: the service, a photo, and what `POST /infer` says of it."""

import base64
import functools
import io
import json
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

URL = os.environ["MENAGERIE_URL"]
ADDRESS = URL.removeprefix("http://")
MODEL = "flowers5"
OTHER_MODEL = "waste6"
PHOTO = Path(os.environ["MENAGERIE_PHOTO"]).read_bytes()


@dataclass(frozen=True)
class Expected:
    """An answer of `POST /infer`, with the pixels that the model saw: uint8, height x width x 3."""

    label: str
    index: int
    probability: float
    sha256: str
    pixels: np.ndarray

    def is_told_by(self, answer: str | bytes) -> bool:
        """Whether this text of the output `answer` says the same, of the same pixels."""
        told = json.loads(answer)
        same = (self.label, self.index, self.probability, self.sha256)
        return (told["label"], told["index"], told["probability"], told["input"]["sha256"]) == same


@functools.cache
def expected() -> Expected:
    headers = {"content-type": "image/jpeg", "accept": "application/json"}
    request = urllib.request.Request(f"{URL}/infer?model={MODEL}&picture=1", data=PHOTO, headers=headers)
    with urllib.request.urlopen(request) as response:
        [answer] = json.load(response)["results"]
    picture = base64.b64decode(answer["input"]["picture"].partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return Expected(answer["label"], answer["index"], answer["probability"], answer["input"]["sha256"], pixels)


@functools.cache
def fed() -> np.ndarray:
    """What the graph is fed of these pixels: float32, height x width x 3; the model takes R, G, B, channels last."""
    with urllib.request.urlopen(f"{URL}/api/models/{MODEL}") as response:
        scaling = json.load(response)["input"]
    mean, std = (np.array(scaling[name], np.float32) for name in ("mean", "std"))
    return (expected().pixels.astype(np.float32) - mean) / std
