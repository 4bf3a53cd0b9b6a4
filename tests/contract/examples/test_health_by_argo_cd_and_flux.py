"""When a GitOps tool calls a service healthy: Argo CD's script by Lua, Flux's expressions by CEL.

CEL is evaluated by the API server, as a rule of a kind that is made for it: Flux uses the same
library.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import (
    ConditionReason,
    ConditionStatus,
    ConditionType,
    initial_conditions,
    set_condition,
)

EXAMPLES = Path(__file__).parents[3] / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Told = tuple[ConditionType, ConditionStatus, ConditionReason]
READY, CAPACITY = ConditionType.READY, ConditionType.CAPACITY_AVAILABLE
TRUE, FALSE = ConditionStatus.TRUE, ConditionStatus.FALSE

CASES: dict[str, tuple[list[Told], str, str]] = {
    "visited for the first time": ([], "Progressing", "InProgress"),
    "workers start": (
        [(READY, FALSE, ConditionReason.NO_READY_PREFILL)], "Progressing", "InProgress",
    ),
    "workers never start": (
        [
            (READY, FALSE, ConditionReason.NO_READY_DECODE),
            (CAPACITY, FALSE, ConditionReason.WORKERS_UNSCHEDULABLE),
        ], "Degraded", "InProgress",
    ),
    "serves": ([(READY, TRUE, ConditionReason.SERVING)], "Healthy", "Current"),
    "serves and waits for one worker more": (
        [
            (READY, TRUE, ConditionReason.SERVING),
            (CAPACITY, FALSE, ConditionReason.WORKERS_UNSCHEDULABLE),
        ], "Healthy", "Current",
    ),
    "a tick failed": ([(READY, FALSE, ConditionReason.TICK_FAILED)], "Progressing", "InProgress"),
    "a child is refused": (
        [(READY, FALSE, ConditionReason.CHILDREN_REFUSED)], "Degraded", "Failed",
    ),
    "a spec of another version": (
        [(READY, FALSE, ConditionReason.SPEC_INVALID)], "Degraded", "Failed",
    ),
    "a target that is not there": (
        [(READY, FALSE, ConditionReason.TARGET_MISSING)], "Degraded", "Failed",
    ),
}  # fmt: skip


def service(told: list[Told], *, observed: int = 2) -> dict[str, Any]:
    """A service of generation 2 as the operator leaves it."""
    conditions = initial_conditions(NOW, observed)
    for kind, status, reason in told:
        conditions = set_condition(
            conditions, kind, status, reason, f"{reason}, in words", now=NOW, generation=observed
        )
    dumped = [each.model_dump(mode="json", by_alias=True) for each in conditions]
    return {
        "metadata": {"name": "chat", "generation": 2},
        "status": {"observedGeneration": observed, "conditions": dumped},
    }


@pytest.fixture(scope="module")
def argo() -> Callable[[dict[str, Any]], tuple[str, str]]:
    """Argo CD's answer, status and message, to an object."""
    patch = yaml.safe_load((EXAMPLES / "argo-cd" / "argocd-cm.yaml").read_text(encoding="utf-8"))
    (script,) = patch["data"].values()

    def health(about: dict[str, Any]) -> tuple[str, str]:
        runtime = lua51.LuaRuntime(unpack_returned_tuples=True)
        runtime.globals().obj = runtime.table_from(about, recursive=True)
        answer = runtime.execute(script)
        return str(answer.status), str(answer.message)

    return health


@pytest.mark.parametrize("case", CASES)
def test_argo_cd_tells_what_starts_from_what_needs_a_person(
    argo: Callable[[dict[str, Any]], tuple[str, str]], case: str
) -> None:
    told, expected, _ = CASES[case]
    status, message = argo(service(told))
    assert status == expected
    if told and expected == "Degraded":
        assert message == f"{told[-1][2]}, in words"


