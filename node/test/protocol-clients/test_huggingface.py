"""InferenceClient of huggingface_hub, at the address of a model."""

import tempfile
import unittest
from pathlib import Path

import support
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError


class HuggingFace(unittest.TestCase):
    def setUp(self) -> None:
        self.client = InferenceClient(model=f"{support.URL}/hf/models/{support.MODEL}", timeout=30)
        self.expected = support.expected()

    def check_best(self, classes: list) -> None:
        self.assertEqual(classes[0].label, self.expected.label)
        self.assertEqual(classes[0].score, self.expected.probability)

    def test_an_image_is_answered_as_by_infer(self) -> None:
        self.check_best(self.client.image_classification(support.PHOTO))

    def test_a_file_is_answered_as_by_infer(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "photo.jpg")
            path.write_bytes(support.PHOTO)
            self.check_best(self.client.image_classification(path))

    def test_so_many_classes_are_answered_as_are_wanted(self) -> None:
        classes = self.client.image_classification(support.PHOTO, top_k=2)
        self.assertEqual(len(classes), 2)
        self.check_best(classes)

    def test_a_model_can_be_named_in_each_call(self) -> None:
        address = f"{support.URL}/hf/models/{support.OTHER_MODEL}"
        classes = InferenceClient().image_classification(support.PHOTO, model=address)
        self.assertGreater(classes[0].score, 0)

    def test_a_refusal_is_an_error_of_its_status(self) -> None:
        with self.assertRaises(HfHubHTTPError) as raised:
            self.client.image_classification(b"no image")
        self.assertEqual(raised.exception.response.status_code, 415)
