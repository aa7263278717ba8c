"""Whole photos as raw bytes, for `examples/compare_photos.rs`.

    python -m family.photo_windows --data DIR --out DIR

writes `SIDE.rgb` for each side in use: photos of a test split, none of which any
net of the family was trained on, one after the other as rows x columns x RGB.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

PHOTO_COUNT = 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of SET/SPLIT/LABEL/NAME.jpg")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", default="imagenette10")
    parser.add_argument("--sides", type=int, nargs="+", default=[32, 48, 64, 128, 224])
    arguments = parser.parse_args()
    paths = sorted((arguments.data / arguments.set / "test").glob("*/*.jpg"))
    paths.sort(key=lambda path: hashlib.sha256(path.name.encode()).digest())
    arguments.out.mkdir(parents=True, exist_ok=True)
    for side in arguments.sides:
        photos = [
            np.asarray(Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
            for path in paths[:PHOTO_COUNT]
        ]
        (arguments.out / f"{side}.rgb").write_bytes(np.stack(photos).tobytes())


if __name__ == "__main__":
    main()