def test_argo_cd_does_not_take_an_older_status_for_this_spec_s(
    argo: Callable[[dict[str, Any]], tuple[str, str]],
) -> None:
    serving = [(READY, TRUE, ConditionReason.SERVING)]
    assert argo(service(serving, observed=1))[0] == "Progressing"
    assert argo({"metadata": {"name": "chat", "generation": 1}})[0] == "Progressing"


def test_argo_cd_s_key_is_the_kind_s_own() -> None:
    patch = yaml.safe_load((EXAMPLES / "argo-cd" / "argocd-cm.yaml").read_text(encoding="utf-8"))
    prefix = "resource.customizations.health."
    assert list(patch["data"]) == [f"{prefix}serving.pd-operator.io_PDInferenceService"]


class Expressions:
    """Flux's expressions, each as the rule of a kind: an object is stored where the rule holds."""

    def __init__(
        self, control_plane: ControlPlane, expressions: dict[str, str], folder: Path
    ) -> None:
        self._control_plane = control_plane
        self._names = [name for name in ("failed", "current") if name in expressions]
        for name in self._names:
            rule = re.sub(r"\bstatus\.(?=conditions)", "self.status.", expressions[name])
            file = folder / f"{name}.json"
            file.write_text(json.dumps(_kind_with(name, rule)), encoding="utf-8")
            control_plane.serve_crds(file)
            # Established is said a moment before the kind is served everywhere.
            eventually(partial(self._is_served, f"{name}s.health.test"))

    def status(self, about: dict[str, Any], namespace: str) -> str:
        """In Flux's order: failed, then current, else in progress."""
        for name in self._names:
            if self._holds(name, about, namespace):
                return name.title()
        return "InProgress"

    def _is_served(self, kind: str) -> bool:
        return not self._control_plane.kubectl("get", kind, "--output=name")

    def delete(self) -> None:
        for name in self._names:
            self._control_plane.kubectl("delete", "crd", f"{name}s.health.test", "--wait=false")

    def _holds(self, name: str, about: dict[str, Any], namespace: str) -> bool:
        asked = {
            "apiVersion": "health.test/v1",
            "kind": name.title(),
            "metadata": {"name": "chat", "namespace": namespace},
            "status": {
                "conditions": [
                    {field: one[field] for field in ("type", "status", "reason")}
                    for one in about["status"]["conditions"]
                ]
            },
        }
        try:
            self._control_plane.kubectl(
                "create", "-f-", "--dry-run=server", input_text=json.dumps(asked)
            )
        except CommandError as error:
            if "the expression does not hold" not in str(error):
                raise
            return False
        return True


def _kind_with(name: str, rule: str) -> dict[str, Any]:
    text = {"type": "string"}
    condition = {"type": "object", "properties": {"type": text, "status": text, "reason": text}}
    status = {
        "type": "object",
        "properties": {"conditions": {"type": "array", "maxItems": 32, "items": condition}},
    }
    schema = {
        "type": "object",
        "properties": {"status": status},
        "x-kubernetes-validations": [{"rule": rule, "message": "the expression does not hold"}],
    }
    version = {
        "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
    }  # fmt: skip
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{name}s.health.test"},
        "spec": {
            "group": "health.test",
            "scope": "Namespaced",
            "names": {"kind": name.title(), "plural": f"{name}s"},
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def flux(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Expressions]:
    text = (EXAMPLES / "flux" / "services.yaml").read_text(encoding="utf-8")
    (rollout,) = [one for one in yaml.safe_load_all(text) if one["kind"] == "Kustomization"]
    (check,) = rollout["spec"]["healthCheckExprs"]
    assert (check["apiVersion"], check["kind"]) == (
        "serving.pd-operator.io/v1alpha1",
        "PDInferenceService",
    )
    expressions = Expressions(control_plane, check, tmp_path_factory.mktemp("kinds"))
    yield expressions
    expressions.delete()


@pytest.mark.controlplane
@pytest.mark.parametrize("case", CASES)
def test_flux_waits_for_what_starts_and_fails_on_what_needs_a_person(
    flux: Expressions, namespace: str, case: str
) -> None:
    told, _, expected = CASES[case]
    assert flux.status(service(told), namespace) == expected
