"""
The stubs of tensorflow-serving-api over gRPC, as TensorFlow Serving's own image example uses them.

They import messages of TensorFlow, whose wheel takes 270 MB: those are generated from `node/protos/tensorflow.proto`
here, under the names by which the stubs ask for them.
"""

import os
import sys
import tempfile
import unittest
from pathlib import Path

import grpc
import numpy as np
import support
from grpc_tools import protoc

PROTOS = Path(__file__).parents[2] / "protos"
# Files of TensorFlow that the stubs import for the messages that are sent here.
IMPORTED = ("framework/tensor", "example/example", "protobuf/meta_graph")
DT_FLOAT, DT_UINT8, DT_STRING = 1, 4, 7
SECONDS = 30


def generate(folder: str) -> None:
    names = ["tensorflow.proto"]
    for name in IMPORTED:
        forward = Path(folder, "tensorflow/core", f"{name}.proto")
        forward.parent.mkdir(parents=True, exist_ok=True)
        forward.write_text('syntax = "proto3";\nimport public "tensorflow.proto";\n')
        names.append(f"tensorflow/core/{name}.proto")
    if protoc.main(["protoc", f"-I{PROTOS}", f"-I{folder}", f"--python_out={folder}", *names]) != 0:
        raise RuntimeError("protoc failed")


messages = tempfile.TemporaryDirectory()
generate(messages.name)
sys.path.insert(0, messages.name)

from tensorflow.core.example import example_pb2  # noqa: E402
from tensorflow.core.framework import tensor_pb2  # noqa: E402
from tensorflow_serving.apis import (  # noqa: E402
    classification_pb2,
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

unittest.addModuleCleanup(messages.cleanup)


def tensor_of(values: np.ndarray, dtype: int) -> tensor_pb2.TensorProto:
    """As `tf.make_tensor_proto` makes it."""
    tensor = tensor_pb2.TensorProto(dtype=dtype, tensor_content=values.tobytes())
    for size in values.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


class TensorFlowServing(unittest.TestCase):
    def setUp(self) -> None:
        channel = grpc.insecure_channel(os.environ["MENAGERIE_GRPC"])
        self.addCleanup(channel.close)
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.expected = support.expected()

    def predict(self, name: str, tensor: tensor_pb2.TensorProto) -> predict_pb2.PredictResponse:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = support.MODEL
        request.model_spec.signature_name = "serving_default"
        request.inputs[name].CopyFrom(tensor)
        return self.stub.Predict(request, SECONDS)

    def test_an_encoded_image_is_answered_as_by_infer(self) -> None:
        image = tensor_pb2.TensorProto(dtype=DT_STRING, string_val=[support.PHOTO])
        image.tensor_shape.dim.add(size=1)
        answer = self.predict("image_bytes", image)
        self.assertEqual(answer.model_spec.name, support.MODEL)
        self.assertTrue(self.expected.is_told_by(answer.outputs["answer"].string_val[0]))
        [scores] = [output for name, output in answer.outputs.items() if name != "answer"]
        self.assertEqual(int(np.argmax(scores.float_val)), self.expected.index)
        self.assertEqual([dim.size for dim in scores.tensor_shape.dim], [1, len(scores.float_val)])

    def test_pixels_are_answered_as_by_infer(self) -> None:
        answer = self.predict("pixels", tensor_of(self.expected.pixels[np.newaxis], DT_UINT8))
        self.assertTrue(self.expected.is_told_by(answer.outputs["answer"].string_val[0]))

    def test_what_the_graph_is_fed_is_answered_under_the_names_of_the_metadata(self) -> None:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = support.MODEL
        metadata = self.stub.GetModelMetadata(request, SECONDS).metadata["signature_def"]
        signatures = get_model_metadata_pb2.SignatureDefMap()
        self.assertTrue(metadata.Unpack(signatures))
        signature = signatures.signature_def["serving_default"]
        [(name, info)] = signature.inputs.items()
        self.assertEqual((info.dtype, signature.method_name), (DT_FLOAT, "tensorflow/serving/predict"))
        answer = self.predict(name, tensor_of(support.fed()[np.newaxis], DT_FLOAT))
        self.assertEqual(set(answer.outputs), set(signature.outputs))
        output = next(name for name in signature.outputs if name != "answer")
        self.assertEqual(int(np.argmax(answer.outputs[output].float_val)), self.expected.index)

    def test_an_example_is_classified_as_by_infer(self) -> None:
        example = example_pb2.Example()
        example.features.feature["image/encoded"].bytes_list.value.append(support.PHOTO)
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name = support.MODEL
        request.input.example_list.examples.append(example)
        [classified] = self.stub.Classify(request, SECONDS).result.classifications
        best = classified.classes[0]
        self.assertEqual(best.label, self.expected.label)
        self.assertEqual(np.float32(best.score), np.float32(self.expected.probability))

    def test_a_model_that_is_not_there_is_not_found(self) -> None:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "no-such-model"
        request.inputs["image_bytes"].CopyFrom(tensor_pb2.TensorProto(dtype=DT_STRING, string_val=[support.PHOTO]))
        with self.assertRaises(grpc.RpcError) as refused:
            self.stub.Predict(request, SECONDS)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertIn(("x-error-code", "model_unknown"), refused.exception.trailing_metadata())
