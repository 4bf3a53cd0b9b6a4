"""Bins that are far from what came before: a wrong sample, or the first of a new level.

A surprise is many deviations from the level. Two in a row, both above or both below all bins of the
last days, begin a new level. One alone is what loads do now and then; but where it is also far
beyond those bins, it may be a wrong sample, and is doubted until the next bin confirms it. A new
level that the load soon leaves for the one before was but a spike: averages start anew once more,
at that bin, and surprises are again what they were before.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray

_DEVIATIONS = 6.0
"""How far a surprise is from the level, in standard deviations of the error one bin ahead.

A normal error is that large once in 500 million bins. On the series of `make bench-forecast` no
two in a row began a new level in minutes, and one pair did in 10-minute bins, for an hour."""

_NEAR = 3.0
"""How near to the level before, in the same deviations, a bin is that has returned to it: all but
three normal ones in a thousand."""

_FAR = math.sqrt(2.0)
"""A doubted bin is above the highest by this factor, or below the lowest: twice or half the load,
on the scale of square roots. No bin of `make bench-forecast` was."""

_MINIMUM_ERRORS = 60
"""Errors after the start, or after a surprise, before a bin can surprise (again).

An hour of minutes, as long as an expert's trial: neighboring errors are correlated, and a level
that nobody has seen in half an hour of minutes, or in a night of 10-minute bins, is no new one. And
loads that jump all the time surprise no one.
"""

_LONGEST_GAP = 5
"""Missing bins after which a surprise is not doubted, but begins a new level at once."""

_HALF_LIFE_BINS = 1440
"""Memory of deviation and range: a day of minutes. After a calm night, the morning is no surprise.
"""

_KEEP = 0.5 ** (1 / _HALF_LIFE_BINS)

_LEVEL_WEIGHT = 1 - 0.5**0.5
"""Of the newest bin in the level that errors are from: a half-life of two bins."""


@dataclass(frozen=True)
class Surprises:
    """What is known after the newest bin.

    - `level`: of the bins so far; NaN before the first. `low`, `high`: their range; its memory
      fades towards the level.
    - `squares`, `count`: discounted sum of squared errors that were no surprise, and their number.
    - `new_squares`, `new_count`: the same since the start or the last surprise, not discounted.
    - `surprise`: the newest known bin where it surprises, else NaN.
    - `gap`: missing bins since the newest known one.
    - `before`: what was known before the present level, which the load may yet return to; None
      once `_MINIMUM_ERRORS` bins were on the present one.
    """

    level: float = math.nan
    low: float = math.nan
    high: float = math.nan
    squares: float = 0.0
    count: float = 0.0
    new_squares: float = 0.0
    new_count: int = 0
    surprise: float = math.nan
    gap: int = 0
    before: "Surprises | None" = None

    def after(self, values: FloatArray) -> tuple["Surprises", FloatArray, FloatArray]:
        """After more bins, NaN where missing; with two arrays of their shape.

        The first holds the bins without the doubted ones, NaN in their place. The second is NaN
        but at bins that confirm a new level: there it holds the bin that began it. A bin that is
        back at the level before is such a bin, and began it itself.
        """
        trusted, began = values.copy(), np.full(len(values), np.nan)
        now: Surprises = self
        for i, value in enumerate(values.tolist()):
            if math.isnan(value):
                now = replace(now, gap=now.gap + 1)
                continue
            if now.before is not None and now._returns_to(now.before, value):
                began[i], now = value, now._taken_up(now.before)
            elif now._confirms(value):
                began[i] = now._first(value)
            elif now._doubts(value):
                trusted[i] = np.nan
            seen = now._seen(value)
            now = replace(seen, gap=0) if seen.gap else seen
        return now, trusted, began

    def _surprises(self, value: float) -> bool:
        return self._is_off(value, _DEVIATIONS)

    def _is_off(self, value: float, deviations: float) -> bool:
        """Whether a bin is further from the level than so many deviations."""
        long = self.squares / self.count if self.count else 0.0
        new = self.new_squares / self.new_count if self.new_count else 0.0
        return abs(value - self.level) > deviations * math.sqrt(max(long, new))

    def _returns_to(self, before: "Surprises", value: float) -> bool:
        """Whether the load is back at the level it had before."""
        nearer = abs(value - before.level) < abs(value - self.level)
        return nearer and not before._is_off(value, _NEAR)

    def _taken_up(self, before: "Surprises") -> "Surprises":
        """What was known before the present level, with the bins since in its range."""
        return replace(before, low=min(before.low, self.low), high=max(before.high, self.high))

    def _confirms(self, value: float) -> bool:
        """Whether a new level began with the bin before, or with this one after a long gap."""
        if self.gap > _LONGEST_GAP:
            return self._surprises(value)
        lower, higher = sorted((self._first(value), value))
        unseen = lower > self.high or higher < self.low
        return unseen and not math.isnan(self.surprise) and self._surprises(value)

    def _first(self, value: float) -> float:
        """The bin that began the level that `value` confirms."""
        return value if math.isnan(self.surprise) else self.surprise

    def _begins(self, value: float) -> bool:
        """Whether it is the first surprise."""
        first = math.isnan(self.surprise) and self.new_count >= _MINIMUM_ERRORS
        return first and self._surprises(value)

    def _doubts(self, value: float) -> bool:
        beyond = value > _FAR * self.high or value < self.low / _FAR
        return beyond and self.gap <= _LONGEST_GAP and self._begins(value)

    def _seen(self, value: float) -> Self:
        """After one known bin."""
        if math.isnan(self.level):
            return replace(self, level=value, low=value, high=value)
        if self._confirms(value):
            low, high = sorted((self._first(value), value))
            new = self._anew((low + high) / 2, min(low, self.low), max(high, self.high))
            return replace(new, before=replace(self, surprise=math.nan, gap=0, before=None))
        if self._begins(value):
            return replace(self, surprise=value)
        if not math.isnan(self.surprise):
            return self._anew(self.level, self.low, self.high)._learned(value)
        return self._learned(value)

    def _anew(self, level: float, low: float, high: float) -> Self:
        return replace(
            self,
            level=level,
            low=low,
            high=high,
            new_squares=0.0,
            new_count=0,
            surprise=math.nan,
        )

    def _learned(self, value: float) -> Self:
        error = value - self.level
        return replace(
            self,
            level=self.level + _LEVEL_WEIGHT * error,
            low=min(value, self.level + (self.low - self.level) * _KEEP),
            high=max(value, self.level + (self.high - self.level) * _KEEP),
            squares=self.squares * _KEEP + error**2,
            count=self.count * _KEEP + 1,
            new_squares=self.new_squares + error**2,
            new_count=self.new_count + 1,
            before=self.before if self.new_count + 1 < _MINIMUM_ERRORS else None,
        )
