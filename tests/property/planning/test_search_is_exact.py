from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.performance import load_bundled
from pd_operator.planning.budget import best_split
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import Limits
from pd_operator.planning.load import steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.planner import plan_service, pool_loads
from pd_operator.planning.search import search_plan

PROFILES = st.sampled_from(["llama-3.1-8b-h100", "llama-3.1-70b-h200", "qwen3-32b-h100"])
rates = st.floats(0.5, 60)
lengths = st.floats(50, 6000)
routers = st.sampled_from(RouterClass)
few = settings(max_examples=25, deadline=None)
OBJECTIVES = Objectives(Objective(90, 1.5), Objective(90, 0.035))


@given(PROFILES, rates, lengths, st.floats(10, 800), routers)
@few
def test_no_pair_of_sizes_and_counts_is_cheaper(
    name: str, rate: float, prompt: float, output: float, router: RouterClass
) -> None:
    profile, limits = load_bundled(name), Limits()
    load = steady_load(rate, prompt, output)
    sizing = search_plan(load, OBJECTIVES, profile, limits, router)
    per_gpu = limits.transfer_bytes_per_second_per_gpu
    cheapest = None
    for p in profile.tensor_parallel_sizes:
        for d in profile.tensor_parallel_sizes:
            engine = EngineModel(profile.surfaces(p), profile.surfaces(d), p * per_gpu, d * per_gpu)
            one = plan_service(load.prefill, load.decode, engine, OBJECTIVES, limits.bounds, router)
            if one.feasible and (cheapest is None or one.gpus < cheapest):
                cheapest = one.gpus
    assert sizing.feasible == (cheapest is not None)
    if cheapest is not None:
        assert sizing.plan.gpus == cheapest


@given(st.floats(20, 200), lengths, st.floats(10, 800), st.integers(2, 14), routers)
@few
def test_no_split_of_a_budget_carries_more(
    rate: float, prompt: float, output: float, budget: int, router: RouterClass
) -> None:
    profile = load_bundled("llama-3.1-8b-h100")
    engine = EngineModel(profile.surfaces(1), profile.surfaces(2), 50e9, 100e9)
    load = steady_load(rate, prompt, output)
    prefill, decode = pool_loads(load.prefill, load.decode, engine, OBJECTIVES, router)
    split = best_split(prefill, decode, Limits(), budget)
    carried = [
        min(prefill.carried_share(p), decode.carried_share(d))
        for p in range(1, budget - 1)
        for d in range(1, (budget - p) // 2 + 1)
    ]
    if split is None:
        assert not carried
        return
    assert split.gpus <= budget
    assert split.share >= max(carried) * (1 - 1e-3)
