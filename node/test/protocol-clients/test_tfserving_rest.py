"""curl, with the requests of TensorFlow Serving's documentation (https://www.tensorflow.org/tfx/serving/api_rest)."""

import base64
import json
import shutil
import subprocess
import unittest

import numpy as np
import support

MODELS = f"{support.URL}/v1/models"
ENCODED = {"b64": base64.b64encode(support.PHOTO).decode()}


def curl(path: str, body: object | None = None) -> dict:
    """As the documentation does it, `curl -d '{"instances": …}' -X POST ADDRESS`; the body is long, and from stdin."""
    sent = [] if body is None else ["-d", "@-", "-X", "POST"]
    run = subprocess.run(
        ["curl", "--silent", "--max-time", "30", *sent, f"{MODELS}{path}"],
        input="" if body is None else json.dumps(body),
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(run.stdout)


@unittest.skipIf(shutil.which("curl") is None, "curl is not there")
class TensorFlowServingRest(unittest.TestCase):
    def setUp(self) -> None:
        self.expected = support.expected()

    def check_scores(self, predictions: list) -> None:
        self.assertEqual(int(np.argmax(predictions[0])), self.expected.index)

    def test_models_are_available(self) -> None:
        self.assertIn(support.MODEL, curl("")["models"])
        [status] = curl(f"/{support.MODEL}")["model_version_status"]
        self.assertEqual(status["state"], "AVAILABLE")
        self.assertEqual(status["status"], {"error_code": "OK", "error_message": ""})
        self.assertEqual(curl(f"/{support.MODEL}/versions/{status['version']}")["model_version_status"], [status])

    def test_the_metadata_says_what_predict_takes(self) -> None:
        metadata = curl(f"/{support.MODEL}/metadata")
        self.assertEqual(metadata["model_spec"]["name"], support.MODEL)
        [taken] = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"].values()
        self.assertEqual(taken["dtype"], "DT_FLOAT")
        sizes = [int(axis["size"]) for axis in taken["tensor_shape"]["dim"]]
        self.assertEqual(sizes, [-1, *support.fed().shape])

    def test_images_are_predicted(self) -> None:
        self.check_scores(curl(f"/{support.MODEL}:predict", {"instances": [ENCODED]})["predictions"])
        self.check_scores(curl(f"/{support.MODEL}:predict", {"inputs": {"image": [ENCODED]}})["outputs"])

    def test_what_the_graph_is_fed_is_predicted(self) -> None:
        body = {"signature_name": "serving_default", "instances": [support.fed().tolist()]}
        self.check_scores(curl(f"/{support.MODEL}:predict", body)["predictions"])

    def test_pixels_are_predicted(self) -> None:
        body = {"instances": [{"pixels": self.expected.pixels.tolist()}] * 2}
        predictions = curl(f"/{support.MODEL}:predict", body)["predictions"]
        self.assertEqual(len(predictions), 2)
        self.check_scores(predictions)

    def test_examples_are_classified_as_by_infer(self) -> None:
        [best] = curl(f"/{support.MODEL}:classify", {"examples": [{"image": ENCODED}]})["results"]
        self.assertEqual(best[0], [self.expected.label, self.expected.probability])

    def test_a_refusal_is_an_error(self) -> None:
        self.assertIn("no-such-model", curl("/no-such-model:predict", {"instances": [ENCODED]})["error"])
        self.assertIn("JSON", curl(f"/{support.MODEL}:predict", "")["error"])
