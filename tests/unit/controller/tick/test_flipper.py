"""A flip as it is carried out: what is asked, written and told, whatever the engine says."""

import asyncio
from dataclasses import replace
from typing import cast

import pytest
from tests.unit.actuation.pod_cluster import PodCluster
from tests.unit.actuation.switching import NOW, leaving, peer, seen

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.role_switch import SwitchAnswer, SwitchResult
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import Metadata
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.tick.flipper import RoleFlipper
from pd_operator.scaling.observation import Observation, WorkerObservation

ABOUT = Metadata.model_validate({"namespace": "team", "name": "chat", "uid": "u"})
IDLE = leaving(Role.DECODE, version="0")
ASKED = replace(IDLE, half_switched=NOW - 1)


def flipper(cluster: PodCluster, result: SwitchResult, metrics: OperatorMetrics) -> RoleFlipper:
    async def engine(address: str, role: Role, graphs_of: str) -> SwitchAnswer:
        del address, role, graphs_of
        assert cluster.marks, "what an engine is asked is written down before"
        return SwitchAnswer(result, "so it says")

    events = EventRecorder(cast("Cluster", cluster))
    return RoleFlipper(cluster.writer(), engine, events, metrics)


def look(*workers: WorkerObservation) -> Observation:
    """With the workers that stay as they were written last."""
    found = seen(*workers)
    pools = [
        replace(pool, workers=tuple(replace(one, version="0") for one in pool.workers))
        for pool in (found.prefill, found.decode)
    ]
    return replace(found, prefill=pools[0], decode=pools[1])


async def asked(
    result: SwitchResult, worker: WorkerObservation = IDLE
) -> tuple[PodCluster, OperatorMetrics]:
    """What one tick does with a worker that is idle, where its engine answers so."""
    cluster, metrics = PodCluster(), OperatorMetrics()
    if worker.half_switched is not None:
        cluster.marks.append(("a", {"half-switched": "before"}))
    assert await flipper(cluster, result, metrics).flip(ABOUT, look(worker), None)
    return cluster, metrics


def told(metrics: OperatorMetrics) -> str:
    return metrics.exposition().decode()


async def test_an_engine_that_has_switched_serves_in_its_new_role() -> None:
    cluster, metrics = await asked(SwitchResult.SWITCHED)
    (_, before), (_, after) = cluster.marks
    assert float(str(before["half-switched"])) > 0
    assert after["half-switched"] is None
    assert after["switch-to"] is None
    assert float(str(after["role-since"])) > 0
    assert cluster.labels["a"] == {
        "serving.pd-operator.io/role": "decode",
        "serving.pd-operator.io/traffic": None,
    }
    assert cluster.events == ["RoleSwitched"]
    assert 'result="RoleSwitched",role="decode",service="chat"} 1.0' in told(metrics)


@pytest.mark.parametrize("worker", [IDLE, ASKED], ids=["asked first", "asked before"])
async def test_one_that_refuses_is_between_no_roles(worker: WorkerObservation) -> None:
    cluster, _ = await asked(SwitchResult.REFUSED, worker)
    assert cluster.marks[-1] == ("a", {"half-switched": None})
    assert cluster.labels["a"] == {}
    assert cluster.events == []


@pytest.mark.parametrize("result", [SwitchResult.IN_BETWEEN, SwitchResult.UNANSWERED])
async def test_one_that_may_be_in_between_stays_marked_since_it_was_asked_first(
    result: SwitchResult,
) -> None:
    cluster, metrics = await asked(result)
    ((_, written),) = cluster.marks
    assert list(written) == ["half-switched"]
    assert cluster.labels["a"] == {}
    again, _ = await asked(result, ASKED)
    assert again.marks[1:] == []
    assert "pd_operator_role_flips_total{" not in told(metrics)


async def test_one_that_the_question_did_not_reach_is_where_it_was() -> None:
    cluster, _ = await asked(SwitchResult.NOT_ASKED)
    assert cluster.marks[-1] == ("a", {"half-switched": None})
    again, _ = await asked(SwitchResult.NOT_ASKED, ASKED)
    assert again.marks[1:] == [], "it may have been reached before"


async def test_workers_are_asked_at_once_and_not_one_after_the_other() -> None:
    cluster, all_asked, waiting = PodCluster(), asyncio.Event(), list[str]()

    async def engine(address: str, role: Role, graphs_of: str) -> SwitchAnswer:
        del role, graphs_of
        waiting.append(address)
        if len(waiting) == 2:
            all_asked.set()
        async with asyncio.timeout(10):
            await all_asked.wait()
        return SwitchAnswer(SwitchResult.SWITCHED, "ok")

    events = EventRecorder(cast("Cluster", cluster))
    pair = RoleFlipper(cluster.writer(), engine, events, OperatorMetrics())
    await pair.flip(ABOUT, look(IDLE, replace(IDLE, name="b")), None)
    assert set(cluster.labels) == {"a", "b"}


async def test_what_fails_is_raised_when_all_the_others_have_been_carried_out() -> None:
    cluster = PodCluster()

    async def engine(address: str, role: Role, graphs_of: str) -> SwitchAnswer:
        del role, graphs_of
        if address == "http://broken":
            raise ClusterError(500, "etcd is away")
        await asyncio.sleep(0)
        return SwitchAnswer(SwitchResult.SWITCHED, "ok")

    events = EventRecorder(cast("Cluster", cluster))
    pair = RoleFlipper(cluster.writer(), engine, events, OperatorMetrics())
    broken = replace(IDLE, name="b", address="http://broken")
    with pytest.raises(ClusterError, match="etcd is away"):
        await pair.flip(ABOUT, look(broken, IDLE), None)
    assert cluster.labels["a"]["serving.pd-operator.io/role"] == "decode"
    assert cluster.labels["b"] == {}


async def test_a_pod_that_has_changed_is_not_asked_and_holds_nobody_else_up() -> None:
    cluster, metrics = PodCluster(versions={"a": 1}), OperatorMetrics()
    other = replace(IDLE, name="b")
    await flipper(cluster, SwitchResult.SWITCHED, metrics).flip(ABOUT, look(IDLE, other), None)
    assert [name for name, _ in cluster.marks] == ["b", "b"]
    assert cluster.labels.keys() == {"b"}


async def test_what_a_leader_of_before_writes_of_a_flip_comes_too_late() -> None:
    cluster, metrics, found = PodCluster("1 a 7"), OperatorMetrics(), look(IDLE, peer(Role.DECODE))
    before = flipper(cluster, SwitchResult.SWITCHED, metrics)
    cluster.label = "2 b 9"
    await flipper(cluster, SwitchResult.IN_BETWEEN, metrics).flip(ABOUT, found, None)
    terms = {name: written["term"] for name, written in cluster.marks}
    assert terms == {"a": "2 b 9", "peer": "2 b 9"}
    written = len(cluster.marks)
    await before.flip(ABOUT, found, None)
    assert len(cluster.marks) == written
    assert cluster.events == []
