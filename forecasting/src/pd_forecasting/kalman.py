"""A Kalman filter over matrices that statsmodels fitted, light enough to run on every tick."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray

_VAGUE = 1e6
"""Variance of a level of which nothing is known, in variances of the noise."""


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A time-invariant linear model of m states, in statsmodels' notation (Durbin, Koopman 2012).

    y[t] = Z a[t] + e[t], var e = H; a[t+1] = T a[t] + n[t], var n = Q (their R Q R'). The first
    state is the level: it counts in y as it is, and stays where it is without noise. Only ratios
    of variances matter for forecasts, so the unit of the series does not.

    - `transition` T (m, m), `observation` Z (m,), `state_noise` Q (m, m), `noise` H.
    - `spread`: variance of the states before anything was seen, (m, m).
    """

    transition: FloatArray
    observation: FloatArray
    state_noise: FloatArray
    noise: float
    spread: FloatArray

    @classmethod
    def local_level(cls, signal_to_noise: float) -> Self:
        """A level that walks at random under noise; its forecasts are an exponential average's."""
        one = np.ones((1, 1))
        return cls(one, np.ones(1), signal_to_noise * one, 1.0, _VAGUE * one)

    def ahead(self, steps: int) -> FloatArray:
        """What each state adds to the forecast `steps` ahead: Z T^steps, shape (m,)."""
        weights: FloatArray = self.observation @ np.linalg.matrix_power(self.transition, steps)
        return weights

    def ahead_of(self, states: FloatArray, steps: npt.NDArray[np.int64]) -> FloatArray:
        """Forecasts from n `states`, shape (n, m), at each of h numbers of `steps`, (h, n)."""
        forecasts: FloatArray = _weights_ahead(self, tuple(steps.tolist())) @ states.T
        return forecasts


@lru_cache(maxsize=64)
def _weights_ahead(model: LinearModel, steps: tuple[int, ...]) -> FloatArray:
    return np.array([model.ahead(one) for one in steps])


@dataclass(frozen=True, eq=False)
class Filtered:
    """What a linear model made of a series.

    - `values`: the series, NaN where missing, shape (n,).
    - `states`: best guess after each bin, shape (n, m); NaN before the first known bin.
    - `spread`: variance of the last of them, (m, m).
    """

    model: LinearModel
    values: FloatArray
    states: FloatArray
    spread: FloatArray

    @classmethod
    def nothing(cls, model: LinearModel) -> Self:
        """No bin yet."""
        return cls(model, np.empty(0), np.empty((0, len(model.observation))), model.spread)

    def extended(self, values: FloatArray, began: FloatArray | None = None) -> Self:
        """Filter more bins. A missing one moves the states and widens their spread.

        `began` is NaN but at bins that confirm a new level: there it holds the bin that began it,
        from which the states are started anew.
        """
        model = self.model
        states = np.empty((len(values), len(model.observation)))
        state = self.states[-1] if len(self.states) else np.full(len(model.observation), np.nan)
        spread = self.spread
        for row, value in enumerate(values.tolist()):
            if began is not None and not np.isnan(began[row]):
                state, spread = _started(model, float(began[row]))
            if np.isnan(state[0]):
                if not np.isnan(value):
                    state, spread = _started(model, value)
            else:
                state = model.transition @ state
                spread = model.transition @ spread @ model.transition.T + model.state_noise
                if not np.isnan(value):
                    state, spread = _seen(model, state, spread, value)
            states[row] = state
        return replace(
            self,
            values=np.concatenate([self.values, values]),
            states=np.vstack([self.states, states]),
            spread=spread,
        )

    def latest(self, bins: int) -> Self:
        """Only the newest `bins`."""
        return replace(self, values=self.values[-bins:], states=self.states[-bins:])

    def ahead(self, steps: int) -> FloatArray:
        """Forecast made at each bin for `steps` later, shape (n,)."""
        forecasts: FloatArray = self.states @ self.model.ahead(steps)
        return forecasts


def _started(model: LinearModel, value: float) -> tuple[FloatArray, FloatArray]:
    """States after the first value: the level is there, all else at rest."""
    state = np.zeros(len(model.observation))
    state[0] = value
    return _seen(model, state, model.spread, value)


def _seen(
    model: LinearModel, state: FloatArray, spread: FloatArray, value: float
) -> tuple[FloatArray, FloatArray]:
    """States corrected by a value."""
    to_value = spread @ model.observation
    variance = float(model.observation @ to_value) + model.noise
    if variance <= 0.0:
        return state, spread
    gain = to_value / variance
    error = value - float(model.observation @ state)
    return state + gain * error, spread - np.outer(gain, to_value)
