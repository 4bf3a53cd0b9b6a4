"""The default forecaster: what it learns from, and that nothing depends on how bins come in."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from pd_forecasting import Hedge
from pd_forecasting.base import FloatArray
from pd_forecasting.experts import EXPERTS, FOUND_SEASON
from pd_forecasting.horizon_ensembles import HorizonEnsembles
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.regression import (
    DAYS,
    DESIGNS,
    MINIMUM_PAIRS,
    REFIT_BINS,
    Regression,
    features,
)
from pd_forecasting.series_memory import Origins, SeriesMemory, mean_around

DAY = 96
HORIZONS = (1, 6)


def memory_of(series: FloatArray, season: int) -> SeriesMemory:
    return SeriesMemory.nothing(season).extended(ObservedSeries.nothing().extended(series))


def rows_of(memory: SeriesMemory, origins: Origins, steps: int) -> FloatArray:
    horizons = np.array([steps])
    changes = memory.changes_on_earlier_days(origins, horizons, range(1, DAYS + 1))
    rows: FloatArray = features(memory, origins, horizons, changes)[0]
    return rows


def daily_load(days: float, noise: float = 0.05, seed: int = 1) -> FloatArray:
    bins = np.arange(round(days * DAY))
    rhythm = 40 + 30 * np.sin(2 * np.pi * bins / DAY) ** 3
    rng = np.random.default_rng(seed)
    return np.asarray(rhythm * (1 + noise * rng.standard_normal(len(bins))), dtype=np.float64)


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_bins_that_come_singly_or_at_once_are_forecast_alike(chunk: int) -> None:
    load = daily_load(5)
    load[100:130] = np.nan
    at_once = Hedge(season_bins=DAY)
    at_once.fit(load, HORIZONS)
    bit_by_bit = Hedge(season_bins=DAY)
    bit_by_bit.fit(load[:40], HORIZONS)
    for start in range(40, len(load), chunk):
        bit_by_bit.update(load[start : start + chunk])
    quantiles = (0.1, 0.5, 0.9)
    np.testing.assert_allclose(
        bit_by_bit.forecast(HORIZONS, quantiles).values,
        at_once.forecast(HORIZONS, quantiles).values,
        rtol=1e-9,
    )


def test_a_daily_rhythm_is_foreseen_where_the_last_value_is_late() -> None:
    forecaster = Hedge(season_bins=DAY)
    forecaster.fit(daily_load(6), HORIZONS)
    assert forecaster.error_vs_last_value(6) < 0.7


def test_without_a_season_it_still_beats_the_last_value_on_a_noisy_level() -> None:
    forecaster = Hedge()
    forecaster.fit(daily_load(6, noise=0.3), (1,))
    assert forecaster.error_vs_last_value(1) < 0.9


@pytest.mark.parametrize("load", [7.0, 1234.567])
def test_on_a_constant_load_it_is_as_good_as_the_last_value(load: float) -> None:
    forecaster = Hedge(season_bins=DAY)
    forecaster.fit(np.full(3 * DAY, load), (1,))
    assert forecaster.error_vs_last_value(1) == 1.0


def test_the_shares_of_the_experts_are_whole_at_every_bin() -> None:
    forecaster = Hedge(season_bins=DAY)
    forecaster.fit(daily_load(3), (6,))
    shares = forecaster.weights(6)
    assert tuple(shares) == EXPERTS
    np.testing.assert_allclose(np.sum(list(shares.values()), axis=0), 1.0)


def test_the_forecast_is_what_the_experts_say_by_their_shares() -> None:
    forecaster = Hedge(season_bins=DAY)
    forecaster.fit(daily_load(5, noise=0.1), (6,))
    shares, said = forecaster.weights(6), forecaster.said_by_experts(6)
    spoke = [name for name in EXPERTS if shares[name][-1] > 0]
    assert len(spoke) > 2
    root = sum(shares[name][-1] * math.sqrt(said[name]) for name in spoke)
    assert forecaster.forecast((6,), (0.5,)).points[0] == pytest.approx(root**2)
    assert math.isnan(said[FOUND_SEASON])


def test_a_level_that_jumps_is_followed_within_a_few_bins() -> None:
    rng = np.random.default_rng(5)
    load = np.concatenate([np.full(500, 10.0), np.full(6, 100.0)])
    forecaster = Hedge(season_bins=DAY)
    forecaster.fit(load * (1 + 0.02 * rng.standard_normal(len(load))), (1,))
    assert forecaster.forecast((1,), (0.5,)).points[0] > 80.0


def test_a_regression_has_no_share_until_it_was_trained_and_tried() -> None:
    forecaster = Hedge(season_bins=DAY)
    forecaster.fit(daily_load(5), (1,))
    ridges = np.sum([forecaster.weights(1)[design.name] for design in DESIGNS], axis=0)
    trained_and_tried = MINIMUM_PAIRS + 60
    assert (ridges[:trained_and_tried] == 0.0).all()
    assert ridges[2 * DAY :].mean() > 0.2


def test_on_a_day_of_ten_minute_bins_luck_does_not_pass_for_skill() -> None:
    """Walks that nobody can foretell, of which too little is known to be sure of that."""
    errors = []
    for seed in range(12):
        steps = np.random.default_rng(seed).normal(0, 1, 144)
        forecaster = Hedge(season_bins=144)
        forecaster.fit((60 + np.cumsum(steps)) ** 2, (1, 3))
        errors.append([forecaster.error_vs_last_value(1), forecaster.error_vs_last_value(3)])
    assert (np.mean(errors, axis=0) < [1.01, 1.018]).all()


@pytest.mark.parametrize(
    ("season", "steps"),
    [
        pytest.param(DAY, 6, id="a day long before"),
        pytest.param(288, 6, id="with clock periods of 6 and 12 bins"),
        pytest.param(12, 10, id="a season that is hardly longer than the horizon"),
    ],
)
def test_what_a_regression_learns_from_is_known_at_the_origin(season: int, steps: int) -> None:
    load = np.sqrt(daily_load(6))
    origins = np.arange(3 * DAY, 4 * DAY, 5)
    known = rows_of(memory_of(load, season), origins, steps)
    for row, origin in zip(known, origins, strict=True):
        changed = load.copy()
        changed[origin + 1 :] *= 2
        memory = memory_of(changed, season)
        np.testing.assert_array_equal(rows_of(memory, np.array([origin]), steps)[0], row)


def test_an_earlier_day_s_change_is_that_over_the_same_bins() -> None:
    """A step up by 3 at one time of day: who asks across it is told of it, who asks past it not."""
    day = np.where(np.arange(60) >= 30, 4.0, 1.0)
    memory = memory_of(np.tile(day, 2), 60)
    ahead = np.array([10])
    changed = memory.changes_on_earlier_days(np.array([70, 85, 104]), ahead, [1])
    before, across, beyond = changed[0, 0]
    assert (before, across, beyond) == pytest.approx((0.0, 3.0, 0.0), abs=0.03)
    edge = memory.changes_on_earlier_days(np.array([80]), ahead, [1])[0, 0, 0]
    assert edge == pytest.approx(3.0 * 5 / 9, abs=0.01)  # five of the nine bins around are up


def test_a_mean_around_a_bin_waits_for_the_last_of_its_neighbors() -> None:
    values = np.array([1.0, np.nan, 3.0, 8.0, np.nan, np.nan, np.nan])
    around = mean_around(values, np.arange(-1, 8), 3)
    known = [np.nan, np.nan, 2.0, 5.5, 5.5, 8.0, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(around, known)


def test_earlier_days_are_half_believed() -> None:
    day = np.where(np.arange(60) >= 30, 4.0, 1.0)
    ensembles = HorizonEnsembles.of(memory_of(np.tile(day, 2)[:81], 60), [15], sustained_bins=1)
    foretold = ensembles.pending[0, EXPERTS.index("earlier days"), -1]
    assert foretold == pytest.approx(1.0 + 3.0 / 2, abs=0.01)


def test_a_regression_believes_the_more_the_more_pairs_it_saw() -> None:
    for pairs in (100, 1000):
        rows = np.zeros((pairs, Regression.untrained().moments.shape[0]))
        rows[:, 0] = np.where(np.arange(pairs) % 2, 1.0, -1.0)
        levels = np.ones((len(DESIGNS), pairs))
        trained = Regression.untrained().trained(rows, levels, 1.0 + 2.0 * rows[:, 0]).solved()
        for design, coefficients in zip(DESIGNS, trained.coefficients, strict=True):
            assert coefficients[0] == pytest.approx(2.0 * pairs / (pairs + design.penalty))


@pytest.mark.parametrize("steps", [1, 6])
def test_a_regression_learns_from_the_load_that_came_its_horizon_later(steps: int) -> None:
    roots = np.sqrt(daily_load(3))
    memory = memory_of(roots, DAY)
    learned = HorizonEnsembles.of(memory, [steps], sustained_bins=1).regressions[0]
    by_hand, first = Regression.untrained(), 0
    for now in range(REFIT_BINS, len(roots), REFIT_BINS):
        origins = np.arange(first, now - steps + 1)
        levels = np.array([memory.level(design.half_life)[origins] for design in DESIGNS])
        rows, came = rows_of(memory, origins, steps), roots[origins + steps]
        by_hand, first = by_hand.trained(rows, levels, came).solved(), now - steps + 1
    assert learned.pairs == by_hand.pairs == first
    np.testing.assert_allclose(learned.products, by_hand.products, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(learned.coefficients, by_hand.coefficients, rtol=1e-9, atol=1e-9)


def test_a_spike_that_no_feature_tells_of_bends_a_regression_as_an_error_not_as_its_square() -> (
    None
):
    rng = np.random.default_rng(3)
    rows = np.zeros((2000, Regression.untrained().moments.shape[0]))
    rows[:, 0] = rng.standard_normal(2000)
    levels = np.ones((len(DESIGNS), 2000))
    actual = 1.0 + 0.5 * rows[:, 0] + 0.1 * rng.standard_normal(2000)
    once = rows[:, 0] > 2.3  # the spikes meet the feature by chance
    actual[once] += 100 * 0.1

    def told(kept: npt.NDArray[np.bool_]) -> float:
        regression = Regression.untrained()
        for block in np.array_split(np.flatnonzero(kept), 50):
            regression = regression.trained(rows[block], levels[:, block], actual[block]).solved()
        return float(regression.coefficients[1, 0])

    everything = np.ones(2000, dtype=bool)
    squares = np.linalg.lstsq(rows[:, :1], actual - 1.0, rcond=None)[0][0]
    undisturbed = told(~once)
    assert told(everything) - undisturbed < (squares - undisturbed) / 5


def test_what_is_said_of_a_horizon_does_not_depend_on_which_others_are_followed() -> None:
    load, quantiles = daily_load(3), (0.1, 0.5, 0.9)
    alone, together, asked_later = (Hedge(season_bins=DAY, sustained_bins=3) for _ in range(3))
    alone.fit(load[:200], [6])
    together.fit(load[:200], [1, 6, 17])
    asked_later.fit(load[:200], [2])
    for start in range(200, len(load), 3):
        for forecaster in (alone, together, asked_later):
            forecaster.update(load[start : start + 3])
        if start == 230:
            asked_later.forecast([6, 30], quantiles)
    expected = alone.forecast([6], quantiles).values[0]
    for forecaster in (together, asked_later):
        found = forecaster.forecast([1, 6, 17], quantiles).values[1]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_of_many_horizons_asked_for_the_newest_are_followed() -> None:
    forecaster = Hedge(season_bins=DAY)
    forecaster.update(daily_load(1))
    for steps in range(1, 31):
        forecaster.forecast([steps], [0.5])
    assert forecaster._ensembles.steps == tuple(range(19, 31))
