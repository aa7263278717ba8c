"""tritonclient over HTTP: the Open Inference Protocol as Triton's users speak it."""

import base64
import unittest

import numpy as np
import support
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


class TritonHttp(unittest.TestCase):
    def setUp(self) -> None:
        self.client = InferenceServerClient(support.ADDRESS, concurrency=4)
        self.addCleanup(self.client.close)
        metadata = self.client.get_model_metadata(support.MODEL)
        self.input, self.output = metadata["inputs"][0], metadata["outputs"][0]["name"]
        self.expected = support.expected()

    def image_input(self, *, binary: bool) -> InferInput:
        content = support.PHOTO if binary else base64.b64encode(support.PHOTO)
        tensor = InferInput("image", [1], "BYTES")
        return tensor.set_data_from_numpy(np.array([content], dtype=np.object_), binary_data=binary)

    def number_input(self, name: str, images: np.ndarray, *, binary: bool) -> InferInput:
        datatype = {"uint8": "UINT8", "float32": "FP32"}[images.dtype.name]
        return InferInput(name, images.shape, datatype).set_data_from_numpy(images, binary_data=binary)

    def check_scores(self, scores: np.ndarray) -> None:
        self.assertEqual(scores.shape[0], 1)
        self.assertEqual(int(scores[0].argmax()), self.expected.index)

    def test_it_is_live_and_ready_and_says_what_it_is(self) -> None:
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(support.MODEL))
        self.assertFalse(self.client.is_model_ready("no-such-model"))
        metadata = self.client.get_server_metadata()
        self.assertEqual(metadata["name"], "menagerie")
        self.assertIn("classification", metadata["extensions"])

    def test_a_version_that_the_metadata_names_can_be_asked(self) -> None:
        [version] = self.client.get_model_metadata(support.MODEL)["versions"]
        self.assertTrue(self.client.is_model_ready(support.MODEL, version))
        result = self.client.infer(support.MODEL, [self.image_input(binary=True)], model_version=version)
        self.assertEqual(result.get_response()["model_version"], version)

    def test_images_are_answered_as_by_infer(self) -> None:
        for binary in (True, False):
            with self.subTest(binary=binary):
                result = self.client.infer(support.MODEL, [self.image_input(binary=binary)])
                self.check_scores(result.as_numpy(self.output))
                self.assertTrue(self.expected.is_told_by(result.as_numpy("answer")[0]))

    def test_pixels_are_answered_as_by_infer(self) -> None:
        for binary in (True, False):
            with self.subTest(binary=binary):
                pixels = self.number_input("pixels", self.expected.pixels[np.newaxis], binary=binary)
                result = self.client.infer(support.MODEL, [pixels])
                self.check_scores(result.as_numpy(self.output))
                self.assertTrue(self.expected.is_told_by(result.as_numpy("answer")[0]))

    def test_what_the_graph_is_fed_has_the_scores_of_its_pixels(self) -> None:
        pixels = self.number_input("pixels", self.expected.pixels[np.newaxis], binary=True)
        scores = self.client.infer(support.MODEL, [pixels]).as_numpy(self.output)
        for binary in (True, False):
            with self.subTest(binary=binary):
                fed = self.number_input(self.input["name"], support.fed()[np.newaxis], binary=binary)
                result = self.client.infer(support.MODEL, [fed])
                np.testing.assert_allclose(result.as_numpy(self.output), scores, rtol=1e-6)

    def test_outputs_come_in_json_where_that_is_asked_for(self) -> None:
        outputs = [InferRequestedOutput(self.output, binary_data=False)]
        result = self.client.infer(support.MODEL, [self.image_input(binary=True)], outputs=outputs, request_id="mine")
        self.check_scores(result.as_numpy(self.output))
        self.assertEqual(result.get_response()["id"], "mine")
        self.assertIsNone(result.as_numpy("answer"))

    def test_classification_gives_the_best_classes(self) -> None:
        for binary in (True, False):
            with self.subTest(binary=binary):
                outputs = [InferRequestedOutput(self.output, binary_data=binary, class_count=3)]
                result = self.client.infer(support.MODEL, [self.image_input(binary=True)], outputs=outputs)
                classes = result.as_numpy(self.output)
                self.assertEqual(classes.shape, (1, 3))
                best = classes[0][0].decode() if isinstance(classes[0][0], bytes) else classes[0][0]
                self.assertEqual(best.split(":", 2)[1:], [str(self.expected.index), self.expected.label])

    def test_a_request_made_of_the_metadata_alone_is_answered(self) -> None:
        """As perf_analyzer makes them: every input of the metadata, any length as 1, random values, no outputs."""
        shape = [max(axis, 1) for axis in self.input["shape"]]
        values = np.random.default_rng(1).random(shape, dtype=np.float32)
        inputs = [self.number_input(self.input["name"], values, binary=True)]
        requests = [self.client.async_infer(support.MODEL, inputs) for _ in range(8)]
        scores = [request.get_result().as_numpy(self.output) for request in requests]
        for other in scores[1:]:
            np.testing.assert_array_equal(other, scores[0])

    def test_a_batch_has_an_answer_for_each_image(self) -> None:
        black = np.zeros_like(self.expected.pixels)
        batch = np.stack([self.expected.pixels, black, self.expected.pixels])
        result = self.client.infer(support.MODEL, [self.number_input("pixels", batch, binary=True)])
        scores, answers = result.as_numpy(self.output), result.as_numpy("answer")
        self.assertEqual(scores.shape[0], 3)
        np.testing.assert_array_equal(scores[0], scores[2])
        self.assertEqual([self.expected.is_told_by(answer) for answer in answers], [True, False, True])

    def test_a_shape_that_does_not_fit_is_an_error_that_names_what_would(self) -> None:
        with self.assertRaisesRegex(InferenceServerException, r"this model takes \[\d+, \d+, 3\]") as caught:
            wrong = self.number_input("pixels", np.zeros((1, 5, 5, 3), np.uint8), binary=True)
            self.client.infer(support.MODEL, [wrong])
        self.assertEqual(caught.exception.status(), "400")

    def test_models_are_listed_unloaded_and_loaded(self) -> None:
        def state() -> str:
            index = self.client.get_model_repository_index()
            [found] = [entry["state"] for entry in index if entry["name"] == support.OTHER_MODEL]
            return found

        self.client.load_model(support.OTHER_MODEL)
        self.assertEqual(state(), "READY")
        self.client.unload_model(support.OTHER_MODEL)
        self.assertEqual(state(), "UNAVAILABLE")
        self.assertFalse(self.client.is_model_ready(support.OTHER_MODEL))
        with self.assertRaisesRegex(InferenceServerException, "was unloaded"):
            self.client.infer(support.OTHER_MODEL, [self.image_input(binary=True)])
        self.client.load_model(support.OTHER_MODEL)
        self.assertTrue(self.client.is_model_ready(support.OTHER_MODEL))
