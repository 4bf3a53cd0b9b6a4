"""The example for CPUs as the demo applies it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pd_e2e.sglang.environment import REPOSITORY, VARIABLES
from pd_e2e.sglang.pace import Pace
from pd_operator.api.names import KIND

EXAMPLE = REPOSITORY / "examples" / "pdservice-cpu.yaml"
MODELS = "/models"


def manifests(models: Path, prometheus_url: str, pace: Pace) -> list[dict[str, Any]]:
    """The example's objects, with what belongs to this machine, and engines at a pace."""
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")))
    for manifest in objects:
        if manifest["kind"] == KIND:
            _fit(manifest["spec"], models, prometheus_url, pace)
    return objects


def _fit(spec: dict[str, Any], models: Path, prometheus_url: str, pace: Pace) -> None:
    spec["engine"]["args"] += pace.arguments()
    spec["metrics"]["prometheusUrl"] = prometheus_url
    # By default workers stay longer after a load that no history foresaw than the demo lasts.
    spec["autoscaling"]["behavior"] = {"scaleDown": {"stabilizationWindowSeconds": 30}}
    # A few minutes teach nothing but that there were other steps, which the high quantile keeps to.
    spec["autoscaling"]["forecast"]["quantilePercent"] = 50
    # Both pools are one object to YAML's anchors.
    for volume in spec["prefill"]["template"]["spec"]["volumes"]:
        volume["hostPath"]["path"] = str(models)


def image(environment: Path) -> Mapping[str, Any]:
    """What the nodes run as SGLang's image."""
    return {
        "path": [str(environment / "bin")],
        "entrypoint": ["sglang", "serve"],
        "env": VARIABLES,
    }
