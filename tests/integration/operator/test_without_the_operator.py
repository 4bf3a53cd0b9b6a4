"""The operator is no part of the path of a request: it may be gone."""

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService
from .traffic import ask

pytestmark = pytest.mark.controlplane

CHAT = {"autoscaling": {"forecast": {"resolutionSeconds": 3600}}}
"""Bins of an hour: nothing is known of the load to come, so that no worker is one too many."""


def test_requests_flow_also_to_new_workers_and_the_operator_adopts_what_it_finds(
    operator: InstalledOperator, chat: RunningService
) -> None:
    operator.stop()
    try:
        assert ask(chat.router_url, tokens=5) == 5

        chat.kubectl("scale", f"deployment/{NAME}-decode", "--replicas=2")
        chat.await_workers(prefill=1, decode=2)
        # RoundRobin: one of two answers comes from the worker that no operator has seen.
        assert [ask(chat.router_url, tokens=5) for _ in range(4)] == [5] * 4
    finally:
        operator.start()

    eventually(lambda: chat.pool_status(Role.DECODE).current == 2)
    operator.await_ticks(chat.namespace, 3)
    assert chat.replicas(Role.DECODE) == 2
    assert not chat.draining(Role.DECODE)
    assert operator.metric("ticks_total", namespace=chat.namespace, result="error") == 0
