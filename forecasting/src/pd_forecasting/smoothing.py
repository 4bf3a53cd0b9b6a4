"""What the forecasters share that smooth a series: square-root scale, choice of path, margins."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self, cast

import numpy as np

from pd_forecasting.base import FloatArray, Forecast, Forecaster, State, checked
from pd_forecasting.errors import ForecastError
from pd_forecasting.margins import FEWEST_ERRORS, margins, margins_of_few
from pd_forecasting.past import centred_mean
from pd_forecasting.trend_paths import TrendParameters, TrendPaths

ERRORS_TO_COMPARE = 20
"""Fewer errors than these do not tell which of two forecasters is better."""


class Smoother(Forecaster):
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
        """Parameters learnt from the square roots of a series; by default there are none."""
        del roots
        return self._paths.parameters

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Learn parameters from a whole series and start anew at its end."""
        del horizons_steps
        roots = np.sqrt(checked(series))
        self._paths = TrendPaths.empty(self._fitted_parameters(roots))
        self.update(series)

    def update(self, series: FloatArray) -> None:
        """Append the bins of `series`; those older than `memory_bins` are forgotten."""
        roots = np.sqrt(checked(series))
        self._paths = self._paths.extended(roots).latest(self.memory_bins)

    @property
    def known_points(self) -> int:
        """Bins with a value among those still remembered."""
        return int(np.count_nonzero(~np.isnan(self._paths.values)))

    def error_vs_last_value(self, horizon_steps: int) -> float:
        """MASE at the horizon over the bins remembered; NaN below `ERRORS_TO_COMPARE` errors."""
        loads = self._paths.values**2
        actual = loads[horizon_steps:]
        last = loads[: len(actual)]
        followed = self._followed(horizon_steps)[: len(actual)] ** 2
        usable = ~np.isnan(actual + last + followed)
        if np.count_nonzero(usable) < ERRORS_TO_COMPARE:
            return float("nan")
        own = float(np.abs(actual - followed)[usable].mean())
        other = float(np.abs(actual - last)[usable].mean())
        if other == 0.0:
            return 1.0 if own == 0.0 else float("inf")
        return own / other

    def state(self) -> State:
        """Parameters and the bins remembered, as plain data."""
        return {
            "model": self.name,
            "sustained_bins": self.sustained_bins,
            "season_bins": self.season_bins,
            "paths": self._paths.to_plain(),
        }

    @classmethod
    def restore(cls, state: State) -> Self:
        """Continue from `state`; `ForecastError` for another model's."""
        if state.get("model") != cls.name:
            raise ForecastError(f"state of {state.get('model')!r} is not one of {cls.name!r}")
        paths = TrendPaths.from_plain(cast("State", state["paths"]))
        restored = cls(
            paths.parameters,
            sustained_bins=cast("int", state["sustained_bins"]),
            season_bins=cast("int", state["season_bins"]),
        )
        restored._paths = paths
        return restored

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
        actual = centred_mean(self._paths.values, self.sustained_bins)[steps:]
        errors = actual - followed[: len(actual)]
        if np.count_nonzero(~np.isnan(errors)) < FEWEST_ERRORS:
            return margins_of_few(self._paths.values, steps, quantiles)
        return margins(errors, steps, quantiles)

    def _followed(self, steps: int) -> FloatArray:
        """Forecast made at each bin for `steps` bins later, shape (n,), on the square-root scale.

        At each bin the trend is followed whose summed absolute error was least so far. All trends
        lack the same errors, so sums compare as means do. Ties go to the first.
        """
        ahead = self._paths.ahead(steps)
        actual = centred_mean(self._paths.values, self.sustained_bins)[steps:]
        misses = np.abs(actual - ahead[:, : len(actual)])
        cost = np.zeros_like(ahead)
        cost[:, steps:] = np.cumsum(np.nan_to_num(misses), axis=1)
        followed: FloatArray = ahead[cost.argmin(axis=0), np.arange(ahead.shape[1])]
        return followed
