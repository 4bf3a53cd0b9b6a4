"""Whether a load came as it was forecast to."""

from tests.unit.scaling.deciding import Observe

from pd_operator.api.roles import Role
from pd_operator.demand import Demand, DemandForecast, LengthDistribution, QuantileBand
from pd_operator.scaling.foresight import Foreseen, foreseen_lately, was_foreseen
from pd_operator.scaling.observation import Known, Observation, Reading, Unknown
from pd_operator.scaling.pool_forecasts import PoolForecasts

LENGTH = LengthDistribution.constant(100)
AHEAD_SECONDS = 75.0
NO_FORECAST = Unknown("NotEnoughHistory", "forecast", "a forecast needs 5 bins, there are 2.")


def forecasting(highest_tokens: float, *, trusted: bool = True) -> PoolForecasts:
    """The forecast of both pools, at most so many tokens a second."""
    band = QuantileBand(0.0, highest_tokens / 2, highest_tokens)
    demand = Demand(highest_tokens / 100, LENGTH, LENGTH)
    one = DemandForecast(AHEAD_SECONDS, 90, demand, band, band, "Hedge", 0.8, trusted)
    return PoolForecasts(one, one)


def asking(tokens_per_second: float) -> Reading[Demand]:
    return Known(Demand(tokens_per_second / 100, LENGTH, LENGTH), 1.0, "prometheus")


def remembered(observe: Observe, *forecasts: PoolForecasts) -> tuple[Foreseen, ...]:
    """What is remembered of forecasts made at ticks of 15 s from second 10,000 on."""
    lately: tuple[Foreseen, ...] = ()
    for tick, one in enumerate(forecasts):
        lately = foreseen_lately(lately, one, observe(2, 2, at=10_000.0 + 15 * tick))
    return lately


def at(observe: Observe, seconds: float, tokens: float) -> Observation:
    return observe(2, 2, at=10_000.0 + seconds, demand=asking(tokens))


def test_a_load_within_what_was_forecast_for_now_was_foreseen(observe: Observe) -> None:
    lately = remembered(observe, forecasting(5_000), forecasting(8_000), forecasting(1_000))
    for seconds, highest in ((75, 5_000), (89, 5_000), (90, 8_000), (105, 1_000)):
        assert was_foreseen(lately, Role.PREFILL, at(observe, seconds, highest))
        assert not was_foreseen(lately, Role.DECODE, at(observe, seconds, highest + 100))


def test_before_any_forecast_has_come_due_nothing_was_foreseen(observe: Observe) -> None:
    lately = remembered(observe, forecasting(5_000))
    assert not was_foreseen(lately, Role.PREFILL, at(observe, 74, 100))
    assert not was_foreseen((), Role.PREFILL, at(observe, 74, 100))


def test_a_forecast_that_is_not_trusted_foresees_nothing(observe: Observe) -> None:
    doubted = forecasting(5_000, trusted=False)
    assert remembered(observe, doubted, PoolForecasts(NO_FORECAST, NO_FORECAST)) == ()


def test_of_an_unknown_load_nobody_says_that_it_was_foreseen(observe: Observe) -> None:
    lately = remembered(observe, forecasting(5_000))
    unknown = Unknown("Stale", "prometheus", "the newest sample is 240 s old.")
    assert not was_foreseen(lately, Role.PREFILL, observe(2, 2, at=10_080.0, demand=unknown))


def test_what_came_long_ago_is_forgotten(observe: Observe) -> None:
    lately = remembered(observe, *(forecasting(5_000) for _ in range(100)))
    of_prefill = [one for one in lately if one.role is Role.PREFILL]
    assert len(of_prefill) == AHEAD_SECONDS / 15 + 1
