"""Engines that are slower than their profile says: what the operator has to find out."""

import json
from math import ceil
from typing import Any

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

TIME_SCALE = "PD_ENGINE_TIME_SCALE"


def slowed(manifest: dict[str, Any], percent: int) -> dict[str, Any]:
    """The service with engines that take `percent` more time for everything.

    Its objectives move by as much: a single sequence would miss the demo's tight TPOT already.
    They are rounded up, as a millisecond less is a much smaller batch.
    An operator that believes the profile then sees objectives that are easy to meet, and buys too
    few workers.
    """
    pace = 1 + percent / 100
    # Through JSON: a YAML anchor would make both pools' templates one object.
    slow: dict[str, Any] = json.loads(json.dumps(manifest))
    for objective in slow["spec"]["objectives"].values():
        objective["milliseconds"] = ceil(objective["milliseconds"] * pace)
    for role in Role:
        for container in slow["spec"][role.value]["template"]["spec"]["containers"]:
            container.setdefault("env", []).append({"name": TIME_SCALE, "value": f"{pace:g}"})
    return slow


def pace_of(service: PDInferenceService) -> float:
    """How many times as long as their profile says the engines of a service really take."""
    template = service.spec.prefill.template or {}
    containers = template.get("spec", {}).get("containers", ())
    environment = {
        variable["name"]: variable.get("value")
        for container in containers
        for variable in container.get("env", ())
    }
    return float(environment.get(TIME_SCALE) or 1.0)
