"""The expert for a rhythm that was found: a level that walks at random, and waves around it.

Harvey's structural model with a trigonometric season, whose period need not be a whole number of
bins. statsmodels fits how fast level and waves change; our own filter runs it on.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.kalman import Filtered
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.season_search import LONGEST_WINDOW_BINS, Season
from pd_forecasting.series_memory import Origins
from pd_forecasting.statsmodels_fit import level_with_season

_CYCLES_FITTED = 6
"""Newest cycles that the fit is of: as many as the rhythm was looked for in."""


@dataclass(frozen=True, eq=False)
class SeasonalLevel:
    """A fitted model and its run over the newest bins; none where no rhythm was found.

    - `season`: what it was fitted for.
    - `first_origin`: number of the bin after which a whole cycle was seen: it then begins to speak.
    - `end`: number of bins seen.
    """

    season: Season | None = None
    run: Filtered | None = None
    first_origin: int = 0
    end: int = 0

    @classmethod
    def fitted(cls, observed: ObservedSeries, season: Season | None) -> Self:
        """The model of the newest bins, run over those that the rhythm was seen in."""
        if season is None:
            return cls()
        oldest = observed.seen - len(observed)
        begin = max(season.first_bin, observed.seen - LONGEST_WINDOW_BINS, oldest)
        roots = observed.trusted[begin - oldest :]
        model = level_with_season(
            roots[-math.ceil(_CYCLES_FITTED * season.period_bins) :], season.period_bins
        )
        if model is None:
            return cls(season)
        run = Filtered.nothing(model).extended(roots)
        first = begin + math.ceil(season.period_bins)
        return cls(season, run, first, observed.seen)

    def extended(self, news: ObservedSeries) -> Self:
        """Run on over more bins, without fitting."""
        if self.run is None:
            return self
        run = self.run.extended(news.trusted).latest(LONGEST_WINDOW_BINS)
        return replace(self, run=run, end=self.end + len(news))

    def ahead(self, numbers: Origins, steps: Origins) -> FloatArray:
        """Forecasts at h horizons from m bins, by their numbers; NaN where there is none, (h, m).

        Numbers are counted from the first bin seen.
        """
        forecasts = np.full((len(steps), len(numbers)), np.nan)
        if self.run is None:
            return forecasts
        begin = self.end - len(self.run.states)
        inside = (numbers >= max(begin, self.first_origin)) & (numbers < self.end)
        states = self.run.states[numbers[inside] - begin]
        forecasts[:, inside] = np.maximum(self.run.model.ahead_of(states, steps), 0.0)
        return forecasts
