"""Schedules hold for any cron, duration and moment."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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

MINUTE, HOUR, DAY = 60, 3600, 86_400
BEGIN = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
LENGTHS = LengthDistribution.constant(100.0)

minutes = st.sampled_from(["*", "0", "30", "*/15", "5,50"])
hours = st.sampled_from(["*", "0", "9", "8-10", "*/6", "23"])
days = st.sampled_from(["*", "1", "15", "1-7"])
weekdays = st.sampled_from(["*", "MON-FRI", "SUN", "1,4"])
schedules = st.builds(
    lambda minute, hour, day, weekday, duration: ScheduleSpec(
        name="any",
        cron=f"{minute} {hour} {day} * {weekday}",
        duration_seconds=duration,
        min_requests_per_second=5,
    ),
    minutes,
    hours,
    days,
    weekdays,
    st.integers(1, 2 * 1440).map(lambda n: n * MINUTE),
)
moments = st.floats(BEGIN, BEGIN + 30 * DAY)


def forecast(low: float, median: float, high: float) -> DemandForecast:
    band = QuantileBand(low, median, high)
    tokens = QuantileBand(100 * low, 100 * median, 100 * high)
    demand = Demand(high, LENGTHS, LENGTHS)
    return DemandForecast(300.0, 95, demand, band, tokens, "Hedge", 0.9, True)


@settings(deadline=None)
@given(schedules, moments, st.integers(0, 3 * HOUR))
def test_a_stretch_meets_a_schedule_exactly_if_a_moment_of_it_does(
    schedule: ScheduleSpec, first: float, length: int
) -> None:
    """Whether a schedule is in force changes on whole minutes only."""
    last = first + length
    edges = np.arange(np.ceil(first / MINUTE) * MINUTE, last + 1e-6, MINUTE)
    within = [first, last, *edges[edges <= last].tolist()]
    assert schedule.meets(first, last) == any(schedule.meets(m, m) for m in within)


@settings(deadline=None)
@given(schedules, moments, st.floats(0, DAY))
def test_a_longer_look_meets_no_less(schedule: ScheduleSpec, now: float, lead: float) -> None:
    near = scheduled([schedule], Role.PREFILL, now, lead / 2)
    far = scheduled([schedule], Role.PREFILL, now, lead)
    assert near.min_requests_per_second <= far.min_requests_per_second


@settings(deadline=None)
@given(
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6)).map(sorted),
    st.floats(0, 1e6),
    st.floats(0.1, 10),
)
def test_a_floor_and_a_factor_keep_the_quantiles_in_order_and_never_below_the_floor(
    rates: list[float], floor: float, factor: float
) -> None:
    asked = Scheduled(("any",), floor, factor, 0)
    own = forecast(*rates)
    made = asked.forecast(own, Role.DECODE)
    band, tokens = made.requests_per_second, made.tokens_per_second
    assert floor <= band.low <= band.median <= band.high
    assert tokens.low <= tokens.median <= tokens.high
    assert made.demand.requests_per_second >= floor
    assert replace(asked, factor=1.0, min_requests_per_second=0.0).forecast(own, Role.DECODE) == own
