"""What every forecaster does where the days before tell it little, within bounds of its own."""

from dataclasses import dataclass

import numpy as np
import pytest
from scripts.forecast_bench import synthetic

from pd_forecasting import (
    FORECASTERS,
    DampedTrend,
    Ewma,
    Forecaster,
    HarmonicRegression,
    Hedge,
    LastValue,
    Sarimax,
    UnobservedComponents,
)
from pd_forecasting.observed_series import ObservedSeries

every_forecaster = pytest.mark.parametrize("model", FORECASTERS, ids=lambda model: model.name)


@dataclass(frozen=True)
class Bounds:
    """What a forecaster keeps on made-up services.

    The worst of three seeds, and a margin: two of an hour's sixty minutes where minutes are
    counted, some five hundredths of the level elsewhere. No forecast made before a load appears
    can cover its first five minutes, so no first hour has more than 92 %.

    - `wakes`, `monday`: least share within P95 of any hour of a service that wakes after days of
      idleness, and of an office's Monday. `width`: P95 over the level from the second hour on.
    - `up`, `down`: error over the level in minutes 2 to 6 after a step by ten.
    """

    wakes: float
    monday: float
    width: float
    up: float
    down: float


_SMOOTHING = Bounds(wakes=0.83, monday=0.81, width=1.3, up=0.08, down=0.16)
BOUNDS: dict[type[Forecaster], Bounds] = {
    Hedge: Bounds(wakes=0.83, monday=0.83, width=1.3, up=0.08, down=0.16),
    LastValue: Bounds(wakes=0.83, monday=0.83, width=1.4, up=0.07, down=0.15),
    Ewma: _SMOOTHING,
    DampedTrend: _SMOOTHING,
    Sarimax: _SMOOTHING,
    UnobservedComponents: _SMOOTHING,
    HarmonicRegression: _SMOOTHING,
}


@every_forecaster
def test_a_service_that_wakes_after_days_is_covered_from_its_first_hour_on(
    model: type[Forecaster],
) -> None:
    within, wide = synthetic.covered_by_hour(model, synthetic.idle_start(1, hours=3))
    assert within.min() >= BOUNDS[model].wakes
    assert wide[1:].max() <= BOUNDS[model].width


@every_forecaster
def test_an_office_s_monday_is_covered_from_its_first_hour_on(model: type[Forecaster]) -> None:
    within, wide = synthetic.covered_by_hour(model, synthetic.office(1, hours=3))
    assert within.min() >= BOUNDS[model].monday
    assert wide[0] <= 1.5
    assert wide[1:].max() <= BOUNDS[model].width


@every_forecaster
def test_a_level_ten_times_as_high_is_followed_from_its_second_minute_on(
    model: type[Forecaster],
) -> None:
    error = synthetic.step_error(model, synthetic.step(2, synthetic.FACTOR))
    assert error <= BOUNDS[model].up


@every_forecaster
def test_a_level_a_tenth_as_high_is_followed_from_its_second_minute_on(
    model: type[Forecaster],
) -> None:
    error = synthetic.step_error(model, synthetic.step(2, 1 / synthetic.FACTOR))
    assert error <= BOUNDS[model].down


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


@every_forecaster
def test_after_a_spike_of_minutes_the_level_of_before_is_believed_at_once(
    model: type[Forecaster],
) -> None:
    service, bins = synthetic.step(8, synthetic.FACTOR), 5
    level = service.level[service.begin] / synthetic.FACTOR
    end = service.begin + bins
    service.loads[end:] = np.random.default_rng(9).poisson(level, len(service.loads) - end)
    origins = np.arange(end, end + 10)
    answers = synthetic.asked(model, service.loads, service.begin - 1, end + 10)
    came = service.loads[origins + synthetic.LEAD]
    assert np.abs(came - answers.point(origins)).mean() <= 0.2 * level


def test_a_level_that_the_last_day_knew_begins_nothing_and_one_beyond_it_does() -> None:
    roots = 10 + np.random.default_rng(6).normal(0, 0.5, 500)
    roots[100:160] += 15
    known, beyond = roots.copy(), roots.copy()
    known[300:310] += 12
    beyond[300:310] += 20
    began = [ObservedSeries.nothing().extended(one).began[300:] for one in (known, beyond)]
    assert np.isnan(began[0]).all()
    assert np.flatnonzero(~np.isnan(began[1])).tolist() == [1, 10]


def test_a_load_that_has_just_returned_to_its_level_surprises_again() -> None:
    roots = 10 + np.random.default_rng(7).normal(0, 0.5, 500)
    roots[[300, 301, 302, 306, 307]] += [20, 20, 20, 60, 60]
    began = ObservedSeries.nothing().extended(roots).began
    assert np.flatnonzero(~np.isnan(began)).tolist() == [301, 303, 307, 308]


def test_bins_that_come_singly_surprise_as_those_that_come_at_once() -> None:
    service = synthetic.step(7, synthetic.FACTOR)
    roots = np.sqrt(service.loads)
    whole, singly = ObservedSeries.nothing().extended(roots), ObservedSeries.nothing()
    for root in roots:
        singly = singly.extended(np.array([root])).newest(100)
    np.testing.assert_array_equal(singly.since, whole.newest(100).since)
    np.testing.assert_array_equal(singly.trusted, whole.newest(100).trusted)
