"""Measure a frozen graph in TensorFlow and write its folder's other files.

    python evaluate.py --data DIR --set flowers5 --model ../flowers5 \\
        --samples ../samples --logs logs --runs backbone flowers5 \\
        --weights flowers5.pt --temperature 0.8

Writes manifest.json, golden.json, MODEL.md and LICENSE beside graph.pb and
labels.txt; `menagerie calibrate` and `menagerie golden` go on from there (see
`run.sh`). Every number in them is measured here, read from the graph, or read
from the logs of the training runs. The test split is used for nothing else.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from cards import CARDS, Card, apache_licence
from photos import (
    SETS,
    VALIDATION_PERCENT,
    Photo,
    decode,
    labels_of,
    load_photos,
    stretch,
    to_tensor,
)
from samples import SAMPLES

TOLERANCE = 0.02
TWIN_CORRELATION = 0.985
GOLDEN_NOTE = (
    "TensorFlow's answers for the whole photo stretched with Pillow's antialiased bilinear filter. "
    "A checker that decodes and resizes by itself compares the best class and each probability "
    "within the tolerance."
)

Scores = NDArray[np.float32]


class Graph:
    """A frozen graph in a TensorFlow session."""

    def __init__(self, path: Path) -> None:
        self.definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        graph = tf.Graph()
        with graph.as_default():
            tf.import_graph_def(self.definition, name="")
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=2, inter_op_parallelism_threads=1
        )
        self.session = tf.compat.v1.Session(graph=graph, config=config)
        self.size = int(graph.get_tensor_by_name("input:0").shape[1])
        self.features = int(graph.get_tensor_by_name("features:0").shape[1])
        self.classes = int(graph.get_tensor_by_name("final_result:0").shape[1])

    def answer(self, pixels: list[NDArray[np.uint8]]) -> Scores:
        """Probabilities of each photo."""
        parts = []
        for start in range(0, len(pixels), 50):
            batch = [to_tensor(stretch(photo, self.size)) for photo in pixels[start : start + 50]]
            fed = {"input:0": np.stack(batch)}
            parts.append(self.session.run("final_result:0", feed_dict=fed))
        return np.concatenate(parts)


@dataclass(frozen=True)
class Measured:
    """The test split: truth and probabilities, row by row."""

    labels: list[str]
    truth: NDArray[np.int64]
    scores: Scores

    @property
    def said(self) -> NDArray[np.int64]:
        return self.scores.argmax(1)

    @property
    def right(self) -> NDArray[np.bool_]:
        return self.said == self.truth


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + (z / count) ** 2 / 4)
    return middle - half, middle + half


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def class_table(measured: Measured) -> str:
    rows = []
    for index, label in enumerate(measured.labels):
        hits = int(((measured.said == index) & (measured.truth == index)).sum())
        said, count = int((measured.said == index).sum()), int((measured.truth == index).sum())
        precision = percent(hits / said) if said else "none said"
        rows.append([label, precision, percent(hits / count), str(count)])
    return table(["class", "precision", "recall", "photos"], rows)


def confusion_table(measured: Measured) -> str:
    rows = []
    for true_index, label in enumerate(measured.labels):
        said = measured.said[measured.truth == true_index]
        counts = [str(int((said == index).sum())) for index in range(len(measured.labels))]
        rows.append([f"**{label}**", *counts])
    return table(["true class", *measured.labels], rows)


def worst_error(measured: Measured) -> str:
    """The pair of true class and wrong answer that occurs most."""
    size = len(measured.labels)
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (measured.truth, measured.said), 1)
    np.fill_diagonal(counts, 0)
    true_index, said_index = np.unravel_index(counts.argmax(), counts.shape)
    true_label, said_label = measured.labels[true_index], measured.labels[said_index]
    return f"{true_label} taken for {said_label} ({counts.max()} photos)"


def thumbnail(photo: Photo) -> NDArray[np.float32]:
    grey = Image.fromarray(photo.pixels).convert("L").resize((16, 16), Image.Resampling.BILINEAR)
    vector = np.asarray(grey, dtype=np.float32).ravel()
    vector -= vector.mean()
    return vector / (float(np.linalg.norm(vector)) + 1e-6)


def has_twin(test: list[Photo], train: list[Photo]) -> NDArray[np.bool_]:
    """Test photos with a near copy in train: grey 16x16 thumbnails that correlate."""
    known = np.stack([thumbnail(photo) for photo in train])
    asked = np.stack([thumbnail(photo) for photo in test])
    return (asked @ known.T).max(1) > TWIN_CORRELATION


def training_agreement(weights: Path, temperature: float, test: list[Photo], size: int) -> Scores:
    """The PyTorch net's probabilities for the same tensors."""
    import torch

    from net import Net
    from validate import logits_of

    saved = torch.load(weights, weights_only=True)
    net = Net(len(saved["labels"]))
    net.load_state_dict(saved["state"])
    net.eval()
    return torch.softmax(logits_of(net, test, size) / temperature, 1).numpy()


