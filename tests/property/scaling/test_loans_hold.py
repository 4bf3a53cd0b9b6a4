"""Whatever the pools look like, no lender falls below its need, and only what is known flips."""

import math
from dataclasses import replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.api.autoscaling import Behavior, Mode
from pd_operator.api.roles import Role
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit, Plan, PoolPlan
from pd_operator.scaling.chain import decide
from pd_operator.scaling.decision import Decision
from pd_operator.scaling.loans import BUDGET_SECONDS, FLIPS_PER_HOUR
from pd_operator.scaling.memory import Flip, ScalingMemory
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    Reading,
    Unknown,
    WorkerObservation,
)
from pd_operator.scaling.settings import PoolSettings, ScalingSettings

NOW = 1_000_000.0
UNKNOWN = Unknown("Stale", "prometheus", "the newest sample is old.")
LENGTHS = LengthDistribution.constant(100)
thorough = settings(max_examples=300, deadline=None)


@st.composite
def loads(draw: st.DrawFn) -> Reading[EngineLoad]:
    if draw(st.integers(0, 9)) == 0:
        return UNKNOWN
    running, waiting = draw(st.integers(0, 50)), draw(st.sampled_from([0, 0, 0, 100_000]))
    load = EngineLoad(
        None, running, 0, waiting, 0, 0, 0, 0, 0, 0, 0, 1000, 10**6, 100.0, (0.0,) * 6
    )
    return Known(load, draw(st.sampled_from([0.1, 60.0])), "engine")


@st.composite
def pools(draw: st.DrawFn, role: Role) -> PoolObservation:
    workers = []
    for number in range(draw(st.integers(0, 8))):
        switching = draw(st.integers(0, 5)) == 0
        workers.append(
            WorkerObservation(
                f"{role}-{number}",
                role,
                ready=draw(st.integers(0, 5)) > 0,
                traffic=not switching and draw(st.integers(0, 5)) > 0,
                switching=switching,
                switchable=draw(st.integers(0, 3)) > 0,
                home=draw(st.sampled_from([role, role, role.other])),
                load=draw(loads()),
            )
        )
    return PoolObservation(role, len(workers), tuple(workers))


def plans(role: Role) -> st.SearchStrategy[PoolPlan]:
    return st.builds(
        lambda workers, busy: PoolPlan(
            role, workers, busy, 0.1, Limit.UTILIZATION, True, "because.", 1
        ),
        st.integers(1, 10),
        st.floats(0, 0.8),
    )


observations = st.builds(
    lambda prefill, decode, rate: Observation(
        NOW,
        UNKNOWN if rate is None else Known(Demand(rate, LENGTHS, LENGTHS), 1.0, "prometheus"),
        prefill,
        decode,
    ),
    pools(Role.PREFILL),
    pools(Role.DECODE),
    st.none() | st.floats(1, 100),
)
whole_plans = st.builds(Plan, plans(Role.PREFILL), plans(Role.DECODE))
memories = st.builds(
    lambda flips, since: ScalingMemory(
        flips=tuple(flips), short_since=dict.fromkeys(Role, NOW - since)
    ),
    st.lists(
        st.builds(Flip, st.floats(NOW - 2 * BUDGET_SECONDS, NOW), st.sampled_from(Role)),
        max_size=30,
    ),
    st.sampled_from([0.0, 60.0]),
)


@st.composite
def allowed(draw: st.DrawFn) -> ScalingSettings:
    def bounds() -> PoolSettings:
        minimum = draw(st.integers(1, 3))
        return PoolSettings(minimum, draw(st.integers(minimum, 10)), 1, 60.0, 60.0, 150.0)

    objective, prefill, decode = Objective(90, 0.8), bounds(), bounds()
    least = prefill.minimum + decode.minimum
    return ScalingSettings(
        prefill=prefill,
        decode=decode,
        gpu_budget=draw(st.none() | st.integers(least, least + 10)),
        behavior=Behavior(),
        objectives=Objectives(objective, objective),
        mode=Mode.ACTIVE,
        role_flips=True,
    )


def paid_for(decision: Decision, role: Role) -> float:
    """What the budget leaves of a pool, which goes without any loan; all where it takes nothing."""
    names = [link.name for link in decision.links]
    before, after = (
        getattr(decision.links[names.index("Budget") + step], role.value) for step in (-1, 0)
    )
    return float(after) if after < before else math.inf


@given(observations, whole_plans, whole_plans, allowed(), memories)
@thorough
def test_a_lender_keeps_what_it_needs_and_its_minimum(
    seen: Observation, ahead: Plan, now: Plan, allow: ScalingSettings, memory: ScalingMemory
) -> None:
    decision, _ = decide(seen, ahead, now, allow, memory)
    for flip in decision.flips:
        lender = seen.pool(flip.role.other)
        gone = [one.worker for one in decision.flips]
        left = [one for one in lender.workers if one.serving and one.name not in gone]
        needed = now.pool(lender.role).workers
        assert len(left) >= max(1, min(needed, paid_for(decision, lender.role)))
        assert lender.current - len(gone) >= allow.pool(lender.role).minimum


