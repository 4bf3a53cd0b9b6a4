"""Services to put to the API server: a minimal one, and changes to it by dotted path."""

import copy
import json
from typing import Any

from pd_e2e.cluster.controlplane import ControlPlane

MINIMAL: dict[str, Any] = {
    "apiVersion": "serving.pd-operator.io/v1alpha1",
    "kind": "PDInferenceService",
    "metadata": {"name": "chat"},
    "spec": {
        "model": {"path": "org/model"},
        "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
        "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
        "prefill": {"maxReplicas": 8},
        "decode": {"maxReplicas": 8},
        "metrics": {"prometheusUrl": "http://prometheus:9090"},
    },
}

Changes = dict[str, Any]

SCHEDULES = "spec.autoscaling.schedules"


def schedule(**fields: Any) -> Changes:
    """A service with one schedule, every morning."""
    morning = {"name": "morning", "cron": "30 8 * * MON-FRI", "durationSeconds": 7200}
    return {SCHEDULES: [morning | fields]}


def attached(**more: Any) -> Changes:
    """A service of workloads that are there already, with further fields by dotted path."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment"}
    return {
        "spec.prefill.scaleTargetRef": target | {"name": "chat-prefill"},
        "spec.decode.scaleTargetRef": target | {"name": "chat-decode"},
        "spec.autoscaling.mode": "Advisory",
        "spec.metrics.routerLabels": {"job": "smg"},
        **{path.replace("_", "."): value for path, value in more.items()},
    }


def changed(changes: Changes) -> dict[str, Any]:
    """The minimal service with some fields set, by dotted path; None removes one."""
    service = copy.deepcopy(MINIMAL)
    for path, value in changes.items():
        *parents, field = path.split(".")
        target = service
        for parent in parents:
            target = target.setdefault(parent, {})
        target.pop(field, None)
        if value is not None:
            target[field] = value
    return service


def create(api: ControlPlane, namespace: str, service: dict[str, Any]) -> dict[str, Any]:
    """What the apiserver makes of a service."""
    said = api.kubectl(
        "create", f"--namespace={namespace}", "--filename=-", "--output=json",
        input_text=json.dumps(service),
    )  # fmt: skip
    stored: dict[str, Any] = json.loads(said)
    return stored
