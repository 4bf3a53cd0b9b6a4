"""How the experts fared at one horizon, and what following them by their record gives.

Weights follow recent errors: an expert whose discounted error is a share r above the best one's
counts for (1 + r)^-SHARPNESS of it. Nothing is used before it is known: the error of a forecast
enters when its target has been measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray, State
from pd_forecasting.past import Origins, Past, at, centred_mean
from pd_forecasting.plain import listed, read
from pd_forecasting.regression import DAYS, DESIGNS, REFIT_BINS, Regression, features

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

_HALF_LIFE_BINS = 60
_SHARPNESS = 24
_CAUTION = 0.05
"""Errors of all but the last value count for so much more: what is as good should be simple."""

_PRIOR_ERRORS = 5.0
_PRIOR_LOSS = 1.05
"""Before it has a record, an expert is taken for this much worse than the last value."""


@dataclass(frozen=True, eq=False)
class Track:
    """The record at a horizon of `steps` bins, for loads sustained over `sustained_bins`.

    - `combined`: forecasts from the newest origins, one per bin, shape (n,).
    - `shares`: weights of the experts at these origins, shape (k, n).
    - `pending`: the experts' newest forecasts, whose targets are not all known yet, (k, p).
    - `losses`, `weights`: discounted sums of absolute errors and of their number, shape (k,).
    - `taught`: bins seen up to which origins were learnt from.
    """

    steps: int
    sustained_bins: int
    combined: FloatArray
    shares: FloatArray
    pending: FloatArray
    losses: FloatArray
    weights: FloatArray
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
            losses=np.zeros(k),
            weights=np.zeros(k),
            regression=Regression.untaught(),
            taught=past.seen - len(past),
        )
        return blank.extended(past, len(past))

    def extended(self, past: Past, bins: int) -> Self:
        """With the newest `bins` of `past` as further origins."""
        track = self
        targets = centred_mean(past.values, self.sustained_bins)
        shares, combined = [self.shares], [self.combined]
        for block in _blocks(past, bins):
            if (past.seen - len(past) + block[0]) % REFIT_BINS == 0:
                track = track._learnt(past, targets, int(block[0]))
            track, followed, weights = track._followed(past, targets, block)
            combined.append(followed)
            shares.append(weights)
        return replace(track, combined=np.concatenate(combined), shares=np.hstack(shares))

    def latest(self, bins: int) -> Self:
        """Only the newest `bins` origins."""
        return replace(self, combined=self.combined[-bins:], shares=self.shares[:, -bins:])

    def _learnt(self, past: Past, targets: FloatArray, now: int) -> Self:
        """The regression taught with every origin whose target was known at bin `now`."""
        forgotten = past.seen - len(past)
        until = now - self.steps - self.sustained_bins // 2 + 1
        origins = np.arange(max(self.taught - forgotten, 0), until)
        if not len(origins):
            return self
        rows = features(past, origins, self.steps)
        levels = _design_levels(past, origins)
        taught = self.regression.taught(rows, levels, at(targets, origins + self.steps))
        return replace(self, regression=taught.solved(), taught=forgotten + until)

    def _followed(
        self, past: Past, targets: FloatArray, block: Origins
    ) -> tuple[Self, FloatArray, FloatArray]:
        """Forecasts and weights from the origins of `block`, and the record after them."""
        experts = np.hstack([self.pending, self._experts(past, block)])
        known = at(targets, block - self.sustained_bins // 2)
        misses = np.abs(experts[:, : len(block)] - known)
        losses = _discounted(self.losses, np.nan_to_num(misses))
        weights = _discounted(self.weights, (~np.isnan(misses)).astype(np.float64))
        newest = experts[:, -len(block) :]
        shares = _shares(losses, weights, ~np.isnan(newest))
        record = replace(
            self,
            pending=experts[:, len(block) :],
            losses=losses[:, -1],
            weights=weights[:, -1],
        )
        combined = np.where(
            np.isnan(newest[0]), np.nan, (shares * np.nan_to_num(newest)).sum(axis=0)
        )
        return record, combined, shares

    def _experts(self, past: Past, origins: Origins) -> FloatArray:
        """Every expert's forecast from every origin, shape (k, origins)."""
        rows = features(past, origins, self.steps)
        answers = self.regression.answers(rows, _design_levels(past, origins))
        guesses = [past.level(bins)[origins] for bins in (0, *_AVERAGED)]
        return np.vstack([guesses, _earlier_days(past, origins, self.steps), answers])

    def to_plain(self) -> State:
        """Plain data."""
        return {
            "steps": self.steps,
            "sustained_bins": self.sustained_bins,
            "combined": listed(self.combined),
            "shares": self.shares.tolist(),
            "pending": [listed(row) for row in self.pending],
            "losses": self.losses.tolist(),
            "weights": self.weights.tolist(),
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
            losses=np.array(cast("list[float]", plain["losses"])),
            weights=np.array(cast("list[float]", plain["weights"])),
            regression=Regression.from_plain(cast("Mapping[str, object]", plain["regression"])),
            taught=cast("int", plain["taught"]),
        )


def _blocks(past: Past, bins: int) -> list[Origins]:
    """The newest `bins` in runs that end where the regression learns, whatever came at once."""
    forgotten = past.seen - len(past)
    origins = np.arange(len(past) - bins, len(past))
    starts = np.flatnonzero((origins + forgotten) % REFIT_BINS == 0)
    return [block for block in np.split(origins, starts) if len(block)]


def _design_levels(past: Past, origins: Origins) -> FloatArray:
    return np.array([past.level(design.half_life)[origins] for design in DESIGNS])


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


def _discounted(before: FloatArray, news: FloatArray) -> FloatArray:
    """Discounted sums after each column of `news`, shape (k, m)."""
    keep = 0.5 ** (1 / _HALF_LIFE_BINS)
    count = news.shape[1]
    age = np.arange(count)[None, :] - np.arange(count)[:, None]
    factors = np.where(age >= 0, keep ** np.maximum(age, 0), 0.0)
    sums: FloatArray = before[:, None] * keep ** np.arange(1, count + 1) + news @ factors
    return sums


def _shares(losses: FloatArray, weights: FloatArray, answered: npt.NDArray[np.bool_]) -> FloatArray:
    """Weights of the experts, shape (k, m), summing to 1 where any answered."""
    simple = losses[0] / np.maximum(weights[0], 1e-12)
    caution = np.full((len(losses), 1), 1 + _CAUTION)
    caution[0] = 1.0
    loss = (losses * caution + _PRIOR_ERRORS * _PRIOR_LOSS * simple) / (weights + _PRIOR_ERRORS)
    least = loss.min(axis=0)
    ratio = np.divide(least, loss, out=np.ones_like(loss), where=loss > 0)
    shares = np.where(answered, ratio**_SHARPNESS, 0.0)
    normal: FloatArray = shares / np.maximum(shares.sum(axis=0), 1e-300)
    return normal
