"""Direct regression: one linear model per horizon, learned as the bins come in.

The target is the load `steps` bins ahead, minus a level of now. The features are differences of
levels with different memory, slopes, the change at this time on earlier days, and the pattern at
this minute of the hour. A ridge penalty pulls the forecast to the level while there is little
evidence; Huber's weights keep a spike that no feature announced from bending the model. A model
forecasts only bins that it has not learned from, so its errors are those of a forecaster.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

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
_WIDTH = _CORE + len(_DAYS_BEYOND) + 1
"""Number of features."""


def _columns(design: Design) -> list[bool]:
    """Which features a design uses."""
    beyond = [design.looks_beyond] * len(_DAYS_BEYOND)
    return [True] * _CORE + beyond + [design.yesterdays_level]


_USED = np.array([_columns(design) for design in DESIGNS])
"""Which features each design uses, shape (designs, features)."""

_PENALTIES = np.array([[design.penalty] for design in DESIGNS])
"""Shape (designs, 1)."""


def features(
    memory: SeriesMemory, origins: Origins, steps: Origins, changes: FloatArray
) -> FloatArray:
    """What is known at m origins, for h horizons of `steps`; what is unknown is 0, (h, m, f).

    `changes` are those of the last `DAYS`, shape (h, days, m). The last columns are what only
    some designs use: see `_columns`.
    """
    h, m = len(steps), len(origins)
    rows = np.empty((h, _WIDTH, m))
    first, beyond = len(_LEVELS) + len(_SLOPES), _CORE + len(_DAYS_BEYOND)
    rows[:, : len(_LEVELS)] = memory.levels_at(_LEVELS, origins) - memory.level(2)[origins]
    rows[:, len(_LEVELS) : first] = memory.changes_since(2, origins, _SLOPES)
    rows[:, first : first + DAYS] = changes
    rows[:, first + DAYS : _CORE] = _clock_patterns(memory, origins, steps)
    rows[:, _CORE:beyond] = memory.changes_on_earlier_days(
        origins, 2 * steps, _DAYS_BEYOND, broadly=True
    )
    season = memory.season_bins
    rows[:, beyond:] = memory.changes_since(5, origins, [season]) if season else 0.0
    rows[np.isnan(rows)] = 0.0
    return rows.swapaxes(1, 2)


def _clock_patterns(memory: SeriesMemory, origins: Origins, steps: Origins) -> FloatArray:
    """Mean deviation from the level at the same phase of each clock period, (h, periods, m)."""
    patterns = np.zeros((len(steps), len(_PERIODS_PER_SEASON), len(origins)))
    counts, lags = _pattern_lags(memory.season_bins, tuple(steps.tolist()))
    if not lags.size:
        return patterns
    earlier = at(memory.values - memory.level(10), origins[:, None] - lags[:, None])
    known, first = np.where(np.isnan(earlier), 0.0, earlier), 0
    for row, count in enumerate(counts):
        if count:
            patterns[:, row] = known[..., first : first + count].mean(axis=-1)
        first += count
    return patterns


@lru_cache(maxsize=64)
def _pattern_lags(season_bins: int, steps: tuple[int, ...]) -> tuple[tuple[int, ...], Origins]:
    """How long ago the bins are that have each target's phase, shape (h, sum of counts).

    First how many of them there are by clock period, maybe none.
    """
    periods = [0 if season_bins % share else season_bins // share for share in _PERIODS_PER_SEASON]
    counts = [
        _PERIOD_REPEATS[share] if period >= _SHORTEST_PERIOD else 0
        for share, period in zip(_PERIODS_PER_SEASON, periods, strict=True)
    ]
    lags = np.empty((len(steps), sum(counts)), dtype=np.int64)
    for row, ahead in enumerate(steps):
        of_each = [
            (np.arange(count) - (-ahead // period)) * period - ahead
            for period, count in zip(periods, counts, strict=True)
            if count
        ]
        lags[row] = np.concatenate(of_each) if of_each else ()
    return tuple(counts), lags


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
        none = np.zeros((len(DESIGNS), _WIDTH))
        return cls(np.zeros((_WIDTH, _WIDTH)), none, none)

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

    @property
    def largest(self) -> FloatArray:
        """What the features are bounded to, shape (f,)."""
        largest: FloatArray = _LARGEST * np.sqrt(self.moments.diagonal() / max(self.pairs, 1))
        return largest


@dataclass(frozen=True, eq=False)
class SolvedRegressions:
    """What the regressions of h horizons answer with.

    - `largest`: of each feature, shape (h, 1, f). `coefficients`: shape (h, d, f).
    - `silent`: which have learned from too few pairs, (h, 1, 1).
    """

    largest: FloatArray
    coefficients: FloatArray
    silent: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, regressions: Sequence[Regression]) -> Self:
        """Of these, one for each horizon."""
        h = len(regressions)
        return cls(
            largest=np.array([one.largest for one in regressions]).reshape(h, 1, _WIDTH),
            coefficients=np.array([one.coefficients for one in regressions]).reshape(
                h, len(DESIGNS), _WIDTH
            ),
            silent=np.array([[[one.pairs < MINIMUM_PAIRS]] for one in regressions]),
        )

    def answers(self, rows: FloatArray, levels: FloatArray) -> FloatArray:
        """Forecasts of every design, shape (h, d, m); NaN from fewer than `MINIMUM_PAIRS`.

        `rows` are features, shape (h, m, f); `levels` are those of each design, (d, m). The level
        itself is no substitute: its errors would be counted as the regression's.
        """
        bounded = np.clip(rows, -self.largest, self.largest)
        answers = np.maximum(levels + self.coefficients @ bounded.swapaxes(1, 2), 0.0)
        return np.where(self.silent, np.nan, answers)


def _huber_weights(residuals: FloatArray, mean: float) -> FloatArray:
    """Weights of pairs by their absolute `residuals`, of which `mean` is the usual one."""
    borne = _HUBER * mean
    weights: FloatArray = np.divide(
        borne, residuals, out=np.ones_like(residuals), where=residuals > borne
    )
    return weights
