"""Engines that misbehave: nothing is removed for it, the others go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import RunningService, template
from .traffic import LongAnswers, SteadyLoad

pytestmark = pytest.mark.controlplane

Serve = Callable[..., RunningService]


def test_an_engine_that_talks_nonsense_is_not_taken_for_idle(
    operator: InstalledOperator, serve: Serve
) -> None:
    chat = serve(decode={"minReplicas": 2, "drainDeadlineSeconds": 3})
    mad, sane = chat.pods(Role.DECODE)
    prefill = next(iter(chat.pods(Role.PREFILL)))
    chat.break_engine(Role.DECODE, mad, kind="nonsense_loads")
    chat.break_engine(Role.PREFILL, prefill, kind="nonsense_loads", variant="not_json")
    operator.await_ticks(chat.namespace, 2)
    assert operator.metric("ticks_total", namespace=chat.namespace, result="error") == 0
    assert chat.workers() == {mad, sane, prefill}
    assert chat.condition(ConditionType.READY).reason == "Serving"

    answers = LongAnswers(chat.router_url, count=2, tokens=300)
    eventually(lambda: chat.running_requests(Role.DECODE, sane) == 1)
    chat.edit(decode={"minReplicas": 1, "maxReplicas": 1})
    # The one whose work is known to be little goes, although nonsense may mean no work at all.
    eventually(lambda: chat.draining(Role.DECODE) == [sane])
    eventually(lambda: list(chat.pods(Role.DECODE)) == [mad])
    answers.all_complete()


def test_a_draining_engine_that_talks_nonsense_has_until_its_deadline(
    operator: InstalledOperator, serve: Serve
) -> None:
    chat = serve(decode={"minReplicas": 2, "drainDeadlineSeconds": 5})
    for pod in chat.pods(Role.DECODE):
        chat.break_engine(Role.DECODE, pod, kind="nonsense_loads", variant="empty")
    answers = LongAnswers(chat.router_url, count=2, tokens=400)

    chat.edit(decode={"minReplicas": 1, "maxReplicas": 1})
    (victim,) = eventually(lambda: chat.draining(Role.DECODE))
    operator.await_ticks(chat.namespace, 2)
    assert chat.replicas(Role.DECODE) == 2
    eventually(lambda: chat.replicas(Role.DECODE) == 1)
    assert [m for m in chat.events("DrainOverdue") if victim in m]
    # SIGTERM is an engine's own drain: even then no answer is cut.
    answers.all_complete()


def test_a_worker_that_never_becomes_ready_costs_nobody_else_anything(
    operator: InstalledOperator, serve: Serve, tmp_path: Path
) -> None:
    chat = serve()
    serving = chat.workers()
    load = SteadyLoad(chat.router_url, tmp_path / "load", rate=2, input_tokens=50, output_tokens=10)
    with load:
        stuck = template(PD_ENGINE_FAULT="never_ready")
        chat.edit(decode={"template": stuck, "expectedStartupSeconds": 1})
        said = chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "False", "WorkersNotStarting")
        assert "1 decode" in said.message
        assert "expectedStartupSeconds" in said.message
        operator.await_ticks(chat.namespace, 2)
        load.goes_on()

        assert serving < chat.workers()
        assert chat.condition(ConditionType.READY).reason == "Serving"
        assert chat.replicas(Role.DECODE) == 1

        chat.edit(decode={"template": template()})
        chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "True", "AllScheduled")
        load.goes_on()
    assert load.failures() == []


def test_workers_that_find_no_node_are_told_from_workers_that_do_not_start(
    operator: InstalledOperator, serve: Serve
) -> None:
    chat = serve(decode={"maxReplicas": 9})
    serving = chat.workers()
    chat.edit(decode={"minReplicas": 9, "tensorParallelSize": 4})
    said = chat.await_condition(ConditionType.CAPACITY_AVAILABLE, "False", "WorkersUnschedulable")
    assert "decode" in said.message
    operator.await_ticks(chat.namespace, 2)
    assert serving <= chat.workers()
    assert chat.condition(ConditionType.READY).reason == "Serving"
