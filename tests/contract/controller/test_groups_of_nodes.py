"""A pool of engines that span nodes: a LeaderWorkerSet, whose groups are the workers."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.contract.controller.leader_worker_sets import (
    API_VERSION,
    LeaderWorkerSets,
    leader_worker_set,
)

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.actuator import Actuator
from pd_operator.actuation.attached_steps import REMOVALS, attached_steps
from pd_operator.actuation.cluster import Cluster
from pd_operator.actuation.pool_writer import PoolWriter
from pd_operator.actuation.steps import DrainRules, PoolTarget, ReportWaiting, Step
from pd_operator.api.names import ANNOTATION_DELETION_COST, ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.scale_target import ScaleTargetRef
from pd_operator.controller.tick.attached_fleet import AttachedFleet
from pd_operator.scaling.observation import EngineLoad, Known, PoolObservation
from pd_operator.telemetry.observe import observe, ready_members

pytestmark = pytest.mark.controlplane

CRD = Path(__file__).parent / "data" / "leaderworkerset.yaml"
SIZE = 2


class Groups:
    """Two pools of groups, as the operator sees and scales the decodes among them."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self._control_plane = control_plane
        self._namespace = namespace
        self._cluster = Cluster(control_plane.admin)
        self.key = ServiceKey(namespace, "chat")
        refs = {
            role: ScaleTargetRef(api_version=API_VERSION, kind="LeaderWorkerSet", name=role.value)
            for role in Role
        }
        self._fleet = AttachedFleet(self._cluster, self.key, refs)

    def make(self, **groups: int) -> None:
        for name, replicas in groups.items():
            text = json.dumps(leader_worker_set(name, replicas, SIZE))
            self.kubectl("create", "--filename=-", input_text=text)
        eventually(lambda: {name: self.status(name)["replicas"] for name in groups} == groups)

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        return self._control_plane.kubectl(
            *arguments, f"--namespace={self._namespace}", input_text=input_text
        )

    def status(self, name: str) -> dict[str, Any]:
        found = json.loads(self.kubectl("get", "leaderworkerset", name, "--output=json"))
        status: dict[str, Any] = found["status"]
        return status

    def pods(self, name: str) -> set[str]:
        selector = f"--selector=leaderworkerset.sigs.k8s.io/name={name}"
        return set(self.kubectl("get", "pods", selector, "--output=name").split())

    async def decodes(self, running: Mapping[str, int]) -> PoolObservation:
        """The pool, with so many requests in the engines of those leaders, none in others."""
        sight = await self._fleet.look()
        loads = {
            pod["metadata"]["name"]: Known(engine(running.get(pod["metadata"]["name"], 0)), 0.0, "")
            for pod in sight.pods
        }
        return observe(time.time(), sight.pods, sight.deployments, loads).home(Role.DECODE)

    async def tick(self, desired: int, running: Mapping[str, int]) -> list[Step]:
        """What the operator does of a tick, where no router of its own is in front."""
        pool = await self.decodes(running)
        target = PoolTarget(pool, desired, time.time(), DrainRules(300))
        steps = attached_steps(target, REMOVALS["LeaderWorkerSet"], routed=False)
        writer = PoolWriter(self.key, self._cluster, self._fleet.workload)
        return await Actuator(writer, self._ready).apply(steps, pool)

    async def _ready(self, role: Role) -> set[str]:
        return ready_members(await self._fleet.pods(), role)


def engine(running: int) -> EngineLoad:
    return EngineLoad(None, running, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0.0, ())


@pytest.fixture
def groups(control_plane: ControlPlane, namespace: str) -> Iterator[Groups]:
    control_plane.serve_crds(CRD)
    found = Groups(control_plane, namespace)
    with LeaderWorkerSets(control_plane.admin, namespace):
        found.make(prefill=1, decode=3)
        yield found


async def test_scale_counts_groups_and_a_group_is_known_by_its_leader(groups: Groups) -> None:
    assert len(groups.pods("decode")) == 3 * SIZE
    pool = await groups.decodes({})
    assert pool.replicas == 3
    assert [worker.name for worker in pool.workers] == ["decode-0", "decode-1", "decode-2"]
    assert pool.settled
    assert all(worker.serving for worker in pool.workers)


async def test_groups_are_added_at_once(groups: Groups) -> None:
    await groups.tick(5, {})
    eventually(lambda: len(groups.pods("decode")) == 5 * SIZE)
    assert len((await groups.decodes({})).workers) == 5


async def test_the_highest_group_goes_once_it_is_idle_however_cheap_another_is(
    groups: Groups,
) -> None:
    cost = f"{ANNOTATION_DELETION_COST}=-100"
    groups.kubectl("annotate", "pod", "decode-0", cost)
    # The idle ones are lower: the highest is waited for.
    (waiting,) = await groups.tick(2, {"decode-2": 3})
    assert isinstance(waiting, ReportWaiting)
    assert waiting.worker == "decode-2"
    assert groups.status("decode")["replicas"] == 3

    # Idle once, it is noted; twice, it goes.
    async with asyncio.timeout(60):
        while (await groups.decodes({})).replicas > 2:
            await groups.tick(2, {"decode-0": 4, "decode-1": 4})
    eventually(lambda: groups.status("decode")["replicas"] == 2)
    left = {f"pod/decode-{number}{index}" for number in (0, 1) for index in ("", "-1")}
    eventually(lambda: groups.pods("decode") == left)
