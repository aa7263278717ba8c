"""A model of MLServer that ONNX Runtime runs: a file that `menagerie export` wrote."""

import numpy
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OnnxModel(MLModel):
    """Takes the graph's input and gives all of its outputs."""

    async def load(self) -> bool:
        self.session = onnxruntime.InferenceSession(await get_model_uri(self.settings))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        [fed] = payload.inputs
        tensor = NumpyCodec.decode_input(fed).astype(numpy.float32)
        names = [output.name for output in self.session.get_outputs()]
        fetched = self.session.run(names, {fed.name: tensor})
        outputs = [NumpyCodec.encode_output(name, values) for name, values in zip(names, fetched, strict=True)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
