"""tritonclient over gRPC: the Open Inference Protocol as Triton's users speak it."""

import os
import queue
import unittest

import numpy as np
import support
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException


class TritonGrpc(unittest.TestCase):
    def setUp(self) -> None:
        self.client = InferenceServerClient(os.environ["MENAGERIE_GRPC"])
        self.addCleanup(self.client.close)
        metadata = self.client.get_model_metadata(support.MODEL, as_json=True)
        self.input, self.output = metadata["inputs"][0], metadata["outputs"][0]["name"]
        self.expected = support.expected()

    def image_input(self, content: bytes = support.PHOTO) -> InferInput:
        return InferInput("image", [1], "BYTES").set_data_from_numpy(np.array([content], dtype=np.object_))

    def number_input(self, name: str, images: np.ndarray) -> InferInput:
        datatype = {"uint8": "UINT8", "float32": "FP32"}[images.dtype.name]
        return InferInput(name, images.shape, datatype).set_data_from_numpy(images)

    def pixel_input(self) -> InferInput:
        return self.number_input("pixels", self.expected.pixels[np.newaxis])

    def check_scores(self, scores: np.ndarray) -> None:
        self.assertEqual(scores.shape[0], 1)
        self.assertEqual(int(scores[0].argmax()), self.expected.index)

    def test_it_is_live_and_ready_and_says_what_it_is(self) -> None:
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(support.MODEL))
        with self.assertRaisesRegex(InferenceServerException, "NOT_FOUND"):
            self.client.is_model_ready("no-such-model")
        metadata = self.client.get_server_metadata()
        self.assertEqual(metadata.name, "menagerie")
        self.assertIn("classification", metadata.extensions)

    def test_a_version_that_the_metadata_names_can_be_asked(self) -> None:
        [version] = self.client.get_model_metadata(support.MODEL).versions
        self.assertTrue(self.client.is_model_ready(support.MODEL, version))
        result = self.client.infer(support.MODEL, [self.image_input()], model_version=version, request_id="mine")
        self.assertEqual((result.get_response().model_version, result.get_response().id), (version, "mine"))

    def test_images_and_pixels_are_answered_as_by_infer(self) -> None:
        for tensor in (self.image_input(), self.pixel_input()):
            with self.subTest(datatype=tensor.datatype()):
                result = self.client.infer(support.MODEL, [tensor])
                self.check_scores(result.as_numpy(self.output))
                self.assertTrue(self.expected.is_told_by(result.as_numpy("answer")[0]))

    def test_what_the_graph_is_fed_has_the_scores_of_its_pixels(self) -> None:
        scores = self.client.infer(support.MODEL, [self.pixel_input()]).as_numpy(self.output)
        fed = self.number_input(self.input["name"], support.fed()[np.newaxis])
        result = self.client.infer(support.MODEL, [fed])
        np.testing.assert_allclose(result.as_numpy(self.output), scores, rtol=1e-6)

    def test_classification_gives_the_best_classes(self) -> None:
        outputs = [InferRequestedOutput(self.output, class_count=2)]
        [texts] = self.client.infer(support.MODEL, [self.image_input()], outputs=outputs).as_numpy(self.output)
        score, index, label = texts[0].decode().split(":")
        self.assertEqual((int(index), label), (self.expected.index, self.expected.label))
        self.assertEqual((len(texts), float(score) > 0), (2, True))

    def test_calls_at_once_are_all_answered(self) -> None:
        answers: queue.Queue[object] = queue.Queue()
        for _ in range(20):
            self.client.async_infer(
                support.MODEL, [self.image_input()], lambda result, error: answers.put(error or result)
            )
        for _ in range(20):
            answer = answers.get(timeout=60)
            self.assertIsInstance(answer, InferResult)
            self.assertTrue(self.expected.is_told_by(answer.as_numpy("answer")[0]))

    def test_a_deadline_is_kept(self) -> None:
        with self.assertRaisesRegex(InferenceServerException, "DEADLINE_EXCEEDED"):
            self.client.infer(support.MODEL, [self.image_input()], client_timeout=0.0005)

    def test_a_refusal_says_why(self) -> None:
        with self.assertRaisesRegex(InferenceServerException, "INVALID_ARGUMENT"):
            self.client.infer(support.MODEL, [self.image_input(b"no image")])

    def test_the_repository_is_listed_and_a_model_goes_and_comes_back(self) -> None:
        def state() -> str:
            index = self.client.get_model_repository_index()
            return {model.name: model.state for model in index.models}[support.OTHER_MODEL]

        self.client.load_model(support.OTHER_MODEL)
        self.assertEqual(state(), "READY")
        self.client.unload_model(support.OTHER_MODEL)
        self.assertEqual(state(), "UNAVAILABLE")
        self.assertFalse(self.client.is_model_ready(support.OTHER_MODEL))
        self.client.load_model(support.OTHER_MODEL)
        self.assertTrue(self.client.is_model_ready(support.OTHER_MODEL))
