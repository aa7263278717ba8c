"""Trains the family and freezes it: `python -m family.make --data DIR --out DIR`.

DIR of `--data` holds `SET/SPLIT/LABEL/NAME.jpg`. Under `--out` each graph gets a
folder with `graph.pb`, `labels.txt` and `meta.json` (the truth). Nets whose
folders exist are skipped, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from .freeze import freeze
from .nets import Layer, Training, Weights, accuracy, architecture, train
from .plan import NETS, QUICK, Net
from .preprocessing import PREPROCESSINGS

TRAIN_PHOTO_COUNT = 2000
TEST_PHOTO_COUNT = 400


def photos(data: Path, cache: Path, set_name: str, split: str, side: int, count: int):
    """`count` photos of a split at side x side, in a fixed mixed order, and their label indices."""
    stored = cache / f"{set_name}-{split}-{side}-{count}.npz"
    if stored.exists():
        arrays = np.load(stored)
        return arrays["pixels"], arrays["labels"]
    paths = sorted((data / set_name / split).glob("*/*.jpg"))
    if not paths:
        raise SystemExit(f"no photos under {data / set_name / split}")
    labels = label_names(data, set_name)
    paths.sort(key=lambda path: hashlib.sha256(path.name.encode()).digest())
    paths = paths[:count]
    pixels = np.stack(
        [np.asarray(Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)) for path in paths]
    )
    indices = np.array([labels.index(path.parent.name) for path in paths], np.int64)
    cache.mkdir(parents=True, exist_ok=True)
    np.savez(stored, pixels=pixels, labels=indices)
    return pixels, indices


def label_names(data: Path, set_name: str) -> list[str]:
    return sorted(entry.name for entry in (data / set_name / "train").iterdir() if entry.is_dir())


def make_net(net: Net, data: Path, out: Path, epochs: int, cpu_seconds_max: float) -> None:
    """Trains one net, freezes its forms and writes them with their truths."""
    folders = [out / "graphs" / f"{net.name}-{form.name}" for form in net.forms]
    if all((folder / "meta.json").exists() for folder in folders):
        return
    began = time.process_time()
    preprocessing = PREPROCESSINGS[net.preprocessing]
    labels = label_names(data, net.photos)
    train_pixels, train_labels = photos(data, out / "cache", net.photos, "train", net.side, TRAIN_PHOTO_COUNT)
    test_pixels, test_labels = photos(data, out / "cache", net.photos, "test", net.side, TEST_PHOTO_COUNT)
    if net.head == "binary":
        first = labels[: len(labels) // 2]
        labels = ["no", "yes"]
        train_labels = (train_labels >= len(first)).astype(np.int64)
        test_labels = (test_labels >= len(first)).astype(np.int64)
    layers = architecture(net.architecture, 1 if net.head == "binary" else len(labels))
    training = Training(epochs, cpu_seconds_max, net.head, net.initialiser, net.momentum, net.rate)
    seed = int.from_bytes(hashlib.sha256(net.name.encode()).digest()[:4], "big")
    weights = train(layers, preprocessing.apply(train_pixels), train_labels, training, seed)
    share = accuracy(layers, weights, preprocessing.apply(test_pixels), test_labels, net.head)
    write(net, layers, weights, labels, share, folders)
    parameters = sum(value.size for entry in weights for value in entry.values())
    spent = time.process_time() - began
    print(f"{net.name}: {share:.3f} of the test photos, {parameters} numbers, {spent:.0f} CPU s", flush=True)


def write(
    net: Net, layers: list[Layer], weights: Weights, labels: list[str], share: float, folders: list[Path]
) -> None:
    """Freezes the forms of a net that knows `share` of the test photos, and writes them with their truths."""
    for form, folder in zip(net.forms, folders, strict=True):
        graph, truth = freeze(layers, weights, PREPROCESSINGS[net.preprocessing], net.side, form, net.head)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "graph.pb").write_bytes(graph)
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
        meta = {
            "name": folder.name,
            "net": net.name,
            "part": net.part,
            "trained_with": net.preprocessing,
            "architecture": net.architecture,
            "norm": form.norm if any(layer.kind == "norm" for layer in layers) else "none",
            "test_accuracy": round(share, 3),
            "sha256": hashlib.sha256(graph).hexdigest(),
            **truth,
        }
        (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of SET/SPLIT/LABEL/NAME.jpg")
    parser.add_argument("--out", type=Path, required=True, help="folder for the graphs; not in the repository")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--cpu-seconds", type=float, default=28, help="limit for the training of one net")
    parser.add_argument("--quick", action="store_true", help="three nets, two epochs: a trial of the script")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    chosen = [net for net in NETS if not arguments.quick or net.name in QUICK]
    for net in chosen:
        make_net(net, arguments.data, arguments.out, 2 if arguments.quick else arguments.epochs, arguments.cpu_seconds)
        tf.keras.backend.clear_session()


if __name__ == "__main__":
    main()
