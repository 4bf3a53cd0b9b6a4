import math

import pytest

from pd_operator.performance import load_bundled
from pd_operator.planning.step_curve import StepCurve

KINKED = StepCurve((1, 10, 12, 40), (0.010, 0.012, 0.016, 0.030), slope=0.0005)


def test_the_curve_is_the_table_of_the_profile_and_goes_on_beyond_it() -> None:
    worker = load_bundled("llama-3.1-70b-h100").surfaces(4)
    curve = StepCurve.of(worker, 1400.0)
    for batch in (0.3, 1, 7.5, 64, 200, curve.batches[-1], 3 * curve.batches[-1]):
        assert curve.at(batch) == pytest.approx(worker.decode_step_seconds(batch, 1400.0))


def test_a_smaller_batch_is_best_where_a_few_more_yield_less() -> None:
    assert KINKED.best_batch(12) == 10
    assert KINKED.tokens_per_second(10) > KINKED.tokens_per_second(12)
    assert KINKED.best_batch(9) == 9
    assert KINKED.best_batch(40) == 40
    assert KINKED.best_batch(0.5) == 0.5


def test_the_largest_batch_within_a_time_is_the_inverse_of_the_step() -> None:
    for seconds in (0.011, 0.012, 0.02, 0.03, 0.1):
        assert KINKED.at(KINKED.largest_within(seconds)) == pytest.approx(seconds)
    assert KINKED.largest_within(0.0099) == 0
    assert StepCurve((1, 2), (0.01, 0.01), 0.0).largest_within(0.01) == math.inf


@pytest.mark.parametrize("tokens_per_second", [1, 90, 400, 800, 900, 1200, 1600, 1900])
def test_the_fixed_point_is_little_s_law(tokens_per_second: float) -> None:
    batch = KINKED.fixed_point(tokens_per_second)
    assert batch == pytest.approx(tokens_per_second * KINKED.at(batch))


def test_the_fixed_point_is_the_one_that_an_empty_worker_comes_to() -> None:
    batch = 0.0
    for _ in range(10_000):
        batch = 800 * KINKED.at(batch)
    assert KINKED.fixed_point(800) == pytest.approx(batch)


def test_beyond_the_stability_bound_the_batch_grows_without_end() -> None:
    bound = 1 / KINKED.slope
    assert math.isfinite(KINKED.fixed_point(0.999 * bound))
    assert KINKED.fixed_point(bound) == math.inf
