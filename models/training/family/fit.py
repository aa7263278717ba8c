"""Fits the few numbers that detection weighs clues with, on the tune part of the family.

    cargo run --release -p menagerie-graph --example features -- GRAPHS/* > clues.jsonl
    python -m family.fit clues.jsonl

prints the constants of `native/graph/src/find/normalization/weigh.rs`. Every net
counts once, however many forms of it there are; all candidates are equally
likely beforehand, as they are in the family.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from pathlib import Path

import numpy as np

SCALINGS = {
    "0..1": (0.0, 255.0),
    "-1..1": (127.5, 127.5),
    "raw 0..255": (0.0, 1.0),
    "ImageNet mean and std": (116.28, 57.12),
    "ImageNet mean only": (117.0, 1.0),
    "-0.5..0.5": (127.5, 255.0),
}
SPREAD, UNEVENNESS, SHIFT, STUCK, CUT = range(5)


def true_scaling(preprocess: dict) -> str | None:
    """The scaling of the middle channel, when it is a common one."""
    middle = len(preprocess["mean"]) // 2
    mean, std = preprocess["mean"][middle], preprocess["std"][middle]
    close = [name for name, (m, s) in SCALINGS.items() if abs(m - mean) < 3 and abs(math.log(s / std)) < 0.05]
    return close[0] if close else None


def load(path: Path) -> list[dict]:
    """The tune graphs with the index of the true candidate, which is None for a scaling that is not common."""
    graphs = []
    for line in path.read_text().splitlines():
        graph = json.loads(line)
        meta = json.loads((Path(graph["folder"]) / "meta.json").read_text())
        if meta["part"] != "tune":
            continue
        wanted = (true_scaling(meta["preprocess"]), meta["preprocess"]["order"].upper())
        names = [(c["scaling"], c["order"]) for c in graph["candidates"]]
        truth = names.index(wanted) if wanted[0] else None
        graphs.append({**graph, "truth": truth, "net": meta["net"], "norm_form": meta["norm"]})
    per_net = Counter((graph["net"], graph["norm"] is None) for graph in graphs)
    for graph in graphs:
        graph["weight"] = 1 / per_net[graph["net"], graph["norm"] is None]
    return graphs


def gaussian(values: list[float], weights: list[float]) -> tuple[float, float]:
    mean = float(np.average(values, weights=weights))
    return mean, math.sqrt(float(np.average((np.array(values) - mean) ** 2, weights=weights)))


def looks(graphs: list[dict], chosen, of) -> tuple[float, float]:
    """Mean and deviation of a look under the truth."""
    pairs = [(of(g["candidates"][g["truth"]]), g["weight"]) for g in graphs if chosen(g)]
    pairs = [(value, weight) for value, weight in pairs if value is not None]
    return gaussian([value for value, _ in pairs], [weight for _, weight in pairs])


def log_likelihood(graphs: list[dict], score, weight: float) -> float:
    """Mean log probability of the truth under softmax(weight * score)."""
    total, count = 0.0, 0.0
    for graph in graphs:
        scores = np.array([weight * score(candidate) for candidate in graph["candidates"]])
        scores -= scores.max()
        total += graph["weight"] * (scores[graph["truth"]] - math.log(np.exp(scores).sum()))
        count += graph["weight"]
    return total / count


def best_weight(graphs: list[dict], score) -> tuple[float, float]:
    grid = np.exp(np.linspace(math.log(0.2), math.log(30), 120))
    found = [log_likelihood(graphs, score, weight) for weight in grid]
    return float(grid[int(np.argmax(found))]), max(found)


def main() -> None:
    graphs = load(Path(sys.argv[1]))
    misfits = [g["misfit"] for g in graphs if g["misfit"] is not None]
    print(f"misfit of {len(misfits)} tune graphs: nine in ten are below {np.quantile(misfits, 0.9):.2f}")
    graphs = [g for g in graphs if g["truth"] is not None]
    with_norm = [g for g in graphs if g["misfit"] is None and g["candidates"][0]["disagreement"] is not None]
    without = [g for g in graphs if g["candidates"][0]["first"] is not None]
    print(f"{len(with_norm)} tune graphs with moments behind an activation function, {len(without)} without moments")
    for floor in (0.0, 0.01, 0.02, 0.05, 0.1):
        weight, found = best_weight(with_norm, lambda c, floor=floor: -math.log(c["disagreement"] + floor))
        print(f"disagreement floor {floor}: weight {weight:.2f}, mean log probability {found:.3f}")
    is_folded = {"folded": True, "none": False}
    for name, folded in (("folded", True), ("plain", False)):
        chosen = [g for g in without if is_folded.get(g["norm_form"]) == folded]
        for label, of in (
            ("spread", lambda c: c["first"][SPREAD]),
            ("unevenness", lambda c: c["first"][UNEVENNESS]),
            ("shift", lambda c: c["first"][SHIFT]),
            ("cut", lambda c: c["first"][CUT]),
            ("scores spread", lambda c: c["scores"] and c["scores"][SPREAD]),
            ("scores shift", lambda c: c["scores"] and c["scores"][SHIFT]),
        ):
            mean, deviation = looks(chosen, lambda g: True, of)
            print(f"{name} {label}: mean {mean:.2f}, deviation {deviation:.2f}")
    ratios = [g["energy_ratio"] * (1 if g["candidates"][g["truth"]]["order"] == "RGB" else -1)
              for g in graphs if len(g["candidates"]) > 7]
    print("energy ratio towards the true order: mean %.2f, deviation %.2f" % gaussian(ratios, [1] * len(ratios)))


if __name__ == "__main__":
    main()
