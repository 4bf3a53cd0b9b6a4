"""Direct regression: one linear model per horizon, learnt as the bins come in.

The target is the load `steps` bins ahead, less a level of now; the features are how levels of
different memory differ, how steep the load is, what it did at this time on earlier days, and what
it does at this minute of the hour. Ridge regression: with little evidence the answer is the level.
Huber's weights: a spike that no feature could have told does not bend the model.
A model never sees a bin that it forecasts, so its record is that of a forecaster, not of a fit.
"""

import math
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray, State
from pd_forecasting.past import Origins, Past, at

DAYS = 3
"""Earlier days whose changes are looked at."""

REFIT_BINS = 20
FEWEST_PAIRS = 100

_DAYS_BEYOND = (1, DAYS)
_LEVELS = (0, 1, 5, 10, 30, 60, 120)
_SLOPES = (5, 15, 45)
_PERIODS_PER_SEASON = (288, 48, 24)
"""Clock periods of 5, 30 and 60 minutes, where the season is a day: jobs run by the clock."""

_SHORTEST_PERIOD = 5
_PERIOD_REPEATS = {288: 48, 48: 48, 24: 24}
_LARGEST = 6.0
"""Features count for at most so many of their own deviations."""

_HUBER = 1.345 * math.sqrt(math.pi / 2)
"""A pair missed by more than so many mean absolute residuals counts by the inverse of its miss.

Huber's 1.345 standard deviations (95 % efficient on normal noise), in the mean absolute residual of
a normal law.
"""


@dataclass(frozen=True)
class Design:
    """One way to regress: from which level, how cautiously, and on which features beyond the core.

    `looks_beyond`: what earlier days did past the horizon; a climb that goes on has begun.
    `yesterdays_level`: how far the load is from yesterday's.
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


_CORE = len(_LEVELS) + len(_SLOPES) + DAYS + len(_PERIODS_PER_SEASON)


def _columns(design: Design) -> npt.NDArray[np.bool_]:
    """Which features a design uses."""
    beyond = [design.looks_beyond] * len(_DAYS_BEYOND)
    return np.array([True] * _CORE + beyond + [design.yesterdays_level])


def features(past: Past, origins: Origins, steps: int) -> FloatArray:
    """What is known at each origin, shape (origins, features); what is unknown is 0.

    The last columns are what only some designs use: see `_columns`.
    """
    base = past.level(2)
    now = base[origins]
    columns = [past.level(bins)[origins] - now for bins in _LEVELS]
    columns += [now - at(base, origins - bins) for bins in _SLOPES]
    columns += [past.change_on_an_earlier_day(origins, steps, days) for days in range(1, DAYS + 1)]
    columns += [_clock_pattern(past, origins, steps, share) for share in _PERIODS_PER_SEASON]
    columns += [
        past.change_on_an_earlier_day(origins, 2 * steps, days, broadly=True)
        for days in _DAYS_BEYOND
    ]
    level = past.level(5)
    season = past.season_bins
    columns.append(level[origins] - at(level, origins - season) if season else np.zeros(now.shape))
    return np.nan_to_num(np.column_stack(columns))


def _clock_pattern(past: Past, origins: Origins, steps: int, share: int) -> FloatArray:
    """Mean deviation from the level at the same phase of the clock period."""
    period = past.season_bins // share
    if period < _SHORTEST_PERIOD or past.season_bins % share:
        return np.zeros(len(origins))
    deviation = past.values - past.level(10)
    first = -(-steps // period)
    lags = np.arange(first, first + _PERIOD_REPEATS[share]) * period - steps
    earlier = at(deviation, origins[:, None] - lags)
    mean: FloatArray = np.nan_to_num(earlier).mean(axis=1)
    return mean


@dataclass(frozen=True, eq=False)
class Regression:
    """The models of all designs for one horizon; they share features and what is summed of them.

    - `moments`: weighted sum of outer products of features, shape (f, f).
    - `products`: weighted sum of features times target, one row per design, shape (d, f).
    - `coefficients`: shape (d, f); zero until there are enough pairs.
    - `pairs`: how many were learnt from.
    - `missed`: sum of the pairs' absolute residuals when they were learnt, mean of the designs.
    """

    moments: FloatArray
    products: FloatArray
    coefficients: FloatArray
    pairs: int = 0
    missed: float = 0.0

    @classmethod
    def untaught(cls) -> Self:
        """Knows nothing, and answers nothing."""
        width = _CORE + len(_DAYS_BEYOND) + 1
        none = np.zeros((len(DESIGNS), width))
        return cls(np.zeros((width, width)), none, none)

    def answers(self, rows: FloatArray, levels: FloatArray) -> FloatArray:
        """Forecasts of every design, shape (d, origins); NaN from fewer than `FEWEST_PAIRS`.

        `rows` are features, shape (origins, f); `levels` of shape (d, origins) are each design's.
        A level in place of an answer would earn the regression a record that is not its own.
        """
        if self.pairs < FEWEST_PAIRS:
            return np.full(levels.shape, np.nan)
        answers: FloatArray = np.maximum(levels + self.coefficients @ self._bounded(rows).T, 0.0)
        return answers

    def taught(self, rows: FloatArray, levels: FloatArray, actual: FloatArray) -> Self:
        """Learnt from the pairs whose actual load and level are known."""
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
        if self.pairs < FEWEST_PAIRS:
            return self
        squares = self.moments.diagonal() / self.pairs
        used = squares > 0
        coefficients = np.zeros_like(self.coefficients)
        for row, design in enumerate(DESIGNS):
            columns = used & _columns(design)
            matrix = self.moments[np.ix_(columns, columns)]
            penalty = np.diag(design.penalty * squares[columns])
            coefficients[row, columns] = np.linalg.solve(
                matrix + penalty, self.products[row, columns]
            )
        return replace(self, coefficients=coefficients)

    def _bounded(self, rows: FloatArray) -> FloatArray:
        largest = _LARGEST * np.sqrt(self.moments.diagonal() / self.pairs)
        bounded: FloatArray = np.clip(rows, -largest, largest)
        return bounded

    def to_plain(self) -> State:
        """Plain data."""
        return {
            "moments": self.moments.tolist(),
            "products": self.products.tolist(),
            "coefficients": self.coefficients.tolist(),
            "pairs": self.pairs,
            "missed": self.missed,
        }

    @classmethod
    def from_plain(cls, plain: State) -> Self:
        """Read `to_plain`'s data."""
        return cls(
            np.array(cast("list[list[float]]", plain["moments"])),
            np.array(cast("list[list[float]]", plain["products"])),
            np.array(cast("list[list[float]]", plain["coefficients"])),
            cast("int", plain["pairs"]),
            cast("float", plain["missed"]),
        )


def _huber_weights(residuals: FloatArray, mean: float) -> FloatArray:
    """How much pairs count that were missed by `residuals`, of which `mean` is usual."""
    borne = _HUBER * mean
    weights: FloatArray = np.divide(
        borne, residuals, out=np.ones_like(residuals), where=residuals > borne
    )
    return weights
