"""Stabilization and rate limits, as a HorizontalPodAutoscaler has them."""

from dataclasses import dataclass
from typing import Any

import pytest
from tests.unit.scaling.deciding import (
    NOTHING,
    Allow,
    MakePlan,
    Observe,
    link,
    numbers,
)

from pd_operator.api.roles import Role
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.memory import Change, Recommendation, ScalingMemory


@dataclass(frozen=True)
class Brake:
    """What is `allowed` of a change, after earlier `changes` at so many seconds from now."""

    current: int
    wanted: int
    rules: dict[str, Any]
    changes: list[tuple[float, int]]
    allowed: int

    @property
    def behavior(self) -> dict[str, Any]:
        """The rules in the words of the API."""
        policies = [
            {"type": kind, "value": value, "periodSeconds": period}
            for kind, value, period in self.rules.get("policies", ())
        ]
        return {**self.rules, "policies": policies} if policies else self.rules

    @property
    def memory(self) -> ScalingMemory:
        """What the chain remembers of the earlier changes."""
        return ScalingMemory(
            changes=tuple(
                Change(10_000.0 + ago, Role.PREFILL, delta) for ago, delta in self.changes
            )
        )


def test_a_worker_is_removed_only_after_the_whole_window_agrees(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    desired = []
    for second in range(0, 331, 15):
        seen = observe(6, 2, at=10_000.0 + second)
        decision, memory = decide(seen, plan(3, 2), plan(3, 2), allow(), memory)
        desired.append((second, decision.prefill.desired, decision.reason))
    assert all(workers == 6 for second, workers, _ in desired if second < 300)
    assert desired[0][2] is DecisionReason.STABILIZED
    assert desired[-1] == (330, 3, DecisionReason.FORECAST_LOAD)


def test_a_short_lull_removes_nothing_and_a_peak_in_it_starts_the_window_anew(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    for second in range(0, 600, 15):
        workers = 5 if second == 285 else 3
        seen = observe(6, 2, at=10_000.0 + second)
        decision, memory = decide(seen, plan(workers, 2), plan(1, 1), allow(), memory)
        if 300 <= second < 585:
            assert decision.prefill.desired == 5, second
    assert link(decision, "Stabilization").startswith("The recommendation has stood")


def test_after_a_restart_the_first_decision_removes_nothing(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    decision, memory = decide(observe(6, 4), plan(2, 2), plan(2, 2), allow(), NOTHING)
    assert numbers(decision) == (6, 4)
    assert decision.reason is DecisionReason.STABILIZED
    assert [(one.prefill, one.decode) for one in memory.recommendations] == [(6, 4), (2, 2)]


def test_after_a_long_outage_of_the_operator_the_window_begins_anew(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    old = ScalingMemory(recommendations=(Recommendation(100.0, 2, 2),))
    decision, _ = decide(observe(6, 4), plan(2, 2), plan(2, 2), allow(), old)
    assert numbers(decision) == (6, 4)


def test_a_scale_up_window_waits_for_its_lowest_recommendation(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow(behavior={"scaleUp": {"stabilizationWindowSeconds": 60}})
    memory = ScalingMemory(recommendations=(Recommendation(9_970.0, 3, 2),))
    decision, _ = decide(observe(2, 2), plan(6, 2), plan(2, 2), settings, memory)
    assert numbers(decision) == (3, 2)
    assert decision.reason is DecisionReason.STABILIZED


@pytest.mark.parametrize(
    "brake",
    [
        # HorizontalPodAutoscaler's defaults: 100 % or 4 pods per 15 s, whichever is more
        Brake(1, 20, {}, [], 5),
        Brake(8, 20, {}, [], 16),
        Brake(8, 20, {}, [(-5.0, 4)], 8),  # 4 at the period's start, all of their 100 % used
        Brake(8, 20, {}, [(-15.0, 4)], 16),  # the period is over
        Brake(1, 9, {"policies": [("Percent", 10, 60)]}, [], 2),  # rounds up: one can become two
        Brake(3, 9, {"policies": [("Pods", 1, 60)]}, [(-30.0, 1)], 3),
        Brake(3, 9, {"policies": [("Pods", 2, 60)]}, [(-30.0, 1)], 4),
        Brake(4, 20, {"policies": [("Pods", 1, 60), ("Percent", 100, 60)]}, [], 8),
        Brake(
            4,
            20,
            {"policies": [("Pods", 1, 60), ("Percent", 100, 60)], "selectPolicy": "Min"},
            [],
            5,
        ),
        Brake(4, 20, {"selectPolicy": "Disabled"}, [], 4),
        Brake(4, 20, {"policies": [("Pods", 1, 60)]}, [(-30.0, -2)], 7),  # 6 at the period's start
    ],
)
def test_scale_up_policies_count_changes_as_the_horizontal_pod_autoscaler_does(
    brake: Brake, observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow(maximum=50, behavior={"scaleUp": brake.behavior})
    decision, _ = decide(
        observe(brake.current, 2), plan(brake.wanted, 2), plan(1, 2), settings, brake.memory
    )
    assert decision.prefill.desired == brake.allowed


@pytest.mark.parametrize(
    "brake",
    [
        Brake(10, 2, {}, [], 2),  # default: everything at once, after the window
        Brake(10, 2, {"policies": [("Percent", 10, 60)]}, [], 9),
        Brake(5, 1, {"policies": [("Percent", 10, 60)]}, [], 4),  # 4.5 rounds down
        Brake(10, 2, {"policies": [("Pods", 2, 60)]}, [(-30.0, -1)], 9),
        Brake(10, 2, {"policies": [("Pods", 2, 60)]}, [(-30.0, -3)], 10),
        Brake(10, 2, {"policies": [("Pods", 1, 60), ("Percent", 50, 60)]}, [], 5),
        Brake(
            10,
            2,
            {"policies": [("Pods", 1, 60), ("Percent", 50, 60)], "selectPolicy": "Min"},
            [],
            9,
        ),
        Brake(10, 2, {"selectPolicy": "Disabled"}, [], 10),
    ],
)
def test_scale_down_policies_count_changes_as_the_horizontal_pod_autoscaler_does(
    brake: Brake, observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0, **brake.behavior}}
    settings = allow(maximum=50, behavior=behavior)
    decision, _ = decide(
        observe(brake.current, 2), plan(brake.wanted, 2), plan(1, 2), settings, brake.memory
    )
    assert decision.prefill.desired == brake.allowed
