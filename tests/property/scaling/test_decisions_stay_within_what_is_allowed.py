from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.api.autoscaling import (
    Behavior,
    Mode,
    PolicyType,
    ScaleDownRules,
    ScaleUpRules,
    ScalingPolicy,
    SelectPolicy,
)
from pd_operator.api.roles import Role
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit, Plan, PoolPlan
from pd_operator.scaling.chain import decide
from pd_operator.scaling.memory import Change, Recommendation, ScalingMemory
from pd_operator.scaling.observation import (
    EngineLoad,
    Known,
    Observation,
    PoolObservation,
    Unknown,
    WorkerObservation,
)
from pd_operator.scaling.settings import PoolSettings, ScalingSettings

NOW = 1_000_000.0
unknowns = st.builds(
    Unknown, st.just("Stale"), st.just("prometheus"), st.just("the newest sample is old.")
)
lengths = st.just(LengthDistribution.constant(100))
demands = st.builds(Demand, st.floats(0, 1000), lengths, lengths).map(
    lambda demand: Known(demand, 1.0, "prometheus")
)
counts = st.integers(0, 2000)
loads = st.builds(
    EngineLoad,
    st.none(),
    *([counts] * 9),
    counts,
    st.integers(0, 1000),
    st.integers(0, 10**9),
    st.floats(0, 1e5),
    st.just((0.0,) * 6),
).map(lambda load: Known(load, 0.1, "engine"))


def workers(role: Role) -> st.SearchStrategy[WorkerObservation]:
    return st.builds(
        WorkerObservation,
        name=st.just("worker"),
        role=st.just(role),
        address=st.just("127.0.1.1"),
        ready=st.booleans(),
        traffic=st.booleans(),
        terminating=st.booleans(),
        age_seconds=st.floats(0, 1000),
        startup_seconds=st.none(),
        scheduled=st.booleans(),
        load=loads | unknowns,
        waiting_reason=st.sampled_from(["", "engine: ErrImagePull"]),
    )


def pools(role: Role) -> st.SearchStrategy[PoolObservation]:
    return st.builds(
        PoolObservation,
        st.just(role),
        st.integers(0, 12),
        st.lists(workers(role), max_size=6).map(tuple),
        refused=st.sampled_from(["", "exceeded quota: gpus"]),
    )


def pool_plans(role: Role) -> st.SearchStrategy[PoolPlan]:
    return st.builds(
        PoolPlan,
        st.just(role),
        st.integers(1, 40),
        st.just(0.5),
        st.just(0.1),
        st.sampled_from(Limit),
        st.booleans(),
        st.just("because."),
        st.just(4),
    )


observations = st.builds(
    Observation,
    time_seconds=st.just(NOW),
    demand=demands | unknowns,
    prefill=pools(Role.PREFILL),
    decode=pools(Role.DECODE),
)
plans = st.builds(Plan, pool_plans(Role.PREFILL), pool_plans(Role.DECODE))


# The models' aliases confuse st.builds, so each has a function of its own.
def policy(kind: PolicyType, value: int, period: int) -> ScalingPolicy:
    return ScalingPolicy(type=kind, value=value, period_seconds=period)


def behavior(
    up: tuple[int, SelectPolicy, list[ScalingPolicy]],
    down: tuple[int, SelectPolicy, list[ScalingPolicy]],
) -> Behavior:
    return Behavior(
        scale_up=ScaleUpRules(
            stabilization_window_seconds=up[0], select_policy=up[1], policies=tuple(up[2])
        ),
        scale_down=ScaleDownRules(
            stabilization_window_seconds=down[0], select_policy=down[1], policies=tuple(down[2])
        ),
    )


policies = st.builds(policy, st.sampled_from(PolicyType), st.integers(1, 200), st.integers(1, 1800))
rules = st.tuples(
    st.integers(0, 600),
    st.sampled_from(SelectPolicy),
    st.lists(policies, min_size=1, max_size=3),
)
behaviors = st.builds(behavior, rules, rules)


@st.composite
def allowed(draw: st.DrawFn) -> ScalingSettings:
    def bounds() -> PoolSettings:
        minimum = draw(st.integers(1, 6))
        maximum = draw(st.integers(minimum, 12))
        return PoolSettings(
            minimum, maximum, draw(st.sampled_from([1, 2, 4, 8])), 60.0, 60.0, 150.0
        )

    prefill, decode = bounds(), bounds()
    least = prefill.minimum * prefill.gpus_per_worker + decode.minimum * decode.gpus_per_worker
    objective = Objective(90, 0.8)
    return ScalingSettings(
        prefill=prefill,
        decode=decode,
        gpu_budget=draw(st.none() | st.integers(least, least + 60)),
        behavior=draw(behaviors),
        objectives=Objectives(objective, objective),
        mode=draw(st.sampled_from(Mode)),
    )


