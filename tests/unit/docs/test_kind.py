"""docs/kind.md, as far as it can be held without Docker: names, tags, options, labels."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.loadgen.options import parser

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "kind.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


@pytest.fixture
def overlay() -> Any:
    """What the overlay sets in the demo's service."""
    path = ROOT / "e2e" / "kind" / "kustomization.yaml"
    (patch,) = yaml.safe_load(path.read_text(encoding="utf-8"))["patches"]
    return yaml.safe_load(patch["patch"])


def test_every_image_is_one_that_was_built_under_that_tag(overlay: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    built = {
        f"pd-operator/{path.suffix[1:]}:{project['version']}"
        for path in (ROOT / "images").glob("Containerfile.*")
    }
    named = set(re.findall(r"pd-operator/[\w-]+:[\w.]+", TEXT))
    assert named == built
    assert overlay["spec"]["engine"]["image"] in built


def test_the_nodes_are_those_of_the_cluster() -> None:
    config = yaml.safe_load((ROOT / "e2e" / "kind" / "cluster.yaml").read_text(encoding="utf-8"))
    workers = sum(node["role"] == "worker" for node in config["nodes"])
    name = re.search(r"kind create cluster --name (\w+)", TEXT)
    assert name is not None
    expected = [f"{name[1]}-worker", *(f"{name[1]}-worker{i}" for i in range(2, workers + 1))]
    assert f"for node in {' '.join(expected)}; do" in TEXT


def test_the_load_generator_s_options_are_understood() -> None:
    (command,) = [line for line in COMMANDS if "pd_e2e.loadgen" in line]
    arguments = shlex.split(command)
    options = parser().parse_args(arguments[arguments.index("pd_e2e.loadgen") + 1 :])
    assert options.output.is_relative_to("/tmp"), "the image's user can write nowhere else"


def test_the_load_generator_s_image_has_what_it_imports() -> None:
    text = (ROOT / "images" / "Containerfile.engine-simulator").read_text(encoding="utf-8")
    assert "COPY e2e/src" in text
    assert "pyarrow" in text


def test_prometheus_reads_monitors_of_other_releases(overlay: Any) -> None:
    (command,) = [line for line in COMMANDS if "helm install kube-prometheus-stack" in line]
    for selector in ("podMonitor", "rule"):
        flag = f"prometheusSpec.{selector}SelectorNilUsesHelmValues=false"
        assert flag in command
    namespace = re.search(r" -n (\w+)", command)
    assert namespace is not None
    url = overlay["spec"]["metrics"]["prometheusUrl"]
    assert url == f"http://prometheus-operated.{namespace[1]}:9090"
