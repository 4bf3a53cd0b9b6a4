"""What every forecaster must keep, whatever the series.

A new model joins by its class in `pd_forecasting.FORECASTERS` alone.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pd_forecasting import FORECASTERS, BadSeriesError, Forecaster, NotEnoughPointsError
from pd_forecasting.base import FloatArray

HORIZONS = (1, 3, 8, 60)
QUANTILES = (0.05, 0.5, 0.9, 0.99)
MINIMUM_KNOWN = max(model.minimum_points for model in FORECASTERS)
SEASON = 48

SELDOM_FITTED = [
    model for model in FORECASTERS if model.bins_between_fits > Forecaster.bins_between_fits
]

every_forecaster = pytest.mark.parametrize("model", FORECASTERS, ids=lambda model: model.name)
loads = st.just(0.0) | st.floats(1e-3, 1e9) | st.just(np.nan)
series = st.builds(
    lambda known, rest: np.concatenate([known, rest]),
    hnp.arrays(np.float64, MINIMUM_KNOWN, elements=st.just(0.0) | st.floats(1e-3, 1e9)),
    hnp.arrays(np.float64, st.integers(30, 60), elements=loads),
)
quick = settings(max_examples=15, deadline=None)
few = settings(max_examples=4, deadline=None)


def noisy_climb(bins: int = 300, seed: int = 0) -> FloatArray:
    noise = np.random.default_rng(seed)
    return noise.poisson(np.linspace(50, 400, bins)).astype(np.float64)


def noisy_days(days: int = 5) -> FloatArray:
    noise = np.random.default_rng(1)
    rhythm = 200 + 100 * np.sin(np.arange(days * SEASON) * 2 * np.pi / SEASON)
    return noise.poisson(rhythm).astype(np.float64)


def updated(model: type[Forecaster], values: FloatArray) -> Forecaster:
    forecaster = model()
    forecaster.update(values)
    return forecaster


def fitted(model: type[Forecaster], values: FloatArray, season_bins: int = 0) -> Forecaster:
    forecaster = model(season_bins=season_bins)
    forecaster.fit(values, HORIZONS)
    return forecaster


def quantiles(forecaster: Forecaster) -> FloatArray:
    return forecaster.forecast(HORIZONS, QUANTILES).values


def pickled(forecaster: Forecaster) -> bytes:
    return pickle.dumps(forecaster)


def through_another_process(forecaster: Forecaster) -> Forecaster:
    """What a fit in a process of its own hands over."""
    copied = pickle.loads(pickled(forecaster))
    assert isinstance(copied, Forecaster)
    return copied


def assert_sound(forecaster: Forecaster) -> None:
    forecast = forecaster.forecast(HORIZONS, QUANTILES)
    assert forecast.values.shape == (len(HORIZONS), len(QUANTILES))
    assert np.isfinite(forecast.values).all()
    assert np.isfinite(forecast.points).all()
    assert (forecast.points >= 0).all()
    assert (forecast.values >= 0).all()
    assert (np.diff(forecast.values, axis=1) >= 0).all()


@every_forecaster
@given(values=series)
@quick
def test_quantiles_are_finite_ordered_and_never_negative(
    model: type[Forecaster], values: FloatArray
) -> None:
    assert_sound(updated(model, values))


@every_forecaster
@given(values=series)
@few
def test_quantiles_are_finite_and_ordered_after_a_fit_and_what_follows_it(
    model: type[Forecaster], values: FloatArray
) -> None:
    forecaster = fitted(model, values)
    assert_sound(forecaster)
    forecaster.update(values)
    assert_sound(forecaster)


@every_forecaster
def test_quantiles_are_finite_and_ordered_on_a_load_with_a_rhythm(model: type[Forecaster]) -> None:
    values = noisy_days()
    forecaster = fitted(model, values[:-30], SEASON)
    forecaster.update(values[-30:])
    assert_sound(forecaster)
    np.testing.assert_array_equal(
        quantiles(through_another_process(forecaster)), quantiles(forecaster)
    )


@every_forecaster
@given(values=series)
@quick
def test_the_same_series_gives_the_same_forecast(
    model: type[Forecaster], values: FloatArray
) -> None:
    np.testing.assert_array_equal(
        quantiles(updated(model, values)), quantiles(updated(model, values))
    )


@every_forecaster
def test_the_same_fit_gives_the_same_forecast(model: type[Forecaster]) -> None:
    np.testing.assert_array_equal(
        quantiles(fitted(model, noisy_days(), SEASON)),
        quantiles(fitted(model, noisy_days(), SEASON)),
    )


@every_forecaster
@given(values=series, cut=st.integers(1, 59))
@quick
def test_bins_one_by_one_are_as_good_as_all_at_once(
    model: type[Forecaster], values: FloatArray, cut: int
) -> None:
    in_parts = updated(model, values[:cut])
    for value in values[cut:]:
        in_parts.update(np.array([value]))
    whole = quantiles(updated(model, values))
    np.testing.assert_allclose(quantiles(in_parts), whole, rtol=1e-6, atol=1e-9 * np.nanmax(values))


@pytest.mark.parametrize("model", SELDOM_FITTED, ids=lambda model: model.name)
def test_one_that_is_seldom_fitted_learns_all_the_same(model: type[Forecaster]) -> None:
    """What follows its fit teaches it as much as a fit would; the others are fitted anew soon."""
    values = noisy_days()
    early = fitted(model, values[: 2 * SEASON], season_bins=SEASON)
    early.update(values[2 * SEASON :])
    np.testing.assert_allclose(
        quantiles(early), quantiles(fitted(model, values, season_bins=SEASON)), rtol=1e-6
    )


@every_forecaster
@given(values=series, later=st.lists(loads, max_size=10))
@quick
def test_a_restored_forecaster_goes_on_as_if_nothing_had_been(
    model: type[Forecaster], values: FloatArray, later: list[float]
) -> None:
    forecaster = updated(model, values)
    restored = through_another_process(forecaster)
    for one in (forecaster, restored):
        one.update(np.array(later, dtype=np.float64))
    np.testing.assert_array_equal(quantiles(restored), quantiles(forecaster))
    assert (restored.season_bins, restored.sustained_bins) == (0, 1)


@every_forecaster
def test_a_forecaster_restored_before_its_first_bin_is_a_new_one(model: type[Forecaster]) -> None:
    restored = through_another_process(model())
    restored.update(noisy_climb())
    np.testing.assert_array_equal(quantiles(restored), quantiles(updated(model, noisy_climb())))


@every_forecaster
@given(values=series, power=st.integers(-5, 5))
@quick
def test_another_unit_of_the_load_gives_the_same_forecast_in_that_unit(
    model: type[Forecaster], values: FloatArray, power: int
) -> None:
    factor = 4.0**power  # its square root is exact, so ties between trends stay ties
    np.testing.assert_allclose(
        quantiles(updated(model, values * factor)),
        quantiles(updated(model, values)) * factor,
        rtol=1e-6,
        atol=1e-9 * factor * np.nanmax(values),
    )


@every_forecaster
def test_another_unit_gives_the_same_fit(model: type[Forecaster]) -> None:
    values = noisy_days()
    np.testing.assert_allclose(
        quantiles(fitted(model, values * 64, SEASON)),
        quantiles(fitted(model, values, SEASON)) * 64,
        rtol=1e-6,
    )


@every_forecaster
@given(level=st.just(0.0) | st.floats(1e-3, 1e9), bins=st.integers(MINIMUM_KNOWN, 100))
@quick
def test_a_constant_load_is_forecast_exactly_and_without_a_margin(
    model: type[Forecaster], level: float, bins: int
) -> None:
    forecast = fitted(model, np.full(bins, level)).forecast(HORIZONS, QUANTILES)
    np.testing.assert_allclose(forecast.values, level, rtol=1e-9)
    np.testing.assert_allclose(forecast.points, level, rtol=1e-9)


@every_forecaster
def test_a_service_that_was_never_used_is_forecast_to_stay_so(model: type[Forecaster]) -> None:
    forecaster = fitted(model, np.zeros(3 * SEASON), SEASON)
    np.testing.assert_array_equal(quantiles(forecaster), 0.0)
    assert forecaster.error_vs_last_value(8) == 1.0


@every_forecaster
def test_a_service_that_wakes_is_forecast_to_be_awake(model: type[Forecaster]) -> None:
    forecaster = fitted(model, np.zeros(120))
    forecaster.update(np.full(10, 100.0))
    assert_sound(forecaster)
    assert forecaster.forecast([1], [0.5]).points[0] > 30


@every_forecaster
def test_the_future_does_not_reach_back(model: type[Forecaster]) -> None:
    past, future = noisy_climb()[:200], noisy_climb()[200:]
    forecaster = fitted(model, past)
    before = quantiles(forecaster)
    errors_before = forecaster.error_vs_last_value(8)
    on_with_truth, on_with_lies = (
        through_another_process(forecaster),
        through_another_process(forecaster),
    )
    on_with_truth.update(future)
    on_with_lies.update(future[::-1] * 3)
    np.testing.assert_array_equal(quantiles(forecaster), before)
    assert forecaster.error_vs_last_value(8) == errors_before
    assert not np.array_equal(quantiles(on_with_truth), quantiles(on_with_lies))


@every_forecaster
def test_what_is_done_to_a_caller_s_array_later_changes_nothing(model: type[Forecaster]) -> None:
    values = noisy_climb()
    forecaster = fitted(model, values[:200])
    forecaster.update(values[200:250])
    before = quantiles(forecaster)
    values[:] = 7.0
    np.testing.assert_array_equal(quantiles(forecaster), before)


@every_forecaster
@pytest.mark.parametrize("seed", [1, 2])
def test_none_claims_to_foretell_a_random_walk(model: type[Forecaster], seed: int) -> None:
    """An error that was reckoned with knowledge of the future would be below the last value's."""
    steps = np.random.default_rng(seed).normal(0, 0.1, 1500)
    values = (30 + np.cumsum(steps)) ** 2
    assert fitted(model, values).error_vs_last_value(8) > 0.95


