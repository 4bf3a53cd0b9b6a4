import numpy as np
import pytest
from statsmodels.tsa.holtwinters import Holt

from pd_forecasting import DampedTrend, LastValue
from pd_forecasting.trend_paths import TrendParameters, TrendPaths


def climb(bins: int, seed: int = 3) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).poisson(np.linspace(100, 500, bins)).astype(np.float64)


def levels(forecaster: DampedTrend) -> list[float]:
    """Level weights of the family."""
    return list(forecaster._paths.parameters.level)


def test_our_recursion_is_that_of_statsmodels() -> None:
    values = np.sqrt(climb(200))
    theirs = Holt(
        values,
        damped_trend=True,
        initialization_method="known",
        initial_level=values[0],
        initial_trend=0.0,
    ).fit(smoothing_level=0.3, smoothing_trend=0.2, damping_trend=0.9, optimized=False)
    parameters = TrendParameters(np.array([0.3]), np.array([0.2]), np.array([0.9]))
    paths = TrendPaths.empty(parameters).extended(values[:1]).extended(values)
    for steps in (1, 8):
        assert paths.ahead(steps)[0, -1] == pytest.approx(theirs.forecast(steps)[-1], rel=1e-9)


def test_on_a_steady_climb_it_leads_where_the_last_value_lags() -> None:
    values = climb(400)
    trend, last = DampedTrend(), LastValue()
    trend.fit(values)
    last.fit(values)
    assert trend.error_vs_last_value(20) < 0.8
    assert trend.forecast([20], [0.5]).points[0] > values[-20:].mean() * 1.03


def test_on_noise_around_a_level_it_averages_and_follows_no_trend() -> None:
    values = np.random.default_rng(5).poisson(100, 500).astype(np.float64)
    forecaster = DampedTrend()
    forecaster.fit(values)
    assert forecaster.forecast([8], [0.5]).points[0] == pytest.approx(100, rel=0.05)
    assert forecaster.error_vs_last_value(8) < 0.8


def test_the_last_value_is_never_better_or_worse_than_itself() -> None:
    forecaster = LastValue()
    forecaster.update(climb(100))
    assert forecaster.error_vs_last_value(5) == pytest.approx(1.0)


def test_too_few_errors_do_not_tell_which_model_is_better() -> None:
    forecaster = DampedTrend()
    forecaster.update(climb(27))
    assert np.isnan(forecaster.error_vs_last_value(8))
    forecaster.update(climb(1))
    assert not np.isnan(forecaster.error_vs_last_value(8))


def test_a_history_of_holes_is_fitted_on_its_longest_stretch() -> None:
    whole = climb(300)
    values = whole.copy()
    values[::7] = np.nan
    values[100:160] = whole[100:160]
    holes = DampedTrend()
    holes.fit(values)
    alone = DampedTrend()
    alone.fit(whole[99:161])
    assert levels(holes) == levels(alone)
    assert holes.forecast([8], [0.9]).values[0, 0] > 400


def test_a_history_without_any_stretch_keeps_the_default_parameters() -> None:
    values = climb(300)
    values[::5] = np.nan
    forecaster = DampedTrend()
    forecaster.fit(values)
    assert levels(forecaster) == levels(DampedTrend())


def test_margins_widen_in_rough_times() -> None:
    noise = np.random.default_rng(9)
    calm = noise.normal(1000, 5, 300).clip(0)
    rough = noise.normal(1000, 60, 40).clip(0)
    forecaster = DampedTrend()
    forecaster.fit(calm)
    narrow = np.ptp(forecaster.forecast([4], [0.05, 0.95]).values)
    forecaster.update(rough)
    assert np.ptp(forecaster.forecast([4], [0.05, 0.95]).values) > 4 * narrow