def run_facts(log: Path) -> dict[str, Any]:
    """Settings, photos and seconds of one training run."""
    text = log.read_text()
    settings = ast.literal_eval(re.search(r"^settings (.*)$", text, re.MULTILINE)[1])
    counts = re.search(r"^photos (\d+) labels (\d+) parameters (\d+)$", text, re.MULTILINE)
    seconds = int(re.findall(r"\| (\d+) s$", text, re.MULTILINE)[-1])
    photos, classes, parameters = (int(counts[group]) for group in (1, 2, 3))
    return settings | {
        "photos": photos,
        "classes": classes,
        "parameters": parameters,
        "minutes": round(seconds / 60, 1),
    }


def runs_table(runs: dict[str, dict[str, Any]]) -> str:
    rows = [
        [
            name,
            " ".join(run["sets"]),
            run["split"],
            str(run["photos"]),
            str(run["epochs"]),
            " ".join(map(str, run["sizes"])),
            str(run["learning_rate"]),
            str(run["seed"]),
            str(run["minutes"]),
        ]
        for name, run in runs.items()
    ]
    head = ["run", "sets", "split", "photos", "epochs", "pixels", "peak rate", "seed", "minutes"]
    return table(head, rows)


def manifest_of(
    args: argparse.Namespace, card: Card, graph: Graph, measured: Measured
) -> dict[str, Any]:
    file = (args.model / "graph.pb").read_bytes()
    labels = (args.model / "labels.txt").read_bytes()
    return {
        "$schema": "../manifest.schema.json",
        "schema": 1,
        "id": args.set,
        "version": "1",
        "title": card.title,
        "description": card.description,
        "licence": "Apache-2.0",
        "default": card.default,
        "graph": {
            "file": "graph.pb",
            "bytes": len(file),
            "sha256": hashlib.sha256(file).hexdigest(),
        },
        "labels": {"file": "labels.txt", "sha256": hashlib.sha256(labels).hexdigest()},
        "input": {
            "tensor": "input",
            "dtype": "float32",
            "layout": "NHWC",
            "width": graph.size,
            "height": graph.size,
            "channels": 3,
            "channel_order": "RGB",
            "mean": [127.5, 127.5, 127.5],
            "std": [127.5, 127.5, 127.5],
            "resize": "stretch",
        },
        "output": {"tensor": "final_result", "kind": "softmax", "classes": graph.classes},
        "features": {"tensor": "features", "size": graph.features},
        "accuracy": {
            "top1": round(float(measured.right.mean()), 4),
            "photos": len(measured.truth),
            "split": "test",
            "data": args.set,
        },
    }


def golden_of(args: argparse.Namespace, graph: Graph, labels: list[str]) -> dict[str, Any]:
    cases = []
    for name in SAMPLES[args.set]:
        scores = graph.answer([decode(args.samples / f"{name}.jpg")])[0]
        top = [
            {"label": labels[index], "index": int(index), "probability": round(float(p), 6)}
            for index, p in sorted(enumerate(scores), key=lambda entry: -entry[1])
        ]
        cases.append({"image": f"../samples/{name}.jpg", "top": top, "input_sha256": None})
    return {"note": GOLDEN_NOTE, "tolerance": TOLERANCE, "cases": cases}


