"""A load that changes its nature is forecast rightly again within a few bins."""

import numpy as np
import pytest

from pd_operator.api.roles import Role
from pd_operator.demand import (
    Demand,
    DemandForecast,
    DemandHistory,
    FloatArray,
    LengthDistribution,
    fit_demand,
)

SHAPE = Demand(15.0, LengthDistribution.constant(1000.0), LengthDistribution.constant(200.0))
LEAD_SECONDS = 300.0
DAY = 1440


def waves(bins: int) -> FloatArray:
    """Requests per second of each minute: a calm daily rhythm around 15."""
    rates: FloatArray = 10.0 * (1.5 + np.sin(np.arange(bins) * (2 * np.pi / DAY)))
    return rates


def forecasts(rates: FloatArray, known: int) -> list[DemandForecast]:
    """After each bin from `known` on, the forecast at the lead time; a rate of NaN is a gap."""
    counts = np.random.default_rng(3).poisson(np.nan_to_num(rates) * 60)
    seen = np.where(np.isnan(rates), np.nan, counts / 60.0)

    def part(first: int, last: int) -> DemandHistory:
        rate = seen[first:last]
        return DemandHistory(60.0 * first, 60.0, rate, rate * 0 + 1000.0, rate * 0 + 200.0)

    fitted = fit_demand(
        part(0, known), "Hedge", season_seconds=86_400, horizons_seconds=(LEAD_SECONDS,)
    )
    made = []
    for number in range(known, len(rates)):
        fitted = fitted.updated(part(number, number + 1))
        made.append(fitted.forecast(Role.PREFILL, LEAD_SECONDS, 95, SHAPE))
    return made


def test_half_of_a_jump_is_followed_in_three_bins_and_all_of_it_in_six() -> None:
    rates = np.append(waves(3 * DAY), np.full(12, 60.0))
    made = forecasts(rates, 3 * DAY)
    assert all(forecast.requests_per_second.median > (15 + 60) / 2 for forecast in made[2:])
    for forecast in made[5:]:
        assert forecast.requests_per_second.median == pytest.approx(60, rel=0.15)
        assert forecast.requests_per_second.high > 60


def test_a_fall_of_the_level_is_followed_in_six_bins() -> None:
    rates = np.append(waves(3 * DAY), np.full(12, 3.0))
    for forecast in forecasts(rates, 3 * DAY)[5:]:
        assert forecast.requests_per_second.median < 4.5
        assert forecast.requests_per_second.high < 15


def test_after_an_outage_the_level_of_now_counts_and_not_the_one_from_before() -> None:
    rates = waves(3 * DAY + 12)
    rates[-132:-12] = np.nan
    rates[-12:] = 45.0
    for forecast in forecasts(rates, 3 * DAY):
        assert forecast.requests_per_second.median == pytest.approx(45, rel=0.2)


def test_a_new_service_is_forecast_from_its_fifth_bin_on() -> None:
    for forecast in forecasts(np.full(40, 10.0), known=5):
        band = forecast.requests_per_second
        assert band.low < 10 < band.high < 20
