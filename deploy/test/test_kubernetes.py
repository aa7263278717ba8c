"""What deploy/ has for Kubernetes: against published schemas, and rendered by the programs that read it."""

import re
import unittest
from pathlib import Path
from typing import Any, ClassVar

from support import (
    DEPLOY,
    ROOT,
    VERSIONS,
    check_kubernetes,
    check_schema,
    documents,
    pod_of,
    program,
    read_json,
    read_yaml,
    run,
    why_not,
)

BASE = DEPLOY / "kustomize/base"
CHART = DEPLOY / "helm/menagerie"
KINDS = ["Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "Service"]

# The values of the chart that switch everything on that is off.
EVERYTHING = [
    "apiKeysSecret=keys",
    "databaseSecret=database",
    "modelsStoreSecret=bucket",
    "models.claim=models",
    "data.claim=data",
    "replicas=1",
    "autoscaling.enabled=false",
    "seccompProfile.type=Localhost",
    "seccompProfile.localhostProfile=menagerie.json",
    "nodeSelector.disk=ssd",
]


def settings() -> set[str]:
    """Names of the settings that the service knows."""
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE))


class Confined(unittest.TestCase):
    """What holds for every pod."""

    def check_confined(self, pod: dict[str, Any]) -> None:
        [container] = pod["containers"]
        security = {**pod.get("securityContext", {}), **container["securityContext"]}
        self.assertTrue(security["runAsNonRoot"])
        self.assertEqual(security["runAsUser"], 1000)
        self.assertTrue(security["readOnlyRootFilesystem"])
        self.assertFalse(security["allowPrivilegeEscalation"])
        self.assertEqual(security["capabilities"], {"drop": ["ALL"]})
        self.assertIn(security["seccompProfile"]["type"], ("RuntimeDefault", "Localhost"))

    def check_pod(self, pod: dict[str, Any]) -> None:
        self.check_confined(pod)
        [container] = pod["containers"]
        self.assertIn("/menagerie/data", [mount["mountPath"] for mount in container["volumeMounts"]])
        environment = {variable["name"]: variable.get("value") for variable in container["env"]}
        self.assertEqual(environment["SANDBOX"], "required")
        self.assertLessEqual(environment.keys(), settings())


class Base(Confined):
    resources: ClassVar[list[dict[str, Any]]]

    @classmethod
    def setUpClass(cls) -> None:
        names = read_yaml(BASE / "kustomization.yaml")["resources"]
        cls.resources = [read_yaml(BASE / name) for name in names]

    def test_each_file_is_what_kubernetes_expects(self) -> None:
        check_kubernetes(self.resources)
        self.assertEqual(sorted(resource["kind"] for resource in self.resources), KINDS)

    def test_no_file_is_left_out(self) -> None:
        names = read_yaml(BASE / "kustomization.yaml")["resources"]
        self.assertEqual(sorted([*names, "kustomization.yaml"]), sorted(path.name for path in BASE.iterdir()))

    def test_the_pod_is_confined(self) -> None:
        [deployment] = [resource for resource in self.resources if resource["kind"] == "Deployment"]
        self.check_pod(pod_of(deployment))

    @unittest.skipIf(program("KUSTOMIZE") is None, why_not("KUSTOMIZE"))
    def test_kustomize_builds_it(self) -> None:
        built = documents(run(program("KUSTOMIZE") or "", "build", str(BASE)))
        check_kubernetes(built)
        self.assertEqual(sorted(resource["kind"] for resource in built), KINDS)


