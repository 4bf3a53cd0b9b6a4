"""What a service's forecasts cost: processor time of a tick, memory."""

import gc
import pickle
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scripts.forecast_bench.origins import bins_between_fits
from scripts.forecast_bench.series import FloatArray, load

from pd_forecasting import Forecaster, Hedge
from pd_operator.demand.forecast import LONGEST_FOUND_SECONDS

LEADS = (3, 5)
"""Bins of the two pools' start-up times."""

SHARES = (0.05, 0.5, 0.95)
"""What the operator asks for."""

_QUANTITIES = ("conv25", "code25", "burstgpt")
"""Stand for request rate, prompt tokens and output tokens."""

_DAYS = 7
_TICKS, _ROUNDS = 20, 3
"""Ticks of a round, in which a regression learns once, and rounds of which the least counts: what
other processes leave in the caches is no cost of ours."""

_FITS = 2
"""Fits of which the lesser counts, for the same reason."""


@dataclass(frozen=True)
class Cost:
    """Cost of one service: three quantities, two horizons, three quantiles, a week of minutes.

    - `tick_milliseconds`: an update by one bin and a forecast of all.
    - `fit_milliseconds`: fitting all three anew.
    - `ticks_per_fit`: after how many ticks, one a bin, it is fitted anew.
    - `megabytes`: what the fitted forecasters hold.
    - `pickled_megabytes`: what a fit sends from its process to the one that ticks.
    """

    tick_milliseconds: float
    fit_milliseconds: float
    ticks_per_fit: int
    megabytes: float
    pickled_megabytes: float

    @property
    def amortized_milliseconds(self) -> float:
        """A tick with its share of a fit."""
        return self.tick_milliseconds + self.fit_milliseconds / self.ticks_per_fit


def measure(model: type[Forecaster]) -> Cost:
    """Time and memory on one core; processor time, so that other work does not show."""
    histories = [_week(name) for name in _QUANTITIES]
    _fitted(model, histories[0][:200])  # imports and first-call set-up are no cost of a fit
    gc.collect()
    seen = _DAYS * 1440 - _TICKS * _ROUNDS
    fitted = [min(_timed_fits(model, history[:seen]), key=_seconds) for history in histories]
    fit_seconds, forecasters = sum(seconds for seconds, _ in fitted), [one for _, one in fitted]
    pickled = len(pickle.dumps(forecasters))
    rounds = [
        _round_seconds(forecasters, histories, seen + _TICKS * number) for number in range(_ROUNDS)
    ]
    tick_seconds = min(rounds) / _TICKS
    return Cost(
        tick_milliseconds=1e3 * tick_seconds,
        fit_milliseconds=1e3 * fit_seconds,
        ticks_per_fit=bins_between_fits(model),
        megabytes=_held_megabytes(model, histories),
        pickled_megabytes=pickled / 1e6,
    )


def _timed_fits(model: type[Forecaster], history: FloatArray) -> list[tuple[float, Forecaster]]:
    """Some fits of the same, each with its processor time."""
    found = []
    for _ in range(_FITS):
        begun = time.process_time()
        forecaster = _fitted(model, history)
        found.append((time.process_time() - begun, forecaster))
    return found


def _seconds(timed: tuple[float, Forecaster]) -> float:
    return timed[0]


def _round_seconds(
    forecasters: Sequence[Forecaster], histories: Sequence[FloatArray], first: int
) -> float:
    """Processor time of `_TICKS` ticks, each with one more bin of all."""
    begun = time.process_time()
    for at in range(first, first + _TICKS):
        for forecaster, history in zip(forecasters, histories, strict=True):
            forecaster.update(history[at : at + 1])
            forecaster.forecast(LEADS, SHARES)
    return time.process_time() - begun


def _held_megabytes(model: type[Forecaster], histories: list[FloatArray]) -> float:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        forecasters = [_fitted(model, history) for history in histories]
        for forecaster in forecasters:
            forecaster.forecast(LEADS, SHARES)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / 1e6
    finally:
        tracemalloc.stop()


def _fitted(model: type[Forecaster], history: FloatArray) -> Forecaster:
    # As the operator makes its default, which looks for a shorter rhythm than a day.
    forecaster = (
        Hedge(season_bins=1440, longest_season_bins=LONGEST_FOUND_SECONDS / 60)
        if model is Hedge
        else model(season_bins=1440)
    )
    forecaster.fit(history, LEADS)
    return forecaster


def _week(name: str) -> FloatArray:
    """A week of minutes; the series' four days, repeated."""
    values = load(name).values
    return np.tile(values, 2)[: _DAYS * 1440]
