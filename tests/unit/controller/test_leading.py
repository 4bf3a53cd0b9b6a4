"""What a pod does as it begins to lead, and what it forgets when another one does."""

import asyncio
from contextlib import suppress
from typing import Any, cast

import pytest

from pd_operator.actuation.cluster import ClusterError
from pd_operator.actuation.fence import Fence, Unfenced
from pd_operator.api.names import ServiceKey
from pd_operator.controller import leading
from pd_operator.controller.leading import Leading
from pd_operator.controller.registry import Registry
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.supervisor import Supervisor
from pd_operator.controller.watch import ServiceList

KEY = ServiceKey("team", "chat")


def stored(status: str) -> dict[str, Any]:
    about = {"namespace": KEY.namespace, "name": KEY.name, "uid": "u", "generation": 1}
    return {"metadata": about, "status": status}


class Services:
    """The list that the API server has, at the second try."""

    asked = 0

    async def read(self) -> list[dict[str, Any]]:
        self.asked += 1
        if self.asked == 1:
            raise ClusterError(503, "come back later")
        return [stored("written last")]


class Work:
    """A supervisor that says what it begins with."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.began_with: asyncio.Queue[object] = asyncio.Queue()

    def under(self, _fence: Fence) -> Supervisor:
        return cast("Supervisor", self)

    async def run(self) -> None:
        self.began_with.put_nowait(self.registry.entry(KEY).resource["status"])
        await asyncio.Event().wait()


async def test_a_leader_begins_with_what_the_one_before_wrote_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leading, "RETRY_SECONDS", 0.0)
    registry, metrics = Registry(), OperatorMetrics()
    registry.put(stored("as the watch told of it"))
    work = Work(registry)
    leads = Leading(cast("ServiceList", Services()), registry, metrics, work.under)
    task = asyncio.create_task(leads.lead(Unfenced()))
    async with asyncio.timeout(10):
        assert await work.began_with.get() == "written last"
    assert b"pd_operator_leader 1.0" in metrics.exposition()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert leads.beating is None
    assert b"pd_operator_leader 0.0" in metrics.exposition()


def test_who_follows_shows_no_service_and_goes_on_to_show_itself() -> None:
    registry, metrics = Registry(), OperatorMetrics()
    leads = Leading(cast("ServiceList", Services()), registry, metrics, Work(registry).under)
    metrics.welcome(KEY)
    metrics.ticked(KEY, "refused", 0.1)
    metrics.set_condition(KEY, "Ready", "True")
    metrics.loop_lag.set(0.5)
    metrics.leader.set(1)
    assert b'service="chat"' in metrics.exposition()
    leads.follow()
    told = metrics.exposition()
    assert b'service="chat"' not in told
    assert b"pd_operator_leader 0.0" in told
    assert b"pd_operator_event_loop_lag_seconds 0.5" in told
