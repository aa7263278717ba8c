"""What each wrong pre-processing would cost on labelled ImageNet photos, beside the detected one.

    cargo run --release -p menagerie-graph --example evaluate -- --settings GRAPHS > settings.jsonl
    python -m family.cost --settings settings.jsonl --photos DIR --labels TSV

GRAPHS holds one folder a graph with `graph.pb` and `meta.json` (the true settings). TSV has the columns `file` and
`index_of_1001`. Graphs with other than 1000 or 1001 classes are left out. Photos are stretched by Pillow's bilinear.
Prints a table of top-1 in percent.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

WRONG: dict[str, tuple[list[float], list[float]]] = {
    "0..1": ([0.0] * 3, [255.0] * 3),
    "-1..1": ([127.5] * 3, [127.5] * 3),
    "raw": ([0.0] * 3, [1.0] * 3),
    "ImageNet mean, std": ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
    "ImageNet mean": ([123.0, 117.0, 104.0], [1.0] * 3),
    "-0.5..0.5": ([127.5] * 3, [255.0] * 3),
}


class Net:
    """A frozen graph in a session."""

    def __init__(self, graph: Path, input_tensor: str, output_tensor: str, batch: int | None) -> None:
        definition = tf.compat.v1.GraphDef()
        definition.ParseFromString(graph.read_bytes())
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.import_graph_def(definition, name="")
        self.session = tf.compat.v1.Session(graph=self.graph)
        self.input, self.output, self.batch = f"{input_tensor}:0", f"{output_tensor}:0", batch or 32

    def top1(self, photos: NDArray[np.float32]) -> NDArray[np.int64]:
        answers = []
        for start in range(0, len(photos), self.batch):
            part = photos[start : start + self.batch]
            filled = np.concatenate([part, np.zeros((self.batch - len(part), *part.shape[1:]), np.float32)])
            scores = self.session.run(self.output, {self.input: filled}).reshape(self.batch, -1)
            answers.append(scores.argmax(1)[: len(part)])
        return np.concatenate(answers)


def prepared(photos: NDArray[np.uint8], mean: list[float], std: list[float], order: str) -> NDArray[np.float32]:
    ordered = photos[..., ::-1] if order == "bgr" else photos
    return (ordered.astype(np.float32) - np.array(mean, np.float32)) / np.array(std, np.float32)


def three(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value] * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    rows = list(csv.DictReader(arguments.labels.read_text().splitlines(), delimiter="\t"))
    truth = np.array([int(row["index_of_1001"]) for row in rows])
    stretched: dict[int, NDArray[np.uint8]] = {}
    columns = ["true settings", "detected", *WRONG, "other order"]
    print(f"| graph | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for line in arguments.settings.read_text().splitlines():
        found = json.loads(line)
        if found["output"]["classes"] not in (1000, 1001):
            continue
        folder = Path(found["folder"])
        side = found["input"]["width"]
        if side not in stretched:
            images = (Image.open(arguments.photos / row["file"]).convert("RGB") for row in rows)
            stretched[side] = np.stack(
                [np.asarray(image.resize((side, side), Image.Resampling.BILINEAR)) for image in images]
            )
        offset = 1001 - found["output"]["classes"]
        meta = json.loads((folder / "meta.json").read_text())
        batch = (meta["input"]["shape"] or [None])[0]
        net = Net(folder / "graph.pb", found["input"]["tensor"], found["output"]["tensor"], batch)

        def percent(mean, std, order) -> str:
            answers = net.top1(prepared(stretched[side], mean, std, order)) + offset
            return f"{100 * float((answers == truth).mean()):.1f}"

        true = meta["preprocess"]
        order = found["input"]["channel_order"].lower()
        mean, std = found["input"]["mean"], found["input"]["std"]
        cells = [
            percent(three(true["mean"]), three(true["std"]), true["order"]),
            percent(mean, std, order),
            *(percent(wrong_mean, wrong_std, order) for wrong_mean, wrong_std in WRONG.values()),
            percent(mean, std, "bgr" if order == "rgb" else "rgb"),
        ]
        print(f"| {folder.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
