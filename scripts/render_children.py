"""Prints the objects that the operator would make of a PDInferenceService in a file.

Usage: `python scripts/render_children.py FILE`. The unit tests' `golden/children.yaml` is its
output for the `service.yaml` beside it.
"""

import sys
from pathlib import Path

import yaml

from pd_operator.actuation.children import build_children, build_pod_monitor
from pd_operator.api.v1alpha1 import PDInferenceService

OPERATOR_IMAGE = "pd-operator/operator"


def render(text: str) -> str:
    """The children of the service in `text`, PodMonitor last, as one YAML stream."""
    service = PDInferenceService.parse(yaml.safe_load(text))
    children = build_children(service, operator_image=OPERATOR_IMAGE)
    manifests = [*children, build_pod_monitor(service)]
    return yaml.safe_dump_all(manifests, sort_keys=False, width=100)


if __name__ == "__main__":
    sys.stdout.write(render(Path(sys.argv[1]).read_text(encoding="utf-8")))
