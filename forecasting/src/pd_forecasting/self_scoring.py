"""Forecasters that know what they would have forecast at every bin remembered."""

import math
from abc import abstractmethod
from functools import partial
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray, Forecast, Forecaster
from pd_forecasting.margins import (
    MINIMUM_ERRORS,
    MINIMUM_REMEMBERED,
    SEASONS,
    PastErrors,
    margins,
    margins_of_changes,
    normal_margins,
)
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.series_memory import centered_mean

ERRORS_TO_COMPARE = 20
"""With fewer errors it is not said which of two forecasters is better."""

JUDGED_BINS = 1440
"""Bins that forecasters are compared over: a day of minutes."""

_ROUNDING = 1e-9
"""Errors below this share of the load come from arithmetic, not from the forecast."""


class SelfScoring(Forecaster):
    """Margins and the comparison with the last value come from its own errors so far.

    All is on the square root of the load, which makes the noise of counts even.
    """

    plain_margins: ClassVar[bool] = False
    """Whether errors at a like level count no more than others do: see `LastValue`."""

    def __init__(self, *, sustained_bins: int = 1, season_bins: int = 0) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._observed = ObservedSeries.nothing()

    @abstractmethod
    def _followed(self, steps: int) -> FloatArray:
        """Forecast made at each bin observed for `steps` later, of at least 0, shape (n,)."""

    @property
    def known_points(self) -> int:
        """Bins with a value among those still remembered."""
        return int(np.count_nonzero(~np.isnan(self._observed.measured)))

    def error_vs_last_value(self, horizon_steps: int) -> float:
        """Relative MAE over the bins remembered; NaN below `ERRORS_TO_COMPARE` errors."""
        kept = slice(
            len(self._observed) - min(JUDGED_BINS, self._comparable_bins(horizon_steps)), None
        )
        loads = self._observed.trusted[kept] ** 2
        actual = loads[horizon_steps:]
        last = loads[: len(actual)]
        followed = self._followed(horizon_steps)[kept]
        own = np.abs(actual - followed[: len(actual)] ** 2)
        other = np.abs(actual - last)
        usable = ~np.isnan(own + other)
        if np.count_nonzero(usable) < self._errors_to_compare:
            return float("nan")
        rounding = _ROUNDING * actual[usable].sum()
        if other[usable].sum() <= rounding:
            return 1.0 if own[usable].sum() <= rounding else float("inf")
        return float(own[usable].sum() / other[usable].sum())

    def _forecast(self, horizons: tuple[int, ...], quantiles: tuple[float, ...]) -> Forecast:
        points = np.empty(len(horizons))
        values = np.empty((len(horizons), len(quantiles)))
        for row, steps in enumerate(horizons):
            followed = self._followed(steps)
            points[row] = followed[-1]
            values[row] = followed[-1] + self._unsettled * self._margins(followed, steps, quantiles)
        ordered = np.maximum.accumulate(np.maximum(values, 0.0), axis=1)
        return Forecast(horizons, quantiles, ordered**2, points**2)

    @property
    def _unsettled(self) -> float:
        """How much wider margins are for a level that is the mean of few bins."""
        bins = self._observed.since[-1] + 1
        return math.sqrt(1 + 1 / bins) if bins > 0 else 1.0

    def _margins(
        self, followed: FloatArray, steps: int, quantiles: tuple[float, ...]
    ) -> FloatArray:
        past = self._past_errors(followed, steps)
        newest = partial(self._newest_margins, past, steps, quantiles)
        if np.count_nonzero(past.known) < MINIMUM_ERRORS:
            return newest()
        return margins(
            past,
            float(followed[-1]),
            steps,
            quantiles,
            self.season_bins,
            newest=newest,
            plain=self.plain_margins,
        )

    def _past_errors(self, followed: FloatArray, steps: int) -> PastErrors:
        """The errors that are known now, of the seasons that margins are made of."""
        seen = self._observed
        reach = steps + self.sustained_bins // 2
        actual = centered_mean(seen.measured, self.sustained_bins)[steps:]
        doubted = centered_mean(seen.doubted, self.sustained_bins)[steps:] > 0
        made_at = followed[: len(actual)]
        same_level = np.zeros(len(actual), dtype=bool)
        same_level[: max(len(seen) - reach, 0)] = seen.since[reach:] > reach
        forgotten = max(
            len(actual) - self._errors_remembered, len(seen) - self._comparable_bins(steps), 0
        )
        kept = slice(forgotten, None)
        return PastErrors(
            errors=(actual - made_at)[kept],
            levels=made_at[kept],
            ordinary=(same_level & ~doubted)[kept],
            settled=int(np.clip(seen.since[-1] - steps, 0, len(actual))),
        )

    def _comparable_bins(self, steps: int) -> int:
        """How many of the newest forecasts were made as the present one is; all, by default."""
        del steps
        return len(self._observed)

    @property
    def _errors_to_compare(self) -> int:
        """With fewer of these it is not said which of two forecasters is better."""
        return ERRORS_TO_COMPARE

    @property
    def _errors_remembered(self) -> int:
        if self.season_bins == 0:
            return JUDGED_BINS
        return max(SEASONS * self.season_bins, MINIMUM_REMEMBERED)

    def _newest_margins(
        self, past: PastErrors, steps: int, quantiles: tuple[float, ...]
    ) -> FloatArray:
        """Margins from the newest errors of the present level, or else from its bins' changes."""
        if len(past.newest) >= MINIMUM_ERRORS:
            return normal_margins(past.newest, quantiles)
        since = self._observed.since[-1]
        level = self._observed.newest(int(min(since + 1, len(self._observed)))).measured
        return margins_of_changes(level, steps, quantiles)