@every_forecaster
def test_a_gap_is_missing_and_not_zero(model: type[Forecaster]) -> None:
    values = np.full(120, 100.0)
    values[50:80] = np.nan
    values[115:] = np.nan
    np.testing.assert_allclose(quantiles(updated(model, values)), 100.0)


@every_forecaster
def test_a_series_that_begins_with_a_gap_begins_with_its_first_value(
    model: type[Forecaster],
) -> None:
    values = np.concatenate([np.full(40, np.nan), noisy_climb(60)])
    assert_sound(updated(model, values))


@every_forecaster
def test_a_level_from_before_a_long_outage_is_soon_forgotten(model: type[Forecaster]) -> None:
    values = np.concatenate([np.full(200, 100.0), np.full(100, np.nan), np.full(3, 900.0)])
    forecast = updated(model, values).forecast([1], [0.5])
    assert forecast.points[0] == pytest.approx(900, rel=0.05)


@every_forecaster
def test_it_works_from_its_own_minimum_of_points_on_and_refuses_below(
    model: type[Forecaster],
) -> None:
    enough = noisy_climb()[: model.minimum_points]
    few = enough.copy()
    few[0] = np.nan
    assert quantiles(updated(model, enough))[-1, -1] > enough[-1]
    with pytest.raises(NotEnoughPointsError) as refused:
        quantiles(updated(model, few))
    assert (refused.value.needed, refused.value.known) == (
        model.minimum_points,
        model.minimum_points - 1,
    )


