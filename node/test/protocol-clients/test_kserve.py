"""KServe's client over REST, version 2."""

import unittest

import httpx
import numpy as np
import support
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


class KServe(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.expected = support.expected()

    async def asyncSetUp(self) -> None:
        self.client = InferenceRESTClient(RESTConfig(protocol="v2"))
        self.addAsyncCleanup(self.client.close)

    def request(self, tensor: InferInput, **options: object) -> InferRequest:
        return InferRequest(model_name=support.MODEL, infer_inputs=[tensor], **options)

    async def test_it_is_live_and_ready(self) -> None:
        self.assertTrue(await self.client.is_server_live(support.URL))
        self.assertTrue(await self.client.is_server_ready(support.URL))
        self.assertTrue(await self.client.is_model_ready(support.URL, support.MODEL))
        self.assertFalse(await self.client.is_model_ready(support.URL, "no-such-model"))

    async def test_pixels_are_answered_as_by_infer(self) -> None:
        for binary in (True, False):
            with self.subTest(binary=binary):
                pixels = self.expected.pixels[np.newaxis]
                tensor = InferInput("pixels", list(pixels.shape), "UINT8")
                tensor.set_data_from_numpy(pixels, binary_data=binary)
                asked = self.request(tensor)
                answer = await self.client.infer(support.URL, asked, model_name=support.MODEL)
                scores, texts = answer.outputs
                self.assertEqual(int(scores.as_numpy().argmax()), self.expected.index)
                self.assertTrue(self.expected.is_told_by(texts.data[0]))

    async def test_what_the_graph_is_fed_is_answered_in_binary(self) -> None:
        fed = support.fed()[np.newaxis]
        metadata = httpx.get(f"{support.URL}/v2/models/{support.MODEL}").json()
        name, output = metadata["inputs"][0]["name"], metadata["outputs"][0]["name"]
        tensor = InferInput(name, list(fed.shape), "FP32")
        tensor.set_data_from_numpy(fed, binary_data=True)
        wanted = [RequestedOutput(output, {"binary_data": True})]
        answer = await self.client.infer(
            support.URL, self.request(tensor, request_outputs=wanted), model_name=support.MODEL
        )
        [scores] = answer.outputs
        self.assertEqual(int(scores.as_numpy().argmax()), self.expected.index)

    async def test_images_are_answered_as_by_infer(self) -> None:
        tensor = InferInput("image", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([support.PHOTO], dtype=np.object_), binary_data=True)
        answer = await self.client.infer(support.URL, self.request(tensor), model_name=support.MODEL)
        self.assertTrue(self.expected.is_told_by(answer.outputs[1].data[0]))

    async def test_a_refusal_is_an_error_of_its_status(self) -> None:
        tensor = InferInput("pixels", [1, 2], "UINT8", data=[1, 2])
        with self.assertRaisesRegex(httpx.HTTPStatusError, "400"):
            await self.client.infer(support.URL, self.request(tensor), model_name=support.MODEL)
