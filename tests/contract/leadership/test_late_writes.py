"""What a leader of before has under way is refused by the API server, whatever it is."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from tests.contract.leadership.pool import POOL, actuator, observe

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.applier import ChildApplier
from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster, Object
from pd_operator.actuation.kinds import DEPLOYMENT, PD_SERVICE, POD
from pd_operator.actuation.steps import PutOnTraffic, SetReplicas, Step, TakeOffTraffic
from pd_operator.api.names import ANNOTATION_TERM, API_VERSION, KIND, LABEL_SERVICE

pytestmark = pytest.mark.controlplane


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Cluster:
    return Cluster(control_plane.admin)


def led_by(cluster: Cluster, label: str) -> Cluster:
    """The cluster as the leader of that term has it; here, one whose fence lets all pass."""
    fence: Any = SimpleNamespace(label=label, write_seconds=4.0, writing=nullcontext)
    return cluster.behind(fence)


async def test_once_a_term_takes_from_a_pool_nothing_of_an_earlier_one_reaches_it(
    cluster: Cluster, pool: str
) -> None:
    seen = await observe(cluster, pool)
    before, now = (actuator(led_by(cluster, label), pool) for label in ("1 a 7", "2 b 9"))
    taken = await now.apply([TakeOffTraffic("w1", 0.0, 300.0)], seen)
    assert len(taken) == 1

    late_steps: list[Step] = [
        TakeOffTraffic("w2", 0.0, 300.0),
        PutOnTraffic("w1"),
        PutOnTraffic("w2"),
        SetReplicas(seen.replicas - 1, ("w2",)),
    ]
    for late in late_steps:
        assert await before.apply([late], seen) == []
    found = await observe(cluster, pool)
    assert [worker.traffic for worker in found.workers] == [False, True]
    assert found.replicas == seen.replicas
    for kind, name in ((DEPLOYMENT, POOL), (POD, "w1"), (POD, "w2")):
        stored = await cluster.get(kind, pool, name)
        assert stored is not None
        assert stored["metadata"]["annotations"][ANNOTATION_TERM] == "2 b 9"

    # Its own later steps of the same tick follow one another.
    again: list[Step] = [
        PutOnTraffic("w1"),
        TakeOffTraffic("w1", 0.0, 300.0),
        SetReplicas(999, ("w1",)),
    ]
    assert await now.apply(again, found) == again
    assert (await observe(cluster, pool)).replicas == 999


async def test_a_worker_that_is_gone_has_changed(cluster: Cluster, pool: str) -> None:
    with pytest.raises(ChangedMeanwhileError):
        await cluster.mark(POD, pool, "gone", labels={"a": "b"}, version="1")


class Meddling(Cluster):
    """Somebody writes to each object right before it is applied, so many times."""

    times = 1

    async def apply(self, manifest: Object, *, subresource: str = "") -> Object:
        if self.times and manifest["metadata"].get("resourceVersion"):
            self.times -= 1
            about = manifest["metadata"]
            note = {"note": str(self.times)}
            await self.mark(DEPLOYMENT, about["namespace"], about["name"], annotations=note)
        return await super().apply(manifest, subresource=subresource)


async def test_a_child_is_applied_over_what_is_read_anew_and_not_over_what_was(
    control_plane: ControlPlane, pool: str
) -> None:
    cluster = Meddling(control_plane.admin)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "w1", "controller": True}
    stored = await cluster.get(POD, pool, "w1")
    assert stored is not None
    owned = {"ownerReferences": [owner | {"uid": stored["metadata"]["uid"]}]}
    metadata = {"name": "child", "namespace": pool, "labels": {LABEL_SERVICE: "chat"}}
    template = await cluster.get(DEPLOYMENT, pool, POOL)
    assert template is not None
    child: Any = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": metadata | owned,
        "spec": {key: template["spec"][key] for key in ("selector", "template", "paused")},
    }
    applier = ChildApplier(cluster, pool, {LABEL_SERVICE: "chat"})
    assert await applier.apply([child]) == ["Deployment/child"]
    changed = child | {"spec": child["spec"] | {"minReadySeconds": 5}}
    assert await applier.apply([changed]) == ["Deployment/child"]
    assert cluster.times == 0

    cluster.times = 100
    with pytest.raises(ChangedMeanwhileError):
        await applier.apply([child])


async def test_a_status_that_comes_late_is_refused(
    control_plane: ControlPlane, cluster: Cluster, api: ControlPlane, namespace: str
) -> None:
    del api
    metadata = {"name": "chat", "namespace": namespace}
    header = {"apiVersion": API_VERSION, "kind": KIND}
    pools = {role: {"maxReplicas": 2} for role in ("prefill", "decode")}
    spec = {
        "model": {"path": "org/model"},
        "engine": {"profile": {"name": "llama-3.1-8b-l40s"}},
        "objectives": {"ttft": {"milliseconds": 1000}, "tpot": {"milliseconds": 40}},
        "metrics": {"prometheusUrl": "http://127.0.0.1:9"},
    }
    await cluster.apply(header | {"metadata": metadata, "spec": spec | pools})
    read = await cluster.get(PD_SERVICE, namespace, "chat")
    assert read is not None
    version = {"resourceVersion": read["metadata"]["resourceVersion"]}

    async def write(ratio: str) -> None:
        status = header | {"metadata": metadata | version, "status": {"ratio": ratio}}
        await cluster.apply(status, subresource="status")

    await write("1:1")
    with pytest.raises(ChangedMeanwhileError):
        await write("2:1")
    with pytest.raises(ChangedMeanwhileError):
        await cluster.patch_status(
            PD_SERVICE,
            namespace,
            "chat",
            {"ratio": "2:1"},
            resource_version=version["resourceVersion"],
        )
    after = await cluster.get(PD_SERVICE, namespace, "chat")
    assert after is not None
    assert after["status"]["ratio"] == "1:1"
