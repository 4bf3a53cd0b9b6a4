"""A worker is removed once, and the right one, however late Kubernetes' controllers are."""

from collections.abc import Callable
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import ANNOTATION_REPLICAS_WITHOUT, pool_name
from pd_operator.api.pods import annotation
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService, template
from .traffic import LongAnswers

pytestmark = pytest.mark.controlplane

Serve = Callable[..., RunningService]

NOBODY_THERE = "http://127.0.0.1:9"
"""Where no Prometheus answers: the operator holds, and what it does is what the bounds ask for."""


def is_observed(deployment: dict[str, Any]) -> bool:
    observed = deployment.get("status", {}).get("observedGeneration")
    return bool(observed == deployment["metadata"]["generation"])


def test_a_worker_is_removed_once_while_the_controllers_are_late(
    operator: InstalledOperator, serve: Serve, control_plane: ControlPlane
) -> None:
    chat = serve(decode={"minReplicas": 3}, metrics={"prometheusUrl": NOBODY_THERE})
    # 23 ms a token: some fourteen seconds.
    answers = LongAnswers(chat.router_url, count=6, tokens=600)
    chat.await_busy_decodes()

    chat.edit(decode={"minReplicas": 1, "maxReplicas": 2})
    (victim,) = eventually(lambda: chat.draining(Role.DECODE))
    # What came before has arrived: the operator waits for controllers that are behind.
    eventually(lambda: is_observed(chat.get("deployment", pool_name(NAME, Role.DECODE))))
    with control_plane.controllers_paused():
        eventually(lambda: chat.replicas(Role.DECODE) == 2, timeout_seconds=120)
        # The victim is still in the list, drained and idle, on every one of these ticks.
        operator.await_ticks(chat.namespace, 5)
        assert chat.replicas(Role.DECODE) == 2
        assert chat.draining(Role.DECODE) == [victim]
        noted = chat.pods(Role.DECODE)[victim]
        assert annotation(noted, ANNOTATION_REPLICAS_WITHOUT) == "2"
        assert len(chat.pods(Role.DECODE)) == 3
        assert len(chat.events("ScaledDown")) == 1

        # Not ready now, another one would go in its place: Kubernetes' order has that first.
        lost = next(pod for pod in chat.pods(Role.DECODE) if pod != victim)
        chat.break_engine(Role.DECODE, lost, kind="refuse", seconds=15)
        eventually(lambda: chat.replicas(Role.DECODE) == 3)
    operator.await_ticks(chat.namespace, 3)
    assert {victim, lost} <= set(chat.pods(Role.DECODE))
    (said,) = chat.events("ScaleDownTakenBack")
    assert f"decode 2 -> 3: {lost} lost readiness" in said

    eventually(lambda: victim not in chat.pods(Role.DECODE), timeout_seconds=60)
    answers.all_complete()
    operator.await_ticks(chat.namespace, 3)
    assert chat.replicas(Role.DECODE) == len(chat.pods(Role.DECODE)) == 2
    assert chat.draining(Role.DECODE) == []
    assert lost in chat.pods(Role.DECODE)
    place = {"namespace": chat.namespace, "service": NAME}
    assert operator.metric("wrong_victims_total", **place) == 0


def test_no_ready_worker_goes_by_number_in_a_rollout_that_is_stuck(
    operator: InstalledOperator, serve: Serve
) -> None:
    """The new worker asks for a node that there is not."""
    chat = serve(
        decode={"minReplicas": 3, "rolloutStrategy": "Surge"},
        metrics={"prometheusUrl": NOBODY_THERE},
    )
    before = set(chat.pods(Role.DECODE))
    nowhere = template()
    nowhere["spec"]["nodeSelector"] = {"there": "is-none"}
    chat.edit(decode={"template": nowhere})
    eventually(lambda: len(chat.pods(Role.DECODE)) == 4)

    chat.edit(decode={"minReplicas": 1, "maxReplicas": 2})
    operator.await_ticks(chat.namespace, 5)
    assert chat.replicas(Role.DECODE) == 3
    assert chat.draining(Role.DECODE) == []
    assert before <= set(chat.ready_pods(Role.DECODE))

    chat.edit(decode={"template": {"spec": {"nodeSelector": None}}})
    eventually(lambda: chat.replicas(Role.DECODE) == 2, timeout_seconds=90)
    eventually(lambda: len(chat.ready_pods(Role.DECODE)) == len(chat.pods(Role.DECODE)) == 2)