memories = st.builds(
    ScalingMemory,
    st.lists(
        st.builds(
            Recommendation, st.floats(NOW - 2000, NOW), st.integers(0, 15), st.integers(0, 15)
        ),
        max_size=6,
    ).map(lambda items: tuple(sorted(items, key=lambda item: item.time_seconds))),
    st.lists(
        st.builds(Change, st.floats(NOW - 2000, NOW), st.sampled_from(Role), st.integers(-4, 4)),
        max_size=6,
    ).map(tuple),
)
thorough = settings(max_examples=100, deadline=None)


def gpus(settings_: ScalingSettings, prefill: int, decode: int) -> int:
    return prefill * settings_.prefill.gpus_per_worker + decode * settings_.decode.gpus_per_worker


@given(observations, plans | unknowns, plans | unknowns, allowed(), memories)
@thorough
def test_a_decision_is_within_bounds_and_budget(
    observation: Observation,
    ahead: Plan | Unknown,
    now: Plan | Unknown,
    allow: ScalingSettings,
    memory: ScalingMemory,
) -> None:
    decision, _ = decide(observation, ahead, now, allow, memory)
    for role in Role:
        bounds = allow.pool(role)
        assert bounds.minimum <= decision.pool(role).desired <= bounds.maximum
    if allow.gpu_budget is not None:
        used = gpus(allow, decision.prefill.desired, decision.decode.desired)
        assert used <= allow.gpu_budget


@given(observations, plans | unknowns, plans | unknowns, allowed(), memories)
@thorough
def test_nothing_unknown_ever_removes_a_worker(
    observation: Observation,
    ahead: Plan | Unknown,
    now: Plan | Unknown,
    allow: ScalingSettings,
    memory: ScalingMemory,
) -> None:
    decision, _ = decide(observation, ahead, now, allow, memory)
    if not any(isinstance(one, Unknown) for one in (observation.demand, ahead, now)):
        assert not decision.holds
        return
    assert decision.holds
    present = gpus(allow, observation.prefill.current, observation.decode.current)
    if allow.gpu_budget is not None and present > allow.gpu_budget:
        return  # the user's budget is above everything
    if any(observation.pool(role).current < allow.pool(role).minimum for role in Role):
        return  # raising a pool to its minimum may cost the other a worker under the budget
    for role in Role:
        kept = min(observation.pool(role).current, allow.pool(role).maximum)
        assert decision.pool(role).desired >= kept


@given(observations, plans, plans, allowed(), memories)
@thorough
def test_nothing_is_removed_below_what_the_scale_down_window_called_for(
    observation: Observation,
    ahead: Plan,
    now: Plan,
    allow: ScalingSettings,
    memory: ScalingMemory,
) -> None:
    decision, _ = decide(observation, ahead, now, allow, memory)
    oldest = NOW - allow.scale_down_window_seconds(Role.PREFILL)
    stabilized = next(one for one in decision.links if one.name == "Stabilization")
    for role in Role:
        called_for = [
            item.pool(role) for item in memory.recommendations if item.time_seconds > oldest
        ]
        after = getattr(stabilized, role.value)
        for workers in called_for:
            assert after >= min(workers, observation.pool(role).current)


@given(observations, plans | unknowns, plans | unknowns, allowed(), memories)
@thorough
def test_a_decision_after_a_restart_is_the_one_without(
    observation: Observation,
    ahead: Plan | Unknown,
    now: Plan | Unknown,
    allow: ScalingSettings,
    memory: ScalingMemory,
) -> None:
    whole_seconds = ScalingMemory.from_plain(memory.to_plain())
    decision, after = decide(observation, ahead, now, allow, whole_seconds)
    again, after_again = decide(
        observation, ahead, now, allow, ScalingMemory.from_plain(whole_seconds.to_plain())
    )
    assert (decision, after) == (again, after_again)


@given(observations, plans, plans, allowed(), memories, st.integers(1, 10))
@thorough
def test_a_larger_plan_never_wants_fewer_workers_before_the_budget(
    observation: Observation,
    ahead: Plan,
    now: Plan,
    allow: ScalingSettings,
    memory: ScalingMemory,
    more: int,
) -> None:
    larger = Plan(
        PoolPlan(
            Role.PREFILL, ahead.prefill.workers + more, 0.5, 0.1, Limit.TTFT, True, "because.", 4
        ),
        ahead.decode,
    )
    before, _ = decide(observation, ahead, now, allow, memory)
    after, _ = decide(observation, larger, now, allow, memory)
    for smaller, bigger in zip(before.links[:-1], after.links[:-1], strict=True):
        assert bigger.prefill >= smaller.prefill
        assert bigger.decode == smaller.decode
