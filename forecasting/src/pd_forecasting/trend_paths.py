"""Damped-trend smoothing run over a series, every bin's level and trend kept."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray


@dataclass(frozen=True, eq=False)
class TrendParameters:
    """Parameters of k damped trends side by side, each of shape (k,).

    `level` and `trend` are the smoothing weights alpha and beta, `damping` is phi, in the
    recursion of Gardner and McKenzie (1985) as statsmodels' `Holt` has it:
    l' = (l + phi b) + alpha e and b' = phi b + alpha beta e, with e = z - (l + phi b).
    """

    level: FloatArray
    trend: FloatArray
    damping: FloatArray

    def reach(self, steps: int) -> FloatArray:
        """How many trends lie between now and `steps` later: phi + phi^2 + ..., shape (k,)."""
        powers = self.damping[:, None] ** np.arange(1, steps + 1)
        reach: FloatArray = powers.sum(axis=1)
        return reach


@dataclass(frozen=True, eq=False)
class TrendPaths:
    """What k damped trends made of a series.

    - `values`: the series, NaN where missing, shape (n,).
    - `levels`, `trends`: state after each bin, shape (k, n); NaN before the first known bin.
    - `gap`: missing bins since the last known one.
    - `count`: known bins since the paths were started anew; infinite where they never were.
    """

    parameters: TrendParameters
    values: FloatArray
    levels: FloatArray
    trends: FloatArray
    gap: int = 0
    count: float = math.inf

    @classmethod
    def empty(cls, parameters: TrendParameters) -> Self:
        """No bin yet."""
        nothing = np.empty((len(parameters.level), 0))
        return cls(parameters, np.empty(0), nothing, nothing)

    def extended(self, values: FloatArray, began: FloatArray | None = None) -> Self:
        """Run on over more bins.

        `began` is NaN but at bins that confirm a new level: there it holds the bin that began it.
        All is started anew with those two, and levels are plain means until they have the bins
        that their memory holds.

        Over a missing bin the level is carried and the trend dies away. The bin after a gap of m
        weighs 1 - (1 - alpha)^(m + 1), as m + 1 equal bins would (Wright 1986): a level from
        before a long outage is soon forgotten.
        """
        p = self.parameters
        levels = np.empty((len(p.level), len(values)))
        trends = np.empty_like(levels)
        level, trend = self._last_state()
        gap, count = self.gap, self.count
        anew = {} if began is None else dict(_known(began))
        for i, value in enumerate(values):
            if i in anew:
                level, trend, gap, count = np.full_like(level, anew[i]), np.zeros_like(trend), 0, 1
            if np.isnan(value):
                trend, gap = p.damping * trend, gap + 1
            elif np.isnan(level[0]):
                level, trend, gap = np.full_like(level, value), np.zeros_like(trend), 0
            else:
                expected = level + p.damping * trend
                error = value - expected
                count += 1
                weight = 1 - (1 - p.level) ** (gap + 1) if gap else p.level
                if count < math.inf:
                    weight = np.maximum(weight, 1 / count)
                level = expected + weight * error
                trend = p.damping * trend + p.level * p.trend * error
                gap = 0
            levels[:, i], trends[:, i] = level, trend
        return replace(
            self,
            values=np.concatenate([self.values, values]),
            levels=np.hstack([self.levels, levels]),
            trends=np.hstack([self.trends, trends]),
            gap=gap,
            count=count,
        )

    def latest(self, bins: int) -> Self:
        """Only the newest `bins`."""
        return replace(
            self,
            values=self.values[-bins:],
            levels=self.levels[:, -bins:],
            trends=self.trends[:, -bins:],
        )

    def ahead(self, steps: int) -> FloatArray:
        """Forecast `steps` bins ahead from each bin on, never below zero, shape (k, n)."""
        expected = self.levels + self.parameters.reach(steps)[:, None] * self.trends
        return np.maximum(expected, 0.0)

    def _last_state(self) -> tuple[FloatArray, FloatArray]:
        if len(self.values):
            return self.levels[:, -1], self.trends[:, -1]
        unknown = np.full(len(self.parameters.level), np.nan)
        return unknown, np.zeros_like(unknown)


def _known(values: FloatArray) -> list[tuple[int, float]]:
    """Places and values of what is not NaN."""
    return [(int(i), float(values[i])) for i in np.flatnonzero(~np.isnan(values))]
