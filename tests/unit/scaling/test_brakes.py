"""Stabilisation and rate limits, as a HorizontalPodAutoscaler has them."""

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
from pd_operator.scaling.decision import Reason
from pd_operator.scaling.memory import Change, Recommendation, ScalingMemory


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
    assert desired[0][2] is Reason.STABILIZED
    assert desired[-1] == (330, 3, Reason.FORECAST_LOAD)


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
    assert decision.reason is Reason.STABILIZED
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
    assert decision.reason is Reason.STABILIZED


@pytest.mark.parametrize(
    ("current", "wanted", "rules", "changes", "allowed"),
    [
        # HorizontalPodAutoscaler's defaults: 100 % or 4 pods per 15 s, whichever is more
        (1, 20, {}, [], 5),
        (8, 20, {}, [], 16),
        (8, 20, {}, [(-5.0, 4)], 8),  # 4 at the period's start, all of their 100 % used
        (8, 20, {}, [(-15.0, 4)], 16),  # the period is over
        (1, 9, {"policies": [("Percent", 10, 60)]}, [], 2),  # rounds up: one can become two
        (3, 9, {"policies": [("Pods", 1, 60)]}, [(-30.0, 1)], 3),
        (3, 9, {"policies": [("Pods", 2, 60)]}, [(-30.0, 1)], 4),
        (4, 20, {"policies": [("Pods", 1, 60), ("Percent", 100, 60)]}, [], 8),
        (
            4,
            20,
            {"policies": [("Pods", 1, 60), ("Percent", 100, 60)], "selectPolicy": "Min"},
            [],
            5,
        ),
        (4, 20, {"selectPolicy": "Disabled"}, [], 4),
        (4, 20, {"policies": [("Pods", 1, 60)]}, [(-30.0, -2)], 7),  # 6 at the period's start
    ],
)
def test_scale_up_policies_count_changes_as_the_horizontal_pod_autoscaler_does(
    current: int,
    wanted: int,
    rules: dict[str, Any],
    changes: list[tuple[float, int]],
    allowed: int,
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
) -> None:
    settings = allow(maximum=50, behavior={"scaleUp": _rules(rules)})
    memory = _changed(changes)
    decision, _ = decide(observe(current, 2), plan(wanted, 2), plan(1, 2), settings, memory)
    assert decision.prefill.desired == allowed


@pytest.mark.parametrize(
    ("current", "wanted", "rules", "changes", "allowed"),
    [
        (10, 2, {}, [], 2),  # default: everything at once, after the window
        (10, 2, {"policies": [("Percent", 10, 60)]}, [], 9),
        (5, 1, {"policies": [("Percent", 10, 60)]}, [], 4),  # 4.5 rounds down
        (10, 2, {"policies": [("Pods", 2, 60)]}, [(-30.0, -1)], 9),
        (10, 2, {"policies": [("Pods", 2, 60)]}, [(-30.0, -3)], 10),
        (10, 2, {"policies": [("Pods", 1, 60), ("Percent", 50, 60)]}, [], 5),
        (
            10,
            2,
            {"policies": [("Pods", 1, 60), ("Percent", 50, 60)], "selectPolicy": "Min"},
            [],
            9,
        ),
        (10, 2, {"selectPolicy": "Disabled"}, [], 10),
    ],
)
def test_scale_down_policies_count_changes_as_the_horizontal_pod_autoscaler_does(
    current: int,
    wanted: int,
    rules: dict[str, Any],
    changes: list[tuple[float, int]],
    allowed: int,
    observe: Observe,
    plan: MakePlan,
    allow: Allow,
) -> None:
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 0, **_rules(rules)}}
    settings = allow(maximum=50, behavior=behavior)
    decision, _ = decide(
        observe(current, 2), plan(wanted, 2), plan(1, 2), settings, _changed(changes)
    )
    assert decision.prefill.desired == allowed


def _rules(rules: dict[str, Any]) -> dict[str, Any]:
    if "policies" not in rules:
        return rules
    policies = [
        {"type": kind, "value": value, "periodSeconds": period}
        for kind, value, period in rules["policies"]
    ]
    return {**rules, "policies": policies}


def _changed(changes: list[tuple[float, int]]) -> ScalingMemory:
    return ScalingMemory(
        changes=tuple(Change(10_000.0 + ago, Role.PREFILL, delta) for ago, delta in changes)
    )
