"""Where the tests of deploy/ find things, and the programs that others made."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft7Validator

DEPLOY = Path(__file__).parent.parent
ROOT = DEPLOY.parent

# The oldest and the newest line of Kubernetes that is maintained, as the schemas know them.
VERSIONS = ("1.34", "1.37")


def program(name: str) -> str | None:
    """Path of a program that scripts/deploy.mjs found; None where it has none."""
    return os.environ.get(f"MENAGERIE_{name}")


def why_not(name: str) -> str:
    return os.environ.get(f"MENAGERIE_{name}_MISSING", "run by scripts/deploy.mjs")


def documents(text: str) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(text) if document is not None]


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def check_kubernetes(resources: list[dict[str, Any]]) -> None:
    """Raises where a resource is not what the published schemas of Kubernetes say, unknown fields included."""
    for resource in resources:
        for version in VERSIONS:
            kubernetes_validate.validate(resource, version, strict=True)


def check_schema(schema: Any, value: Any) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(value)]
    if errors:
        raise AssertionError("\n".join(errors))


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def pod_of(resource: dict[str, Any]) -> dict[str, Any]:
    return resource["spec"]["template"]["spec"]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())
