"""Workers that the operator did not make: watched first, then scaled, and no request notices."""

from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.children import build_children
from pd_operator.api.conditions import ConditionType
from pd_operator.api.names import FIELD_MANAGER, ROLE_ROUTER, pool_name
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

from .installed import InstalledOperator
from .service import NAME, RunningService, manifest
from .traffic import SteadyLoad

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]


def of_other_hands(prometheus_url: str, namespace: str) -> list[Json]:
    """A router with our sidecar and a worker of each role, as somebody applies them by hand."""
    service = manifest(prometheus_url)
    service["metadata"]["namespace"] = namespace
    model = PDInferenceService.parse(service)
    one = dict.fromkeys(Role, 1)
    children = build_children(model, operator_image="pd-operator/operator", replicas=one)
    for child in children:
        del child["metadata"]["ownerReferences"]
    return children


def attached(prometheus_url: str) -> Json:
    """The service of those Deployments, in mode Advisory."""
    pools: Json = {
        role.value: {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": pool_name(NAME, role),
            },
        }
        for role in Role
    }
    service = manifest(
        prometheus_url,
        autoscaling={"mode": "Advisory"},
        engine={"args": []},
        metrics={"routerLabels": {"pd_role": "router"}},
        **pools,
    )
    for role in Role:
        del service["spec"][role.value]["template"]
    return service


def test_a_pair_of_deployments_of_other_hands_is_watched_and_then_scaled(
    operator: InstalledOperator,
    prometheus: Prometheus,
    control_plane: ControlPlane,
    namespace: str,
    tmp_path: Path,
) -> None:
    chat = RunningService(control_plane, namespace)
    for child in of_other_hands(prometheus.url, namespace):
        chat.apply(child)
    eventually(lambda: all(chat.ready_pods(part) for part in (*Role, ROLE_ROUTER)))
    chat.apply(attached(prometheus.url))
    chat.await_condition(ConditionType.SCALING, "False", "Advisory")
    chat.await_workers(prefill=1, decode=1)
    quiet = SteadyLoad(
        chat.router_url, tmp_path / "quiet", rate=1, input_tokens=100, output_tokens=20
    )
    busy = SteadyLoad(
        chat.router_url, tmp_path / "busy", rate=7, input_tokens=2000, output_tokens=100
    )
    with quiet:
        with busy:
            eventually(lambda: all(chat.pool_status(role).desired >= 2 for role in Role), 90)
            assert [m for m in chat.events("AdviceChanged") if "goes from 1 to" in m]
            operator.await_ticks(namespace, 2)
            assert [chat.replicas(role) for role in Role] == [1, 1]
            assert all(not written_by_us(chat, role) for role in Role)

            chat.edit(autoscaling={"mode": "Active"})
            eventually(lambda: all(chat.pool_status(role).ready >= 2 for role in Role), 90)
            for role in Role:
                assert [m for m in chat.events("ScaledUp") if f"{role} 1 -> " in m]
            busy.goes_on()
        # The last value's margins hold what the busy minutes asked for until they are few of many.
        eventually(lambda: all(chat.replicas(role) == 1 for role in Role), 190)
        quiet.goes_on()
    assert busy.failures() == []
    assert quiet.failures() == []

    chat.kubectl("delete", "pdis", NAME)
    for role in Role:
        theirs = chat.get("deployment", pool_name(NAME, role))
        assert "ownerReferences" not in theirs["metadata"]
        assert written_by_us(chat, role) == {"scale"}
    assert len(chat.workers()) == len(Role)


def written_by_us(chat: RunningService, role: Role) -> set[str]:
    """The subresources of a pool's Deployment through which the operator has written."""
    fields = chat.kubectl(
        "get", "deployment", pool_name(NAME, role), "--show-managed-fields",
        "--output=jsonpath={range .metadata.managedFields[*]}{.manager}/{.subresource}{'\\n'}{end}",
    )  # fmt: skip
    writers = [line.partition("/") for line in fields.splitlines()]
    return {subresource for manager, _, subresource in writers if manager == FIELD_MANAGER}
