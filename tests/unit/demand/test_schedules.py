"""What schedules make of a forecast."""

from dataclasses import replace
from typing import Any

import pytest

from pd_operator.api.roles import Role
from pd_operator.api.schedules import ScheduleSpec
from pd_operator.demand import (
    Demand,
    DemandForecast,
    LengthDistribution,
    QuantileBand,
    Scheduled,
    scheduled,
)

NINE = 9 * 3600.0  # on the first of January 1970, a Thursday, in UTC
LEAD = 300.0
DEMAND = Demand(20.0, LengthDistribution.constant(1000.0), LengthDistribution.constant(100.0))
FORECAST = DemandForecast(
    horizon_seconds=LEAD,
    quantile_percent=95,
    demand=replace(DEMAND, requests_per_second=30.0),
    requests_per_second=QuantileBand(10.0, 20.0, 30.0),
    tokens_per_second=QuantileBand(10e3, 20e3, 30e3),
    model="Hedge",
    error_vs_last_value=0.8,
    trusted=True,
)


def hour_from(hour: int, name: str = "hour", **effects: Any) -> ScheduleSpec:
    when = {"cron": f"0 {hour} * * *", "durationSeconds": 3600}
    return ScheduleSpec.model_validate({"name": name, **when, **effects})


def asked(now: float, *schedules: ScheduleSpec, role: Role = Role.PREFILL) -> Scheduled:
    return scheduled(schedules, role, now, LEAD)


def test_without_a_schedule_in_force_the_forecast_stays_as_it_is() -> None:
    later = hour_from(12, factorPercent=200, minRequestsPerSecond=99, minPrefillReplicas=3)
    assert asked(NINE, later) == Scheduled()
    assert asked(NINE, later).forecast(FORECAST, Role.PREFILL) == FORECAST
    assert asked(NINE) == Scheduled()


def test_workers_are_ordered_a_lead_time_before_a_schedule_and_kept_to_its_end() -> None:
    floor = hour_from(9, minRequestsPerSecond=50)
    assert asked(NINE - LEAD - 1, floor).min_requests_per_second == 0
    assert asked(NINE - LEAD, floor).min_requests_per_second == 50
    assert asked(NINE + 3599, floor).min_requests_per_second == 50
    assert asked(NINE + 3600, floor).min_requests_per_second == 0


def test_a_floor_raises_rate_and_tokens_together() -> None:
    raised = asked(NINE, hour_from(9, minRequestsPerSecond=25)).forecast(FORECAST, Role.PREFILL)
    assert raised.requests_per_second == QuantileBand(25.0, 25.0, 30.0)
    assert raised.tokens_per_second == QuantileBand(25e3, 25e3, 30e3)
    assert raised.demand.requests_per_second == 30.0
    higher = asked(NINE, hour_from(9, minRequestsPerSecond=40)).forecast(FORECAST, Role.DECODE)
    assert higher.demand.requests_per_second == 40.0
    assert higher.tokens_per_second.median == 20e3, "4,000 output tokens are below the forecast"


@pytest.mark.parametrize("percent", [150, 50])
def test_a_factor_stretches_the_whole_forecast(percent: int) -> None:
    stretched = asked(NINE, hour_from(9, factorPercent=percent)).forecast(FORECAST, Role.PREFILL)
    share = percent / 100
    assert stretched.requests_per_second.median == pytest.approx(20 * share)
    assert stretched.tokens_per_second.high == pytest.approx(30e3 * share)
    assert stretched.demand.requests_per_second == pytest.approx(30 * share)


def test_less_is_expected_only_while_all_of_the_lead_time_is_in_force() -> None:
    night = hour_from(9, factorPercent=50)
    assert asked(NINE - 60, night).factor == 1.0
    assert asked(NINE, night).factor == 0.5
    assert asked(NINE + 3600 - LEAD, night).factor == 1.0


def test_of_several_schedules_the_largest_figure_counts() -> None:
    together = asked(
        NINE,
        hour_from(9, "a", minRequestsPerSecond=25, factorPercent=120),
        hour_from(9, "b", minRequestsPerSecond=10, factorPercent=50, minPrefillReplicas=4),
        hour_from(9, "c", minPrefillReplicas=2, minDecodeReplicas=7),
        hour_from(15, "d", minPrefillReplicas=9),
    )
    assert together == Scheduled(("a", "b", "c"), 25.0, 1.2, 4)


def test_each_pool_has_a_minimum_of_its_own() -> None:
    both = hour_from(9, minPrefillReplicas=3, minDecodeReplicas=5)
    assert asked(NINE, both, role=Role.PREFILL).min_replicas == 3
    assert asked(NINE, both, role=Role.DECODE).min_replicas == 5


def test_without_a_forecast_the_floor_holds_for_the_load_of_now() -> None:
    floor = Scheduled(("a",), 50.0, 1.5, 0)
    assert floor.demand(DEMAND).requests_per_second == 50
    assert floor.demand(replace(DEMAND, requests_per_second=40.0)).requests_per_second == 60
    assert floor.demand(DEMAND).prompt_tokens == DEMAND.prompt_tokens
