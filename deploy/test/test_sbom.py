"""The bill of materials, against the published schema of CycloneDX."""

import json
import re
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7
from support import ROOT, read_json, run

NODE = "node"


def validator() -> Draft7Validator:
    spec = find_spec("cyclonedx")
    assert spec is not None and spec.origin is not None
    schemas = Path(spec.origin).parent / "schema/_res"
    files = {"spdx.schema.json": "spdx.SNAPSHOT.schema.json", "jsf-0.82.schema.json": "jsf-0.82.SNAPSHOT.schema.json"}
    registry: Registry[Any] = Registry()
    for published, name in files.items():
        resource = Resource.from_contents(read_json(schemas / name), default_specification=DRAFT7)
        for uri in (published, f"http://cyclonedx.org/schema/{published}"):
            registry = registry.with_resource(uri, resource)
    return Draft7Validator(read_json(schemas / "bom-1.5.SNAPSHOT.schema.json"), registry=registry)


class BillOfMaterials(unittest.TestCase):
    bom: ClassVar[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.bom = json.loads(run(NODE, str(ROOT / "scripts/sbom.mjs")))

    def purls(self) -> list[str]:
        return [component["purl"] for component in self.bom["components"]]

    def test_it_is_what_cyclonedx_says(self) -> None:
        errors = [f"{error.json_path}: {error.message}" for error in validator().iter_errors(self.bom)]
        self.assertEqual(errors, [])

    def test_it_names_all_that_is_run_once_and_nothing_that_only_tests(self) -> None:
        purls = self.purls()
        self.assertEqual(len(set(purls)), len(purls))
        names = {re.sub(r"@[^@]*$", "", purl) for purl in purls}
        installed = read_json(ROOT / "node/package.json")["dependencies"].keys() - {"@menagerie/wasm"}
        self.assertLessEqual({f"pkg:npm/{name.replace('@', '%40')}" for name in installed}, names)
        self.assertLessEqual({"pkg:npm/preact", "pkg:cargo/seccompiler", "pkg:pypi/tensorflow-cpu"}, names)
        self.assertEqual({"pkg:npm/vitest", "pkg:npm/typescript", "pkg:cargo/tempfile"} & names, set())

    def test_each_part_has_the_hash_that_its_registry_states(self) -> None:
        self.assertEqual([one["purl"] for one in self.bom["components"] if "hashes" not in one], [])


if __name__ == "__main__":
    unittest.main()
