"""What is written and told of a tick, and what is not worth telling."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from tests.unit.controller.conftest import DEMAND, NOW
from tests.unit.controller.stand_ins import MemoryCluster, Object

from pd_operator.actuation.cluster import ChangedMeanwhileError, Cluster
from pd_operator.actuation.kinds import Kind
from pd_operator.api.conditions import ConditionReason
from pd_operator.api.roles import Role
from pd_operator.controller.status import writer as status_writer
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.status.writer import StatusWriter
from pd_operator.scaling.memory import Recommendation, ScalingMemory
from pd_operator.scaling.observation import Known, PoolObservation, Unknown

Seeing = Callable[..., TickResult]
REFUSED = PoolObservation(Role.DECODE, 2, (), refused="exceeded quota: gpus")


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster()


@pytest.fixture
def writer(cluster: MemoryCluster, result: TickResult) -> StatusWriter:
    api = cast("Cluster", cluster)
    return StatusWriter(result.service.key, api, EventRecorder(api), OperatorMetrics())


async def test_what_is_wrong_on_the_first_visit_is_an_event_and_what_is_well_is_none(
    writer: StatusWriter, cluster: MemoryCluster, result: TickResult, seeing: Seeing
) -> None:
    nameless = Unknown("UnknownProfile", "profile", "no profile is called 'x'")
    ill = replace(seeing(decode=REFUSED), plan_ahead=nameless, plan_now=nameless)
    await writer.publish(ill)
    assert cluster.events == ["NoReadyDecode", "UnknownProfile", "WorkersRefused"]


async def test_a_healthy_first_visit_posts_nothing(
    writer: StatusWriter, cluster: MemoryCluster, result: TickResult
) -> None:
    await writer.publish(result)
    assert cluster.events == []
    assert cluster.statuses[-1]["display"]["reason"] == "Steady"


async def test_what_stays_wrong_is_told_once(
    writer: StatusWriter, cluster: MemoryCluster, result: TickResult, seeing: Seeing
) -> None:
    await writer.publish(result)
    for _ in range(3):
        await writer.publish(seeing(decode=REFUSED))
    assert cluster.events == ["NoReadyDecode", "WorkersRefused"]


async def test_a_tick_that_failed_shows_in_the_column_of_reasons(
    writer: StatusWriter, cluster: MemoryCluster, result: TickResult
) -> None:
    await writer.publish(result)
    resource = result.service.model_dump(mode="json", by_alias=True, exclude_none=True)
    await writer.publish_failure(resource, ConditionReason.CHILDREN_REFUSED, "no such field")
    assert cluster.statuses[-1]["display"]["reason"] == "ChildrenRefused"


async def test_a_tick_that_comes_to_the_same_as_the_one_before_is_not_written(
    writer: StatusWriter,
    cluster: MemoryCluster,
    result: TickResult,
    seeing: Seeing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of hundreds of services that nobody asks, each would be a write every half a minute."""

    monkeypatch.setattr(status_writer, "HEARTBEAT_SECONDS", 0.0)  # each tick is due

    def later(seconds: float, **seen: Any) -> TickResult:
        at = result.observation.time_seconds + seconds
        memory = ScalingMemory(
            (Recommendation(NOW - 60.0, 5, 2), Recommendation(at, 3, 2)),
        )
        return replace(seeing(time_seconds=at, **seen), memory=memory)

    await writer.publish(later(0.0))
    await writer.publish(later(60.0))
    await writer.publish(later(7200.0))
    assert len(cluster.statuses) == 1

    rate = replace(DEMAND, requests_per_second=DEMAND.requests_per_second + 1.0)
    await writer.publish(later(7215.0, demand=Known(rate, 3.0, "prometheus")))
    assert len(cluster.statuses) == 2
    assert cluster.statuses[1]["memory"]["recommendations"][-1]["timeSeconds"] == NOW + 7215


class ContestedCluster(MemoryCluster):
    """Somebody else writes to the service right before a status is applied, so many times."""

    version = 1
    others = 0

    def __init__(self) -> None:
        super().__init__()
        self.over: list[str | None] = []

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        del kind, namespace
        return {"metadata": {"name": name, "uid": "u", "resourceVersion": str(self.version)}}

    async def apply(self, manifest: Object, *, subresource: str = "") -> Object:
        if self.others:
            self.others -= 1
            self.version += 1
        over = manifest["metadata"].get("resourceVersion")
        if over not in {None, str(self.version)}:
            raise ChangedMeanwhileError(409, "the object has been modified")
        self.over.append(over)
        return await super().apply(manifest, subresource=subresource)


async def test_a_status_is_written_over_what_is_read_anew_and_not_over_what_was(
    result: TickResult,
) -> None:
    cluster = ContestedCluster()
    cluster.others = 1
    api = cast("Cluster", cluster)
    contested = StatusWriter(result.service.key, api, EventRecorder(api), OperatorMetrics())
    await contested.publish(result)
    assert cluster.over == ["2"]
    cluster.others = 100
    with pytest.raises(ChangedMeanwhileError):
        await contested.publish(replace(result, decision=None))
    assert cluster.over == ["2"]
