"""A level that walks at random, and a cycle that comes and goes, by statsmodels."""

from functools import partial
from typing import ClassVar

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.kalman import LinearModel
from pd_forecasting.state_space import StateSpace
from pd_forecasting.statsmodels_fit import best_of

_SHORTEST_CYCLE, _LONGEST_CYCLE = 8.0, 120.0
"""Bins of the cycles looked for: shorter ones are noise, longer ones a walking level follows."""

_ROUND_ABOUT = 1.5
"""The period is fitted within this factor of the likeliest: likelihood has many local maxima."""


class UnobservedComponents(StateSpace):
    """Harvey's structural model: local level, with a damped stochastic cycle where one is found."""

    name: ClassVar[str] = "UnobservedComponents"
    minimum_points: ClassVar[int] = 30

    def _fitted(self, scaled: FloatArray) -> LinearModel | None:
        # Here and not above: see `sarimax.best_arima`.
        from statsmodels.tsa.statespace.structural import (  # noqa: PLC0415 - 100 MB that only fits need
            UnobservedComponents as Structural,
        )

        period = _likeliest_period(scaled)
        level = partial(Structural, scaled, level="llevel")
        cycle = partial(
            level,
            cycle=True,
            stochastic_cycle=True,
            damped_cycle=True,
            cycle_period_bounds=(period / _ROUND_ABOUT, period * _ROUND_ABOUT),
        )
        return best_of([level, cycle])


def _likeliest_period(scaled: FloatArray) -> float:
    """Period of the strongest cycle, in bins.

    Power is weighed by frequency squared, as differencing would: the walk of the level, strongest
    at low frequencies, would else be taken for a long cycle.
    """
    known = ~np.isnan(scaled)
    bins = np.arange(len(scaled))
    filled = np.interp(bins, bins[known], scaled[known])
    frequencies = np.fft.rfftfreq(len(filled))
    power = np.abs(np.fft.rfft(filled - filled.mean())) ** 2 * frequencies**2
    power[(frequencies < 1 / _LONGEST_CYCLE) | (frequencies > 1 / _SHORTEST_CYCLE)] = 0.0
    strongest = float(frequencies[np.argmax(power)])
    return 1 / strongest if strongest > 0 else _LONGEST_CYCLE
