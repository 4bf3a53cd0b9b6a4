"""What the forecasters share that smooth a series: they follow the best of several paths."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray, checked
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.self_scoring import SelfScoring
from pd_forecasting.series_memory import centered_mean
from pd_forecasting.trend_paths import TrendParameters, TrendPaths


class Smoother(SelfScoring):
    """Forecasts with damped trends that run side by side over the square root of the series.

    The square root makes the noise of counts even: its size no longer depends on the load. Each
    forecast follows the trend with the least absolute error, at the horizon asked, of all errors
    that were known by then.
    """

    memory_bins: ClassVar[int] = 1440
    """Bins that errors are taken from: a day of minutes."""

    def __init__(
        self,
        parameters: TrendParameters | None = None,
        *,
        sustained_bins: int = 1,
        season_bins: int = 0,
    ) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._paths = TrendPaths.empty(
            self._default_parameters() if parameters is None else parameters
        )

    @classmethod
    @abstractmethod
    def _default_parameters(cls) -> TrendParameters:
        """Parameters of a forecaster that was not fitted."""

    def _fitted_parameters(self, roots: FloatArray) -> TrendParameters:
        """Parameters learned from the square roots of a series; by default there are none."""
        del roots
        return self._paths.parameters

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Learn parameters from a whole series and start anew at its end."""
        del horizons_steps
        observed = ObservedSeries.nothing().extended(np.sqrt(checked(series)))
        self._paths = TrendPaths.empty(self._fitted_parameters(observed.trusted))
        self._observed = ObservedSeries.nothing()
        self._extend(observed)

    def _extend(self, observed: ObservedSeries) -> None:
        news = observed.newest(observed.seen - self._observed.seen)
        self._paths = self._paths.extended(news.trusted, news.began).latest(self.memory_bins)
        self._observed = observed.newest(self.memory_bins)

    def update(self, series: FloatArray) -> None:
        """Append the bins of `series`; those older than `memory_bins` are forgotten."""
        self._extend(self._observed.extended(np.sqrt(checked(series))))

    def _followed(self, steps: int) -> FloatArray:
        """Forecast made at each bin for `steps` bins later, shape (n,), on the square-root scale.

        At each bin the trend is followed whose summed absolute error was least so far. All trends
        lack the same errors, so sums compare as means do. Ties go to the first.
        """
        ahead = self._paths.ahead(steps)
        actual = centered_mean(self._paths.values, self.sustained_bins)[steps:]
        misses = np.abs(actual - ahead[:, : len(actual)])
        cost = np.zeros_like(ahead)
        cost[:, steps:] = np.cumsum(np.nan_to_num(misses), axis=1)
        followed: FloatArray = ahead[cost.argmin(axis=0), np.arange(ahead.shape[1])]
        return followed
