"""The CustomResourceDefinition, generated from the models: `python -m pd_operator.api.crd`."""

import sys

import yaml

from pd_operator.api.names import (
    CRD_NAME,
    GROUP,
    KIND,
    MAX_SERVICE_NAME_LENGTH,
    PLURAL,
    SHORT_NAME,
    SINGULAR,
    VERSION,
)
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.api.status import PDInferenceServiceStatus
from pd_operator.api.structural import Schema, structural_schema

_HEADER = """\
# Generated from operator/src/pd_operator/api by `make crds`. Do not edit: change the models.
# SPDX-License-Identifier: Apache-2.0
"""

_DESCRIPTION = (
    "PDInferenceService is a model served by SGLang with prefill and decode in separate pools. "
    "The operator creates both pools, the router and what monitors them, and keeps the number of "
    "workers, and their ratio, at what the load will need by the time a change can take effect."
)


def custom_resource_definition() -> Schema:
    """The CRD manifest."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": SINGULAR,
                "shortNames": [SHORT_NAME],
                "categories": ["all", "inference"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _printer_columns(),
                    "schema": {"openAPIV3Schema": _resource_schema()},
                }
            ],
        },
    }


def _resource_schema() -> Schema:
    return {
        "description": _DESCRIPTION,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": KIND},
            "metadata": _metadata_schema(),
            "spec": structural_schema(PDInferenceServiceSpec),
            "status": structural_schema(PDInferenceServiceStatus),
        },
    }


def _metadata_schema() -> Schema:
    """The children, the Service among them, carry the name with a suffix: both must be valid."""
    return {
        "type": "object",
        "properties": {
            "name": {
                "type": "string",
                "maxLength": MAX_SERVICE_NAME_LENGTH,
                "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
            }
        },
    }


def _printer_columns() -> list[Schema]:
    return [
        _column("Ready", _condition("Ready", "status")),
        _column("Prefill", ".status.display.prefill", description="Workers, ready/wanted"),
        _column("Decode", ".status.display.decode", description="Workers, ready/wanted"),
        _column("Ratio", ".status.ratio", description="Wanted prefill to decode workers"),
        _column("Forecast", ".status.display.forecast", description="Requests the pools are for"),
        _column("Attainment", ".status.display.attainment", description="TTFT/TPOT met"),
        _column("Reason", ".status.display.reason", description="First fault, or last decision"),
        _column("Mode", ".spec.autoscaling.mode", priority=1),
        _column("Metrics", _condition("MetricsAvailable", "status"), priority=1),
        _column("Trusted", _condition("ForecastTrusted", "status"), priority=1),
        _column("SLO", _condition("SLOMet", "reason"), priority=1),
        _column("Capacity", _condition("CapacityAvailable", "reason"), priority=1),
        _column("Feasible", _condition("SLOFeasible", "reason"), priority=1),
        _column("URL", ".status.url", priority=1, description="For clients in the cluster"),
        _column("Model", ".spec.model.path", priority=1),
        _column("Decision", ".status.lastDecision.message", priority=1),
        _column("Age", ".metadata.creationTimestamp", kind="date"),
    ]


def _condition(condition: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{condition}")].{field}'


def _column(
    name: str, path: str, *, kind: str = "string", priority: int = 0, description: str = ""
) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path}
    if priority:
        column["priority"] = priority
    if description:
        column["description"] = description
    return column


def render() -> str:
    """The file in `crds/`."""
    body = yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=100)
    return _HEADER + body


if __name__ == "__main__":
    sys.stdout.write(render())
