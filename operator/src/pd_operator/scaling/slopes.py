"""A load that rises or falls: told by the prompts that reach the engines, before any history can.

A service that is new, or whose load goes where it never was, has no history that a forecast could
have learned from. A line through what arrived at each of the last ticks is looked at instead, where
it is plain that there is one: a rise is drawn on, and over a fall no margin is kept.
"""

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pd_operator.demand import Demand
from pd_operator.scaling.engine_trends import ARRIVALS_SECONDS, EngineTrend

RISE_SECONDS = 120.0
"""Arrivals of so long ago are looked at: eight ticks of 15 s, the API's default.

Over 90 s a rise is told a little sooner, and mistaken for one more often; `make bench-policies`.
"""

MINIMUM_TICKS = 5
"""A line through fewer points may be anything."""

STEEPEST_RISE = 2.0
"""A rise is not drawn on beyond this multiple of the present one: no rise lasts for ever."""

_STUDENT = {3: 10.21, 4: 7.17, 5: 5.89, 6: 5.21, 7: 4.79}
"""Student's t at 99.9 % by degrees of freedom, two less than the ticks, of which `RISE_SECONDS` has
room for nine: a steady load looks like a rise once in a thousand ticks."""


@dataclass(frozen=True)
class Offered:
    """Prompt tokens a second that reached the prefill engines, as seen at `time_seconds`."""

    time_seconds: float
    tokens_per_second: float


def offered_lately(
    before: tuple[Offered, ...], trends: Iterable[EngineTrend], now_seconds: float
) -> tuple[Offered, ...]:
    """What arrived at the last ticks, with this one's. Oldest first.

    Arrivals are counted over `ARRIVALS_SECONDS`, so that of quicker ticks most are left out: what
    two of them have in common would look like a line.
    """
    oldest = now_seconds - RISE_SECONDS
    kept = tuple(one for one in before if oldest <= one.time_seconds < now_seconds)
    if kept and now_seconds - kept[-1].time_seconds < ARRIVALS_SECONDS:
        return kept
    newest = Offered(now_seconds, sum(trend.offered_tokens_per_second for trend in trends))
    return (*kept, newest) if newest.tokens_per_second > 0 else kept


def risen(lately: tuple[Offered, ...], present: Demand, ahead_seconds: float) -> float:
    """The load `ahead_seconds` after the newest tick over the present one, at least 1.

    Where arrivals do not plainly rise, 1.
    """
    line = _plain_line(lately)
    if line is None or line.slope <= 0 or present.prompt_tokens_per_second <= 0:
        return 1.0
    expected = line.intercept + line.slope * ahead_seconds
    return min(STEEPEST_RISE, max(1.0, expected / present.prompt_tokens_per_second))


def falls(lately: tuple[Offered, ...]) -> bool:
    """Whether arrivals plainly fall."""
    line = _plain_line(lately)
    return line is not None and line.slope < 0


def _plain_line(lately: tuple[Offered, ...]) -> statistics.LinearRegression | None:
    """The line through the arrivals (least squares, from the newest tick on); None without one.

    There is one where its slope is beyond chance, and half of the ticks moved along it by half of
    it at least: a load that jumped once has a slope too, and does not go on.
    """
    if len(lately) < MINIMUM_TICKS:
        return None
    times = [one.time_seconds - lately[-1].time_seconds for one in lately]
    loads = [one.tokens_per_second for one in lately]
    line = statistics.linear_regression(times, loads)
    steps = [
        (later.tokens_per_second - earlier.tokens_per_second)
        / (later.time_seconds - earlier.time_seconds)
        for earlier, later in pairwise(lately)
    ]
    direction = math.copysign(1.0, line.slope)
    steady = direction * statistics.median(steps) >= abs(line.slope) / 2
    beyond_chance = line.slope != 0 and abs(line.slope) >= _chance_slope(times, loads, line)
    return line if steady and beyond_chance else None


def _chance_slope(
    times: list[float], loads: list[float], line: statistics.LinearRegression
) -> float:
    """The slope that a level load with such deviations from its line has by chance at most."""
    free = len(times) - 2
    off = sum(
        (load - line.intercept - line.slope * time) ** 2
        for time, load in zip(times, loads, strict=True)
    )
    middle = statistics.fmean(times)
    spread = sum((time - middle) ** 2 for time in times)
    return _STUDENT[free] * math.sqrt(off / free / spread)
