"""Workloads that the operator did not make, found through `/scale` of the real API server."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.kinds import PD_SERVICE
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.actuation.scale_targets import ScaleTargetError, TargetFault
from pd_operator.actuation.steps import SetReplicas
from pd_operator.api.names import API_VERSION, KIND, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.tick.attached_fleet import AttachedFleet
from pd_operator.controller.tick.fleet import FleetView
from pd_operator.controller.tick.rivals import must_be_alone
from pd_operator.scaling.observation import PoolObservation
from pd_operator.telemetry.observe import observe

pytestmark = pytest.mark.controlplane

LEADER_WORKER_SET = Path(__file__).parent / "data" / "leaderworkerset.yaml"
GROUPS = "leaderworkerset.x-k8s.io/v1"

Json = dict[str, Any]


def workload(kind: str, name: str, replicas: int, **metadata: Any) -> Json:
    """A Deployment or StatefulSet of pods with a name of its own for the engine's container."""
    labels = {"app": name}
    container = {"name": "sglang", "image": "sglang", "ports": [{"containerPort": 8000}]}
    spec: Json = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    if kind == "StatefulSet":
        spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


def leader(group: str, number: int) -> Json:
    """The pod that leads a group of nodes, as LeaderWorkerSet's controller makes it."""
    key = "leaderworkerset.sigs.k8s.io"
    labels = {f"{key}/name": group, f"{key}/worker-index": "0", f"{key}/group-index": str(number)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{group}-{number}", "labels": labels},
        "spec": {"containers": [{"name": "leader", "image": "sglang"}]},
    }


class Namespace:
    """One namespace of the real API server, and fleets of it."""

    def __init__(self, control_plane: ControlPlane, name: str) -> None:
        self._control_plane = control_plane
        self.name = name
        self.cluster = Cluster(control_plane.admin)

    def make(self, *manifests: Json) -> None:
        for manifest in manifests:
            text = json.dumps(manifest)
            self._control_plane.kubectl("create", f"-n={self.name}", "-f-", input_text=text)

    def kubectl(self, *arguments: str) -> None:
        self._control_plane.kubectl(*arguments, f"-n={self.name}")

    def fleet(self, prefill: str, decode: str, api_version: str = "apps/v1") -> AttachedFleet:
        """The targets as `Kind/name`."""
        refs = {
            role: ScaleTargetRef(
                api_version=api_version if kind == "LeaderWorkerSet" else "apps/v1",
                kind=kind,
                name=name,
                port=8000 if role is Role.DECODE else None,
            )
            for role, (kind, _, name) in zip(
                Role, (one.partition("/") for one in (prefill, decode)), strict=True
            )
        }
        return AttachedFleet(self.cluster, ServiceKey(self.name, "chat"), refs)


@pytest.fixture
def here(control_plane: ControlPlane, namespace: str) -> Namespace:
    return Namespace(control_plane, namespace)


def pools(sight: FleetView) -> Mapping[Role, PoolObservation]:
    seen = observe(0.0, sight.pods, sight.deployments, {})
    return {role: seen.home(role) for role in Role}


async def settled(
    fleet: AttachedFleet, prefill: int, decode: int
) -> Mapping[Role, PoolObservation]:
    """The pools once they have so many pods."""
    async with asyncio.timeout(120):
        while True:
            seen = pools(await fleet.look())
            if [len(seen[role].workers) for role in Role] == [prefill, decode]:
                return seen
            await asyncio.sleep(0.1)


