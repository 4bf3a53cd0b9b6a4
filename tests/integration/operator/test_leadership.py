"""Two pods of the operator, one acts: the leader hangs amid a drain, is killed, is deleted.

Requests flow all the time, and what one leader began the next one ends, once.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import ANNOTATION_TERM
from pd_operator.api.roles import Role

from .installed import PORT, InstalledOperator, own_metric
from .service import NAME, RunningService
from .traffic import LongAnswers, SteadyLoad

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(400)]

CHAT = {"decode": {"minReplicas": 2}}


@pytest.fixture
def pair(operator: InstalledOperator) -> Iterator[InstalledOperator]:
    """The operator with two pods; with a fresh one afterwards."""
    operator.stand_by(2)
    yield operator
    operator.stop()
    operator.start()


def other(operator: InstalledOperator, pod: str) -> str:
    (standing_by,) = set(operator.pods()) - {pod}
    return standing_by


def take_over_seconds(operator: InstalledOperator, before: str, since: float) -> float:
    """How long it took until another process holds the Lease; after a kill, perhaps a new one."""
    eventually(lambda: operator.leader() not in {"", before}, timeout_seconds=60)
    return time.monotonic() - since


def test_another_pod_takes_over_and_nothing_is_done_twice(
    pair: InstalledOperator, chat: RunningService, tmp_path: Path
) -> None:
    first = pair.holder()
    second = other(pair, first)
    urls = {name: f"http://{pod['status']['podIP']}:{PORT}" for name, pod in pair.pods().items()}
    assert own_metric(urls[second], "leader") == 0
    assert own_metric(urls[second], "ticks_total") == 0, "it stands by"
    seconds = {}
    load = SteadyLoad(chat.router_url, tmp_path / "load", rate=2, input_tokens=50, output_tokens=10)
    with load:
        # 23 ms a token: half a minute, longer than a Lease lasts.
        answers = LongAnswers(chat.router_url, count=4, tokens=1200)
        chat.await_busy_decodes(2)
        chat.edit(decode={"minReplicas": 1, "maxReplicas": 1})
        (victim,) = eventually(lambda: chat.draining(Role.DECODE))
        hung, leader = pair.process(first), pair.leader()
        os.kill(hung, signal.SIGSTOP)
        try:
            seconds["SIGSTOP"] = take_over_seconds(pair, leader, time.monotonic())
        finally:
            os.kill(hung, signal.SIGCONT)
        assert pair.holder() == second
        assert chat.draining(Role.DECODE) == [victim], "the drain outlived its leader"
        eventually(lambda: own_metric(urls[first], "leader") == 0)
        answers.all_complete()
        eventually(lambda: chat.replicas(Role.DECODE) == 1)
        eventually(lambda: set(chat.pods(Role.DECODE)).isdisjoint({victim}), timeout_seconds=60)
        assert own_metric(urls[first], "ticks_total") == 0, "what it knew is of the past"
        term = chat.get("deployment", f"{NAME}-decode")["metadata"]["annotations"][ANNOTATION_TERM]
        assert term.split()[1].startswith(second)

        eventually(lambda: len(pair.pods()) == 2)
        began, leader = time.monotonic(), pair.leader()
        os.kill(pair.process(second), signal.SIGKILL)
        seconds["SIGKILL"] = take_over_seconds(pair, leader, began)

        eventually(lambda: len(pair.pods()) == 2, timeout_seconds=60)
        began, leader, pod = time.monotonic(), pair.leader(), pair.holder()
        log = pair.log_of(pod)
        pair.delete(pod)
        seconds["SIGTERM"] = take_over_seconds(pair, leader, began)
        eventually(lambda: "the Lease is given back" in log.read_text())
        eventually(lambda: pair.metric("ticks_total", namespace=chat.namespace) >= 3)
        load.goes_on()
    assert load.failures() == []
    assert [m for m in chat.events("ScalingDown") if victim in m]
    assert len(chat.events("ScalingDown")) == 1
    assert chat.events("ScaledDown") == [f"decode 2 -> 1, without {victim}."]
    for never in ("ReplicasChangedElsewhere", "OtherWorkerRemoved", "DrainOverdue", "ScaledUp"):
        assert chat.events(never) == []
    print({event: round(lasted, 1) for event, lasted in seconds.items()})  # noqa: T201
