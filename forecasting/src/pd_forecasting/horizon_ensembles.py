"""The experts at some horizons: their losses, and the weighted forecasts.

Nothing is used before it is known: the error of a forecast counts once its target was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray
from pd_forecasting.expert_losses import ExpertLosses
from pd_forecasting.experts import EXPERTS, PROVEN, FittedExperts, KnownAtOrigins
from pd_forecasting.regression import REFIT_BINS, Regression, SolvedRegressions
from pd_forecasting.series_memory import Origins, SeriesMemory

SHARES_REMEMBERED = 1440
"""Origins whose weights are kept, for those who want to see them: a day of minutes."""

_NONE_FITTED = FittedExperts()


@dataclass(frozen=True, eq=False)
class HorizonEnsembles:
    """The experts at h horizons of `steps` bins, for loads sustained over `sustained_bins`.

    - `combined`: forecasts from the newest origins, one per bin, shape (h, n).
    - `shares`: weights of the k experts at the newest of these origins, shape (h, k, s).
    - `pending`: the experts' newest forecasts, as many as the longest horizon waits for, (h, k, p).
    - `regressions`: one per horizon. `solved`: what they answer with.
    - `trained_until`: number of bins seen; each regression has learned from origins before it.
    """

    steps: tuple[int, ...]
    sustained_bins: int
    combined: FloatArray
    shares: FloatArray
    pending: FloatArray
    expert_losses: ExpertLosses
    regressions: tuple[Regression, ...]
    solved: SolvedRegressions
    trained_until: tuple[int, ...]

    @classmethod
    def none(cls, sustained_bins: int) -> Self:
        """At no horizon."""
        return cls._blank((), sustained_bins, 0)

    @classmethod
    def of(
        cls,
        memory: SeriesMemory,
        steps: Sequence[int],
        sustained_bins: int,
        fitted: FittedExperts = _NONE_FITTED,
    ) -> Self:
        """The ensembles over all that is remembered."""
        blank = cls._blank(tuple(steps), sustained_bins, memory.seen - len(memory))
        return blank.extended(memory, len(memory), fitted)

    @classmethod
    def _blank(cls, steps: tuple[int, ...], sustained_bins: int, forgotten: int) -> Self:
        h, k = len(steps), len(EXPERTS)
        longest = max(steps, default=0) + sustained_bins // 2
        untrained = tuple(Regression.untrained() for _ in steps)
        return cls(
            steps=steps,
            sustained_bins=sustained_bins,
            combined=np.empty((h, 0)),
            shares=np.empty((h, k, 0)),
            pending=np.full((h, k, longest), np.nan),
            expert_losses=ExpertLosses.none(h, k),
            regressions=untrained,
            solved=SolvedRegressions.of(untrained),
            trained_until=(forgotten,) * h,
        )

    def extended(
        self, memory: SeriesMemory, bins: int, fitted: FittedExperts = _NONE_FITTED
    ) -> Self:
        """With the newest `bins` of `memory` as further origins."""
        if not self.steps:
            return self
        blocks = _blocks(memory, bins)
        first = self._known_from(memory, bins, blocks)
        known = KnownAtOrigins.since(first, memory, self._steps, self.sustained_bins, fitted)
        ensembles, shares, combined = self, [self.shares], [self.combined]
        for block in blocks:
            if _learns_at(memory, int(block[0])):
                ensembles = ensembles._trained(known, int(block[0]))
            ensembles, followed, weights = ensembles._followed(known, block)
            combined.append(followed)
            shares.append(weights)
        return replace(
            ensembles,
            combined=np.concatenate(combined, axis=1),
            shares=np.concatenate(shares, axis=2),
        )

    def latest(self, bins: int) -> Self:
        """Only the newest `bins` origins."""
        shares = self.shares[..., -min(bins, SHARES_REMEMBERED) :]
        return replace(self, combined=self.combined[:, -bins:], shares=shares)

    def newest(self, horizons: int) -> Self:
        """Only the `horizons` that joined last."""
        kept = slice(max(len(self.steps) - horizons, 0), None)
        regressions = self.regressions[kept]
        return replace(
            self,
            steps=self.steps[kept],
            combined=self.combined[kept],
            shares=self.shares[kept],
            pending=self.pending[kept],
            expert_losses=self.expert_losses.of(kept),
            regressions=regressions,
            solved=SolvedRegressions.of(regressions),
            trained_until=self.trained_until[kept],
        )

    def joined(self, other: "HorizonEnsembles") -> Self:
        """With the horizons of `other`, which has seen the same bins."""
        if not self.steps:
            return replace(self, **vars(other))
        regressions = (*self.regressions, *other.regressions)
        longest = max(self.pending.shape[2], other.pending.shape[2])
        return replace(
            self,
            steps=(*self.steps, *other.steps),
            combined=_side_by_side(self.combined, other.combined),
            shares=_side_by_side(self.shares, other.shares),
            pending=np.concatenate([_waiting(one.pending, longest) for one in (self, other)]),
            expert_losses=self.expert_losses.joined(other.expert_losses),
            regressions=regressions,
            solved=SolvedRegressions.of(regressions),
            trained_until=(*self.trained_until, *other.trained_until),
        )

    @property
    def _steps(self) -> Origins:
        return np.array(self.steps, dtype=np.int64)

    def _known_from(self, memory: SeriesMemory, bins: int, blocks: Sequence[Origins]) -> int:
        """The first origin to look at: where regressions learn, one that they learn from."""
        first = len(memory) - bins
        if any(_learns_at(memory, int(block[0])) for block in blocks):
            return max(min(min(self.trained_until) - _forgotten(memory), first), 0)
        return first

    def _trained(self, known: KnownAtOrigins, now: int) -> Self:
        """The regressions trained with every origin whose target was known at bin `now`."""
        forgotten = _forgotten(known.memory)
        regressions, trained_until = list(self.regressions), list(self.trained_until)
        for place, steps in enumerate(self.steps):
            until = now - steps - self.sustained_bins // 2 + 1
            origins = np.arange(max(known.first, trained_until[place] - forgotten), until)
            if len(origins):
                trained = regressions[place].trained(
                    known.rows_of(origins)[place],
                    known.levels_of(origins),
                    known.targets_at(origins + steps),
                )
                regressions[place] = trained.solved()
                trained_until[place] = forgotten + until
        learned = tuple(regressions)
        return replace(
            self,
            regressions=learned,
            solved=SolvedRegressions.of(learned),
            trained_until=tuple(trained_until),
        )

    def _followed(
        self, known: KnownAtOrigins, block: Origins
    ) -> tuple[Self, FloatArray, FloatArray]:
        """The ensembles after the origins of `block`, with forecasts and weights from them."""
        answers = self.solved.answers(known.rows_of(block), known.levels_of(block))
        newest = np.concatenate([known.simple_of(block), answers], axis=1)
        experts = np.concatenate([self.pending, newest], axis=2)
        due = np.take_along_axis(experts, self._due(len(block)), axis=2)
        actual = known.targets_at(block - self.sustained_bins // 2)
        losses = self.expert_losses.after(np.abs(due - actual))
        shares = losses.shares(~np.isnan(newest), PROVEN)
        record = replace(self, pending=experts[..., len(block) :], expert_losses=losses.latest)
        combined = np.where(
            np.isnan(newest[:, 0]), np.nan, (shares * np.nan_to_num(newest)).sum(axis=1)
        )
        return record, combined, shares

    def _due(self, bins: int) -> npt.NDArray[np.int64]:
        """Places in `pending` of what was forecast for each of the next `bins`, (h, 1, bins)."""
        longest = self.pending.shape[2]
        waited = self._steps + self.sustained_bins // 2
        places: npt.NDArray[np.int64] = longest - waited[:, None, None] + np.arange(bins)
        return places


def _side_by_side(one: FloatArray, other: FloatArray) -> FloatArray:
    """The newest bins that both have, of the horizons of both."""
    bins = min(one.shape[-1], other.shape[-1])
    return np.concatenate([array[..., array.shape[-1] - bins :] for array in (one, other)])


def _waiting(pending: FloatArray, longest: int) -> FloatArray:
    """The same forecasts after as many unknown ones as `longest` lacks."""
    lacking = np.full((*pending.shape[:2], longest - pending.shape[2]), np.nan)
    return np.concatenate([lacking, pending], axis=2)


def _blocks(memory: SeriesMemory, bins: int) -> list[Origins]:
    """The newest `bins`, split where the regressions learn, however many came at once."""
    first, end = len(memory) - bins, len(memory)
    begins = range(first - _number(memory, first) % REFIT_BINS, end, REFIT_BINS)
    return [np.arange(max(begin, first), min(begin + REFIT_BINS, end)) for begin in begins]


def _learns_at(memory: SeriesMemory, place: int) -> bool:
    """Whether the regressions learn before they answer from the bin at that place of `memory`."""
    return _number(memory, place) % REFIT_BINS == 0


def _number(memory: SeriesMemory, place: int) -> int:
    """The bin's number among all seen."""
    return _forgotten(memory) + place


def _forgotten(memory: SeriesMemory) -> int:
    """Bins that were seen and are no longer remembered."""
    return memory.seen - len(memory)
