"""Values that the examples give to charts: ours renders with them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.families import Program

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
CHART = ROOT / "charts" / "pd-operator"
STACK = {"release": "kube-prometheus-stack"}


def of_argo_cd() -> Any:
    documents = yaml.safe_load_all((EXAMPLES / "argo-cd" / "application.yaml").read_text())
    (values,) = [one["spec"]["source"]["helm"] for one in documents if "chart" in _source(one)]
    return values["valuesObject"]


def of_flux() -> Any:
    documents = yaml.safe_load_all((EXAMPLES / "flux" / "operator.yaml").read_text())
    (release,) = [one for one in documents if one["kind"] == "HelmRelease"]
    return release["spec"]["values"]


def _source(application: Any) -> Any:
    return application["spec"]["source"]


@pytest.mark.parametrize("values", [of_argo_cd(), of_flux()], ids=["argo-cd", "flux"])
def test_the_chart_renders_with_the_values_of_the_gitops_examples(
    binaries: Programs, tmp_path: Path, values: Any
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values))
    said = subprocess.run(
        [
            *(binaries[Program.HELM], "template", "pd-operator", CHART, "--values", file),
            "--api-versions=monitoring.coreos.com/v1",
        ],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    manifests = [each for each in yaml.safe_load_all(said) if each]
    for kind in ("PodMonitor", "PrometheusRule"):
        (found,) = [each for each in manifests if each["kind"] == kind]
        assert STACK.items() <= found["metadata"]["labels"].items()
    (deployment,) = [each for each in manifests if each["kind"] == "Deployment"]
    (operator,) = deployment["spec"]["template"]["spec"]["containers"]
    assert operator["image"].startswith("registry.example.com/")


def test_the_chart_named_to_argo_cd_is_of_its_version() -> None:
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    documents = yaml.safe_load_all((EXAMPLES / "argo-cd" / "application.yaml").read_text())
    (source,) = [_source(one) for one in documents if "chart" in _source(one)]
    assert source["targetRevision"] == version


def test_every_file_of_the_examples_is_in_their_table() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.*")}
    files = {name for name in files if "__pycache__" not in name} - {"README.md"}
    assert [name for name in sorted(files) if name not in readme] == []