@given(observations, whole_plans, whole_plans, allowed(), memories)
@thorough
def test_what_was_lent_is_made_good_within_the_budget(
    seen: Observation, ahead: Plan, now: Plan, allow: ScalingSettings, memory: ScalingMemory
) -> None:
    decision, _ = decide(seen, ahead, now, allow, memory)
    if decision.flips and allow.gpu_budget is not None:
        present = seen.prefill.current + seen.decode.current
        wanted = decision.prefill.desired + decision.decode.desired
        # Every worker of these pools holds one GPU.
        assert wanted <= max(allow.gpu_budget, present)


@given(observations, whole_plans, whole_plans, allowed(), memories)
@thorough
def test_only_idle_enough_workers_that_can_switch_do_and_in_one_direction(
    seen: Observation, ahead: Plan, now: Plan, allow: ScalingSettings, memory: ScalingMemory
) -> None:
    decision, _ = decide(seen, ahead, now, allow, memory)
    assert len({flip.role for flip in decision.flips}) <= 1
    assert len({flip.worker for flip in decision.flips}) == len(decision.flips)
    for flip in decision.flips:
        lent = {worker.name: worker for worker in seen.pool(flip.role.other).workers}
        worker = lent[flip.worker]
        assert worker.switchable
        assert worker.serving
        assert isinstance(worker.load, Known)
        gone = {each.worker for each in decision.flips}
        staying = [one for one in lent.values() if one.name not in gone]
        others = [one for one in staying if one.switchable and one.serving and not one.on_loan]
        fresh = [one for one in others if isinstance(one.load, Known) and one.load.age_seconds < 10]
        assert worker.on_loan or all(worker.work <= other.work for other in fresh)


@given(observations, whole_plans | st.just(UNKNOWN), whole_plans | st.just(UNKNOWN), allowed())
@thorough
def test_nothing_unknown_flips_anybody(
    seen: Observation, ahead: Plan | Unknown, now: Plan | Unknown, allow: ScalingSettings
) -> None:
    memory = ScalingMemory(short_since=dict.fromkeys(Role, NOW - 60.0))
    decision, _ = decide(seen, ahead, now, allow, memory)
    if decision.holds:
        assert decision.flips == ()


@given(observations, whole_plans, whole_plans, allowed(), memories)
@thorough
def test_the_same_values_flip_the_same_workers(
    seen: Observation, ahead: Plan, now: Plan, allow: ScalingSettings, memory: ScalingMemory
) -> None:
    shuffled = replace(
        seen, decode=replace(seen.decode, workers=tuple(reversed(seen.decode.workers)))
    )
    first, _ = decide(seen, ahead, now, allow, memory)
    again, _ = decide(shuffled, ahead, now, allow, memory)
    assert first.flips == again.flips


@given(whole_plans, whole_plans, allowed(), st.lists(st.booleans(), min_size=1, max_size=400))
@settings(max_examples=30, deadline=None)
def test_an_hour_has_no_more_flips_than_its_budget_however_the_mix_swings(
    one: Plan, other: Plan, allow: ScalingSettings, swings: list[bool]
) -> None:
    memory, times = ScalingMemory(), count(0, 15)
    sizes = {Role.PREFILL: 5, Role.DECODE: 5}
    flipped: list[float] = []
    load = EngineLoad(None, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1000, 10**6, 100.0, (0.0,) * 6)
    for swing, seconds in zip(swings, times, strict=False):
        prefill, decode = (
            PoolObservation(
                role,
                size,
                tuple(
                    WorkerObservation(
                        f"{role}-{number}", role, switchable=True, load=Known(load, 0.1, "engine")
                    )
                    for number in range(size)
                ),
            )
            for role, size in sizes.items()
        )
        demand = Known(Demand(1.0, LENGTHS, LENGTHS), 1.0, "prometheus")
        plan = one if swing else other
        seen = Observation(NOW + seconds, demand, prefill, decode)
        decision, memory = decide(seen, plan, plan, allow, memory)
        for flip in decision.flips:
            sizes[flip.role] += 1
            sizes[flip.role.other] -= 1
            flipped.append(NOW + seconds)
        recent = [at for at in flipped if at > NOW + seconds - BUDGET_SECONDS]
        assert len(recent) <= FLIPS_PER_HOUR
        assert min(sizes.values()) >= 1


@given(memories)
@thorough
def test_the_budget_survives_a_restart(memory: ScalingMemory) -> None:
    again = ScalingMemory.from_plain(memory.to_plain())
    assert [flip.role for flip in again.flips] == [flip.role for flip in memory.flips]
