"""Dynamic harmonic regression: a smooth daily curve, and an ARIMA for what it leaves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray, checked
from pd_forecasting.kalman import LinearModel
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.sarimax import best_arima
from pd_forecasting.state_space import StateSpace

_HARMONICS = 3
_SEASONS_NEEDED = 1.5
_CHANGES_PER_SEASON = 48
"""The curve is fitted to half-hourly changes, where the season is a day."""


class HarmonicRegression(StateSpace):
    """Fourier terms of the season as regressors, with ARIMA errors (Young et al. 1999).

    The terms are fitted to how the load changes and not to its level: regressed on levels, a few
    days of history carry one day's height over to the next. Without a season, or before one and
    a half were seen, it is the ARIMA alone.
    """

    name: ClassVar[str] = "HarmonicRegression"
    minimum_points: ClassVar[int] = 30

    def __init__(self, *, sustained_bins: int = 1, season_bins: int = 0) -> None:
        super().__init__(sustained_bins=sustained_bins, season_bins=season_bins)
        self._coefficients = np.zeros(2 * _HARMONICS)

    def _fitted(self, scaled: FloatArray) -> LinearModel | None:
        return best_arima(scaled)

    def fit(self, series: FloatArray, horizons_steps: Sequence[int] = ()) -> None:
        """Learn curve and model from a whole series and start anew at its end."""
        del horizons_steps
        observed = ObservedSeries.nothing().extended(np.sqrt(checked(series)))
        self._coefficients = _fitted_curve(observed.trusted, self.season_bins)
        self._start_anew(observed)

    def _followed(self, steps: int) -> FloatArray:
        ahead = self._run.ahead(steps) + self._curve(_numbers(self._observed) + steps)
        followed: FloatArray = np.maximum(ahead, 0.0)
        return followed

    def _explained(self, observed: ObservedSeries) -> ObservedSeries:
        """What the curve leaves."""
        bins = _numbers(observed)
        return replace(
            observed,
            trusted=observed.trusted - self._curve(bins),
            began=observed.began - self._curve(bins - 1),
        )

    def _curve(self, bins: FloatArray) -> FloatArray:
        if not self._coefficients.any():
            return np.zeros(len(bins))
        curve: FloatArray = _fourier(bins, self.season_bins) @ self._coefficients
        return curve


def _numbers(observed: ObservedSeries) -> FloatArray:
    """Numbers of the bins, counted from the first one seen."""
    return np.arange(observed.seen - len(observed), observed.seen, dtype=np.float64)


def _fitted_curve(roots: FloatArray, season_bins: int) -> FloatArray:
    """Least-squares coefficients of the Fourier terms, zero where there is too little to learn."""
    none = np.zeros(2 * _HARMONICS)
    apart = season_bins // _CHANGES_PER_SEASON
    if apart == 0 or len(roots) < _SEASONS_NEEDED * season_bins:
        return none
    terms = _fourier(np.arange(len(roots), dtype=np.float64), season_bins)
    changes = roots[apart:] - roots[:-apart]
    known = ~np.isnan(changes)
    if np.count_nonzero(known) < season_bins or not changes[known].any():
        return none
    slopes = (terms[apart:] - terms[:-apart])[known]
    return np.asarray(np.linalg.lstsq(slopes, changes[known], rcond=None)[0], dtype=np.float64)


def _fourier(bins: FloatArray, season_bins: int) -> FloatArray:
    """Cosines and sines of the season's harmonics at each bin, shape (n, 2 harmonics)."""
    angles = 2 * np.pi * np.outer(bins / season_bins, np.arange(1, _HARMONICS + 1))
    return np.hstack([np.cos(angles), np.sin(angles)])
