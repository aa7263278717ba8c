"""Made-up nets, at least one for each op, and changed ones, as native/graph/tests/onnx.rs writes them down."""

import os
import unittest
from pathlib import Path

import numpy as np
import onnx
from support import APART_MAX, Engine, for_each, session

FOLDER = os.environ.get("MENAGERIE_ONNX_DIR")
CHANGED_MIN = 200


@unittest.skipIf(FOLDER is None, "run by scripts/onnx.mjs")
class Made(unittest.TestCase):
    def test_every_op_computes_what_libtensorflow_computes(self) -> None:
        paths = sorted(Path(FOLDER or "").glob("*.pb"))
        self.assertGreater(len(paths), 0)
        for_each(self.compare, paths)

    def compare(self, path: Path) -> None:
        engine = Engine(path.read_bytes(), ["a", "b", "c"])
        pixels = np.random.default_rng(18).integers(0, 256, (2, 8, 10, 3), dtype=np.uint8)
        wanted = engine.scores(pixels)
        mean, std = (np.array(engine.spec["input"][name], np.float32) for name in ("mean", "std"))
        engine.close()
        fed = (pixels.astype(np.float32) - mean) / std
        [found] = session(path.with_suffix(".onnx").read_bytes()).run(None, {"input": fed})
        self.assertLessEqual(np.abs(found - wanted).max(), APART_MAX, path.stem)

    def test_every_changed_model_passes_the_checker(self) -> None:
        paths = sorted(Path(FOLDER or "").glob("changed-*.onnx"))
        self.assertGreaterEqual(len(paths), CHANGED_MIN)
        for path in paths:
            with self.subTest(path.stem):
                onnx.checker.check_model(path.read_bytes(), full_check=True)


if __name__ == "__main__":
    unittest.main()
