"""Margins from past errors: what scale they are on, and how few errors widen them."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from pd_forecasting.base import FloatArray
from pd_forecasting.margins import PastErrors, margins, margins_of_changes, normal_margins

HIGH = (0.99,)
LEVEL = 10.0


def past(
    errors: FloatArray, levels: FloatArray | float = LEVEL, settled: int = 10**6
) -> PastErrors:
    """Errors of forecasts of one level, none of them of a surprise."""
    made_at = np.broadcast_to(np.asarray(levels, dtype=np.float64), errors.shape)
    return PastErrors(errors, made_at, np.ones(len(errors), dtype=bool), settled)


def margin(errors: FloatArray, steps: int, quantiles: tuple[float, ...]) -> FloatArray:
    return margins(past(errors), LEVEL, steps, quantiles)


def alternating(size: float, bins: int) -> FloatArray:
    return size * np.where(np.arange(bins) % 2, 1.0, -1.0)


def with_a_burst(bins: int = 1000, of: int = 20) -> FloatArray:
    errors = alternating(1.0, bins)
    errors[400 : 400 + of] = 10.0
    return errors


def size_of_late(errors: FloatArray) -> float:
    """How large errors are after the last, over their mean: half of a size is lost in 12 bins."""
    typical = float(np.abs(errors).mean())
    size = typical
    for error in np.abs(errors):
        size += (1 - 0.5 ** (1 / 12)) * (error - size)
    return size / typical


def test_a_burst_counts_in_full_where_the_forecast_could_not_know_of_it() -> None:
    """One bin ahead all but its first error was made in rough times; twenty ahead, none."""
    far, near = (margin(with_a_burst(), steps, HIGH)[0] for steps in (20, 1))
    assert far > 1.3 * near


def test_margins_are_quantiles_of_the_errors_where_their_size_is_steady() -> None:
    errors = np.random.default_rng(3).permutation(np.linspace(-1, 1, 2001))
    found = margin(errors, 1, (0.1, 0.5, 0.9))
    assert found == pytest.approx([-0.8, 0.0, 0.8], abs=0.12)


def test_margins_grow_with_the_root_of_how_large_errors_are_of_late() -> None:
    rough = np.concatenate([alternating(1.0, 4000), alternating(2.0, 20)])
    assert margin(rough, 1, HIGH)[0] == pytest.approx(math.sqrt(size_of_late(rough)), rel=0.01)


def test_margins_never_shrink_below_those_of_half_the_usual_error() -> None:
    noise = np.random.default_rng(5).normal(0, 1, 2000)
    silent = np.concatenate([noise, np.zeros(400)])
    usual, after = margin(noise, 1, HIGH)[0], margin(silent, 1, HIGH)[0]
    assert 0.5 * usual < after < 0.9 * usual


def test_a_quantile_beyond_the_largest_of_few_errors_is_taken_from_a_normal_law() -> None:
    errors = alternating(1.0, 20)
    size = 1 + 2 / len(errors)
    high, low = margin(errors, 1, (0.99,))[0], margin(errors, 1, (0.01,))[0]
    assert high == pytest.approx(NormalDist().inv_cdf(0.99) * size, rel=1e-6)
    assert low == pytest.approx(-high)


def test_of_n_errors_the_n_plus_first_is_provided_for() -> None:
    """The largest of nine errors is exceeded by the tenth in one case of ten, not of nine."""
    errors = np.concatenate([alternating(1.0, 8), [1.0]])
    errors[4] = 5.0
    assert margin(errors, 9, (0.9,))[0] == pytest.approx(
        5.0 * math.sqrt(size_of_late(errors)), rel=1e-6
    )


def test_a_series_too_short_for_errors_spreads_with_the_root_of_the_horizon() -> None:
    values = np.array([1.0, 2.0, 1.0, np.nan, 2.0, 1.0, 2.0])
    near, far = (margins_of_changes(values, steps, HIGH)[0] for steps in (1, 4))
    assert near == pytest.approx(NormalDist().inv_cdf(0.99) * (1 + 2 / 5), rel=1e-6)
    assert far == pytest.approx(2 * near)


def test_errors_of_nothing_need_no_margin() -> None:
    np.testing.assert_array_equal(margin(np.zeros(50), 1, (0.1, 0.9)), 0.0)


def test_errors_of_an_idle_night_say_nothing_of_a_busy_morning() -> None:
    night, morning = np.zeros(4000), np.random.default_rng(7).normal(0, 1, 60)
    errors = np.concatenate([night, morning])
    levels = np.concatenate([night, np.full(60, 20.0)])
    found = margins(past(errors, levels), 20.0, 1, (0.95,))[0]
    assert found == pytest.approx(margins(past(morning, 20.0), 20.0, 1, (0.95,))[0], rel=0.05)
    assert margins(past(errors, levels), 0.0, 1, (0.95,))[0] == 0.0


def test_errors_at_a_like_level_count_for_more_than_their_number() -> None:
    """A tenth of the errors were made at ten times the load, and were four times as large."""
    sizes = np.where(np.arange(3000) % 10 == 0, 4.0, 1.0)
    errors = sizes * np.random.default_rng(8).permutation(np.linspace(-1, 1, 3000))
    levels = np.where(sizes > 1, LEVEL * math.sqrt(10), LEVEL)
    low, high = (margins(past(errors, levels), at, 50, (0.9,))[0] for at in (LEVEL, levels[0]))
    plain = margins(past(errors, levels), levels[0], 50, (0.9,), plain=True)[0]
    assert high > 1.5 * low
    assert plain == pytest.approx(margins(past(errors, levels), LEVEL, 50, (0.9,), plain=True)[0])


def test_where_few_errors_at_a_like_level_are_known_the_newest_ones_are_a_floor() -> None:
    errors = np.concatenate([alternating(0.1, 1000), alternating(2.0, 15)])
    levels = np.concatenate([np.full(1000, 10.0), np.full(15, 30.0)])
    known = past(errors, levels, settled=15)
    newest = normal_margins(known.newest, (0.05, 0.95))
    assert len(known.newest) == 15
    found = margins(known, 30.0, 1, (0.05, 0.95), newest=lambda: newest)
    assert found[0] <= newest[0]
    assert found[1] >= newest[1] > 3.0
    many = past(np.concatenate([errors, alternating(2.0, 40)]), np.append(levels, [30.0] * 40))
    assert margins(many, 30.0, 1, (0.95,), newest=lambda: np.array([9.0]))[0] < 9.0


def test_of_a_level_that_has_just_begun_again_the_newest_errors_are_a_floor() -> None:
    """Friday's errors at this level say what they may become, Monday's what they are."""
    friday, monday = alternating(0.5, 300), alternating(2.0, 15)
    errors = np.concatenate([friday, monday])
    levels = np.full(315, LEVEL)
    new, old = (
        margins(past(errors, levels, settled), LEVEL, 1, (0.95,), newest=lambda: np.array([5.0]))[0]
        for settled in (15, 315)
    )
    assert old < new == 5.0


def test_an_error_of_a_surprise_makes_times_no_rougher_but_counts_as_one_of_all() -> None:
    errors = alternating(1.0, 500)
    errors[-3] = 1000.0
    surprised = np.ones(500, dtype=bool)
    surprised[-3] = False
    known = PastErrors(errors, np.full(500, LEVEL), surprised, 500)
    assert margins(known, LEVEL, 1, (0.95,))[0] == pytest.approx(1.0, rel=0.01)
    assert margins(known, LEVEL, 1, (0.9999,))[0] == pytest.approx(1000.0, rel=0.1)
