from typing import Any

import pytest

from pd_operator.planning.limits import Limits, WorkerRange
from pd_operator.planning.plan import PlanningError


@pytest.mark.parametrize(
    "means",
    [
        {"gpu_budget": 1},
        {"gpus_per_node": 0},
        {"utilization_cap": 0.0},
        {"utilization_cap": 1.0},
        {"transfer_bytes_per_second_per_gpu": 0.0},
    ],
)
def test_means_that_leave_nothing_to_plan_with_are_refused(means: dict[str, Any]) -> None:
    with pytest.raises(PlanningError):
        Limits(**means)


@pytest.mark.parametrize(("minimum", "maximum"), [(0, 5), (4, 3)])
def test_a_pool_has_a_worker_and_no_fewer_than_its_minimum(minimum: int, maximum: int) -> None:
    with pytest.raises(PlanningError, match=f"at least 1 worker, not {minimum} to {maximum}"):
        WorkerRange(minimum, maximum)


def test_the_least_there_can_be_is_a_gpu_for_each_role() -> None:
    least = Limits(
        gpu_budget=2,
        gpus_per_node=1,
        prefill_workers=WorkerRange(1, 1),
        decode_workers=WorkerRange(1, 1),
    )
    assert least.bounds.prefill == least.bounds.decode == WorkerRange(1, 1)


def test_a_gpu_has_a_network_of_200_gigabits_unless_told_otherwise() -> None:
    assert Limits().transfer_bytes_per_second_per_gpu == 25e9


@pytest.mark.parametrize(("asked", "allowed"), [(0, 2), (2, 2), (4, 4), (6, 6), (7, 6)])
def test_a_number_outside_its_bounds_becomes_the_nearest_inside(asked: int, allowed: int) -> None:
    assert WorkerRange(2, 6).clip(asked) == allowed
