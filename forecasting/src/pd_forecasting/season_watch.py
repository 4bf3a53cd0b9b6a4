"""Which rhythm a load has now: found anew as bins come in, and kept until it is surely gone."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.season_search import LONGEST_WINDOW_BINS, Season, find_season

LOOK_BINS = 2
"""Bins between two looks: a quarter of the shortest period."""

_BINS_LOOKED_FROM = 240
"""Newest bins of a whole history that are looked from: a rhythm in force shows itself again."""

_ALIKE = 0.1
"""Periods that differ by less than this share are the same, seen with more or less noise."""

_LOOKS_TO_CHANGE = 2
"""Looks in a row that must agree on a period before it comes into force."""

_SHARPER = 2.0
"""With so many times the cycles a period is taken anew: each time costs a fit."""

_CYCLES_KEPT = 2.0
"""Cycles for which a rhythm is kept that is seen no more: one that pauses for a cycle stays."""


@dataclass(frozen=True, eq=False)
class SeasonWatch:
    """What was found, after the newest bin.

    - `longest_bins`: of the periods looked for; 0 looks for none.
    - `season`: the rhythm in force.
    - `other`: one that was seen of late in its place, and `others`: in how many looks in a row.
    - `last_bin`: number of the bin at which the rhythm in force was last seen.
    - `roots`: the newest bins as square roots of loads, `seen` of them in all.
    """

    longest_bins: float = 0.0
    season: Season | None = None
    other: Season | None = None
    others: int = 0
    last_bin: int = 0
    roots: FloatArray = field(default_factory=lambda: np.empty(0))
    seen: int = 0

    def extended(self, roots: FloatArray) -> Self:
        """After more bins, NaN where missing. Looks anew from no more than the newest of them."""
        if self.longest_bins == 0:
            return self
        past = np.concatenate([self.roots, roots])
        first = len(past) - min(len(roots), _BINS_LOOKED_FROM)
        before = self.seen - len(self.roots)
        now = self
        for end in range(first + 1, len(past) + 1):
            if (before + end) % LOOK_BINS == 0:
                newest = past[max(end - LONGEST_WINDOW_BINS, 0) : end]
                now = now._looked(newest, before + end)
        return replace(now, roots=past[-LONGEST_WINDOW_BINS:], seen=self.seen + len(roots))

    def _looked(self, newest: FloatArray, seen: int) -> Self:
        found = find_season(newest, longest_bins=self.longest_bins, seen=seen)
        if found is None:
            gone = self.season is not None and seen - self.last_bin > (
                _CYCLES_KEPT * self.season.period_bins
            )
            return replace(self, season=None if gone else self.season, other=None, others=0)
        if self.season is not None and _alike(found, self.season):
            season = _sharpened(self.season, found)
            return replace(self, season=season, last_bin=seen, other=None, others=0)
        agreeing = self.others + 1 if _alike(found, self.other) else 1
        if agreeing >= _LOOKS_TO_CHANGE:
            return replace(self, season=found, last_bin=seen, other=None, others=0)
        return replace(self, other=found, others=agreeing)


def _sharpened(season: Season, found: Season) -> Season:
    """The same rhythm, with the period of many more cycles where they were seen."""
    if found.cycles < _SHARPER * season.cycles:
        return season
    return replace(found, first_bin=min(season.first_bin, found.first_bin))


def _alike(one: Season, other: Season | None) -> bool:
    if other is None:
        return False
    return abs(one.period_bins - other.period_bins) <= _ALIKE * other.period_bins
