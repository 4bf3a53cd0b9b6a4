import math

import numpy as np
import pytest

from pd_forecasting import (
    BadSeriesError,
    LastValue,
    NotEnoughPointsError,
    SampledForecaster,
    Series,
)
from pd_forecasting.base import FloatArray

MINUTE = 60.0
YEAR = 365 * 86400.0


def minutes(count: int) -> FloatArray:
    """Ends of so many minutes."""
    return MINUTE * np.arange(1, count + 1, dtype=np.float64)


def test_samples_of_a_minute_are_averaged_and_an_edge_belongs_to_the_minute_it_ends() -> None:
    series = Series.of_samples([15, 30, 60, 75, 120], [1, 2, 3, 10, 20], MINUTE)
    assert series.start_seconds == 0
    assert series.values.tolist() == [2.0, 15.0]
    assert series.end_seconds == 120


def test_a_minute_that_is_not_over_is_left_out() -> None:
    assert Series.of_samples([30, 60, 90], [1, 1, 50], MINUTE).values.tolist() == [1.0]
    at_its_end = Series.of_samples([30, 60, 90], [1, 1, 50], MINUTE, end_seconds=120)
    assert at_its_end.values.tolist() == [1.0, 50.0]


def test_a_gap_is_missing_and_not_zero() -> None:
    series = Series.of_samples([60, 300], [5, 6], MINUTE)
    np.testing.assert_array_equal(series.values, [5, np.nan, np.nan, np.nan, 6])


def test_what_was_not_measured_is_left_out_and_counted() -> None:
    bad = [math.nan, math.inf, -math.inf, -1.0, 1e30]
    series = Series.of_samples(minutes(7), [3, *bad, 4], MINUTE)
    np.testing.assert_array_equal(series.values, [3, *[np.nan] * 5, 4])
    assert series.cleaning.impossible == 5


def test_the_last_word_on_a_time_counts() -> None:
    series = Series.of_samples([60, 120, 60], [1, 2, 9], MINUTE)
    assert series.values.tolist() == [9.0, 2.0]
    assert series.cleaning.repeated == 1


def test_late_samples_are_put_where_their_time_says() -> None:
    assert Series.of_samples([180, 60, 120], [3, 1, 2], MINUTE).values.tolist() == [1, 2, 3]


def test_mixed_resolution_is_a_mean_where_finer_and_holes_where_coarser() -> None:
    fine, coarse = 10.0 * np.arange(1, 13), np.array([240.0, 360.0])
    series = Series.of_samples(np.append(fine, coarse), np.append(np.arange(12), [7, 8]), MINUTE)
    np.testing.assert_array_equal(series.values, [2.5, 8.5, np.nan, 7, np.nan, 8])


def test_before_a_year_long_gap_all_is_forgotten() -> None:
    times = np.append(minutes(100), YEAR + minutes(3))
    series = Series.of_samples(times, np.ones(103), MINUTE)
    assert len(series.values) == 3
    assert series.cleaning.forgotten == 100


def test_a_clock_that_is_ahead_does_not_wipe_out_the_past_where_now_is_known() -> None:
    times = np.append(minutes(10), YEAR)
    assert len(Series.of_samples(times, np.ones(11), MINUTE).values) == 1
    series = Series.of_samples(times, np.ones(11), MINUTE, end_seconds=600)
    assert len(series.values) == 10
    assert series.cleaning.ahead == 1


def test_large_loads_stay_what_they_are() -> None:
    assert Series.of_samples(minutes(3), [1e9] * 3, MINUTE).values.tolist() == [1e9] * 3


def test_a_counter_gives_its_rate() -> None:
    series = Series.of_counter([0, 30, 60, 120], [100, 160, 220, 820], MINUTE)
    assert series.values.tolist() == [2.0, 10.0]


def test_a_counter_that_falls_began_again_at_zero() -> None:
    series = Series.of_counter([0, 60, 120, 180], [1000, 1060, 30, 90], MINUTE)
    assert series.values.tolist() == [1.0, 0.5, 1.0]
    assert series.cleaning.resets == 1


