"""A load that no forecast foresaw keeps its workers for a while; another one keeps none."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.scaling.deciding import (
    NOTHING,
    Allow,
    MakeLoad,
    MakePlan,
    MakePool,
    Observe,
    link,
    numbers,
)

from pd_operator.api.roles import Role
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision, DecisionReason
from pd_operator.scaling.memory import ScalingMemory, Surprise
from pd_operator.scaling.plans import SidePlans
from pd_operator.scaling.settings import ScalingSettings

HOLD_SECONDS = 600.0  # ten start-ups of 60 s


def soon(settings: ScalingSettings) -> ScalingSettings:
    """Pools whose lead time is over at once, so that nothing else holds workers."""
    return settings.with_lead_times(dict.fromkeys(Role, 60.0), dict.fromkeys(Role, 1.0))


@pytest.fixture
def after_a_burst(
    observe: Observe, plan: MakePlan, allow: Allow
) -> Callable[[float, ScalingSettings], Decision]:
    """The decision so long after the present load called for four where two served."""

    def decided(seconds: float, settings: ScalingSettings) -> Decision:
        memory = NOTHING
        for at in (0.0, 15.0, 30.0):
            _, memory = decide(
                observe(2, 2, at=10_000.0 + at), plan(2, 2), plan(4, 2), settings, memory
            )
        # Ticks go on: after a gap, the workers there are count as recommended.
        for before in (1.5, 0.8, 0.0):
            later = observe(4, 2, at=10_030.0 + seconds - before)
            decision, memory = decide(later, plan(2, 2), plan(2, 2), settings, memory)
        return decision

    return decided


def test_what_a_burst_called_for_stays_for_ten_start_ups(
    after_a_burst: Callable[..., Decision], allow: Allow
) -> None:
    settings = soon(allow())
    held = after_a_burst(HOLD_SECONDS - 10, settings)
    assert numbers(held) == (4, 2)
    assert held.reason is DecisionReason.SURPRISED
    assert "called for 4; they stay for 600 s" in link(held, "Surprise")
    assert numbers(after_a_burst(HOLD_SECONDS + 10, settings)) == (2, 2)


def test_a_user_s_own_window_decides_instead(
    after_a_burst: Callable[..., Decision], allow: Allow
) -> None:
    settings = soon(allow(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}}))
    assert numbers(after_a_burst(60.0, settings)) == (2, 2)


def test_a_need_of_one_tick_is_the_chance_of_arrivals(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    _, memory = decide(observe(2, 2), plan(2, 2), plan(4, 2), soon(allow()), NOTHING)
    assert memory.surprises == {}


def test_a_load_that_was_foreseen_is_no_surprise(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = NOTHING
    for at in (0.0, 15.0, 30.0):
        _, memory = decide(
            observe(4, 2, at=10_000.0 + at), plan(4, 2), plan(4, 2), soon(allow()), memory
        )
    assert memory.surprises == {}


@pytest.mark.parametrize(("least", "kept"), [(2, None), (3, 3)])
def test_the_reserve_of_a_plan_that_is_used_up_is_no_surprise(
    observe: Observe, plan: MakePlan, allow: Allow, least: int, kept: int | None
) -> None:
    memory = NOTHING
    for at in (0.0, 15.0, 30.0):
        _, memory = decide(
            observe(2, 2, at=10_000.0 + at),
            plan(2, 2),
            plan(4, 2),
            soon(allow()),
            memory,
            beside=SidePlans(least=plan(least, 2)),
        )
    surprise = memory.surprises.get(Role.PREFILL)
    assert (surprise.workers if surprise else None) == kept


def test_what_waits_is_worked_off_once_and_keeps_no_workers(
    observe: Observe, plan: MakePlan, allow: Allow, make_pool: MakePool, load: MakeLoad
) -> None:
    # Two engines compute 10,000 tokens/s each, 6,000 arrive, and half a minute's work waits.
    memory = NOTHING
    for tick in range(4):
        queue = load(
            waiting_uncached_tokens=300_000 - 60_000 * tick,
            prefill_uncached_tokens_total=150_000 * (tick + 1),
            prefill_busy_seconds_total=15.0 * (tick + 1),
        )
        seen = observe(make_pool(Role.PREFILL, 2, load=queue), 2, at=10_000.0 + 15 * tick)
        decision, memory = decide(seen, plan(2, 2), plan(2, 2), soon(allow()), memory)
    assert decision.reason is DecisionReason.QUEUE_PRESSURE
    assert memory.surprises == {}


@pytest.fixture
def after_spikes(
    observe: Observe, plan: MakePlan, allow: Allow
) -> Callable[..., tuple[Decision, ScalingMemory]]:
    """What is decided `seconds` after the last of so many `needs`, each of 30 s, 200 s apart."""

    def decided(needs: list[int], seconds: float) -> tuple[Decision, ScalingMemory]:
        memory, at, there = NOTHING, 10_000.0, 2
        for needed in needs:
            for now, ticks in ((2, 12), (needed, 3)):
                for tick in range(ticks):
                    at += 15.0
                    decision, memory = decide(
                        observe(there, 2, at=at), plan(2, 2), plan(now, 2), soon(allow()), memory
                    )
                    there = max(decision.prefill.desired, now if tick == 1 else 0)
        for before in (1.5, 0.8, 0.0):
            seen = observe(there, 2, at=at + seconds - before)
            decision, memory = decide(seen, plan(2, 2), plan(2, 2), soon(allow()), memory)
        return decision, memory

    return decided


def test_spikes_that_come_back_are_waited_for_twice_as_long_each_time(
    after_spikes: Callable[..., tuple[Decision, ScalingMemory]],
) -> None:
    for spikes, hold in ((1, HOLD_SECONDS), (2, 2 * HOLD_SECONDS), (3, 4 * HOLD_SECONDS)):
        held, _ = after_spikes([4] * spikes, hold - 40)
        assert numbers(held) == (4, 2)
        gone, _ = after_spikes([4] * spikes, hold + 20)
        assert numbers(gone) == (2, 2)


def test_a_spike_of_less_than_half_is_not_what_is_waited_for(
    after_spikes: Callable[..., tuple[Decision, ScalingMemory]],
) -> None:
    _, memory = after_spikes([8, 3], 60.0)
    assert memory.surprises[Role.PREFILL].times == 1


def test_a_load_that_stays_high_is_one_surprise(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory, there, times = NOTHING, 2, list[int]()
    for tick in range(60):
        seen = observe(there, 2, at=10_000.0 + 15 * tick)
        decision, memory = decide(seen, plan(2, 2), plan(4, 2), soon(allow()), memory)
        there = decision.prefill.desired
        if surprise := memory.surprises.get(Role.PREFILL):
            times.append(surprise.times)
    assert set(times) == {1}


def test_a_hold_keeps_workers_and_calls_for_none(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    memory = replace(NOTHING, surprises={Role.PREFILL: Surprise(9_990.0, 6)})
    decision, _ = decide(observe(3, 2), plan(2, 2), plan(2, 2), soon(allow()), memory)
    assert numbers(decision) == (3, 2)


def test_without_a_window_of_the_user_workers_stay_for_a_lead_time(
    observe: Observe, plan: MakePlan, allow: Allow
) -> None:
    settings = allow().with_lead_times(dict.fromkeys(Role, 60.0), dict.fromkeys(Role, 150.0))
    memory = NOTHING
    desired = {}
    for second in range(0, 200, 10):
        seen = observe(5, 2, at=10_000.0 + second)
        decision, memory = decide(seen, plan(3, 2), plan(3, 2), settings, memory)
        desired[second] = decision.prefill.desired
    assert {second for second, workers in desired.items() if workers == 5} == set(range(0, 150, 10))
