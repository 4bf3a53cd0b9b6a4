"""How far ahead a pool's load is forecast."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.scaling.deciding import MakePool, Observe

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.scaling.lead_time import (
    horizon_seconds,
    lead_time_seconds,
    measured_startup_seconds,
    startup_seconds,
)


@pytest.mark.parametrize(
    ("resolution_seconds", "stretch_seconds"),
    # 30 s are five bins of 5 s with their middle two bins later; minutes stand for themselves.
    [(5, 10), (60, 0)],
)
def test_the_horizon_is_where_a_worker_ordered_now_will_serve(
    observe: Observe,
    example: Callable[..., PDInferenceServiceSpec],
    resolution_seconds: int,
    stretch_seconds: int,
) -> None:
    spec = example(
        autoscaling={
            "periodSeconds": 2,
            "forecast": {"resolutionSeconds": resolution_seconds, "leadMarginSeconds": 7},
        },
        metrics={"scrapeIntervalSeconds": 1},
        prefill={"expectedStartupSeconds": 100},
    )
    lead = 100 + 2 + 7
    assert lead_time_seconds(spec, observe(0, 0), Role.PREFILL) == lead
    assert horizon_seconds(spec, observe(0, 0), Role.PREFILL) == lead + stretch_seconds


@pytest.mark.parametrize(
    ("measured", "expected", "counted_on"),
    [(150.0, 180, 150.0), (15_000.0, 180, 3_600.0), (15_000.0, 7_200, 7_200.0)],
)
def test_no_start_up_is_counted_on_that_lasts_for_hours(
    observe: Observe,
    example: Callable[..., PDInferenceServiceSpec],
    make_pool: MakePool,
    measured: float,
    expected: int,
    counted_on: float,
) -> None:
    spec = example(prefill={"expectedStartupSeconds": expected})
    pool = make_pool(Role.PREFILL, 1)
    slow = replace(pool, workers=(replace(pool.workers[0], startup_seconds=measured),))
    longest, none = (lead_time_seconds(spec, observe(one, 0), Role.PREFILL) for one in (slow, 0))
    assert longest - none == counted_on - expected


def test_a_start_up_that_a_fault_made_last_for_hours_lengthens_nobody_elses(
    observe: Observe, example: Callable[..., PDInferenceServiceSpec], make_pool: MakePool
) -> None:
    spec = example(prefill={"expectedStartupSeconds": 180})
    pool = make_pool(Role.PREFILL, 4)
    times = (150.0, 150.0, 150.0, 21_750.0)
    workers = tuple(
        replace(worker, startup_seconds=seconds)
        for worker, seconds in zip(pool.workers, times, strict=True)
    )
    seen = observe(replace(pool, workers=workers), 0)
    assert startup_seconds(spec, seen, Role.PREFILL) == 150.0


@pytest.mark.parametrize(
    ("measured", "expected"), [([], None), ([30.0], 30.0), ([10.0] * 9 + [110.0] * 2, 110.0)]
)
def test_a_start_up_is_what_nine_of_ten_stay_within(
    make_pool: MakePool, measured: list[float], expected: float | None
) -> None:
    workers = [replace(one, startup_seconds=None) for one in make_pool(Role.PREFILL, 1).workers]
    workers += [replace(workers[0], startup_seconds=seconds) for seconds in measured]
    assert measured_startup_seconds(workers) == expected
