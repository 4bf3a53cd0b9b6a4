"""An ARIMA with yesterday's load as regressor: statsmodels' expert of the default ensemble.

A regression with ARIMA errors: the load moves as yesterday's did, by a share that is fitted, and an
ARIMA follows the rest. Both are differenced, so yesterday's height does not matter. Yesterday is
averaged over an hour: what it did by the minute was its noise.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.kalman import Filtered
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.series_memory import Origins, SeriesMemory, mean_around
from pd_forecasting.statsmodels_fit import arima_with_regressor

_FIT_BINS = 1440
"""Newest bins that are fitted: a day of minutes."""

_MINIMUM_BINS = 240
"""Bins with a yesterday below which nothing is fitted: sixty for each of the four parameters."""

_HOURS_PER_SEASON = 24

_SEASONS_OF_RECORD = 1
"""Seasons before the end of a history that are forecast too, each by a fit on bins before it: when
the expert joins, its errors are those of a forecaster and not of a fit."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """A fitted model and its run, for origins from bin number `begin` up to, not with, `end`.

    Numbers are counted from the first bin seen. `share`: of yesterday's change that is believed.
    """

    begin: int
    end: int
    share: float
    run: Filtered

    def extended(self, memory: SeriesMemory, news: ObservedSeries) -> Self:
        """Run on over `news`, the newest bins of `memory`."""
        bins = np.arange(len(memory) - len(news), len(memory))
        earlier, before = yesterday(memory, np.array([bins, bins - 1]))
        run = self.run.extended(
            news.trusted - self.share * earlier, news.began - self.share * before
        )
        return replace(self, run=run.latest(_FIT_BINS), end=self.end + len(news))


@dataclass(frozen=True, eq=False)
class YesterdayArima:
    """Fits for consecutive stretches, oldest first; none where there is too little to fit."""

    fits: tuple[_Fit, ...] = ()

    @classmethod
    def fitted(cls, memory: SeriesMemory, observed: ObservedSeries) -> Self:
        """Fits for the newest seasons and for what is to come, each on the bins before.

        `memory` holds the whole of `observed`. A second of work, and the import of statsmodels.
        """
        season = memory.season_bins
        if season == 0:
            return cls()
        begins = [len(memory) - before * season for before in range(_SEASONS_OF_RECORD, -1, -1)]
        ends = [*begins[1:], len(memory)]
        found = (_fitted(memory, observed, *of) for of in zip(begins, ends, strict=True))
        return cls(tuple(fit for fit in found if fit is not None))

    def extended(self, memory: SeriesMemory, news: ObservedSeries) -> Self:
        """The same, without fitting, after `news`, the newest bins of `memory`."""
        if not self.fits:
            return self
        return replace(self, fits=(*self.fits[:-1], self.fits[-1].extended(memory, news)))

    def ahead(self, memory: SeriesMemory, origins: Origins, steps: Origins) -> FloatArray:
        """Forecasts from m `origins`, places in `memory`, at h horizons; NaN where there is none.

        Shape (h, m).
        """
        forecasts = np.full((len(steps), len(origins)), np.nan)
        numbers = origins + memory.seen - len(memory)
        for fit in self.fits:
            begin = max(fit.begin, fit.end - len(fit.run.states))
            inside = (numbers >= begin) & (numbers < fit.end)
            if not inside.any():
                continue
            states = fit.run.states[numbers[inside] - fit.end + len(fit.run.states)]
            moved = fit.share * yesterday(memory, origins[inside] + steps[:, None])
            forecasts[:, inside] = np.maximum(fit.run.model.ahead_of(states, steps) + moved, 0.0)
        forecasts[steps + _hour(memory) // 2 > memory.season_bins] = np.nan  # yesterday is to come
        return forecasts


def yesterday(memory: SeriesMemory, bins: Origins) -> FloatArray:
    """Mean of the hour around each of `bins` a season earlier; NaN where it is not remembered."""
    return mean_around(memory.values, bins - memory.season_bins, _hour(memory))


def _hour(memory: SeriesMemory) -> int:
    """Odd number of bins that an hour has, at least one."""
    return memory.season_bins // _HOURS_PER_SEASON // 2 * 2 + 1


def _fitted(memory: SeriesMemory, observed: ObservedSeries, begin: int, end: int) -> _Fit | None:
    """A fit on the bins before `begin`, run on to `end`; None where there is too little to fit."""
    bins = np.arange(max(begin - _FIT_BINS, memory.season_bins, 0), max(end, 0))
    before = bins < begin
    earlier = yesterday(memory, bins)
    known = ~np.isnan(observed.trusted[bins] + earlier)
    if np.count_nonzero(known & before) < _MINIMUM_BINS:
        return None
    fitted = arima_with_regressor(
        np.where(known, observed.trusted[bins], np.nan)[before],
        np.where(known, earlier, 0.0)[before],
    )
    if fitted is None:
        return None
    share, model = fitted
    run = Filtered.nothing(model).extended(
        observed.trusted[bins] - share * earlier,
        observed.began[bins] - share * yesterday(memory, bins - 1),
    )
    first = observed.seen - len(observed)
    return _Fit(begin=first + max(begin, bins[0]), end=first + end, share=share, run=run)