@every_forecaster
def test_quantiles_cover_as_often_as_they_say_on_a_steady_noisy_load(
    model: type[Forecaster],
) -> None:
    shares = (0.5, 0.9, 0.95)
    values = np.random.default_rng(7).poisson(100, 1500).astype(np.float64)
    forecaster = model()
    forecaster.fit(values[:500], (8,))
    covered = []
    for origin in range(500, 1492):
        covered.append(values[origin + 7] <= forecaster.forecast([8], shares).values[0])
        forecaster.update(values[origin : origin + 1])
    assert np.mean(covered, axis=0) == pytest.approx(shares, abs=0.03)


@every_forecaster
def test_memory_does_not_grow_without_end(model: type[Forecaster]) -> None:
    forecaster = model(season_bins=SEASON)
    forecaster.update(np.tile(noisy_climb(), 10))
    forecaster.forecast(HORIZONS, QUANTILES)
    size = len(pickled(forecaster))
    forecaster.update(np.tile(noisy_climb(), 2))
    for horizon in range(1, 20):
        forecaster.forecast([horizon], QUANTILES)
    forecaster.forecast(HORIZONS, QUANTILES)
    grown = len(pickled(forecaster))
    assert grown < 4 * size  # what was asked for may be kept, but not without end
    forecaster.update(np.tile(noisy_climb(), 2))
    for horizon in range(1, 20):
        forecaster.forecast([horizon], QUANTILES)
    assert len(pickled(forecaster)) == pytest.approx(grown, rel=0.1)


@every_forecaster
def test_a_sustained_load_has_narrower_margins_that_cover_its_mean(
    model: type[Forecaster],
) -> None:
    values = np.random.default_rng(11).poisson(100, 1200).astype(np.float64)
    single, sustained = model(), model(sustained_bins=5)
    covered, widths = [], []
    single.update(values[:600])
    sustained.update(values[:600])
    for origin in range(600, 1180):
        quantile = sustained.forecast([8], [0.1, 0.9]).values[0]
        covered.append(values[origin + 5 : origin + 10].mean() <= quantile[1])
        widths.append(np.ptp(quantile) / np.ptp(single.forecast([8], [0.1, 0.9]).values[0]))
        single.update(values[origin : origin + 1])
        sustained.update(values[origin : origin + 1])
    assert np.mean(covered) == pytest.approx(0.9, abs=0.04)
    assert np.mean(widths) < 0.95


@every_forecaster
def test_a_forecaster_of_sustained_loads_stays_one_in_another_process(
    model: type[Forecaster],
) -> None:
    sustained = model(sustained_bins=5)
    sustained.update(noisy_climb())
    np.testing.assert_array_equal(
        quantiles(through_another_process(sustained)), quantiles(sustained)
    )


@every_forecaster
@pytest.mark.parametrize("bins", [0, 2, -1])
def test_a_centered_mean_is_of_an_odd_number_of_bins(model: type[Forecaster], bins: int) -> None:
    with pytest.raises(BadSeriesError, match="odd number"):
        model(sustained_bins=bins)
