"""The newest bins of a series as they were measured, and what of them can be trusted."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.surprises import Surprises


@dataclass(frozen=True, eq=False)
class ObservedSeries:
    """The newest n bins of a series, NaN where missing; every array has shape (n,).

    - `measured`: the bins as they came.
    - `trusted`: the same without those that were doubted when they came, NaN in their place.
    - `began`: NaN but at a bin that confirmed a new level; there, the bin before, which began it.
    - `since`: bins since the newest level that was confirmed began; infinite before there is one.
    - `surprises`: what finds them.
    - `seen`: bins seen in all, those forgotten included.
    """

    measured: FloatArray
    trusted: FloatArray
    began: FloatArray
    since: FloatArray
    surprises: Surprises
    seen: int = 0

    @classmethod
    def nothing(cls) -> Self:
        """Without any bin."""
        none = np.empty(0)
        return cls(none, none, none, none, Surprises())

    def extended(self, values: FloatArray) -> Self:
        """With more bins."""
        surprises, trusted, began = self.surprises.after(values)
        before = float(self.since[-1]) if len(self.since) else np.inf
        return type(self)(
            measured=np.concatenate([self.measured, values]),
            trusted=np.concatenate([self.trusted, trusted]),
            began=np.concatenate([self.began, began]),
            since=np.concatenate([self.since, _since(before, began)]),
            surprises=surprises,
            seen=self.seen + len(values),
        )

    def newest(self, bins: int) -> Self:
        """Only the newest `bins`, or all where there are fewer."""
        first = max(len(self) - bins, 0)
        return replace(
            self,
            measured=self.measured[first:],
            trusted=self.trusted[first:],
            began=self.began[first:],
            since=self.since[first:],
        )

    def __len__(self) -> int:
        return len(self.measured)

    @property
    def of_this_level(self) -> Self:
        """Only the bins since the newest level began, all of them where none did."""
        since = self.since[-1] if len(self) else np.inf
        return self.newest(int(min(since + 1, len(self))))

    @property
    def doubted(self) -> FloatArray:
        """1 at bins that are not trusted, 0 at others, NaN at missing ones, shape (n,)."""
        doubted: FloatArray = np.isnan(self.trusted).astype(np.float64)
        return np.where(np.isnan(self.measured), np.nan, doubted)


def _since(before: float, began: FloatArray) -> FloatArray:
    """Bins since the newest level began, `before` being those at the bin before the first."""
    bins = np.arange(len(began), dtype=np.float64)
    confirmed = np.where(np.isnan(began), -np.inf, bins - 1)
    newest = np.maximum.accumulate(confirmed) if len(began) else confirmed
    since: FloatArray = np.where(np.isinf(newest), before + 1 + bins, bins - newest)
    return since
