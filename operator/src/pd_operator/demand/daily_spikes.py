"""Short spikes at the same time each day: what no quantile foresees, and a schedule does."""

from dataclasses import dataclass

import numpy as np

from pd_operator.demand.lengths import FloatArray

DAY_SECONDS = 86_400

_AROUND_SECONDS = 3600.0
"""The load around a time of day is the median of so long before and after it."""

_FACTOR = 1.5
"""A spike is at least half as high again as the load around it."""

_LONGEST_SECONDS = 1800.0
"""What lasts longer is a rhythm, which forecasts follow."""

_MINIMUM_DAYS = 3
"""Days without which nothing is called daily."""

_DAYS_SHARE = 0.75
"""Share of the days on which a daily spike is there: a few are holidays."""


@dataclass(frozen=True)
class DailySpike:
    """A spike that comes again.

    - `begin_seconds`: after midnight UTC. `duration_seconds`: a whole number of bins.
    - `load`: the highest bin's, median over the days, in the unit of the series.
    - `factor`: that over the load around it.
    - `days`: on how many days it was there, of `of_days` known.
    """

    begin_seconds: float
    duration_seconds: float
    load: float
    factor: float
    days: int
    of_days: int


def daily_spikes(loads: FloatArray, end_seconds: float, bin_seconds: float) -> list[DailySpike]:
    """Spikes of a series whose last bin ends at `end_seconds`, Unix time; NaN is missing.

    Empty where bins do not divide a day, or where there are too few days.
    """
    per_day = round(DAY_SECONDS / bin_seconds)
    if abs(per_day * bin_seconds - DAY_SECONDS) > 1e-6 or per_day < 2:
        return []
    days = _by_day(loads, end_seconds, bin_seconds, per_day)
    if len(days) < _MINIMUM_DAYS:
        return []
    around = _by_day(_surroundings(loads, bin_seconds), end_seconds, bin_seconds, per_day)
    known = ~np.isnan(days + around) & (around > 0)
    high = known & (days > _FACTOR * around)
    count, of_days = high.sum(axis=0), known.sum(axis=0)
    daily = (of_days >= _MINIMUM_DAYS) & (count >= _DAYS_SHARE * of_days)
    found = []
    for first, last in _runs(daily):
        if (last - first + 1) * bin_seconds > _LONGEST_SECONDS:
            continue
        height = np.nanmedian(np.where(known, days, np.nan)[:, first : last + 1], axis=0)
        top = first + int(np.argmax(height))
        level = float(np.nanmedian(np.where(known, around, np.nan)[:, top]))
        found.append(
            DailySpike(
                begin_seconds=first * bin_seconds,
                duration_seconds=(last - first + 1) * bin_seconds,
                load=float(height.max()),
                factor=float(height.max()) / level,
                days=int(count[top]),
                of_days=int(of_days[top]),
            )
        )
    return found


def _by_day(loads: FloatArray, end_seconds: float, bin_seconds: float, per_day: int) -> FloatArray:
    """Loads by day and bin of the day, NaN where unknown, shape (days, per_day)."""
    begin = end_seconds - len(loads) * bin_seconds
    before = round(begin % DAY_SECONDS / bin_seconds) % per_day
    after = -(before + len(loads)) % per_day
    padded = np.concatenate([np.full(before, np.nan), loads, np.full(after, np.nan)])
    days: FloatArray = padded.reshape(-1, per_day)
    return days


def _surroundings(loads: FloatArray, bin_seconds: float) -> FloatArray:
    """Median of the known loads around each bin; NaN where there is none, shape (n,)."""
    side = max(round(_AROUND_SECONDS / bin_seconds), 1)
    padded = np.concatenate([np.full(side, np.nan), loads, np.full(side, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * side + 1)
    blank = np.isnan(windows).all(axis=1)
    median = np.full(len(loads), np.nan)
    median[~blank] = np.nanmedian(windows[~blank], axis=1)
    return median


def _runs(flags: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """First and last places of each run of true ones."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(first), int(end) - 1) for first, end in zip(firsts, ends, strict=True)]
