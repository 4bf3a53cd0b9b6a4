"""The chart, rendered by the real helm, and JSON schemas from the real API server."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.families import Program

ROOT = Path(__file__).parents[3]
RELEASE = "pd-operator"
NAMESPACE = "pd-operator-system"

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]


@pytest.fixture(scope="session")
def chart() -> Path:
    return ROOT / "charts" / "pd-operator"


@pytest.fixture(scope="session")
def run(binaries: Programs) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs one of the programs and returns what it said, whatever its exit status."""

    def run(program: Program, *arguments: str | Path, text: str | None = None) -> Any:
        command = [str(binaries[program]), *map(str, arguments)]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def template(
    run: Callable[..., subprocess.CompletedProcess[str]], chart: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`helm template` of the chart with more flags."""

    def template(*flags: str) -> subprocess.CompletedProcess[str]:
        return run(Program.HELM, "template", RELEASE, chart, "--namespace", NAMESPACE, *flags)

    return template


@pytest.fixture(scope="session")
def render(template: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """The chart's objects under some flags."""

    def render(*flags: str) -> list[Manifest]:
        rendered = template(*flags)
        assert rendered.returncode == 0, rendered.stderr
        return [each for each in yaml.safe_load_all(rendered.stdout) if each]

    return render


@pytest.fixture(scope="session")
def kubernetes_schemas(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of JSON schemas, one per kind, named as kubeconform names them.

    They are the API server's own OpenAPI documents: nothing is downloaded, and what is checked is
    the Kubernetes version that everything else runs on.
    """
    folder = tmp_path_factory.mktemp("schemas")
    index = json.loads(control_plane.kubectl("get", "--raw", "/openapi/v3"))
    for path in index["paths"]:
        if path.startswith(("api/", "apis/")):
            document = json.loads(control_plane.kubectl("get", "--raw", f"/openapi/v3/{path}"))
            _write_schemas(document.get("components", {}).get("schemas", {}), folder)
    return folder


def _write_schemas(schemas: dict[str, Any], folder: Path) -> None:
    definitions = json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/definitions/"))
    for definition in definitions.values():
        # As with kubeconform's -strict: a field that the server does not know is an error.
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    for name, schema in schemas.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            group = kind["group"].partition(".")[0]  # rbac, of rbac.authorization.k8s.io
            parts = filter(None, (kind["kind"], group, kind["version"]))
            file = folder / f"{'-'.join(parts)}.json".lower()
            root = {"$ref": f"#/definitions/{name}", "definitions": definitions}
            file.write_text(json.dumps(root), encoding="utf-8")
