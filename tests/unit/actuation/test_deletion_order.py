"""Which pod goes is known before a number is lowered."""

from typing import Any

from pd_operator.actuation.deletion_order import DRAINING, would_go
from pd_operator.api.roles import Role
from pd_operator.scaling.observation import WorkerObservation


def worker(name: str, **changes: Any) -> WorkerObservation:
    return WorkerObservation(name, Role.DECODE, **changes)


def test_no_node_goes_before_pending_before_not_ready_before_cost() -> None:
    everyone = [
        worker("cheap", deletion_cost=-5),
        worker("unready", ready=False),
        worker("pending", ready=False, pending=True),
        worker("homeless", ready=False, pending=True, scheduled=False),
        worker("ready"),
    ]
    order = would_go(everyone, [w.name for w in everyone])
    assert order[:3] == ["homeless", "pending", "unready"]


def test_it_ends_before_the_first_that_would_go_and_is_not_meant() -> None:
    everyone = [worker("drained"), worker("blinking", ready=False), worker("new", pending=True)]
    assert would_go(everyone, ["drained"]) == []
    assert would_go(everyone, ["drained", "new"]) == ["new"]
    assert would_go(everyone, ["drained", "new", "blinking"]) == ["new", "blinking", "drained"]


def test_the_one_that_is_meant_goes_before_all_that_drain_and_all_that_serve() -> None:
    everyone = [worker("a"), worker("b", deletion_cost=DRAINING), worker("c")]
    assert would_go(everyone, ["c"]) == ["c"]


def test_a_cost_as_low_that_somebody_else_gave_stands_in_the_way() -> None:
    assert would_go([worker("a", deletion_cost=-(1 << 31)), worker("b")], ["b"]) == []
