"""Whether quantiles mean what they say: forecasts held against what then came."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from pd_operator.demand.forecast import QuantileBand
from pd_operator.demand.lengths import FloatArray

FORECASTS_REMEMBERED = 1440
"""A day of forecasts made every minute."""

ROUNDING = 1e-9
"""Share of a load that is no difference: quantiles went through a square root and back."""

MINIMUM_FORECASTS = 20
"""Fewer say nothing about a share."""


@dataclass(frozen=True)
class Coverage:
    """Shares of the loads that came which were at or below each quantile of their forecast.

    `high` belongs to the percentile asked for. Calibrated forecasts have 0.05, 0.5 and, for P95,
    0.95. `forecasts`: how many came due. Shares are NaN below `MINIMUM_FORECASTS`.
    """

    low: float = math.nan
    median: float = math.nan
    high: float = math.nan
    forecasts: int = 0


def sustained_loads(loads: FloatArray, bins: int) -> FloatArray:
    """Mean load over the `bins` (an odd number) around each bin, NaN where one is not known.

    The newest half of `bins` is left out: what comes after them is still to come.
    """
    side = bins // 2
    if side == 0 or len(loads) < bins:
        return loads[: len(loads) - side]
    means = np.convolve(loads, np.full(bins, 1 / bins), mode="valid")
    return np.concatenate([np.full(side, np.nan), means])


class CoverageTracker:
    """Remembers forecasts until they come due, and how the last `FORECASTS_REMEMBERED` fared."""

    def __init__(self) -> None:
        self._expected: dict[int, QuantileBand] = {}
        self._held: deque[tuple[bool, bool, bool]] = deque(maxlen=FORECASTS_REMEMBERED)

    def expect(self, bin_number: int, band: QuantileBand) -> None:
        """Note what is forecast for a bin, numbered from any fixed moment."""
        self._expected[bin_number] = band

    def settle(self, first_bin_number: int, loads: FloatArray) -> None:
        """Hold forecasts against the loads of the bins from `first_bin_number` on.

        Forecasts of later bins wait; those of bins that were not measured are forgotten.
        """
        due = [number for number in self._expected if number < first_bin_number + len(loads)]
        for number in sorted(due):
            band = self._expected.pop(number)
            load = loads[number - first_bin_number] if number >= first_bin_number else math.nan
            if not math.isnan(load):
                least = load * (1 - ROUNDING)
                self._held.append((least <= band.low, least <= band.median, least <= band.high))

    @property
    def coverage(self) -> Coverage:
        """The shares so far."""
        count = len(self._held)
        if count < MINIMUM_FORECASTS:
            return Coverage(forecasts=count)
        low, median, high = np.mean(np.array(self._held, dtype=np.float64), axis=0).tolist()
        return Coverage(low, median, high, count)
