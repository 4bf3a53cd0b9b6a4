from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pd_operator.demand import Demand, LengthDistribution
from pd_operator.performance import EngineSurfaces, bundled_profile_names, load_bundled
from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit
from pd_operator.planning.planner import plan_service
from pd_operator.planning.prefill import PrefillLoad

MAXIMUM = 10_000
BOUNDS = PoolBounds.up_to(MAXIMUM, MAXIMUM)


@st.composite
def lengths(draw: st.DrawFn, longest: float) -> LengthDistribution:
    tokens = draw(st.lists(st.floats(1, longest), min_size=1, max_size=6))
    weights = draw(st.lists(st.floats(0.01, 1), min_size=len(tokens), max_size=len(tokens)))
    return LengthDistribution(tuple(tokens), tuple(weights))


workers = st.sampled_from(
    [
        load_bundled(name).surfaces(size)
        for name in bundled_profile_names()
        for size in load_bundled(name).tensor_parallel_sizes
    ]
)
engines = st.builds(EngineModel, workers, workers, st.floats(1e9, 1e11))
demands = st.builds(
    Demand,
    st.floats(0, 300),
    lengths(20_000),
    lengths(3_000),
    st.none(),
    st.floats(0, 5),
)
percentiles = st.integers(50, 99)
objectives = st.builds(
    Objectives,
    st.builds(Objective, percentiles, st.floats(0.05, 20)),
    st.builds(Objective, percentiles, st.floats(0.005, 0.5)),
)
routers = st.sampled_from(RouterClass)
quick = settings(max_examples=60, deadline=None)


@given(demands, engines, objectives, routers)
@quick
def test_a_feasible_plan_meets_its_own_objectives_and_caps(
    demand: Demand, engine: EngineModel, promised: Objectives, router: RouterClass
) -> None:
    plan = plan_service(demand, demand, engine, promised, BOUNDS, router)
    if plan.prefill.feasible:
        assert plan.prefill.latency_seconds <= promised.ttft.seconds * (1 + 1e-4)
        assert plan.prefill.utilization <= 0.85 + 1e-9
    if plan.decode.feasible:
        assert plan.decode.latency_seconds <= promised.tpot.seconds * (1 + 1e-4)
        assert plan.decode.utilization <= 1.0
    assert plan.prefill.workers >= 1
    assert plan.decode.workers >= 1


@given(demands, engines, objectives, routers, st.floats(1, 10))
@quick
def test_more_load_never_needs_fewer_workers(
    demand: Demand, engine: EngineModel, promised: Objectives, router: RouterClass, factor: float
) -> None:
    more = replace(demand, requests_per_second=demand.requests_per_second * factor)
    plan = plan_service(demand, demand, engine, promised, BOUNDS, router)
    bigger = plan_service(more, more, engine, promised, BOUNDS, router)
    # Out of reach is a property of lengths and objective; only near its edge does load decide.
    assume(plan.feasible == bigger.feasible)
    assert bigger.prefill.workers >= plan.prefill.workers
    assert bigger.decode.workers >= plan.decode.workers


@given(demands, engines, objectives, routers)
@quick
def test_one_prefill_worker_less_would_break_what_is_named(
    demand: Demand, engine: EngineModel, promised: Objectives, router: RouterClass
) -> None:
    load = PrefillLoad(
        demand, engine.prefill, promised.ttft, router, engine.transfer_bytes_per_second, 0.02
    )
    asked = load.workers_by_limit(MAXIMUM)
    if Limit.TTFT in asked and asked[Limit.TTFT] > max(
        asked[Limit.UTILIZATION], asked[Limit.NETWORK]
    ):
        assert load.meets_objective(asked[Limit.TTFT])
        assert not load.meets_objective(asked[Limit.TTFT] - 1)


@given(demands, workers, st.builds(Objective, percentiles, st.floats(0.005, 0.5)))
@quick
def test_a_stricter_token_objective_never_needs_fewer_workers(
    demand: Demand, worker: EngineSurfaces, objective: Objective
) -> None:
    load = DecodeLoad(demand, worker, objective, 25e9)
    stricter = replace(load, objective=replace(objective, seconds=objective.seconds * 0.8))
    assume(stricter.objective_in_reach)
    # Shares of a worker, to rounding: what a smaller batch yields, a larger allowance yields too.
    assert max(stricter.workers_by_limit().values()) >= max(load.workers_by_limit().values()) * (
        1 - 1e-9
    )


@given(demands, workers, st.builds(Objective, percentiles, st.floats(0.005, 0.5)))
@quick
def test_no_batch_that_is_allowed_yields_more_than_the_one_planned_with(
    demand: Demand, worker: EngineSurfaces, objective: Objective
) -> None:
    load = DecodeLoad(demand, worker, objective, 25e9)
    limit, best = load.tightest
    allowed = max(load.batch_limits[limit], 1.0 if limit is Limit.KV_ROOM else 0.0)
    assume(allowed > 0)
    curve = load.steps
    yields = (curve.tokens_per_second(allowed * i / 200) for i in range(1, 201))
    assert max(yields) <= curve.tokens_per_second(best) * (1 + 1e-9)


@given(demands, engines, objectives, routers, st.integers(1, 20))
@quick
def test_no_plan_exceeds_its_maximum(
    demand: Demand, engine: EngineModel, promised: Objectives, router: RouterClass, maximum: int
) -> None:
    plan = plan_service(
        demand, demand, engine, promised, PoolBounds.up_to(maximum, maximum), router
    )
    assert plan.prefill.workers <= maximum
    assert plan.decode.workers <= maximum
