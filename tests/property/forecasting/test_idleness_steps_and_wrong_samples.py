"""What every forecaster does where the days before tell it little: one bound for all models."""

import numpy as np
import pytest
from scripts.forecast_bench import synthetic

from pd_forecasting import FORECASTERS, Forecaster
from pd_forecasting.observed_series import ObservedSeries

every_forecaster = pytest.mark.parametrize("model", FORECASTERS, ids=lambda model: model.name)


@every_forecaster
def test_a_service_that_wakes_after_days_is_covered_from_its_first_hour_on(
    model: type[Forecaster],
) -> None:
    within, wide = synthetic.covered_by_hour(model, synthetic.idle_start(1, hours=3))
    assert within.min() >= 0.85
    assert wide[1:].max() <= 1.35


@every_forecaster
def test_a_level_ten_times_as_high_is_followed_from_its_second_minute_on(
    model: type[Forecaster],
) -> None:
    error = synthetic.step_error(model, synthetic.step(2, synthetic.FACTOR))
    assert error <= 0.1


@every_forecaster
def test_a_level_a_tenth_as_high_is_followed_from_its_second_minute_on(
    model: type[Forecaster],
) -> None:
    error = synthetic.step_error(model, synthetic.step(2, 1 / synthetic.FACTOR))
    assert error <= 0.25


@every_forecaster
def test_one_wrong_sample_among_thousands_moves_no_forecast(model: type[Forecaster]) -> None:
    assert synthetic.recovery_minutes(model, synthetic.wrong_sample(3), longest=30) == 0


@every_forecaster
def test_a_wrong_sample_changes_nothing_that_is_said_hours_later(model: type[Forecaster]) -> None:
    service = synthetic.wrong_sample(4)
    measured, missing = service.loads[: service.begin + 120], service.loads.copy()
    missing[service.begin] = np.nan
    answers = []
    for loads in (measured, missing[: service.begin + 120]):
        forecaster = model(season_bins=synthetic.DAY)
        forecaster.fit(loads, (synthetic.LEAD,))
        answers.append(forecaster.forecast((synthetic.LEAD,), (0.05, 0.5, 0.95)))
    assert answers[0].points == pytest.approx(answers[1].points, rel=1e-6)
    assert answers[0].values == pytest.approx(answers[1].values, rel=0.05)


def test_two_surprises_in_a_row_begin_a_new_level_and_one_alone_is_doubted_until_the_next() -> None:
    noise = np.random.default_rng(5).normal(0, 0.5, 400)
    roots = 10 + noise
    roots[200] = 1000.0
    roots[300:] += 20
    seen = ObservedSeries.nothing().extended(roots)
    assert np.flatnonzero(np.isnan(seen.trusted)).tolist() == [200, 300]
    assert np.flatnonzero(~np.isnan(seen.began)).tolist() == [301]
    assert seen.began[301] == roots[300]
    assert seen.since[[299, 301, 399]].tolist() == [np.inf, 1.0, 99.0]


def test_a_surprise_within_the_range_of_the_last_days_is_not_doubted() -> None:
    roots = 10 + np.random.default_rng(6).normal(0, 0.5, 400)
    roots[100:160] += 15  # an hour of the day before
    roots[300] += 15
    seen = ObservedSeries.nothing().extended(roots)
    assert not np.isnan(seen.trusted[300])


def test_bins_that_come_singly_surprise_as_those_that_come_at_once() -> None:
    service = synthetic.step(7, synthetic.FACTOR)
    roots = np.sqrt(service.loads)
    whole, singly = ObservedSeries.nothing().extended(roots), ObservedSeries.nothing()
    for root in roots:
        singly = singly.extended(np.array([root])).newest(100)
    np.testing.assert_array_equal(singly.since, whole.newest(100).since)
    np.testing.assert_array_equal(singly.trusted, whole.newest(100).trusted)
