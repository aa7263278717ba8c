"""The clients of gRPC itself: health, and reflection as tools read it that know no message of the service."""

import os
import unittest

import grpc
import support
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SERVICES = {
    "inference.GRPCInferenceService": "ModelInfer",
    "tensorflow.serving.PredictionService": "GetModelMetadata",
    "grpc.health.v1.Health": "Check",
}


class Services(unittest.TestCase):
    def setUp(self) -> None:
        self.channel = grpc.insecure_channel(os.environ["MENAGERIE_GRPC"])
        self.addCleanup(self.channel.close)

    def test_each_service_is_healthy(self) -> None:
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", "inference.GRPCInferenceService", "tensorflow.serving.PredictionService"):
            with self.subTest(service=service):
                answer = health.Check(health_pb2.HealthCheckRequest(service=service))
                self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)

    def test_each_service_is_described_with_all_that_it_needs(self) -> None:
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertEqual(set(database.get_services()), set(SERVICES))
        pool = DescriptorPool(database)
        for name, method in SERVICES.items():
            with self.subTest(service=name):
                self.assertIn(method, [known.name for known in pool.FindServiceByName(name).methods])

    def test_a_call_can_be_made_of_the_description_alone(self) -> None:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName("ModelInfer")
        request, response = (GetMessageClass(part) for part in (method.input_type, method.output_type))
        message = request(model_name=support.MODEL)
        message.inputs.add(name="image", datatype="BYTES", shape=[1]).contents.bytes_contents.append(support.PHOTO)
        message.parameters["priority"].int64_param = 1
        call = self.channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        answer = call(message, timeout=30)
        texts = dict(zip((output.name for output in answer.outputs), answer.raw_output_contents, strict=True))
        self.assertTrue(support.expected().is_told_by(texts["answer"][4:]))
