"""LitServe + TensorFlow + Pillow. The only argument is the port."""

import os
import sys

import litserve
from classifier import Classifier
from litserve import Request


class Api(litserve.LitAPI):
    """One image a request, as the field `image` of a form."""

    def setup(self, device: str) -> None:
        """Loads the graph in each worker."""
        self._classifier = Classifier()

    def decode_request(self, request: Request) -> bytes:
        """The bytes of the image."""
        return request["image"].file.read()

    def predict(self, image: bytes) -> dict[str, float | int]:
        """The class of the image."""
        return self._classifier.classify(image)

    def encode_response(self, output: dict[str, float | int]) -> dict[str, float | int]:
        """The answer as it is."""
        return output


if __name__ == "__main__":
    workers = len(os.sched_getaffinity(0))
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=workers)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