async def test_pods_and_replicas_are_those_of_the_targets_and_of_nobody_else(
    here: Namespace,
) -> None:
    here.make(
        workload("Deployment", "prompts", 2),
        workload("StatefulSet", "answers", 3),
        workload("Deployment", "others", 1),
    )
    fleet = here.fleet("Deployment/prompts", "StatefulSet/answers")
    seen = await settled(fleet, 2, 3)

    assert seen[Role.PREFILL].replicas == 2
    assert seen[Role.DECODE].replicas == 3
    assert all(worker.name.startswith("prompts-") for worker in seen[Role.PREFILL].workers)
    assert [w.name for w in seen[Role.DECODE].workers] == ["answers-0", "answers-1", "answers-2"]
    assert all(worker.member_of is Role.DECODE for worker in seen[Role.DECODE].workers)
    assert seen[Role.PREFILL].version

    sight = await fleet.look()
    assert not sight.routers_known
    (ports,) = {
        json.dumps(container["ports"])
        for pod in sight.pods
        if pod["metadata"]["name"].startswith("answers")
        for container in pod["spec"]["containers"]
        if container["name"] == "engine"
    }
    assert json.loads(ports) == [{"name": "http", "containerPort": 8000}]


def groups(name: str, replicas: int) -> Json:
    spec = {"replicas": replicas, "leaderWorkerTemplate": {"size": 2}}
    metadata = {"name": name}
    return {"apiVersion": GROUPS, "kind": "LeaderWorkerSet", "metadata": metadata, "spec": spec}


async def test_of_groups_of_nodes_the_leaders_are_the_workers(
    here: Namespace, control_plane: ControlPlane
) -> None:
    control_plane.serve_crds(LEADER_WORKER_SET)
    here.make(
        groups("answers", 2),
        workload("Deployment", "prompts", 1),
        *(leader("answers", number) for number in range(2)),
    )
    key = "leaderworkerset.sigs.k8s.io"
    status = {
        "replicas": 2,
        "readyReplicas": 0,
        "updatedReplicas": 2,
        "hpaPodSelector": f"{key}/name=answers,{key}/worker-index=0",
    }
    patch = json.dumps({"status": status})
    here.kubectl(
        "patch", "leaderworkerset", "answers", "--subresource=status", "--type=merge", "-p", patch
    )
    fleet = here.fleet("Deployment/prompts", "LeaderWorkerSet/answers", GROUPS)
    seen = (await settled(fleet, 1, 2))[Role.DECODE]
    assert seen.replicas == 2
    assert [worker.name for worker in seen.workers] == ["answers-0", "answers-1"]
    # It does not say which spec its controller has seen: as many groups as are wanted do.
    assert seen.settled
    assert not seen.rolling_out

    here.kubectl("scale", "leaderworkerset", "answers", "--replicas=3")
    assert not pools(await fleet.look())[Role.DECODE].settled


@pytest.mark.parametrize(
    ("target", "fault", "words"),
    [
        ("Deployment/nobody", TargetFault.MISSING, "Deployment nobody does not exist in namespace"),
        ("DaemonSet/everywhere", TargetFault.NOT_SCALABLE, "DaemonSet everywhere has no subresour"),
        ("Widget/any", TargetFault.NOT_SCALABLE, "knows no Widget of apps/v1"),
        ("Deployment/taken", TargetFault.TAKEN, f"belongs to {KIND} other, which scales it"),
        ("StatefulSet/alike", TargetFault.NOT_SCALABLE, "both find pod prompts-"),
    ],
)
async def test_a_target_that_cannot_be_scaled_is_named(
    here: Namespace, api: ControlPlane, target: str, fault: TargetFault, words: str
) -> None:
    del api
    here.make(workload("Deployment", "prompts", 1))
    if target == "Deployment/taken":
        # What belongs to nobody who is there is collected as garbage.
        here.make(attached("other"))
        (other,) = await here.cluster.select(PD_SERVICE, here.name, {})
        owner = {"apiVersion": API_VERSION, "kind": KIND, "name": "other"}
        owner["uid"] = other["metadata"]["uid"]
        here.make(workload("Deployment", "taken", 1, ownerReferences=[owner]))
    if target == "StatefulSet/alike":
        alike = workload("StatefulSet", "alike", 0)
        labels = {"app": "prompts"}
        alike["spec"]["selector"]["matchLabels"] = labels
        alike["spec"]["template"]["metadata"]["labels"] = labels
        here.make(alike)
    fleet = here.fleet("Deployment/prompts", target)
    with pytest.raises(ScaleTargetError, match=words) as refused:
        await settled(fleet, 99, 99)
    assert refused.value.fault is fault


