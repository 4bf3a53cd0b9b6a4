"""The experts at one horizon: their forecasts, their losses, and the weighted forecast.

Nothing is used before it is known: the error of a forecast counts once its target was measured.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.expert_losses import ExpertLosses
from pd_forecasting.regression import DAYS, DESIGNS, REFIT_BINS, Regression, features
from pd_forecasting.seasonal_level import SeasonalLevel
from pd_forecasting.series_memory import Origins, SeriesMemory, at, centered_mean
from pd_forecasting.yesterday import YesterdayArima

LAST_VALUE = "last value"
ARIMA = "ARIMA with yesterday"
FOUND_SEASON = "season found"
_AVERAGED = (1, 2, 5, 10)
"""Half-lives in bins: what averages of minutes were best on public traces (`bench-forecast`)."""

EXPERTS = (
    LAST_VALUE,
    *(f"average of {bins}" for bins in _AVERAGED),
    "earlier days",
    ARIMA,
    FOUND_SEASON,
    *(design.name for design in DESIGNS),
)
"""Names of the experts, in the order of the rows of every matrix of theirs."""

_PROVEN = np.array([[name == FOUND_SEASON] for name in EXPERTS])
"""What found the season has tried it already."""

_SEASONAL_SHARE = 0.5
"""Share of the earlier days' change that is forecast: changes of 30 minutes correlate by 0.1 to 0.7
from day to day on public traces. `python -m scripts.forecast_bench.sweep` shows the plateau."""


_SHARES_REMEMBERED = 1440
"""Origins whose weights are kept, for those who want to see them: a day of minutes."""


@dataclass(frozen=True, eq=False)
class FittedExperts:
    """The experts that a fit made: they know nothing of horizons."""

    arima: YesterdayArima = field(default_factory=YesterdayArima)
    season: SeasonalLevel = field(default_factory=SeasonalLevel)

    def ahead(self, memory: SeriesMemory, origins: Origins, steps: int) -> FloatArray:
        """Forecasts from m `origins`, places in `memory`; NaN where there is none, (2, m)."""
        numbers = origins + memory.seen - len(memory)
        return np.vstack(
            [self.arima.ahead(memory, origins, steps), self.season.ahead(numbers, steps)]
        )


_NONE_FITTED = FittedExperts()


@dataclass(frozen=True, eq=False)
class HorizonEnsemble:
    """The experts at a horizon of `steps` bins, for loads sustained over `sustained_bins`.

    - `combined`: forecasts from the newest origins, one per bin, shape (n,).
    - `shares`: weights of the experts at these origins, shape (k, n).
    - `pending`: the experts' newest forecasts, whose targets are not all known yet, (k, p).
    - `trained_until`: number of bins seen; the regression has learned from origins before it.
    """

    steps: int
    sustained_bins: int
    combined: FloatArray
    shares: FloatArray
    pending: FloatArray
    expert_losses: ExpertLosses
    regression: Regression
    trained_until: int

    @classmethod
    def of(
        cls,
        memory: SeriesMemory,
        steps: int,
        sustained_bins: int,
        fitted: FittedExperts = _NONE_FITTED,
    ) -> Self:
        """The ensemble over all that is remembered."""
        k = len(EXPERTS)
        wait = steps + sustained_bins // 2
        blank = cls(
            steps=steps,
            sustained_bins=sustained_bins,
            combined=np.empty(0),
            shares=np.empty((k, 0)),
            pending=np.full((k, wait), np.nan),
            expert_losses=ExpertLosses.none(k),
            regression=Regression.untrained(),
            trained_until=memory.seen - len(memory),
        )
        return blank.extended(memory, len(memory), fitted)

    def extended(
        self, memory: SeriesMemory, bins: int, fitted: FittedExperts = _NONE_FITTED
    ) -> Self:
        """With the newest `bins` of `memory` as further origins."""
        ensemble = self
        known = _Known.since(self, memory, bins, fitted)
        shares, combined = [self.shares], [self.combined]
        for block in _blocks(memory, bins):
            if _learns_at(memory, int(block[0])):
                ensemble = ensemble._trained(known, int(block[0]))
            ensemble, followed, weights = ensemble._followed(known, block)
            combined.append(followed)
            shares.append(weights)
        return replace(ensemble, combined=np.concatenate(combined), shares=np.hstack(shares))

    def latest(self, bins: int) -> Self:
        """Only the newest `bins` origins."""
        shares = self.shares[:, -min(bins, _SHARES_REMEMBERED) :]
        return replace(self, combined=self.combined[-bins:], shares=shares)

    def _trained(self, known: "_Known", now: int) -> Self:
        """The regression trained with every origin whose target was known at bin `now`."""
        until = now - self.steps - self.sustained_bins // 2 + 1
        origins = np.arange(known.first, until)
        origins = origins[origins >= self.trained_until - known.forgotten]
        if not len(origins):
            return self
        trained = self.regression.trained(
            known.rows_of(origins),
            known.levels_of(origins),
            at(known.targets, origins + self.steps),
        )
        return replace(self, regression=trained.solved(), trained_until=known.forgotten + until)

    def _followed(self, known: "_Known", block: Origins) -> tuple[Self, FloatArray, FloatArray]:
        """The ensemble after the origins of `block`, with forecasts and weights from them."""
        answers = self.regression.answers(known.rows_of(block), known.levels_of(block))
        newest = np.vstack([known.simple_of(block), answers])
        experts = np.hstack([self.pending, newest])
        actual = at(known.targets, block - self.sustained_bins // 2)
        losses = self.expert_losses.after(np.abs(experts[:, : len(block)] - actual))
        shares = losses.shares(~np.isnan(newest), _PROVEN)
        record = replace(self, pending=experts[:, len(block) :], expert_losses=losses.latest)
        combined = np.where(
            np.isnan(newest[0]), np.nan, (shares * np.nan_to_num(newest)).sum(axis=0)
        )
        return record, combined, shares


def _blocks(memory: SeriesMemory, bins: int) -> list[Origins]:
    """The newest `bins`, split where the regression learns, however many came at once."""
    first, end = len(memory) - bins, len(memory)
    begins = range(first - _number(memory, first) % REFIT_BINS, end, REFIT_BINS)
    return [np.arange(max(begin, first), min(begin + REFIT_BINS, end)) for begin in begins]


def _learns_at(memory: SeriesMemory, place: int) -> bool:
    """Whether the regression learns before it answers from the bin at that place of `memory`."""
    return _number(memory, place) % REFIT_BINS == 0


def _number(memory: SeriesMemory, place: int) -> int:
    """The bin's number among all seen."""
    return memory.seen - len(memory) + place


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known at origins from bin `first` on, computed for all of them at once.

    - `targets`: the loads that are forecast, one per bin remembered, shape (n,).
    - `rows`: features, shape (origins, f). `levels`: of each design, (d, origins).
    - `simple`: forecasts of the experts that learn nothing here, shape (g, origins).
    - `forgotten`: bins that were seen and are no longer remembered.
    """

    first: int
    targets: FloatArray
    rows: FloatArray
    levels: FloatArray
    simple: FloatArray
    forgotten: int

    @classmethod
    def since(
        cls, ensemble: HorizonEnsemble, memory: SeriesMemory, bins: int, fitted: FittedExperts
    ) -> Self:
        """At the newest `bins`, and where the regression learns at one, at what it learns from."""
        forgotten = memory.seen - len(memory)
        first = len(memory) - bins
        if any(_learns_at(memory, int(block[0])) for block in _blocks(memory, bins)):
            first = max(min(ensemble.trained_until - forgotten, first), 0)
        origins = np.arange(first, len(memory))
        steps = ensemble.steps
        changes = memory.changes_on_earlier_days(origins, steps, range(1, DAYS + 1))
        simple = (
            memory.levels_at((0, *_AVERAGED), origins),
            _earlier_days(memory.level(2)[origins], changes),
            fitted.ahead(memory, origins, steps),
        )
        return cls(
            first=first,
            targets=centered_mean(memory.values, ensemble.sustained_bins),
            rows=features(memory, origins, steps, changes),
            levels=memory.levels_at([design.half_life for design in DESIGNS], origins),
            simple=np.vstack(simple),
            forgotten=forgotten,
        )

    def rows_of(self, origins: Origins) -> FloatArray:
        return self.rows[origins - self.first]

    def levels_of(self, origins: Origins) -> FloatArray:
        return self.levels[:, origins - self.first]

    def simple_of(self, origins: Origins) -> FloatArray:
        return self.simple[:, origins - self.first]


def _earlier_days(level: FloatArray, changes: FloatArray) -> FloatArray:
    """The level, changed by a share of what earlier days changed at this time; NaN without any.

    `changes` are theirs, shape (days, origins), NaN where unknown.
    """
    known = ~np.isnan(changes)
    days = known.sum(axis=0)
    total = np.where(known, changes, 0.0).sum(axis=0)
    mean = np.where(days > 0, total / np.maximum(days, 1), np.nan)
    return np.maximum(level + _SEASONAL_SHARE * mean, 0.0)
