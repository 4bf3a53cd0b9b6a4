import math

import numpy as np
import pytest

from pd_operator.demand import CoverageTracker, QuantileBand, sustained_loads
from pd_operator.demand.coverage import FORECASTS_REMEMBERED, MINIMUM_FORECASTS, Coverage

BAND = QuantileBand(5.0, 50.0, 95.0)


def tracker_of(forecasts: int) -> CoverageTracker:
    tracker = CoverageTracker()
    for number in range(forecasts):
        tracker.expect(number, BAND)
    return tracker


def test_shares_are_those_of_the_loads_that_came() -> None:
    tracker = tracker_of(100)
    tracker.settle(0, np.arange(100.0))
    assert tracker.coverage == Coverage(0.06, 0.51, 0.96, 100)


def test_what_rounding_makes_of_a_constant_load_is_covered() -> None:
    tracker, loads = CoverageTracker(), np.linspace(1, 2000, 999)
    for number, load in enumerate(loads):
        tracker.expect(number, QuantileBand(*3 * (float(np.sqrt(load) ** 2),)))
    tracker.settle(0, loads)
    assert tracker.coverage == Coverage(1.0, 1.0, 1.0, 999)


def test_forecasts_of_bins_to_come_wait() -> None:
    tracker = tracker_of(60)
    tracker.settle(0, np.full(40, 10.0))
    assert tracker.coverage.forecasts == 40
    tracker.settle(35, np.full(25, 10.0))
    assert tracker.coverage.forecasts == 60, "none is counted twice"


def test_a_bin_that_was_not_measured_says_nothing() -> None:
    tracker = tracker_of(60)
    loads = np.full(60, 10.0)
    loads[10:20] = np.nan
    tracker.settle(0, loads)
    assert tracker.coverage.forecasts == 50
    late = tracker_of(60)
    late.settle(30, np.full(30, 10.0))
    assert late.coverage.forecasts == 30, "bins before the history's begin are unknown"


def test_below_twenty_forecasts_a_share_is_unknown() -> None:
    tracker = tracker_of(MINIMUM_FORECASTS - 1)
    tracker.settle(0, np.zeros(100))
    assert tracker.coverage.forecasts == MINIMUM_FORECASTS - 1
    assert math.isnan(tracker.coverage.high)


def test_only_the_newest_forecasts_count() -> None:
    tracker = tracker_of(2 * FORECASTS_REMEMBERED)
    loads = np.append(np.full(FORECASTS_REMEMBERED, 99.0), np.zeros(FORECASTS_REMEMBERED))
    tracker.settle(0, loads)
    assert tracker.coverage == Coverage(1.0, 1.0, 1.0, FORECASTS_REMEMBERED)


def test_a_later_forecast_of_the_same_bin_takes_the_place_of_the_earlier() -> None:
    tracker = tracker_of(30)
    for number in range(30):
        tracker.expect(number, QuantileBand(0.0, 0.0, 1.0))
    tracker.settle(0, np.full(30, 2.0))
    assert tracker.coverage == Coverage(0.0, 0.0, 0.0, 30)


@pytest.mark.parametrize("bins", [1, 3, 5])
def test_a_sustained_load_is_the_mean_around_a_bin(bins: int) -> None:
    loads = np.arange(10.0)
    means = sustained_loads(loads, bins)
    side = bins // 2
    assert len(means) == 10 - side
    np.testing.assert_allclose(means[side:], loads[side : 10 - side])
    assert np.isnan(means[:side]).all()


def test_a_gap_spoils_the_means_around_it_only() -> None:
    loads = np.ones(9)
    loads[4] = np.nan
    np.testing.assert_array_equal(
        np.isnan(sustained_loads(loads, 3)), [True, False, False, True, True, True, False, False]
    )
    assert len(sustained_loads(np.ones(2), 3)) == 1