async def test_of_a_workload_of_other_hands_the_number_alone_is_written(
    here: Namespace, control_plane: ControlPlane
) -> None:
    control_plane.serve_crds(LEADER_WORKER_SET)
    key = "leaderworkerset.sigs.k8s.io"
    here.make(workload("StatefulSet", "prompts", 0), groups("answers", 3))
    selector = json.dumps({"status": {"hpaPodSelector": f"{key}/name=answers"}})
    here.kubectl(
        *("patch", "leaderworkerset", "answers"),
        *("--subresource=status", "--type=merge", "-p", selector),
    )
    fleet = here.fleet("StatefulSet/prompts", "LeaderWorkerSet/answers", GROUPS)

    async def nobody(role: Role) -> tuple[str, ...]:
        del role
        return ()

    for role, replicas in ((Role.PREFILL, 2), (Role.DECODE, 1)):
        pool = pools(await fleet.look())[role]
        writer = PoolWriter(ServiceKey(here.name, "chat"), here.cluster, fleet.workload)
        acts = Actuator(writer, nobody)
        before = fleet.seen[role].stored
        step = SetReplicas(replicas)

        stale = replace(pool, version="1")
        if replicas < pool.replicas:
            assert await acts.apply([step], stale) == [], "something of it has changed"
        assert await acts.apply([step], pool) == [step]
        assert await acts.apply([step], replace(pool, replicas=7)) == [], "another number"

        assert pools(await fleet.look())[role].replicas == replicas
        after = fleet.seen[role].stored
        for part in ("labels", "annotations", "ownerReferences"):
            assert after["metadata"].get(part) == before["metadata"].get(part)
        assert after["spec"] == before["spec"] | {"replicas": replicas}


def attached(name: str) -> Json:
    """A service of the Deployments `prompts` and `answers`."""
    pools = {
        role: {
            "maxReplicas": 3,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        }
        for role, target in (("prefill", "prompts"), ("decode", "answers"))
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {
            "model": {"path": "org/model"},
            "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
            "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
            "metrics": {"prometheusUrl": "http://prometheus", "routerLabels": {"job": "smg"}},
            **pools,
        },
    }


AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "by-hand"},
    "spec": {
        "maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "answers"},
    },
}


async def test_nobody_else_may_scale_what_the_operator_scales(
    here: Namespace, api: ControlPlane
) -> None:
    owner = {"apiVersion": "x.io/v1", "kind": "Group", "name": "g", "uid": "u", "controller": True}
    here.make(workload("Deployment", "prompts", 0), workload("Deployment", "answers", 0))
    here.make(attached("one"), attached("two"))
    both = await here.cluster.select(PD_SERVICE, here.name, {})
    made = {one["metadata"]["name"]: one["metadata"] for one in both}
    older, younger = sorted(made, key=lambda n: (made[n]["creationTimestamp"], made[n]["uid"]))
    fleet = here.fleet("Deployment/prompts", "Deployment/answers")

    async def check(name: str) -> None:
        found = await here.cluster.get(PD_SERVICE, here.name, name)
        assert found is not None
        await fleet.look()
        await must_be_alone(here.cluster, PDInferenceService.parse(found), fleet.seen)

    await check(older)
    with pytest.raises(ScaleTargetError, match=f"scaled by {KIND} {older} too"):
        await check(younger)
    advisory = json.dumps({"spec": {"autoscaling": {"mode": "Advisory"}}})
    here.kubectl("patch", "pdis", older, "--type=merge", "-p", advisory)
    await check(younger)

    here.make(AUTOSCALER)
    with pytest.raises(ScaleTargetError, match="answers is scaled by HorizontalPodAutoscaler by-h"):
        await check(younger)
    here.kubectl("delete", "hpa", "by-hand")
    await check(younger)

    patch = json.dumps({"metadata": {"ownerReferences": [owner]}})
    here.kubectl("patch", "deployment", "prompts", "-p", patch)
    with pytest.raises(ScaleTargetError, match="prompts is scaled by Group g, which it belongs to"):
        await check(younger)
