import pytest

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import EngineModel, RouterClass
from pd_operator.planning.limits import PoolBounds
from pd_operator.planning.load import steady_load
from pd_operator.planning.methods import slo_aware
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import Limit, Plan
from pd_operator.planning.planner import plan_service, pool_loads

WORKER = load_bundled("llama-3.1-70b-h100").surfaces(4)
PAPERS = [method for method in PlanningMethod if method is not PlanningMethod.QUEUEING]


def plan(
    method: PlanningMethod,
    rate: float = 50,
    ttft: float = 0.8,
    tpot: float = 0.025,
    maximum: int = 50,
) -> Plan:
    load = steady_load(rate, 1155, 211)
    return plan_service(
        load.prefill,
        load.decode,
        EngineModel(WORKER, WORKER, 50e9),
        Objectives(Objective(90, ttft), Objective(90, tpot)),
        PoolBounds.up_to(maximum, maximum),
        RouterClass.LOAD_AWARE,
        method,
    )


@pytest.mark.parametrize("method", PAPERS)
def test_a_paper_s_plan_says_which_method_made_it(method: PlanningMethod) -> None:
    pools = plan(method)
    assert pools.prefill.limited_by is pools.decode.limited_by is Limit.METHOD
    paper = "DOPD" if method.value.startswith("Dopd") else "SLO-aware"
    assert pools.prefill.reason.startswith(paper)
    assert ("published" in pools.prefill.reason) == method.value.endswith("AsPublished")


@pytest.mark.parametrize("method", [PlanningMethod.DOPD, PlanningMethod.SLO_AWARE])
def test_with_their_faults_put_right_the_papers_keep_the_objectives(method: PlanningMethod) -> None:
    for rate in (5, 20, 80):
        pools = plan(method, rate)
        assert pools.prefill.latency_seconds <= 0.8
        assert pools.decode.latency_seconds <= 0.025 * 1.001
        queued = plan(PlanningMethod.QUEUEING, rate)
        # A queue of its own for each worker needs as many or more.
        assert pools.prefill.workers >= queued.prefill.workers
        assert pools.decode.workers == queued.decode.workers


def test_the_time_to_first_token_has_room_for_transfer_and_hand_over_beside_prefill() -> None:
    load = steady_load(50, 1155, 211)
    objectives = Objectives(Objective(90, 0.8), Objective(90, 0.025))
    engine = EngineModel(WORKER, WORKER, 50e9)
    prefill, _ = pool_loads(load.prefill, load.decode, engine, objectives, RouterClass.LOAD_AWARE)
    prompt = load.prefill.prompt_tokens.mean
    transfer = prompt * WORKER.kv_bytes_per_token / 50e9
    taken = slo_aware.prefill_throughput(
        prompt / WORKER.prefill_seconds(prompt), prompt, 0.8, transfer + prefill.hand_over_seconds
    )
    reason = plan(PlanningMethod.SLO_AWARE_AS_PUBLISHED).prefill.reason
    assert f"a prefill worker takes {taken:,.0f} tokens/s" in reason


def test_dopd_as_published_does_not_follow_the_load_with_prefill() -> None:
    few, many = (plan(PlanningMethod.DOPD_AS_PUBLISHED, rate) for rate in (10, 100))
    assert few.prefill.workers == many.prefill.workers
    assert many.prefill.utilization == 1.0


@pytest.mark.parametrize("method", PAPERS)
def test_objectives_out_of_reach_are_no_reason_to_fail(method: PlanningMethod) -> None:
    assert not plan(method, ttft=0.05).feasible
    assert not plan(method, tpot=0.005).feasible


@pytest.mark.parametrize("method", PAPERS)
def test_no_method_exceeds_the_maximum(method: PlanningMethod) -> None:
    pools = plan(method, rate=1000, maximum=3)
    assert (pools.prefill.workers, pools.decode.workers) == (3, 3)
    assert not pools.feasible


@pytest.mark.parametrize("method", PAPERS)
def test_a_plan_that_takes_all_that_is_allowed_is_feasible(method: PlanningMethod) -> None:
    free = plan(method)
    assert free.feasible
    assert plan(method, maximum=max(free.prefill.workers, free.decode.workers)) == free
