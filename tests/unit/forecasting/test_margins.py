"""Margins from past errors: what scale they are on, and how few errors widen them."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from pd_forecasting.base import FloatArray
from pd_forecasting.margins import margins, margins_of_few

HIGH = (0.99,)


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
    far, near = (margins(with_a_burst(), steps, HIGH)[0] for steps in (20, 1))
    assert far > 1.3 * near


def test_margins_are_quantiles_of_the_errors_where_their_size_is_steady() -> None:
    errors = np.random.default_rng(3).permutation(np.linspace(-1, 1, 2001))
    found = margins(errors, 1, (0.1, 0.5, 0.9))
    assert found == pytest.approx([-0.8, 0.0, 0.8], abs=0.12)


def test_margins_grow_with_the_root_of_how_large_errors_are_of_late() -> None:
    rough = np.concatenate([alternating(1.0, 4000), alternating(2.0, 20)])
    assert margins(rough, 1, HIGH)[0] == pytest.approx(math.sqrt(size_of_late(rough)), rel=0.01)


def test_margins_never_shrink_below_those_of_half_the_usual_error() -> None:
    noise = np.random.default_rng(5).normal(0, 1, 2000)
    silent = np.concatenate([noise, np.zeros(400)])
    usual, after = margins(noise, 1, HIGH)[0], margins(silent, 1, HIGH)[0]
    assert 0.5 * usual < after < 0.9 * usual


def test_a_quantile_beyond_the_largest_of_few_errors_is_taken_from_a_normal_law() -> None:
    errors = alternating(1.0, 20)
    size = 1 + 2 / len(errors)
    high, low = margins(errors, 1, (0.99,))[0], margins(errors, 1, (0.01,))[0]
    assert high == pytest.approx(NormalDist().inv_cdf(0.99) * size, rel=1e-6)
    assert low == pytest.approx(-high)


def test_of_n_errors_the_n_plus_first_is_provided_for() -> None:
    """The largest of nine errors is exceeded by the tenth in one case of ten, not of nine."""
    errors = np.concatenate([alternating(1.0, 8), [1.0]])
    errors[4] = 5.0
    assert margins(errors, 9, (0.9,))[0] == pytest.approx(
        5.0 * math.sqrt(size_of_late(errors)), rel=1e-6
    )


def test_a_series_too_short_for_errors_spreads_with_the_root_of_the_horizon() -> None:
    values = np.array([1.0, 2.0, 1.0, np.nan, 2.0, 1.0, 2.0])
    near, far = (margins_of_few(values, steps, HIGH)[0] for steps in (1, 4))
    assert near == pytest.approx(NormalDist().inv_cdf(0.99) * (1 + 2 / 5), rel=1e-6)
    assert far == pytest.approx(2 * near)


def test_errors_of_nothing_need_no_margin() -> None:
    np.testing.assert_array_equal(margins(np.zeros(50), 1, (0.1, 0.9)), 0.0)