def card_text(
    args: argparse.Namespace,
    card: Card,
    graph: Graph,
    measured: Measured,
    test: list[Photo],
) -> str:
    train = load_photos(args.data, args.set, "train")
    twins = has_twin(test, train)
    count, hits = len(test), int(measured.right.sum())
    low, high = wilson(hits, count)
    torch_scores = training_agreement(args.weights, args.temperature, test, graph.size)
    torch_hits = int((torch_scores.argmax(1) == measured.truth).sum())
    gap = float(np.abs(torch_scores - measured.scores).max())
    choice = json.loads((args.logs / f"choice-{args.set}.json").read_text())
    runs = {name: run_facts(args.logs / f"{name}.log") for name in args.runs}
    minutes = sum(run["minutes"] for run in runs.values())
    choice_rows = [
        [str(row["size"]), percent(row["top1"]), str(row["nll"]), str(row["temperature"])]
        for row in choice["rows"]
    ]
    return card.text(
        labels=", ".join(measured.labels),
        size=graph.size,
        features=graph.features,
        parameters=f"{runs[args.runs[-1]]['parameters'] / 1e6:.2f}",
        graph_bytes=f"{(args.model / 'graph.pb').stat().st_size:,}",
        top1=percent(hits / count),
        hits=hits,
        count=count,
        interval=f"{percent(low)} to {percent(high)}",
        twins=int(twins.sum()),
        twin_correlation=TWIN_CORRELATION,
        without_twins=percent(float(measured.right[~twins].mean())),
        without_twins_count=int((~twins).sum()),
        torch_top1=percent(torch_hits / count),
        torch_gap=f"{gap:.1e}",
        classes=class_table(measured),
        worst_error=worst_error(measured),
        confusion=confusion_table(measured),
        temperature=args.temperature,
        validation_percent=VALIDATION_PERCENT,
        validation_photos=choice["validation_photos"],
        choice=table(["pixels", "top-1", "log loss", "temperature"], choice_rows),
        runs=runs_table(runs),
        published=args.runs[-1],
        minutes=f"{minutes:.0f}",
        train_photos=len(train),
        tensorflow=tf.__version__,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", choices=[name for name in SETS if name in CARDS], required=True)
    parser.add_argument(
        "--model", type=Path, required=True, help="folder with graph.pb, labels.txt"
    )
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--runs", nargs="+", required=True, help="the logs' names, in order")
    parser.add_argument("--weights", type=Path, required=True, help="what graph.pb was made from")
    parser.add_argument("--temperature", type=float, required=True, help="as given to frozen.py")
    args = parser.parse_args()
    card = CARDS[args.set]
    graph = Graph(args.model / "graph.pb")
    labels = (args.model / "labels.txt").read_text().split("\n")[:-1]
    if labels != labels_of(args.data, args.set):
        raise SystemExit(f"labels.txt of {args.model} is not the label list of {args.set}")
    test = load_photos(args.data, args.set, "test")
    truth = np.asarray([photo.label_index for photo in test])
    measured = Measured(labels, truth, graph.answer([photo.pixels for photo in test]))

    def write_json(name: str, value: dict[str, Any]) -> None:
        (args.model / name).write_text(json.dumps(value, indent=2) + "\n", "utf-8")

    write_json("manifest.json", manifest_of(args, card, graph, measured))
    write_json("golden.json", golden_of(args, graph, labels))
    (args.model / "MODEL.md").write_text(card_text(args, card, graph, measured, test), "utf-8")
    (args.model / "LICENSE").write_text(apache_licence(card), "utf-8")
    print(f"{args.set}: top-1 {measured.right.mean():.4f} of {len(test)} at {graph.size} px")


if __name__ == "__main__":
    main()
