import pickle
from dataclasses import replace

import numpy as np
import pytest

from pd_operator.api.autoscaling import ForecastModel
from pd_operator.api.roles import Role
from pd_operator.demand import (
    Demand,
    DemandHistory,
    LengthDistribution,
    NotEnoughHistoryError,
    fit_demand,
    refit_bins,
    sustained_bins,
)
from pd_operator.demand.forecast import HIGHEST_OVER_SEEN, steps_to

SHAPE = Demand(
    20.0,
    LengthDistribution((500, 1500), (1, 1)),
    LengthDistribution((100, 300), (1, 1)),
    context_tokens_mean=1200.0,
    arrival_scv=1.3,
)


def history(
    rate: np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    prompt: float = 1000.0,
    output: float = 200.0,
    start: float = 0.0,
    seed: int = 1,
) -> DemandHistory:
    noise = np.random.default_rng(seed)
    return DemandHistory(
        start,
        60.0,
        noise.poisson(rate * 60) / 60.0,
        noise.normal(prompt, prompt / 50, len(rate)),
        noise.normal(output, output / 50, len(rate)),
    )


def climb(bins: int = 400, top: float = 80.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.linspace(10.0, top, bins)


def test_the_pool_s_own_tokens_are_at_the_quantile_asked() -> None:
    fitted = fit_demand(history(climb()), "DampedTrend")
    for role in Role:
        forecast = fitted.forecast(role, 480, 95, SHAPE)
        own = (
            forecast.demand.prompt_tokens_per_second
            if role is Role.PREFILL
            else forecast.demand.output_tokens_per_second
        )
        assert own == pytest.approx(forecast.tokens_per_second.high)
        band = forecast.tokens_per_second
        assert band.low < band.median < band.high


def test_on_a_climb_the_forecast_leads_and_is_trusted() -> None:
    fitted = fit_demand(history(climb()), "DampedTrend")
    trend = fitted.forecast(Role.PREFILL, 20 * 60, 95, SHAPE)
    assert trend.model == "DampedTrend"
    assert trend.trusted
    assert trend.error_vs_last_value < 1
    assert trend.requests_per_second.median > 80.5


def test_the_last_value_asked_for_is_trusted_and_says_that_it_is_no_better_than_itself() -> None:
    forecast = fit_demand(history(climb()), "LastValue").forecast(Role.DECODE, 480, 95, SHAPE)
    assert (forecast.model, forecast.trusted) == ("LastValue", True)
    assert forecast.error_vs_last_value == pytest.approx(1.0)


def test_a_model_that_loses_to_the_last_value_does_not_speak() -> None:
    steps = np.repeat([10.0, 40.0, 15.0, 60.0, 20.0, 50.0], 40)
    exact = DemandHistory(0, 60, steps, np.full(240, 1000.0), np.full(240, 200.0))
    fitted = fit_demand(exact, "DampedTrend")
    forecast = fitted.forecast(Role.PREFILL, 60, 95, SHAPE)
    assert forecast.error_vs_last_value > 1
    assert (forecast.model, forecast.trusted) == ("LastValue", False)
    asked = fit_demand(exact, "LastValue").forecast(Role.PREFILL, 60, 95, SHAPE)
    assert forecast.tokens_per_second == asked.tokens_per_second


def test_too_few_errors_to_compare_leave_the_word_to_the_last_value() -> None:
    forecast = fit_demand(history(climb(6)), "DampedTrend").forecast(Role.PREFILL, 300, 95, SHAPE)
    assert np.isnan(forecast.error_vs_last_value)
    assert (forecast.model, forecast.trusted) == ("LastValue", False)
    assert forecast.tokens_per_second.high > forecast.tokens_per_second.median


def test_below_five_bins_there_is_no_forecast() -> None:
    with pytest.raises(NotEnoughHistoryError, match="5 measured bins of 60 s, there are 4"):
        fit_demand(history(climb(4)), "DampedTrend")


def test_bins_that_were_not_measured_do_not_count() -> None:
    holes = history(climb(8))
    holes.output_tokens_mean[:5] = np.nan
    with pytest.raises(NotEnoughHistoryError, match="there are 3"):
        fit_demand(holes, "LastValue")


def test_an_outage_longer_than_memory_leaves_nothing_to_forecast_from() -> None:
    fitted = fit_demand(history(climb()), "LastValue")
    later = history(climb(4), start=400 * 60 + 2000 * 60)
    with pytest.raises(NotEnoughHistoryError, match="there are 4"):
        fitted.updated(later).forecast(Role.PREFILL, 60, 95, SHAPE)


def test_lengths_follow_the_load_and_keep_their_shape() -> None:
    forecast = fit_demand(history(climb(), prompt=1500, output=100), "DampedTrend").forecast(
        Role.DECODE, 300, 90, SHAPE
    )
    assert forecast.demand.prompt_tokens.mean == pytest.approx(1500, rel=0.05)
    assert forecast.demand.output_tokens.mean == pytest.approx(100, rel=0.05)
    first, second = forecast.demand.prompt_tokens.tokens
    assert second / first == pytest.approx(3)
    assert forecast.demand.context_tokens_mean == pytest.approx(1200 * 1600 / 1200, rel=0.05)
    assert forecast.demand.arrival_scv == 1.3


def test_an_idle_service_is_forecast_to_stay_idle_with_its_known_lengths() -> None:
    nothing = np.zeros(100)
    unknown = np.full(100, np.nan)
    fitted = fit_demand(DemandHistory(0, 60, nothing, unknown, unknown), "DampedTrend")
    demand = fitted.forecast(Role.PREFILL, 300, 95, SHAPE).demand
    assert demand.requests_per_second == 0
    assert demand.prompt_tokens == SHAPE.prompt_tokens


@pytest.mark.parametrize("model", [model.value for model in ForecastModel])
def test_an_update_sees_the_new_bins_only_and_leaves_the_old_fit_as_it_was(model: str) -> None:
    whole = history(climb())
    past = DemandHistory(
        0,
        60,
        *(
            array[:390]
            for array in (
                whole.requests_per_second,
                whole.prompt_tokens_mean,
                whole.output_tokens_mean,
            )
        ),
    )
    fitted = fit_demand(past, model, horizons_seconds=(300,))
    before = fitted.forecast(Role.PREFILL, 300, 95, SHAPE)
    error = fitted.prompt_tokens.error(5)
    updated = fitted.updated(whole)
    assert updated.end_seconds == whole.end_seconds
    assert updated.updated(whole) is updated
    untouched = replace(fitted, prompt_tokens=replace(fitted.prompt_tokens))
    assert untouched.forecast(Role.PREFILL, 300, 95, SHAPE) == before
    assert untouched.prompt_tokens.error(5) == pytest.approx(error)
    assert updated.forecast(Role.PREFILL, 300, 95, SHAPE) != before


def test_an_update_of_other_bins_is_refused() -> None:
    fitted = fit_demand(history(climb()), "LastValue")
    with pytest.raises(ValueError, match="not on the edges"):
        fitted.updated(history(climb(), start=30))
    other = DemandHistory(0, 30, np.ones(9), np.ones(9), np.ones(9))
    with pytest.raises(ValueError, match=r"bins of 30 s do not extend bins of 60.0 s"):
        fitted.updated(other)


def test_a_fit_travels_between_processes() -> None:
    fitted = fit_demand(history(climb()), "DampedTrend")
    traveled = pickle.loads(pickle.dumps(fitted))
    assert traveled.forecast(Role.DECODE, 300, 95, SHAPE) == fitted.forecast(
        Role.DECODE, 300, 95, SHAPE
    )


@pytest.mark.parametrize(
    ("season_seconds", "bins"),
    [(86_400, 1440), (0, 0), (120, 2), (60, 0), (90, 0), (3_601, 0), (7_200, 120)],
)
def test_a_season_counts_where_it_is_a_whole_number_of_bins(
    season_seconds: float, bins: int
) -> None:
    fitted = fit_demand(history(climb(50)), "LastValue", season_seconds=season_seconds)
    assert fitted.requests.model.season_bins == bins


@pytest.mark.parametrize("model", [model.value for model in ForecastModel])
def test_every_model_learns_the_horizons_that_will_be_asked_for(model: str) -> None:
    fitted = fit_demand(
        history(climb()), model, season_seconds=6_000, horizons_seconds=(300.0, 90.0)
    )
    for horizon in (60, 300, 900):
        forecast = fitted.forecast(Role.PREFILL, horizon, 95, SHAPE)
        assert forecast.tokens_per_second.high > 0


def test_short_bins_are_forecast_as_sustained_loads_and_long_ones_as_they_are() -> None:
    def width(step: float) -> float:
        whole = history(np.full(400, 5.0))
        finer = DemandHistory(
            0, step, whole.requests_per_second, whole.prompt_tokens_mean, whole.output_tokens_mean
        )
        band = fit_demand(finer, "LastValue").forecast(Role.PREFILL, 8 * step, 90, SHAPE)
        return band.tokens_per_second.high - band.tokens_per_second.low

    assert width(5.0) < width(60.0) == width(30.0)


@pytest.mark.parametrize(
    ("horizon_seconds", "bins"), [(1, 1), (60, 1), (61, 2), (120, 2), (120.000001, 3)]
)
def test_a_horizon_is_reached_in_whole_bins_and_in_one_at_least(
    horizon_seconds: float, bins: int
) -> None:
    assert steps_to(horizon_seconds, 60.0) == bins


@pytest.mark.parametrize(("bin_seconds", "bins"), [(5, 5), (10, 3), (15, 1), (30, 1), (600, 1)])
def test_a_sustained_load_is_an_odd_number_of_bins_of_half_a_minute_at_most(
    bin_seconds: float, bins: int
) -> None:
    assert sustained_bins(bin_seconds) == bins


@pytest.mark.parametrize(
    ("model", "bins"), [("Hedge", 1440), ("Ewma", 720), ("LastValue", 720), ("Sarimax", 20)]
)
def test_who_learns_from_every_bin_is_fitted_seldom(model: str, bins: int) -> None:
    assert refit_bins(model) == bins


def test_no_forecast_is_much_higher_than_the_highest_load_ever_sustained() -> None:
    # A climb drawn on for two hours would be at twice what was ever seen.
    fitted = fit_demand(history(climb(120)), "DampedTrend")
    highest = fitted.prompt_tokens.highest
    assert highest == pytest.approx(80.0 * 1000.0, rel=0.1)
    for role, own in ((Role.PREFILL, fitted.prompt_tokens), (Role.DECODE, fitted.output_tokens)):
        band = fitted.forecast(role, 7200.0, 99, SHAPE).tokens_per_second
        assert band.high == pytest.approx(HIGHEST_OVER_SEEN * own.highest)
        assert band.median <= band.high


def test_what_is_seen_later_raises_the_limit() -> None:
    whole = history(climb(400))
    fitted = fit_demand(whole.until(200 * 60.0), "LastValue")
    grown = fitted.updated(whole)
    assert grown.requests.highest > 1.5 * fitted.requests.highest
    assert grown.requests.highest == pytest.approx(float(np.nanmax(whole.requests_per_second)))
