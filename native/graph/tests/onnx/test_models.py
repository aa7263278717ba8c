"""Every graph that is here, on ONNX Runtime and on libtensorflow: valid files, and the same answers."""

import io
import json
import os
import unittest
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from support import APART_MAX, ROOT, SHARED, Engine, export, for_each, session

# Of each graph.
IMAGES = 3


def graphs() -> Iterator[tuple[str, bytes, list[str] | None]]:
    """Names, files and labels: of the project, of what lies beside it, and of a folder that MENAGERIE_GRAPHS names."""
    folders = [ROOT / "models", SHARED / "zoo-data", Path(os.environ.get("MENAGERIE_GRAPHS", "nowhere"))]
    for folder in sorted(inner for outer in folders if outer.is_dir() for inner in outer.iterdir()):
        graph = read_graph(folder)
        if graph is not None:
            labels = folder / "labels.txt"
            yield folder.name, graph, labels.read_text().splitlines() if labels.exists() else None


def read_graph(folder: Path) -> bytes | None:
    if (folder / "graph.pb").is_file():
        return (folder / "graph.pb").read_bytes()
    if not (folder / "saved_model.pb").is_file():
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return packed.getvalue()


def pictures(spec: dict) -> np.ndarray:
    """Noise of several grains, which no graph finds dull."""
    height, width, channels = (spec["input"][name] for name in ("height", "width", "channels"))
    random = np.random.default_rng(18)
    made = []
    for grain in (1, 4, 16)[:IMAGES]:
        rows, columns = -(-height // grain), -(-width // grain)
        coarse = random.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
        made.append(coarse.repeat(grain, 0).repeat(grain, 1)[:height, :width])
    return np.stack(made)


def seen(pixels: np.ndarray, spec: dict) -> np.ndarray:
    """The pixels that the service gives an engine: for a model of grey in three channels, grey in each."""
    if spec["input"]["channel_order"] != "GRAY" or pixels.shape[-1] == 1:
        return pixels
    grey = (pixels.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32) + 32768) >> 16
    return grey.astype(np.uint8)[..., None].repeat(3, -1)


def tensor(pixels: np.ndarray, about: dict[str, str]) -> np.ndarray:
    """What a graph is fed, by the settings that its file tells."""
    mean, std = (np.array(json.loads(about[name]), np.float32) for name in ("mean", "std"))
    values = pixels[..., ::-1] if about["channel_order"] == "BGR" else pixels
    values = (values.astype(np.float32) - mean) / std
    layouts = {
        "NHWC": lambda: values,
        "NCHW": lambda: values.transpose(0, 3, 1, 2),
        "NHW": lambda: values[..., 0],
        "FLAT": lambda: values.reshape(len(values), -1),
    }
    return layouts[about["layout"]]()


def probabilities(scores: np.ndarray, kind: str) -> np.ndarray:
    """As the answers of the service have them."""
    scores = scores.astype(np.float64)
    if kind == "logits":
        if scores.shape[1] == 1:
            scores = np.concatenate([np.zeros_like(scores), scores], 1)
        raised = np.exp(scores - scores.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)
    if kind == "sigmoid" and scores.shape[1] == 1:
        return np.concatenate([1 - scores, scores], 1)
    return scores


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    raised = np.maximum(probabilities, np.finfo(np.float32).tiny) ** (1 / temperature)
    return raised / raised.sum(1, keepdims=True)


def answer(running: onnxruntime.InferenceSession, fed: np.ndarray, batch: int | None) -> np.ndarray:
    """Rows of scores; a graph that is fixed at a batch is given as many."""
    name = running.get_inputs()[0].name
    if batch is None:
        scores = running.run(None, {name: fed})[0]
        return scores.reshape(len(fed), -1)
    repeated = np.concatenate([fed, fed[-1:].repeat(batch, 0)])[: max(batch, len(fed))]
    return running.run(None, {name: repeated[:batch]})[0].reshape(batch, -1)[: len(fed)]


class Models(unittest.TestCase):
    def test_every_graph_gives_the_answers_of_libtensorflow(self) -> None:
        found = for_each(self.compare, [(*case, {}) for case in graphs()])
        self.assertGreater(len(found), 0)
        print(f"{len(found)} graphs; probabilities differ by {max(found):.1e} at most")

    def test_every_graph_makes_colours_grey_inside(self) -> None:
        cases = list(graphs())
        name, graph, labels = cases[0]
        fed_bytes = export(graph, labels, "frozen", preprocess=True)
        cases.append((f"{name}, fed bytes", fed_bytes, labels))
        found = for_each(self.compare, [(*case, {"channel_order": "GRAY"}) for case in cases])
        print(f"{len(found)} graphs; probabilities of grey differ by {max(found):.1e} at most")

    def compare(self, case: tuple[str, bytes, list[str] | None, dict[str, str]]) -> float:
        name, graph, labels, overrides = case
        engine = Engine(graph, labels, overrides)
        spec = engine.spec
        kind, classes, batch = spec["output"]["kind"], spec["output"]["classes"], spec["input"].get("batch")
        pixels = pictures(spec)
        shown = seen(pixels, spec)
        wanted = probabilities(engine.scores(shown), kind)
        engine.close()
        outside = session(export(graph, labels, "onnx", preprocess=False, overrides=overrides))
        about = outside.get_modelmeta().custom_metadata_map
        fed = shown if spec["input"]["dtype"] == "uint8" else tensor(shown, about)
        if labels is not None:
            self.assertEqual(len(json.loads(about["labels"])), wanted.shape[1], name)
        inside = session(export(graph, labels, "onnx", preprocess=True, temperature=1.5, overrides=overrides))
        [taken] = inside.get_inputs()
        self.assertEqual((taken.type, taken.shape[1:]), ("tensor(uint8)", list(pixels.shape[1:])), name)
        is_independent = kind == "sigmoid" and classes > 1
        pairs = [
            (probabilities(answer(outside, fed, batch), kind), wanted),
            (answer(inside, pixels, batch), wanted if is_independent else tempered(wanted, 1.5)),
        ]
        for found, expected in pairs:
            self.assertEqual(found.shape, expected.shape, name)
            self.assertLessEqual(np.abs(found - expected).max(), APART_MAX, name)
            best = np.sort(expected, 1)
            told = best[:, -1] - best[:, -2] > 2 * APART_MAX
            np.testing.assert_array_equal(found.argmax(1)[told], expected.argmax(1)[told], name)
        return max(float(np.abs(found - expected).max()) for found, expected in pairs)


if __name__ == "__main__":
    unittest.main()
