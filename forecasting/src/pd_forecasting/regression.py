"""Direct regression: one linear model per horizon, learned as the bins come in.

The target is the load `steps` bins ahead, minus a level of now. The features are differences of
levels with different memory, slopes, the change at this time on earlier days, and the pattern at
this minute of the hour. A ridge penalty pulls the forecast to the level while there is little
evidence; Huber's weights keep a spike that no feature announced from bending the model. A model
forecasts only bins that it has not learned from, so its errors are those of a forecaster.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.series_memory import Origins, SeriesMemory, at

DAYS = 3
"""Earlier days whose changes are features: all that a short history holds."""

REFIT_BINS = 20
"""Bins between two solutions: coefficients of days of pairs hardly move in twenty minutes."""

MINIMUM_PAIRS = 100
"""Below these many pairs it gives no forecast: four or five pairs for each of its features."""

_DAYS_BEYOND = (1, DAYS)
"""Earlier days whose change over twice the horizon is a feature, of the newest and the oldest."""

_LEVELS = (0, 1, 5, 10, 30, 60, 120)
"""Half-lives in bins, each about twice the one before, up to two hours of minutes."""

_SLOPES = (5, 15, 45)
"""Bins over which the slope is taken: about the lead times of LLM workers in minutes."""

_PERIODS_PER_SEASON = (288, 48, 24)
"""Clock periods of 5, 30 and 60 minutes, where the season is a day: jobs run by the clock."""

_SHORTEST_PERIOD = 5
"""Bins of a clock period; a shorter one would be a single bin's noise."""

_PERIOD_REPEATS = {288: 48, 48: 48, 24: 24}
"""Over how many periods the pattern is averaged: four hours, or one season."""

_LARGEST = 6.0
"""A feature is bounded to this many of its standard deviations: noise never reaches it, and one
wild value does not run away with the forecast."""

_HUBER = 1.345 * math.sqrt(math.pi / 2)
"""Residuals beyond this many mean absolute residuals count linearly (Huber 1964).

Huber's 1.345 standard deviations, 95 % efficient on normal noise, expressed in the mean absolute
residual of a normal law.
"""


@dataclass(frozen=True)
class Design:
    """One regression: the level it starts from, its penalty, and its features beyond the core.

    - `half_life`: of the level, in bins; 0 is the last value.
    - `penalty`: pairs after which a feature of mean square one is believed by half.
    - `looks_beyond`: with the change that earlier days made over twice the horizon.
    - `yesterdays_level`: with how far the load is from yesterday's.
    """

    name: str
    half_life: int
    penalty: float
    looks_beyond: bool = False
    yesterdays_level: bool = False


DESIGNS = (
    Design("ridge from last value", half_life=0, penalty=300.0),
    Design("ridge looking beyond", half_life=2, penalty=100.0, looks_beyond=True),
    Design("ridge with yesterday", half_life=2, penalty=100.0, yesterdays_level=True),
    Design("ridge on all", half_life=2, penalty=100.0, looks_beyond=True, yesterdays_level=True),
)
"""Four regressions that differ where services do. Penalties are round and not tuned: 100 pairs are
the fewest that are fitted at all, and the last value, which has more noise, takes three times that.
"""


_CORE = len(_LEVELS) + len(_SLOPES) + DAYS + len(_PERIODS_PER_SEASON)


def _columns(design: Design) -> list[bool]:
    """Which features a design uses."""
    beyond = [design.looks_beyond] * len(_DAYS_BEYOND)
    return [True] * _CORE + beyond + [design.yesterdays_level]


_USED = np.array([_columns(design) for design in DESIGNS])
"""Which features each design uses, shape (designs, features)."""

_PENALTIES = np.array([[design.penalty] for design in DESIGNS])
"""Shape (designs, 1)."""


def features(memory: SeriesMemory, origins: Origins, steps: int, changes: FloatArray) -> FloatArray:
    """What is known at each origin, shape (origins, features); what is unknown is 0.

    `changes` are those of the last `DAYS`, shape (days, origins). The last columns are what only
    some designs use: see `_columns`.
    """
    season = memory.season_bins
    above_yesterday = memory.changes_since(5, origins, [season])
    rows = (
        memory.levels_at(_LEVELS, origins) - memory.level(2)[origins],
        memory.changes_since(2, origins, _SLOPES),
        changes,
        _clock_patterns(memory, origins, steps),
        memory.changes_on_earlier_days(origins, 2 * steps, _DAYS_BEYOND, broadly=True),
        above_yesterday if season else np.zeros_like(above_yesterday),
    )
    known = np.vstack(rows).T
    return np.where(np.isnan(known), 0.0, known)


