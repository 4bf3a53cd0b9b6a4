import numpy as np
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.statespace.structural import UnobservedComponents as Structural

from pd_forecasting import Ewma, HarmonicRegression, Sarimax, UnobservedComponents
from pd_forecasting.base import FloatArray
from pd_forecasting.kalman import Filtered, LinearModel
from pd_forecasting.statsmodels_fit import best_of

DAY = 288


def noisy(bins: int = 300, seed: int = 3) -> FloatArray:
    noise = np.random.default_rng(seed)
    return noise.poisson(100 + np.cumsum(noise.normal(0, 2, bins)).clip(-50)).astype(np.float64)


def days(count: int, seed: int = 4) -> FloatArray:
    """Days that climb and fall alike, each from another height."""
    noise = np.random.default_rng(seed)
    heights = np.repeat(noise.uniform(300, 900, count), DAY)
    rhythm = 1 + 0.5 * np.sin(np.arange(count * DAY) * 2 * np.pi / DAY)
    return noise.poisson(heights * rhythm).astype(np.float64)


@pytest.mark.parametrize("order", [(0, 1, 1), (2, 1, 2)])
def test_our_filter_is_that_of_statsmodels_for_an_arima(order: tuple[int, int, int]) -> None:
    values = np.sqrt(noisy())
    values[50:60] = np.nan
    theirs = SARIMAX(values, order=order, concentrate_scale=True).fit(disp=0)
    model = best_of([lambda: SARIMAX(values, order=order, concentrate_scale=True)])
    assert model is not None
    ours = Filtered.nothing(model).extended(values[:100]).extended(values[100:])
    for steps in (1, 8):
        assert ours.ahead(steps)[-1] == pytest.approx(theirs.forecast(steps)[-1], rel=1e-4)


def test_our_filter_is_that_of_statsmodels_for_a_level_with_a_cycle() -> None:
    values = np.sqrt(noisy()) + np.sin(np.arange(300) * 2 * np.pi / 20)
    settings = {"level": "llevel", "cycle": True, "stochastic_cycle": True, "damped_cycle": True}
    theirs = Structural(values, **settings).fit(disp=0, maxiter=30, warn_convergence=False)
    model = best_of([lambda: Structural(values, **settings)])
    assert model is not None
    ours = Filtered.nothing(model).extended(values)
    np.testing.assert_allclose(
        [ours.ahead(steps)[-1] for steps in range(1, 21)], theirs.forecast(20), rtol=1e-3
    )


def test_a_local_level_forecasts_as_an_exponential_average() -> None:
    values = noisy()
    states = Filtered.nothing(LinearModel.local_level(0.1)).extended(values).states[:, 0]
    weight = (states[-1] - states[-2]) / (values[-1] - states[-2])
    assert weight == pytest.approx((-0.1 + np.sqrt(0.1**2 + 4 * 0.1)) / 2, rel=1e-6)


def test_an_arima_averages_the_noise_of_a_level() -> None:
    values = np.random.default_rng(5).poisson(100, 600).astype(np.float64)
    forecaster = Sarimax()
    forecaster.fit(values)
    assert forecaster.forecast([8], [0.5]).points[0] == pytest.approx(100, rel=0.05)
    assert forecaster.error_vs_last_value(8) < 0.8


def test_a_cycle_is_found_and_followed() -> None:
    minutes = np.arange(600)
    noise = np.random.default_rng(6).normal(0, 10, 600)
    values = (500 + 200 * np.sin(minutes * 2 * np.pi / 30) + noise).clip(0)
    forecaster, average = UnobservedComponents(), Ewma()
    forecaster.fit(values)
    average.fit(values)
    assert forecaster.error_vs_last_value(15) < 0.3
    assert average.error_vs_last_value(15) > 0.5


def test_a_daily_curve_is_learned_from_changes_whatever_the_height_of_the_days() -> None:
    values = days(4)
    origin = 3 * DAY + 10  # the climb of the fourth day has just begun
    harmonic, plain = HarmonicRegression(season_bins=DAY), Sarimax()
    for forecaster in (harmonic, plain):
        forecaster.fit(values[:origin])
    ahead = 36
    actual = values[origin + ahead - 3 : origin + ahead + 2].mean()
    assert harmonic.forecast([ahead], [0.5]).points[0] == pytest.approx(actual, rel=0.1)
    assert plain.forecast([ahead], [0.5]).points[0] < 0.8 * actual


def test_the_curve_keeps_its_place_in_the_day_over_updates() -> None:
    values = days(5)
    whole, in_parts = HarmonicRegression(season_bins=DAY), HarmonicRegression(season_bins=DAY)
    whole.fit(values[: 4 * DAY])
    in_parts.fit(values[: 4 * DAY])
    whole.update(values[4 * DAY : 4 * DAY + 77])
    for at in range(4 * DAY, 4 * DAY + 77):
        in_parts.update(values[at : at + 1])
    np.testing.assert_allclose(
        in_parts.forecast([5, 50], [0.5]).points, whole.forecast([5, 50], [0.5]).points, rtol=1e-9
    )


@pytest.mark.parametrize("season_bins", [0, DAY])
def test_without_a_day_and_a_half_a_harmonic_regression_is_its_arima(season_bins: int) -> None:
    harmonic, plain = (model(season_bins=season_bins) for model in (HarmonicRegression, Sarimax))
    for forecaster in (harmonic, plain):
        forecaster.fit(days(2)[: DAY + DAY // 3])
    assert harmonic.forecast([5], [0.9]).values == plain.forecast([5], [0.9]).values


def test_a_fit_on_too_little_leaves_the_last_good_model() -> None:
    forecaster = Sarimax()
    forecaster.fit(noisy())
    learned = forecaster._run.model
    forecaster.fit(noisy()[:20])
    assert forecaster._run.model is learned


def test_candidates_that_cannot_be_fitted_give_no_model() -> None:
    assert best_of([lambda: SARIMAX(np.empty(0), order=(1, 1, 1))]) is None
