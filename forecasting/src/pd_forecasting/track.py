"""How the experts fared at one horizon, and what following them by their record gives.

Nothing is used before it is known: the error of a forecast enters when its target has been
measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np

from pd_forecasting.base import FloatArray, State
from pd_forecasting.past import Origins, Past, at, centred_mean
from pd_forecasting.plain import listed, read
from pd_forecasting.regression import DAYS, DESIGNS, REFIT_BINS, Regression, features
from pd_forecasting.standings import Standings

LAST_VALUE = "last value"
_AVERAGED = (1, 2, 5, 10)
EXPERTS = (
    LAST_VALUE,
    *(f"average of {bins}" for bins in _AVERAGED),
    "earlier days",
    *(design.name for design in DESIGNS),
)
"""Names of the experts, in the order of every matrix of theirs."""

_SEASONAL_SHARE = 0.5
"""How much of the earlier days' change is believed: days differ, more so in their changes."""


@dataclass(frozen=True, eq=False)
class Track:
    """The record at a horizon of `steps` bins, for loads sustained over `sustained_bins`.

    - `combined`: forecasts from the newest origins, one per bin, shape (n,).
    - `shares`: weights of the experts at these origins, shape (k, n).
    - `pending`: the experts' newest forecasts, whose targets are not all known yet, (k, p).
    - `standings`: what the experts' errors say of them.
    - `taught`: bins seen up to which origins were learnt from.
    """

    steps: int
    sustained_bins: int
    combined: FloatArray
    shares: FloatArray
    pending: FloatArray
    standings: Standings
    regression: Regression
    taught: int

    @classmethod
    def of(cls, past: Past, steps: int, sustained_bins: int) -> Self:
        """The record over all that is remembered."""
        k = len(EXPERTS)
        wait = steps + sustained_bins // 2
        blank = cls(
            steps=steps,
            sustained_bins=sustained_bins,
            combined=np.empty(0),
            shares=np.empty((k, 0)),
            pending=np.full((k, wait), np.nan),
            standings=Standings.none(k),
            regression=Regression.untaught(),
            taught=past.seen - len(past),
        )
        return blank.extended(past, len(past))

    def extended(self, past: Past, bins: int) -> Self:
        """With the newest `bins` of `past` as further origins."""
        track = self
        known = _Known.since(self, past, bins)
        shares, combined = [self.shares], [self.combined]
        for block in _blocks(past, bins):
            if (past.seen - len(past) + block[0]) % REFIT_BINS == 0:
                track = track._learnt(known, int(block[0]))
            track, followed, weights = track._followed(known, block)
            combined.append(followed)
            shares.append(weights)
        return replace(track, combined=np.concatenate(combined), shares=np.hstack(shares))

    def latest(self, bins: int) -> Self:
        """Only the newest `bins` origins."""
        return replace(self, combined=self.combined[-bins:], shares=self.shares[:, -bins:])

    def _learnt(self, known: "_Known", now: int) -> Self:
        """The regression taught with every origin whose target was known at bin `now`."""
        until = now - self.steps - self.sustained_bins // 2 + 1
        origins = np.arange(known.first, until)
        origins = origins[origins >= self.taught - known.forgotten]
        if not len(origins):
            return self
        taught = self.regression.taught(
            known.rows_of(origins),
            known.levels_of(origins),
            at(known.targets, origins + self.steps),
        )
        return replace(self, regression=taught.solved(), taught=known.forgotten + until)

    def _followed(self, known: "_Known", block: Origins) -> tuple[Self, FloatArray, FloatArray]:
        """Forecasts and weights from the origins of `block`, and the record after them."""
        answers = self.regression.answers(known.rows_of(block), known.levels_of(block))
        newest = np.vstack([known.guesses_of(block), answers])
        experts = np.hstack([self.pending, newest])
        actual = at(known.targets, block - self.sustained_bins // 2)
        standings = self.standings.after(np.abs(experts[:, : len(block)] - actual))
        shares = standings.shares(~np.isnan(newest))
        record = replace(self, pending=experts[:, len(block) :], standings=standings.latest)
        combined = np.where(
            np.isnan(newest[0]), np.nan, (shares * np.nan_to_num(newest)).sum(axis=0)
        )
        return record, combined, shares

    def to_plain(self) -> State:
        """Plain data."""
        return {
            "steps": self.steps,
            "sustained_bins": self.sustained_bins,
            "combined": listed(self.combined),
            "shares": self.shares.tolist(),
            "pending": [listed(row) for row in self.pending],
            "standings": self.standings.to_plain(),
            "regression": self.regression.to_plain(),
            "taught": self.taught,
        }

    @classmethod
    def from_plain(cls, plain: State) -> Self:
        """Read `to_plain`'s data."""
        pending = cast("list[list[float | None]]", plain["pending"])
        return cls(
            steps=cast("int", plain["steps"]),
            sustained_bins=cast("int", plain["sustained_bins"]),
            combined=read(cast("list[float | None]", plain["combined"])),
            shares=np.array(cast("list[list[float]]", plain["shares"])),
            pending=np.array([read(row) for row in pending]),
            standings=Standings.from_plain(cast("State", plain["standings"])),
            regression=Regression.from_plain(cast("Mapping[str, object]", plain["regression"])),
            taught=cast("int", plain["taught"]),
        )


def _blocks(past: Past, bins: int) -> list[Origins]:
    """The newest `bins` in runs that end where the regression learns, whatever came at once."""
    forgotten = past.seen - len(past)
    origins = np.arange(len(past) - bins, len(past))
    starts = np.flatnonzero((origins + forgotten) % REFIT_BINS == 0)
    return [block for block in np.split(origins, starts) if len(block)]


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known at origins from bin `first` on, worked out for all of them at once.

    - `targets`: loads to be foretold, one per bin of the past, shape (n,).
    - `rows`: features, shape (origins, f). `levels`: of each design, (d, origins).
    - `guesses`: forecasts of the experts that need not learn, shape (g, origins).
    - `forgotten`: bins that were seen before those of the past.
    """

    first: int
    targets: FloatArray
    rows: FloatArray
    levels: FloatArray
    guesses: FloatArray
    forgotten: int

    @classmethod
    def since(cls, track: Track, past: Past, bins: int) -> Self:
        """At the newest `bins`, and at those before them that are still to be learnt from."""
        forgotten = past.seen - len(past)
        first = max(min(track.taught - forgotten, len(past) - bins), 0)
        origins = np.arange(first, len(past))
        averages = [past.level(half_life)[origins] for half_life in (0, *_AVERAGED)]
        return cls(
            first=first,
            targets=centred_mean(past.values, track.sustained_bins),
            rows=features(past, origins, track.steps),
            levels=np.array([past.level(design.half_life)[origins] for design in DESIGNS]),
            guesses=np.vstack([averages, _earlier_days(past, origins, track.steps)]),
            forgotten=forgotten,
        )

    def rows_of(self, origins: Origins) -> FloatArray:
        return self.rows[origins - self.first]

    def levels_of(self, origins: Origins) -> FloatArray:
        return self.levels[:, origins - self.first]

    def guesses_of(self, origins: Origins) -> FloatArray:
        return self.guesses[:, origins - self.first]


def _earlier_days(past: Past, origins: Origins, steps: int) -> FloatArray:
    """The level, changed by a share of what earlier days changed at this time; NaN without any."""
    if past.season_bins == 0:
        return np.full(len(origins), np.nan)
    changes = np.array(
        [past.change_on_an_earlier_day(origins, steps, day) for day in range(1, DAYS + 1)]
    )
    days = np.count_nonzero(~np.isnan(changes), axis=0)
    mean = np.where(days > 0, np.nansum(changes, axis=0) / np.maximum(days, 1), np.nan)
    return np.maximum(past.level(2)[origins] + _SEASONAL_SHARE * mean, 0.0)