def test_a_coarse_counter_is_spread_and_a_silent_one_is_missing() -> None:
    times = [0, 180, 180 + 600, 180 + 660]
    series = Series.of_counter(times, [0, 360, 9999, 10059], MINUTE)
    np.testing.assert_allclose(series.values, [2, 2, 2, *[np.nan] * 10, 1])
    patient = Series.of_counter(times, [0, 360, 9999, 10059], MINUTE, longest_silence_seconds=600)
    assert not np.isnan(patient.values).any()


@pytest.mark.parametrize("count", [0, 1])
def test_one_count_is_no_rate(count: int) -> None:
    assert len(Series.of_counter(minutes(count), np.ones(count), MINUTE).values) == 0


@pytest.mark.parametrize(
    ("times", "values", "step", "said"),
    [
        ([1, 2], [1], 60, "every value needs its time"),
        ([[1]], [[1]], 60, "every value needs its time"),
        ([math.nan], [1], 60, "without a finite time"),
        ([math.inf], [1], 60, "without a finite time"),
        ([1], [1], 0, "longer than 0 s"),
        ([1], [1], math.nan, "longer than 0 s"),
        ([1.7e18], [1], 60, "are they seconds"),
        (["now"], [1], 60, "must be numbers"),
    ],
)
def test_what_cannot_be_placed_is_refused(
    times: list[float], values: list[float], step: float, said: str
) -> None:
    for build in (Series.of_samples, Series.of_counter):
        with pytest.raises(BadSeriesError, match=said):
            build(times, values, step)


def test_a_sample_of_a_bin_that_was_used_is_too_late() -> None:
    forecaster = SampledForecaster(LastValue(), MINUTE)
    forecaster.update(minutes(10), np.full(10, 5.0))
    before = forecaster.forecast([60], [0.9]).values
    cleaning = forecaster.update([30, 600], [1e6, 1e6])
    assert cleaning.late == 2
    np.testing.assert_array_equal(forecaster.forecast([60], [0.9]).values, before)


def test_horizons_are_counted_from_now() -> None:
    forecaster = SampledForecaster(LastValue(), MINUTE)
    forecaster.update(minutes(30), np.arange(30.0))
    for now, horizon, steps in ((1800, 60, 1), (1800, 61, 2), (1830, 60, 2), (None, 300, 5)):
        assert forecaster.forecast([horizon], [0.5], now).horizons_steps == (steps,)


def test_a_clock_that_jumps_ahead_is_not_believed() -> None:
    forecaster = SampledForecaster(LastValue(), MINUTE)
    cleaning = forecaster.update([60, 120, YEAR], [1, 2, 3], now_seconds=120)
    assert cleaning.ahead == 1
    assert forecaster.end_seconds == 120


def test_after_a_year_of_silence_the_model_starts_anew() -> None:
    forecaster = SampledForecaster(LastValue(), MINUTE)
    forecaster.update(minutes(100), np.full(100, 5.0))
    forecaster.update(YEAR + minutes(6), np.full(6, 900.0))
    assert forecaster.model.known_points == 6
    assert forecaster.forecast([60], [0.5]).points[0] == pytest.approx(900)


def test_before_the_first_bin_there_is_no_forecast() -> None:
    with pytest.raises(NotEnoughPointsError):
        SampledForecaster(LastValue(), MINUTE).forecast([60], [0.5])


def test_of_many_samples_of_one_time_the_one_given_last_counts() -> None:
    series = Series.of_samples(np.full(40, 60.0), np.arange(40.0), 60.0)
    assert series.values.tolist() == [39.0]
    assert series.cleaning.repeated == 39


def test_only_as_many_bins_as_asked_for_reach_back() -> None:
    times = 60.0 * np.arange(1, 31)
    series = Series.of_samples(times, np.ones(30), 60.0, most_bins=10)
    assert len(series.values) == 10
    assert series.cleaning.forgotten == 20


def test_a_bin_that_a_counter_was_watched_for_a_third_of_is_missing() -> None:
    series = Series.of_counter([40.0, 60.0, 120.0, 180.0], [0.0, 20.0, 80.0, 140.0], 60.0)
    assert series.start_seconds == 60.0
    np.testing.assert_allclose(series.values, 1.0)
