"""A service's children against the real API server: made, left alone, restored, removed."""

import json

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.applier import ChildApplier
from pd_operator.actuation.children import Manifest, build_children
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import DEPLOYMENT, POD_MONITOR
from pd_operator.api.names import LABEL_SERVICE
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane


@pytest.fixture
def applier(cluster_api: Cluster, namespace: str) -> ChildApplier:
    return ChildApplier(cluster_api, namespace, {LABEL_SERVICE: "chat"})


def children(service: PDInferenceService) -> list[Manifest]:
    return build_children(service, operator_image="pd-operator/operator")


def names(control_plane: ControlPlane, namespace: str, kind: str) -> set[str]:
    text = control_plane.kubectl("get", kind, "-n", namespace, "-l", LABEL_SERVICE, "-o", "json")
    return {item["metadata"]["name"] for item in json.loads(text)["items"]}


async def test_all_children_are_made_once_and_then_left_alone(
    applier: ChildApplier, service: PDInferenceService
) -> None:
    wanted = children(service)
    written = await applier.apply(wanted)
    assert len(written) == len(wanted)
    assert await applier.apply(wanted) == []


async def test_a_deleted_child_comes_back(
    applier: ChildApplier,
    service: PDInferenceService,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    await applier.apply(children(service))
    control_plane.kubectl("delete", "service", "chat", "-n", namespace)
    assert await applier.apply(children(service)) == ["Service/chat"]
    assert "chat" in names(control_plane, namespace, "service")


async def test_a_child_edited_by_hand_is_restored(
    applier: ChildApplier,
    service: PDInferenceService,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    await applier.apply(children(service))
    patch = json.dumps({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 77}}}})
    control_plane.kubectl("patch", "deployment", "chat-decode", "-n", namespace, "-p", patch)
    assert await applier.apply(children(service)) == ["Deployment/chat-decode"]
    grace = control_plane.kubectl(
        "get",
        "deployment",
        "chat-decode",
        "-n",
        namespace,
        "-o",
        "jsonpath={.spec.template.spec.terminationGracePeriodSeconds}",
    )
    assert int(grace) == service.spec.decode.termination_grace_period_seconds


async def test_status_changes_of_a_child_are_no_reason_to_write(
    applier: ChildApplier,
    service: PDInferenceService,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    await applier.apply(children(service))

    def controller_has_seen_it() -> bool:
        text = control_plane.kubectl(
            "get", "deployment", "chat-decode", "-n", namespace, "-o", "json"
        )
        return bool(json.loads(text)["status"].get("observedGeneration"))

    eventually(controller_has_seen_it, timeout_seconds=30)
    assert await applier.apply(children(service)) == []


async def test_replicas_belong_to_scale_and_are_neither_noticed_nor_undone(
    applier: ChildApplier,
    cluster_api: Cluster,
    service: PDInferenceService,
    namespace: str,
) -> None:
    await applier.apply(children(service))
    await cluster_api.scale(DEPLOYMENT, namespace, "chat-prefill", 5)
    assert await applier.apply(children(service)) == []
    await applier.apply(build_children(service, operator_image="pd-operator/other"))
    stored = await cluster_api.get(DEPLOYMENT, namespace, "chat-prefill")
    assert stored is not None
    assert stored["spec"]["replicas"] == 5


async def test_deleting_the_service_removes_all_children(
    applier: ChildApplier,
    service: PDInferenceService,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    await applier.apply(children(service))
    control_plane.kubectl("delete", "pdis", "chat", "-n", namespace)
    kinds = "deployment,service,serviceaccount,role,rolebinding,poddisruptionbudget"
    eventually(lambda: names(control_plane, namespace, kinds) == set(), timeout_seconds=60)


async def test_a_kind_that_the_cluster_does_not_have_is_known_as_absent(
    cluster_api: Cluster,
) -> None:
    assert await cluster_api.serves(DEPLOYMENT)
    assert not await cluster_api.serves(POD_MONITOR)
