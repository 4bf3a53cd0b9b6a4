"""What forecasters share that can say what they would have forecast at every bin remembered."""

from abc import abstractmethod

import numpy as np

from pd_forecasting.base import FloatArray, Forecast, Forecaster
from pd_forecasting.margins import FEWEST_ERRORS, margins, margins_of_few
from pd_forecasting.series_memory import centered_mean

ERRORS_TO_COMPARE = 20
"""Fewer errors than these do not tell which of two forecasters is better."""

_ROUNDING = 1e-9
"""Errors below this share of the load come from arithmetic, not from the forecast."""


class SelfScoring(Forecaster):
    """Margins and the comparison with the last value come from the record of past forecasts.

    All is on the square root of the load, which makes the noise of counts even.
    """

    @property
    @abstractmethod
    def _roots(self) -> FloatArray:
        """Square roots of the bins remembered, shape (n,), NaN where missing."""

    @abstractmethod
    def _followed(self, steps: int) -> FloatArray:
        """Forecast made at each of these bins for `steps` later, of at least 0, shape (n,)."""

    @property
    def known_points(self) -> int:
        """Bins with a value among those still remembered."""
        return int(np.count_nonzero(~np.isnan(self._roots)))

    def error_vs_last_value(self, horizon_steps: int) -> float:
        """Relative MAE over the bins remembered; NaN below `ERRORS_TO_COMPARE` errors."""
        loads = self._roots**2
        actual = loads[horizon_steps:]
        last = loads[: len(actual)]
        own = np.abs(actual - self._followed(horizon_steps)[: len(actual)] ** 2)
        other = np.abs(actual - last)
        usable = ~np.isnan(own + other)
        if np.count_nonzero(usable) < ERRORS_TO_COMPARE:
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
            values[row] = followed[-1] + self._margins(followed, steps, quantiles)
        ordered = np.maximum.accumulate(np.maximum(values, 0.0), axis=1)
        return Forecast(horizons, quantiles, ordered**2, points**2)

    def _margins(
        self, followed: FloatArray, steps: int, quantiles: tuple[float, ...]
    ) -> FloatArray:
        actual = centered_mean(self._roots, self.sustained_bins)[steps:]
        errors = actual - followed[: len(actual)]
        if np.count_nonzero(~np.isnan(errors)) < FEWEST_ERRORS:
            return margins_of_few(self._roots, steps, quantiles)
        return margins(errors, steps, quantiles, self.season_bins)