class Chart(Confined):
    def test_its_values_fit_their_schema(self) -> None:
        schema = read_json(CHART / "values.schema.json")
        values = read_yaml(CHART / "values.yaml")
        check_schema(schema, values)
        self.assertEqual(set(values), set(schema["properties"]) - {"global"})
        with self.assertRaisesRegex(AssertionError, "replica"):
            check_schema(schema, {**values, "replica": 1})

    @unittest.skipIf(program("HELM") is None, why_not("HELM"))
    def test_helm_finds_no_fault(self) -> None:
        self.assertIn("0 chart(s) failed", run(program("HELM") or "", "lint", "--strict", str(CHART)))

    @unittest.skipIf(program("HELM") is None, why_not("HELM"))
    def test_what_it_renders_is_what_kubernetes_expects(self) -> None:
        for values in ([], EVERYTHING):
            rendered = documents(self.template(*values))
            check_kubernetes(rendered)
            [deployment] = [resource for resource in rendered if resource["kind"] == "Deployment"]
            self.check_pod(pod_of(deployment))
        self.assertEqual(sorted(resource["kind"] for resource in documents(self.template())), KINDS)

    @unittest.skipIf(program("HELM") is None, why_not("HELM"))
    def test_a_wrong_value_is_refused_with_its_name(self) -> None:
        for value, complaint in (("replicas=two", "replicas"), ("data.claim=data", "set replicas to 1")):
            with self.assertRaisesRegex(AssertionError, complaint):
                self.template(value)

    def template(self, *values: str) -> str:
        # A helm that was compiled from its module takes a very old Kubernetes for granted.
        version = f"--kube-version={VERSIONS[0]}.0"
        options = [f"--set={value}" for value in values]
        return run(program("HELM") or "", "template", "try", str(CHART), version, *options)


class Batch(Confined):
    def test_each_pod_of_the_job_answers_the_part_of_its_number(self) -> None:
        job = read_yaml(DEPLOY / "batch/indexed-job.yaml")
        check_kubernetes([job])
        self.check_confined(pod_of(job))
        spec = job["spec"]
        [container] = pod_of(job)["containers"]
        self.assertEqual((spec["completionMode"], spec["parallelism"]), ("Indexed", spec["completions"]))
        self.assertEqual(container["args"][-1], f"$(JOB_COMPLETION_INDEX)/{spec['completions']}")


class KServe(Confined):
    def test_the_runtime_serves_what_is_mounted_by_the_name_of_its_service(self) -> None:
        runtime = read_yaml(DEPLOY / "kserve/cluster-serving-runtime.yaml")
        service = read_yaml(DEPLOY / "kserve/inference-service.yaml")
        self.check_pod(runtime["spec"])
        [container] = runtime["spec"]["containers"]
        environment = {variable["name"]: variable["value"] for variable in container["env"]}
        self.assertEqual((environment["MODELS_DIR"], environment["MODEL_ID"]), ("/mnt/models", "{{.Name}}"))
        model = service["spec"]["predictor"]["model"]
        self.assertEqual(model["runtime"], runtime["metadata"]["name"])
        self.assertIn(model["modelFormat"]["name"], [one["name"] for one in runtime["spec"]["supportedModelFormats"]])
        self.assertIn(model["protocolVersion"], runtime["spec"]["protocolVersions"])

    @unittest.skipIf(program("KSERVE") is None, why_not("KSERVE"))
    def test_both_are_what_the_definitions_of_kserve_expect(self) -> None:
        definitions = Path(program("KSERVE") or "") / "config/crd/full"
        for name, plural in (
            ("cluster-serving-runtime", "clusterservingruntimes"),
            ("inference-service", "inferenceservices"),
        ):
            resource = read_yaml(DEPLOY / f"kserve/{name}.yaml")
            definition = read_yaml(definitions / f"serving.kserve.io_{plural}.yaml")
            version = resource["apiVersion"].split("/")[1]
            [schema] = [
                one["schema"]["openAPIV3Schema"] for one in definition["spec"]["versions"] if one["name"] == version
            ]
            self.assertEqual(definition["spec"]["names"]["kind"], resource["kind"])
            check_schema(closed(schema), resource)


def closed(schema: Any) -> Any:
    """The same schema, in which a field that it does not name is wrong, as in a cluster that prunes it."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    is_open = "additionalProperties" in schema or schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not is_open:
        result["additionalProperties"] = False
    return result


if __name__ == "__main__":
    unittest.main()
