"""The newest bins of a series, and smoothed levels at every one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray
from pd_forecasting.observed_series import ObservedSeries
from pd_forecasting.trend_paths import TrendParameters, TrendPaths

Origins = npt.NDArray[np.int64]

HALF_LIVES = (0, 1, 2, 5, 10, 30, 60, 120)
"""Bins in which a level forgets half of what it knew. 0 is the last value."""

_BRIEFLY, _BROADLY = 9, 15
"""Bins over which a load of an earlier day is averaged, against its noise."""


@dataclass(frozen=True, eq=False)
class SeriesMemory:
    """The newest bins of a series, on whatever scale the series is given.

    - `paths`: values of shape (n,), NaN where missing, and one level per half-life, (k, n).
    - `season_bins`: bins of a day, 0 for none.
    - `since`: bins since the newest level began, infinite where none did, shape (n,).
    - `seen`: bins seen in all, those forgotten included.
    """

    paths: TrendPaths
    season_bins: int
    since: FloatArray
    seen: int = 0

    @classmethod
    def nothing(cls, season_bins: int) -> Self:
        """Without any bin."""
        weights = [1.0 if bins == 0 else 1 - 0.5 ** (1 / bins) for bins in HALF_LIVES]
        flat = np.zeros(len(HALF_LIVES))
        averages = TrendPaths.empty(TrendParameters(np.array(weights), flat, flat))
        return cls(averages, season_bins, since=np.empty(0))

    def extended(self, news: ObservedSeries) -> Self:
        """The same, with more bins."""
        return replace(
            self,
            paths=self.paths.extended(news.trusted, news.began),
            since=np.concatenate([self.since, news.since]),
            seen=self.seen + len(news),
        )

    def latest(self, bins: int) -> Self:
        """Only the newest `bins`."""
        return replace(self, paths=self.paths.latest(bins), since=self.since[-bins:])

    def __len__(self) -> int:
        return len(self.paths.values)

    @property
    def values(self) -> FloatArray:
        """The bins, shape (n,)."""
        return self.paths.values

    def level(self, half_life: int) -> FloatArray:
        """Exponentially weighted mean at every bin, shape (n,); NaN before the first known bin."""
        level: FloatArray = self.paths.levels[HALF_LIVES.index(half_life)]
        return level

    def levels_at(self, half_lives: Sequence[int], origins: Origins) -> FloatArray:
        """`level` of several half-lives at these origins, shape (half-lives, origins)."""
        rows = np.array([HALF_LIVES.index(bins) for bins in half_lives])
        levels: FloatArray = self.paths.levels[rows[:, None], origins]
        return levels

    def changes_since(self, half_life: int, origins: Origins, bins: Sequence[int]) -> FloatArray:
        """By how much a level changed over the last of each of `bins`, shape (bins, origins).

        0 where a new level began since.
        """
        level, back = self.level(half_life), np.array(bins)[:, None]
        changes = level[origins] - at(level, origins - back)
        return np.where(self.since[origins] < back, 0.0, changes)

    def changes_on_earlier_days(
        self, origins: Origins, steps: Origins, days: Sequence[int], *, broadly: bool = False
    ) -> FloatArray:
        """By how much the load changed at this time so many `days` ago, over the same `steps` bins.

        Shape (h, days, origins), `steps` being of shape (h,). The load then is a mean of a few bins
        around, of more of them where `broadly`. NaN where that day is not remembered, or where
        those bins are still to come.
        """
        around = _BROADLY if broadly else _BRIEFLY
        lags, ahead = np.array(days)[:, None] * self.season_bins, steps[:, None, None]
        went = mean_around(self.values, origins + ahead - lags, around)
        changes = went - at(self.level(2), origins - lags)
        return np.where(lags - ahead <= around // 2, np.nan, changes)


def at(array: FloatArray, index: Origins) -> FloatArray:
    """`array` at every index; NaN outside of it."""
    inside = (index >= 0) & (index < len(array))
    if inside.all():
        whole: FloatArray = array[index]
        return whole
    out = np.full(index.shape, np.nan)
    out[inside] = array[index[inside]]
    return out


def centered_mean(values: FloatArray, bins: int) -> FloatArray:
    """`mean_around` at every value."""
    if bins == 1:
        return values
    return mean_around(values, np.arange(len(values)), bins)


def mean_around(values: FloatArray, index: Origins, bins: int) -> FloatArray:
    """Mean of the known ones among the `bins`, an odd number, of `values` around every index.

    NaN where none is known, and where not all lie inside of `values`: the last is yet to come.
    """
    if bins == 1:
        return at(values, index)
    side = bins // 2
    around = at(values, index[..., None] + np.arange(-side, side + 1))
    whole = (index >= side) & (index + side < len(values))
    known = ~np.isnan(around)
    count = known.sum(axis=-1)
    total = np.where(known, around, 0.0).sum(axis=-1)
    return np.where(whole & (count > 0), total / np.maximum(count, 1), np.nan)
