"""`/scale` of the real API server: nothing is set where the pool is no longer as it was seen."""

import json

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.applier import ChildApplier
from pd_operator.actuation.children import build_children
from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster, ClusterError
from pd_operator.actuation.kinds import DEPLOYMENT
from pd_operator.api.names import LABEL_SERVICE
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane

POOL = "chat-decode"


async def test_replicas_change_only_as_seen(
    cluster_api: Cluster,
    service: PDInferenceService,
    control_plane: ControlPlane,
    namespace: str,
) -> None:
    applier = ChildApplier(cluster_api, namespace, {LABEL_SERVICE: "chat"})
    await applier.apply(build_children(service, operator_image="pd-operator/operator"))

    async def seen() -> tuple[int, str]:
        pool = await cluster_api.get(DEPLOYMENT, namespace, POOL)
        assert pool is not None
        return pool["spec"]["replicas"], pool["metadata"]["resourceVersion"]

    await cluster_api.scale(DEPLOYMENT, namespace, POOL, 4)
    replicas, version = await seen()
    assert replicas == 4

    # Somebody else raises it: what was decided before that would lower it unseen.
    control_plane.kubectl("scale", "deployment", POOL, "-n", namespace, "--replicas=7")
    with pytest.raises(ChangedMeanwhileError):
        await cluster_api.scale(DEPLOYMENT, namespace, POOL, 5, before=4)
    assert (await seen())[0] == 7

    # The number is the same and something else changed: readiness shows in the status, for one.
    _, version = await seen()
    note = json.dumps({"metadata": {"annotations": {"note": "changed"}}})
    control_plane.kubectl("patch", "deployment", POOL, "-n", namespace, "-p", note)
    with pytest.raises(ChangedMeanwhileError):
        await cluster_api.scale(DEPLOYMENT, namespace, POOL, 6, before=7, version=version)
    assert (await seen())[0] == 7

    await cluster_api.scale(DEPLOYMENT, namespace, POOL, 8, before=7)
    assert (await seen())[0] == 8

    # `/scale` leaves 0 out: somebody has taken all workers away, and they come back.
    with pytest.raises(ChangedMeanwhileError):
        await cluster_api.scale(DEPLOYMENT, namespace, POOL, 2, before=0)
    control_plane.kubectl("scale", "deployment", POOL, "-n", namespace, "--replicas=0")
    with pytest.raises(ChangedMeanwhileError):
        await cluster_api.scale(DEPLOYMENT, namespace, POOL, 2, before=8)
    await cluster_api.scale(DEPLOYMENT, namespace, POOL, 2, before=0)
    assert (await seen())[0] == 2
    with pytest.raises(ClusterError) as missing:
        await cluster_api.scale(DEPLOYMENT, namespace, "nobody", 8, before=7)
    assert not isinstance(missing.value, ChangedMeanwhileError)
