"""The experts: what each forecasts from an origin, at all horizons that are followed.

All horizons are reckoned at once: on a tick there is one bin, so what it costs is the number of
calls and not the size of their arrays.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.regression import DAYS, DESIGNS, features
from pd_forecasting.seasonal_level import SeasonalLevel
from pd_forecasting.series_memory import Origins, SeriesMemory, mean_around
from pd_forecasting.yesterday import YesterdayArima

LAST_VALUE = "last value"
ARIMA = "ARIMA with yesterday"
FOUND_SEASON = "season found"
_AVERAGED = (1, 2, 5, 10)
"""Half-lives in bins: what averages of minutes were best on public traces (`bench-forecast`)."""

EXPERTS = (
    LAST_VALUE,
    *(f"average of {bins}" for bins in _AVERAGED),
    "earlier days",
    ARIMA,
    FOUND_SEASON,
    *(design.name for design in DESIGNS),
)
"""Names of the experts, in the order of the rows of every matrix of theirs."""

PROVEN = np.array([[name == FOUND_SEASON] for name in EXPERTS])
"""What found the season has tried it already, shape (k, 1)."""

_SEASONAL_SHARE = 0.5
"""Share of the earlier days' change that is forecast: changes of 30 minutes correlate by 0.1 to 0.7
from day to day on public traces. `python -m scripts.forecast_bench.sweep` shows the plateau."""


@dataclass(frozen=True, eq=False)
class FittedExperts:
    """The experts that a fit made: they know nothing of horizons."""

    arima: YesterdayArima = field(default_factory=YesterdayArima)
    season: SeasonalLevel = field(default_factory=SeasonalLevel)

    def ahead(self, memory: SeriesMemory, origins: Origins, steps: Origins) -> FloatArray:
        """Forecasts from m `origins`, places in `memory`, at h horizons; NaN where there is none.

        Shape (h, 2, m).
        """
        numbers = origins + memory.seen - len(memory)
        return np.stack(
            [self.arima.ahead(memory, origins, steps), self.season.ahead(numbers, steps)], axis=1
        )


@dataclass(frozen=True, eq=False)
class KnownAtOrigins:
    """What is known at m origins from bin `first` on, for h horizons, computed at once.

    - `rows`: features, shape (h, m, f). `levels`: of each design, (d, m).
    - `simple`: forecasts of the experts that learn nothing here, shape (h, g, m).
    """

    memory: SeriesMemory
    sustained_bins: int
    first: int
    rows: FloatArray
    levels: FloatArray
    simple: FloatArray

    @classmethod
    def since(
        cls,
        first: int,
        memory: SeriesMemory,
        steps: Origins,
        sustained_bins: int,
        fitted: FittedExperts,
    ) -> Self:
        """At every bin of `memory` from place `first` on, for horizons of so many `steps`, (h,)."""
        origins = np.arange(first, len(memory))
        changes = memory.changes_on_earlier_days(origins, steps, range(1, DAYS + 1))
        averages = memory.levels_at((0, *_AVERAGED), origins)
        simple = (
            np.broadcast_to(averages, (len(steps), *averages.shape)),
            _earlier_days(memory.level(2)[origins], changes)[:, None],
            fitted.ahead(memory, origins, steps),
        )
        return cls(
            memory=memory,
            sustained_bins=sustained_bins,
            first=first,
            rows=features(memory, origins, steps, changes),
            levels=memory.levels_at([design.half_life for design in DESIGNS], origins),
            simple=np.concatenate(simple, axis=1),
        )

    def targets_at(self, bins: Origins) -> FloatArray:
        """The loads that are forecast for these bins; NaN where they are still to come."""
        return mean_around(self.memory.values, bins, self.sustained_bins)

    def rows_of(self, origins: Origins) -> FloatArray:
        """Features at these origins, shape (h, m, f)."""
        return self.rows[:, origins - self.first]

    def levels_of(self, origins: Origins) -> FloatArray:
        """Of each design at these origins, shape (d, m)."""
        return self.levels[:, origins - self.first]

    def simple_of(self, origins: Origins) -> FloatArray:
        """Forecasts of those that learn nothing here, from these origins, shape (h, g, m)."""
        return self.simple[:, :, origins - self.first]


def _earlier_days(level: FloatArray, changes: FloatArray) -> FloatArray:
    """The level, changed by a share of what earlier days changed at this time; NaN without any.

    `changes` are theirs, shape (h, days, m), NaN where unknown; the answer is of shape (h, m).
    """
    known = ~np.isnan(changes)
    days = known.sum(axis=1)
    total = np.where(known, changes, 0.0).sum(axis=1)
    mean = np.where(days > 0, total / np.maximum(days, 1), np.nan)
    return np.maximum(level + _SEASONAL_SHARE * mean, 0.0)
