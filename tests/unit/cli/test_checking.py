"""What `kubectl pd check` finds, and what it says to do."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import LEASE, PD_SERVICE, POD_MONITOR, Kind
from pd_operator.api.crd import custom_resource_definition
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.cli.checking.findings import Finding, State
from pd_operator.cli.checking.installation import installation
from pd_operator.cli.checking.nodes import gpus
from pd_operator.cli.checking.rights import rights
from pd_operator.cli.checking.service import service_pieces
from pd_operator.cli.checking.words import table
from pd_operator.cli.kinds import CRD, NODE

from .services import a_service

FORBIDDEN = ClusterError(403, "leases is forbidden")


class Known:
    """An API server that serves some kinds and has some objects; an error is what it answers."""

    def __init__(self, *kinds: Kind, forbids: tuple[str, ...] = (), **objects: Any) -> None:
        self._kinds, self._objects, self._forbids = kinds, objects, forbids

    async def serves(self, kind: Kind) -> bool:
        return kind in self._kinds

    async def get(self, kind: Kind, namespace: str, name: str) -> Any:
        del namespace, name
        return self._answer(kind)

    async def select(self, kind: Kind, namespace: str, labels: dict[str, str]) -> Any:
        del namespace, labels
        return self._answer(kind) or []

    async def create(self, kind: Kind, namespace: str, body: Any) -> Any:
        del kind, namespace
        verb = body["spec"]["resourceAttributes"]["verb"]
        return {"status": {"allowed": verb not in self._forbids}}

    def _answer(self, kind: Kind) -> Any:
        known = self._objects.get(kind.name)
        if isinstance(known, ClusterError):
            raise known
        return known


def known(*kinds: Kind, **objects: Any) -> Cluster:
    return cast("Cluster", Known(*kinds, **objects))


def lease(age_seconds: float, holder: str = "pod-a_1") -> dict[str, Any]:
    renewed = datetime.now(UTC) - timedelta(seconds=age_seconds)
    return {
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": renewed.isoformat().replace("+00:00", "Z"),
        }
    }


async def installed(cluster: Cluster) -> dict[str, Finding]:
    return {one.piece: one async for one in installation(cluster, "ns/pd-operator")}


async def pieces(cluster: Cluster, **status: Any) -> dict[str, Finding]:
    return {one.piece: one async for one in service_pieces(cluster, a_service(**status), None)}


async def test_a_whole_installation_leaves_nothing_to_do() -> None:
    cluster = known(
        PD_SERVICE,
        POD_MONITOR,
        CustomResourceDefinition=custom_resource_definition(),
        Lease=lease(3),
    )
    found = await installed(cluster)
    assert {one.state for one in found.values()} == {State.OK}
    assert "pod-a_1 holds the Lease ns/pd-operator" in found["operator"].said


async def test_without_the_chart_the_way_to_install_it_is_told() -> None:
    found = await installed(known())
    assert found["CRD"].state is State.ACT
    assert "helm install" in found["CRD"].advice
    assert found["operator"].state is State.ACT
    assert found["monitors"].state is State.NOTE


PULLED_IN_VAIN = {
    "status": {
        "conditions": [{"type": "PodScheduled", "status": "True"}],
        "containerStatuses": [
            {
                "name": "operator",
                "ready": False,
                "state": {
                    "waiting": {
                        "reason": "ImagePullBackOff",
                        "message": 'Back-off pulling image "pd-operator/operator:0.1.0"',
                    }
                },
            }
        ],
    }
}


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([PULLED_IN_VAIN], 'operator: ImagePullBackOff: Back-off pulling image "pd-operator/'),
        ([PULLED_IN_VAIN] * 2, "Its pod: operator: ImagePullBackOff"),
        ([], "It has no pods in ns."),
        (ClusterError(403, "pods is forbidden"), "no operator runs there."),
    ],
)
async def test_why_no_operator_runs_is_told_in_kubernetes_own_words(pods: Any, words: str) -> None:
    found = await installed(known(PD_SERVICE, Pod=pods))
    assert found["operator"].state is State.ACT
    assert found["operator"].said.count(words) == 1


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (lease(40), State.ACT, "has not renewed its Lease for"),
        (lease(3, holder=""), State.ACT, "Nobody holds the Lease"),
        (FORBIDDEN, State.NOTE, "may not be read"),
    ],
)
async def test_a_lease_tells_whether_an_operator_acts(
    answer: Any, state: State, words: str
) -> None:
    found = await installed(known(PD_SERVICE, Lease=answer))
    assert found["operator"].state is state
    assert words in found["operator"].said


async def test_a_crd_of_another_version_is_noted() -> None:
    older = custom_resource_definition()
    del older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"][
        "properties"
    ]["history"]
    found = await installed(known(PD_SERVICE, CustomResourceDefinition=older))
    assert found["CRD"].state is State.NOTE


def node(gpus: str, **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"allocatable": {"nvidia.com/gpu": gpus}}}


@pytest.mark.parametrize(
    ("nodes", "state", "words"),
    [
        ([node("8"), node("8")], State.OK, "16 nvidia.com/gpu on 2 of 2 nodes; the service"),
        ([node("8"), node("8", unschedulable=True)], State.NOTE, "8 nvidia.com/gpu on 1 of 2"),
        ([node("1")], State.ACT, "holds 2 at least and 16 at most"),
        ([{"spec": {}, "status": {}}], State.ACT, "No node offers nvidia.com/gpu"),
        (FORBIDDEN, State.NOTE, "may not be listed"),
    ],
)
async def test_gpus_of_the_nodes_are_held_against_what_the_service_needs(
    nodes: Any, state: State, words: str
) -> None:
    found = await gpus(known(Node=nodes), a_service())
    assert found.state is state
    assert words in found.said


@pytest.mark.parametrize(
    ("forbidden", "state"),
    [((), State.OK), (("patch", "delete"), State.NOTE), (("list",), State.ACT)],
)
async def test_who_may_look_but_not_change_is_told_so_and_is_no_fault(
    forbidden: tuple[str, ...], state: State
) -> None:
    found = await rights(known(forbids=forbidden), "team")
    assert found.state is state
    assert all(verb in found.said for verb in forbidden)


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-12-01T07:00:00Z",
        "observedGeneration": 1,
    }


async def test_a_service_s_own_words_say_what_to_do() -> None:
    found = await pieces(
        known(POD_MONITOR),
        conditions=[
            condition("MetricsAvailable", "False", "NoSeries", "Prometheus has no series."),
            condition("CapacityAvailable", "False", "WorkersUnschedulable", "Waiting for a node."),
            condition("Scaling", "False", "Advisory", "Not done."),
        ],
    )
    assert found["metrics"].state is State.ACT
    assert found["metrics"].said == "Prometheus has no series."
    assert found["CapacityAvailable"].state is State.ACT
    assert "Scaling" not in found, "what the user chose is no fault"
    assert found["managed"].state is State.ACT
    assert found["monitor"].state is State.ACT
    assert found["profile"].state is State.OK


async def test_a_service_that_is_served_leaves_nothing_to_do() -> None:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    found = await pieces(
        known(POD_MONITOR, PodMonitor={"metadata": {"labels": {"release": "prom", "a/b": "c"}}}),
        managedBy={"operator": "ns/pd-operator", "renewTime": now},
        conditions=[condition("MetricsAvailable", "True", "MetricsRead", "The load was read.")],
    )
    assert {one.state for one in found.values()} == {State.OK}
    assert "release=prom" in found["monitor"].said


async def test_workers_of_other_hands_need_no_monitor_of_ours() -> None:
    own = a_service()
    target = ScaleTargetRef(api_version="apps/v1", kind="Deployment", name="answers")
    pools = {
        role.value: own.spec.pool(role).model_copy(update={"scale_target_ref": target})
        for role in Role
    }
    attached = own.model_copy(update={"spec": own.spec.model_copy(update=pools)})
    cluster = known(POD_MONITOR)
    states = {
        service is attached: [
            one.state
            async for one in service_pieces(cluster, service, None)
            if one.piece == "monitor"
        ]
        for service in (own, attached)
    }
    assert states == {False: [State.ACT], True: [State.NOTE]}


def test_each_line_has_a_mark_and_what_to_do() -> None:
    file = StringIO()
    findings = [Finding("CRD", State.ACT, "Not [served].", "helm install")]
    Console(file=file, width=80).print(table(findings))
    said, advice = (line.strip() for line in file.getvalue().splitlines())
    assert (said, advice) == ("✗  CRD  Not [served].", "→ helm install")


def test_the_kinds_have_the_paths_of_the_cluster() -> None:
    assert CRD.path("", "a") == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a"
    assert NODE.path("") == "/api/v1/nodes"
    assert LEASE.path("ns", "a") == "/apis/coordination.k8s.io/v1/namespaces/ns/leases/a"
