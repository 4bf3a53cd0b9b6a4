"""Pools follow the load, up at once and down by drains, and no request notices."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService
from .traffic import LongAnswers, SteadyLoad

pytestmark = pytest.mark.controlplane

Serve = Callable[..., RunningService]


def gauge(operator: InstalledOperator, chat: RunningService, role: Role, state: str) -> float:
    place = {"namespace": chat.namespace, "service": NAME}
    return operator.metric("workers", role=role.value, state=state, **place)


def settled(chat: RunningService, role: Role) -> bool:
    """Whether the pool has two workers or more, as many as are wanted, and all of them serve."""
    pool = chat.pool_status(role)
    return 2 <= pool.desired == pool.current == pool.ready


def test_pools_grow_to_the_plan_under_load_and_shrink_when_it_ends(
    operator: InstalledOperator, serve: Serve, tmp_path: Path
) -> None:
    chat = serve()
    place = {"namespace": chat.namespace, "service": NAME}
    # Prefill work for two workers, decode work for two or three.
    load = SteadyLoad(
        chat.router_url, tmp_path / "load", rate=7, input_tokens=2000, output_tokens=100
    )
    with load:
        # The first seconds of a load already call for a second worker, so wait for the whole of it.
        demand = "demand_requests_per_second"
        eventually(lambda: 3 < operator.metric(demand, **place) < 12, timeout_seconds=90)
        eventually(lambda: all(settled(chat, role) for role in Role), timeout_seconds=90)
        assert chat.status.demand is not None
        assert chat.status.attainment is not None
        for role in Role:
            up = chat.events("ScaledUp")
            assert [m for m in up if f"{role} 1 -> " in m and "goes from 1 to" in m]
            assert gauge(operator, chat, role, "ready") >= 2
            assert gauge(operator, chat, role, "wanted") >= 2
        load.goes_on()
    assert load.failures() == []

    eventually(lambda: all(chat.replicas(role) == 1 for role in Role), timeout_seconds=90)
    for role in Role:
        assert [m for m in chat.events("ScaledDown") if f"{role} 2 -> 1" in m]
        why = [
            m for m in chat.events("ScalingDown") if m.startswith(f"{role} worker {NAME}-{role}")
        ]
        assert all("goes from" in m for m in why)
    assert operator.metric("decisions_total", reason="ForecastLoad", **place) > 0


def test_a_worker_to_be_removed_finishes_its_answers_first(
    operator: InstalledOperator, serve: Serve, tmp_path: Path
) -> None:
    chat = serve(decode={"minReplicas": 2})
    load = SteadyLoad(chat.router_url, tmp_path / "load", rate=2, input_tokens=50, output_tokens=10)
    with load:
        # 23 ms a token: some nine seconds.
        answers = LongAnswers(chat.router_url, count=4, tokens=400)
        chat.await_busy_decodes(2)

        chat.edit(decode={"minReplicas": 1, "maxReplicas": 1})
        (victim,) = eventually(lambda: chat.draining(Role.DECODE))
        url = chat.engine_url(Role.DECODE, victim)
        eventually(lambda: url not in chat.routed())
        assert chat.running_requests(Role.DECODE, victim) >= 2
        assert chat.replicas(Role.DECODE) == 2, "replicas fall only when the drain has ended"
        assert answers.all_run

        answers.all_complete()
        eventually(lambda: chat.replicas(Role.DECODE) == 1)
        eventually(lambda: len(chat.pods(Role.DECODE)) == 1)
        assert victim not in chat.pods(Role.DECODE)
        load.goes_on()
    assert load.failures() == []
    assert [m for m in chat.events("ScalingDown") if victim in m]
    assert [m for m in chat.events("ScaledDown") if m == f"decode 2 -> 1, without {victim}."]
    assert chat.events("DrainOverdue") == []


def test_a_drain_is_called_off_when_the_mode_says_so_or_the_worker_is_needed_after_all(
    serve: Serve,
) -> None:
    chat = serve(decode={"minReplicas": 2})
    workers = chat.workers()
    answers = LongAnswers(chat.router_url, count=4, tokens=900)
    chat.await_busy_decodes()

    chat.edit(decode={"minReplicas": 1, "maxReplicas": 1})
    eventually(lambda: chat.draining(Role.DECODE))
    chat.edit(autoscaling={"mode": "Paused"})
    eventually(lambda: not chat.draining(Role.DECODE))
    chat.edit(autoscaling={"mode": "Active"})
    eventually(lambda: chat.draining(Role.DECODE))
    chat.edit(decode={"minReplicas": 2, "maxReplicas": 2})
    eventually(lambda: not chat.draining(Role.DECODE))
    chat.await_workers(prefill=1, decode=2)
    assert chat.workers() == workers
    answers.all_complete()
