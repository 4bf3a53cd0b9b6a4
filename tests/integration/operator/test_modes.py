"""Advisory tells and does not touch; Paused leaves alone; other hands are seen."""

from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import ConditionType
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService
from .traffic import SteadyLoad

pytestmark = pytest.mark.controlplane


def changes_elsewhere(chat: RunningService) -> list[str]:
    return chat.events("ReplicasChangedElsewhere")


def test_advisory_tells_what_it_would_do_and_does_not_do_it(
    operator: InstalledOperator, chat: RunningService, tmp_path: Path
) -> None:
    workers = chat.workers()
    chat.edit(autoscaling={"mode": "Advisory"})
    chat.await_condition(ConditionType.SCALING, "False", "Advisory")
    load = SteadyLoad(
        chat.router_url, tmp_path / "load", rate=7, input_tokens=2000, output_tokens=10
    )
    with load:
        eventually(lambda: chat.pool_status(Role.PREFILL).desired >= 2, timeout_seconds=60)
        eventually(lambda: [m for m in chat.events("AdviceChanged") if "goes from 1 to 2" in m])
        said = chat.condition(ConditionType.SCALING)
        assert said.reason == "Advisory"
        operator.await_ticks(chat.namespace, 2)
        place = {"namespace": chat.namespace, "service": NAME, "role": "prefill"}
        assert operator.metric("workers", state="wanted", **place) >= 2
        assert operator.metric("workers", state="current", **place) == 1
    assert chat.workers() == workers
    assert chat.events("ScaledUp") == []


def test_paused_leaves_everything_as_it_is(
    operator: InstalledOperator, chat: RunningService
) -> None:
    chat.edit(autoscaling={"mode": "Paused"})
    chat.await_condition(ConditionType.SCALING, "False", "Paused")

    chat.kubectl("scale", f"deployment/{NAME}-decode", "--replicas=2")
    chat.await_workers(prefill=1, decode=2)
    chat.edit(decode={"maxReplicas": 1})
    operator.await_ticks(chat.namespace, 3)
    assert changes_elsewhere(chat) == [
        "Somebody else set decode replicas from 1 to 2; in mode Paused it stays so."
    ]
    assert chat.replicas(Role.DECODE) == 2
    assert not chat.draining(Role.DECODE)
    assert chat.pool_status(Role.DECODE).ready == 2
    assert chat.condition(ConditionType.READY).reason == "Serving"


def test_somebody_elses_replicas_are_seen_and_corrected(
    operator: InstalledOperator, chat: RunningService
) -> None:
    one = {"maxReplicas": 1}
    chat.edit(autoscaling={"mode": "Active"}, prefill=one, decode=one)
    eventually(lambda: chat.replicas(Role.DECODE) == 1)
    operator.await_ticks(chat.namespace, 1)

    chat.kubectl("scale", f"deployment/{NAME}-decode", "--replicas=3")
    eventually(lambda: [m for m in changes_elsewhere(chat) if "from 1 to 3; the next" in m])
    eventually(lambda: chat.replicas(Role.DECODE) == 1)
    assert chat.replicas(Role.PREFILL) == 1