def _clock_patterns(memory: SeriesMemory, origins: Origins, steps: int) -> FloatArray:
    """Mean deviation from the level at the same phase of each clock period, (periods, origins)."""
    patterns = np.zeros((len(_PERIODS_PER_SEASON), len(origins)))
    lags_of = _pattern_lags(memory.season_bins, steps)
    if not lags_of:
        return patterns
    earlier = at(memory.values - memory.level(10), origins[:, None] - np.concatenate(lags_of))
    known, first = np.where(np.isnan(earlier), 0.0, earlier), 0
    for row, lags in enumerate(lags_of):
        if len(lags):
            patterns[row] = known[:, first : first + len(lags)].mean(axis=1)
        first += len(lags)
    return patterns


@lru_cache(maxsize=64)
def _pattern_lags(season_bins: int, steps: int) -> tuple[Origins, ...]:
    """By clock period, how long ago the bins are that have the target's phase; maybe none."""
    found = []
    for share in _PERIODS_PER_SEASON:
        period = season_bins // share
        first = -(-steps // max(period, 1))
        periods = np.arange(first, first + _PERIOD_REPEATS[share])
        too_short = period < _SHORTEST_PERIOD or season_bins % share
        found.append(np.empty(0, dtype=np.int64) if too_short else periods * period - steps)
    return tuple(found) if any(len(lags) for lags in found) else ()


@dataclass(frozen=True, eq=False)
class Regression:
    """The regressions of all designs for one horizon. They share features and sums of products.

    - `moments`: weighted sum of outer products of features, shape (f, f).
    - `products`: weighted sum of features times target, one row per design, shape (d, f).
    - `coefficients`: shape (d, f); zero until there are enough pairs.
    - `pairs`: number of pairs of features and target learned from.
    - `missed`: sum of their absolute residuals at the time, averaged over the designs.
    """

    moments: FloatArray
    products: FloatArray
    coefficients: FloatArray
    pairs: int = 0
    missed: float = 0.0

    @classmethod
    def untrained(cls) -> Self:
        """Without any pair."""
        width = _CORE + len(_DAYS_BEYOND) + 1
        none = np.zeros((len(DESIGNS), width))
        return cls(np.zeros((width, width)), none, none)

    def answers(self, rows: FloatArray, levels: FloatArray) -> FloatArray:
        """Forecasts of every design, shape (d, origins); NaN from fewer than `MINIMUM_PAIRS`.

        `rows` are features, shape (origins, f); `levels` are those of each design, (d, origins).
        The level itself is no substitute: its errors would be counted as the regression's.
        """
        if self.pairs < MINIMUM_PAIRS:
            return np.full(levels.shape, np.nan)
        answers: FloatArray = np.maximum(levels + self.coefficients @ self._bounded(rows).T, 0.0)
        return answers

    def trained(self, rows: FloatArray, levels: FloatArray, actual: FloatArray) -> Self:
        """With the pairs whose actual load and level are known."""
        known = ~np.isnan(actual + levels.sum(axis=0))
        seen, targets = rows[known], (actual - levels)[:, known]
        residuals = np.abs(targets - self.coefficients @ seen.T).mean(axis=0)
        pairs = self.pairs + len(residuals)
        missed = self.missed + float(residuals.sum())
        weights = _huber_weights(residuals, missed / max(pairs, 1))
        return replace(
            self,
            moments=self.moments + (seen.T * weights) @ seen,
            products=self.products + (targets * weights) @ seen,
            pairs=pairs,
            missed=missed,
        )

    def solved(self) -> Self:
        """With coefficients of all pairs so far.

        The penalty is in units of each feature's mean square, so it shrinks all alike.
        """
        if self.pairs < MINIMUM_PAIRS:
            return self
        squares = self.moments.diagonal() / self.pairs
        used = _USED & (squares > 0)
        # What a design does not use stands for itself alone, with a coefficient of zero.
        matrices = np.where(used[:, :, None] & used[:, None, :], self.moments, 0.0)
        on_diagonal = np.arange(len(squares))
        matrices[:, on_diagonal, on_diagonal] += np.where(used, _PENALTIES * squares, 1.0)
        products = np.where(used, self.products, 0.0)
        coefficients = np.linalg.solve(matrices, products[..., None])[..., 0]
        return replace(self, coefficients=coefficients)

    def _bounded(self, rows: FloatArray) -> FloatArray:
        largest = _LARGEST * np.sqrt(self.moments.diagonal() / self.pairs)
        bounded: FloatArray = np.clip(rows, -largest, largest)
        return bounded


def _huber_weights(residuals: FloatArray, mean: float) -> FloatArray:
    """Weights of pairs by their absolute `residuals`, of which `mean` is the usual one."""
    borne = _HUBER * mean
    weights: FloatArray = np.divide(
        borne, residuals, out=np.ones_like(residuals), where=residuals > borne
    )
    return weights
