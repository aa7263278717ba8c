"""Choose the serving size and the confidence temperature on the validation tenth.

    python validate.py --data DIR --set flowers5 --weights fit-flowers5.pt

The weights come from a run with `--split fit`. The size chosen is the one with
the smallest negative log-likelihood after its best temperature, among sizes up
to the short side of the photos (144): larger ones would be judged on enlarged
pixels only. The logits are divided by that temperature when the graph is
written (see `frozen.py`).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from net import Net, channels_last
from photos import SETS, Photo, load_photos, stretch, to_tensor

TEMPERATURES = tuple(round(0.3 + 0.02 * step, 2) for step in range(61))


@torch.no_grad()
def logits_of(net: Net, photos: list[Photo], size: int) -> Tensor:
    """Logits of every photo, stretched to the size."""
    parts = []
    for start in range(0, len(photos), 100):
        part = photos[start : start + 100]
        tensors = np.stack([to_tensor(stretch(photo.pixels, size)) for photo in part])
        parts.append(net(channels_last(torch.from_numpy(tensors).permute(0, 3, 1, 2))))
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 112, 128, 144])
    parser.add_argument("--out", type=Path, help="write the choice here as JSON")
    args = parser.parse_args()
    saved = torch.load(args.weights, weights_only=True)
    net = Net(len(saved["labels"]))
    net.load_state_dict(saved["state"])
    net.eval()
    photos = load_photos(args.data, args.set, "validation")
    truth = torch.tensor([photo.label_index for photo in photos])
    rows = []
    for size in args.sizes:
        logits = logits_of(net, photos, size)
        losses = {t: functional.cross_entropy(logits / t, truth).item() for t in TEMPERATURES}
        temperature = min(losses, key=losses.__getitem__)
        hits = int((logits.argmax(1) == truth).sum())
        rows.append(
            {
                "size": size,
                "top1": round(hits / len(photos), 4),
                "nll": round(losses[temperature], 4),
                "temperature": temperature,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    chosen = min(rows, key=lambda row: row["nll"])
    choice = {"set": args.set, "validation_photos": len(photos), "rows": rows, "chosen": chosen}
    print(f"chosen: {json.dumps(chosen)}")
    if args.out:
        args.out.write_text(json.dumps(choice, indent=1) + "\n")


if __name__ == "__main__":
    main()
