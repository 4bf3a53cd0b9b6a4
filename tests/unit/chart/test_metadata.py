"""What Chart.yaml says of the chart is so."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_operator.api.v1alpha1 import PDInferenceService

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "pd-operator"


@pytest.fixture(scope="module")
def metadata() -> Any:
    return yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))


def test_the_charts_app_version_is_the_distributions(metadata: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["appVersion"] == project["version"]


def test_the_advertised_example_is_a_service(metadata: Any) -> None:
    (example,) = yaml.safe_load(metadata["annotations"]["artifacthub.io/crdsExamples"])
    stored = {"namespace": "default", "uid": "0", "generation": 1}
    example["metadata"] |= stored
    service = PDInferenceService.parse(example)
    assert service.spec.objectives.ttft.percentile == 90


def test_the_advertised_images_are_those_that_run(metadata: Any) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    told = yaml.safe_load(metadata["annotations"]["artifacthub.io/images"])
    sidecar = values["workerTable"]["image"]
    assert {image["name"]: image["image"] for image in told} == {
        "operator": f"{values['image']['repository']}:{metadata['appVersion']}",
        "worker-table": f"{sidecar['repository']}:{sidecar['tag']}",
    }


def test_every_value_of_the_schema_has_a_default() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert names(schema) - {"global"} == set(values)
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            assert names(inner) == set(values[name]), name


def names(schema: Any) -> set[str]:
    return set(schema["properties"])
