"""DistServe's algorithms on the paper's own figures, and on our profiles by simulation."""

from dataclasses import replace

import pytest

from pd_operator.performance import EngineSurfaces, load_bundled
from pd_operator.placement import Affinity, Trial, Unit, place
from pd_operator.placement.distserve import best
from pd_operator.placement.goodput import decode_goodput, prefill_goodput, unit_goodput
from pd_operator.planning.limits import Limits
from pd_operator.planning.load import Load, steady_load
from pd_operator.planning.objectives import Objective, Objectives
from pd_operator.planning.plan import PlanningError
from pd_operator.simulation import Pools, ServiceModel, simulate

PROFILE = load_bundled("llama-3.1-8b-h100")
OBJECTIVES = Objectives(Objective(90, 0.3), Objective(90, 0.012))
QUICK = Trial(requests=600, lifetimes=3.0, precision=0.05)
SMALL = Limits(prefill_tensor_parallel=(1, 2), decode_tensor_parallel=(1, 2))
ONE_SIZE = Limits(prefill_tensor_parallel=(1,), decode_tensor_parallel=(1,))
ONE_GPU = replace(PROFILE.surfaces(1), name="one")


def unit(goodput: float, worker: EngineSurfaces = ONE_GPU) -> Unit:
    return Unit(worker, None, goodput)


def load(rate: float) -> Load:
    return steady_load(rate, 1155, 211)


def test_the_motivating_example_of_13b_on_a100() -> None:
    # One GPU serves 1.6 requests/s with both phases, 5.6 with prefill alone, 10 with decode alone.
    prefill, decode = unit(5.6), unit(10.0)
    assert (prefill.needed(10.0), decode.needed(10.0)) == (2, 1)
    per_gpu = 10.0 / 3
    assert per_gpu == pytest.approx(3.3, abs=0.05)
    assert per_gpu / 1.6 == pytest.approx(2.1, abs=0.05)


def test_the_best_goodput_per_gpu_is_not_the_fewest_gpus() -> None:
    small, large = unit(4.0), unit(40.0, PROFILE.surfaces(8))
    assert large.goodput_per_gpu > small.goodput_per_gpu
    assert best([small, large], 6.0, corrected=False) is large
    assert best([small, large], 6.0, corrected=True) is small
    assert best([small, large], 40.0, corrected=True) is large


def test_no_worker_that_keeps_the_objectives_is_said() -> None:
    with pytest.raises(PlanningError, match="no size of worker keeps the objectives"):
        best([unit(0.0)], 1.0, corrected=True)
    impossible = Objectives(Objective(90, 0.001), Objective(90, 0.012))  # a pass takes longer
    with pytest.raises(PlanningError, match="no size of worker keeps the objectives"):
        place(Affinity.HIGH, load(5), impossible, PROFILE, SMALL, QUICK)


def test_a_stricter_objective_has_less_goodput() -> None:
    worker = PROFILE.surfaces(1)
    strict = Objectives(Objective(90, 0.1), Objective(90, 0.009))
    for goodput in (prefill_goodput, decode_goodput):
        assert (
            0
            < goodput(worker, load(1), strict, QUICK)
            < goodput(worker, load(1), OBJECTIVES, QUICK)
        )


def test_a_pair_carries_no_more_than_its_lesser_half() -> None:
    worker = PROFILE.surfaces(1)
    pair = unit_goodput(worker, worker, load(1), OBJECTIVES, QUICK)
    halves = [
        goodput(worker, load(1), OBJECTIVES, QUICK) for goodput in (prefill_goodput, decode_goodput)
    ]
    assert 0.5 * min(halves) < pair <= 1.05 * min(halves)


@pytest.mark.parametrize("affinity", Affinity)
def test_a_placement_keeps_the_objectives_in_a_simulation_of_the_whole(affinity: Affinity) -> None:
    placed = place(affinity, load(60), OBJECTIVES, PROFILE, ONE_SIZE, Trial(precision=0.05))
    service = ServiceModel(placed.prefill, placed.decode)
    pools = Pools(placed.prefill_workers, placed.decode_workers)
    result = simulate(Trial(requests=5000, seed=7).load(load(60), 60.0, 3.0), service, pools)
    attained = result.attained(OBJECTIVES)
    assert attained.ttft >= 0.9
    assert attained.tpot >= 0.9


def test_low_affinity_keeps_pairs_on_a_node() -> None:
    placed = place(Affinity.LOW, load(60), OBJECTIVES, PROFILE, Limits(gpus_per_node=2), QUICK)
    assert placed.prefill_workers == placed.decode_workers
    assert placed.prefill.gpus + placed.decode.gpus <= 2


def test_the_correction_never_takes_more_gpus() -> None:
    for rate in (3, 30):  # at 3 one large worker would do, and would be idle
        corrected, published = (
            place(Affinity.HIGH, load(rate), OBJECTIVES, PROFILE, SMALL, QUICK, corrected=flag)
            for flag in (True, False)
        )
        assert corrected.gpus <= published.gpus
