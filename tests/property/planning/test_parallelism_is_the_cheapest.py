import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.api.parallelism import ExpectedLoad
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import RouterClass
from pd_operator.planning.limits import Limits
from pd_operator.planning.load import steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.parallelism import OutOfReachError, choose_tensor_parallel
from pd_operator.planning.plan import PlanningError
from pd_operator.planning.search import search_plan

profiles = st.sampled_from(["llama-3.1-8b-h100", "llama-3.1-70b-h200", "qwen3-32b-h100"])
rates = st.integers(1, 80)
lengths = st.integers(50, 6000)
routers = st.sampled_from(RouterClass)
few = settings(max_examples=25, deadline=None)
objectives = st.builds(
    lambda ttft, tpot: Objectives(Objective(90, ttft), Objective(90, tpot)),
    st.floats(0.05, 2.0),
    st.floats(0.004, 0.05),
)


@given(profiles, rates, lengths, st.integers(10, 800), objectives, routers, st.booleans())
@few
def test_sizes_for_a_load_are_those_of_its_plan(
    name: str,
    rate: int,
    prompt: int,
    output: int,
    wanted: Objectives,
    router: RouterClass,
    same: bool,
) -> None:
    expected = ExpectedLoad(requests_per_second=rate, prompt_tokens=prompt, output_tokens=output)
    profile, limits = load_bundled(name), Limits(same_size=same)
    sizing = search_plan(steady_load(rate, prompt, output), wanted, profile, limits, router)
    if not sizing.feasible:
        with pytest.raises(OutOfReachError) as why:
            choose_tensor_parallel(expected, wanted, profile, limits, router)
        assert str(why.value) in sizing.summary
        return
    sizes = choose_tensor_parallel(expected, wanted, profile, limits, router)
    pools = sizing.plan
    assert (sizes.prefill, sizes.decode) == (
        pools.prefill.tensor_parallel_size,
        pools.decode.tensor_parallel_size,
    )


@given(profiles, lengths, st.integers(10, 800), objectives, st.sampled_from([1, 2, 4, 8]), routers)
@few
def test_sizes_for_lengths_fill_nodes_and_keep_the_objectives_at_some_load(
    name: str, prompt: int, output: int, wanted: Objectives, node: int, router: RouterClass
) -> None:
    expected = ExpectedLoad(prompt_tokens=prompt, output_tokens=output)
    profile, limits = load_bundled(name), Limits(gpus_per_node=node)
    try:
        sizes = choose_tensor_parallel(expected, wanted, profile, limits, router)
    except PlanningError:
        return
    assert node % sizes.prefill == 0
    assert node % sizes.decode == 0
    only = Limits(prefill_tensor_parallel=(sizes.prefill,), decode_tensor_parallel=(sizes.decode,))
    assert search_plan(steady_load(0.01, prompt, output), wanted, profile, only, router).feasible
