"""Margins around a forecast, from the forecaster's own errors of the last days at that horizon.

Split conformal prediction: the q-quantile of past errors is added to the forecast. Errors are
divided by the square root of how large errors were when the forecast was made, and multiplied by
that of how large they are now, so that margins widen in rough times and shrink in calm ones
(locally weighted conformal: Lei et al. 2018). The square root, because rough times end: in full
measure, a climb that surprised once would make the plateau after it expensive.

Not all past errors are alike, so they are weighted (Barber et al. 2023, arXiv 2202.13415). A third
of the weight is on errors that were made at a like level of the load, a third on those that earlier
days made around this time, and a third on all. Errors made at a level that has nothing in common
with now's say nothing of it, as those of an idle night say nothing of a busy morning: they have no
weight. Where few errors at a like level are known, or few since the present level began, margins
are at least those of the newest errors: whether today's errors are like Friday's is not known yet.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from pd_forecasting.base import FloatArray
from pd_forecasting.discounting import discounted

MINIMUM_ERRORS = 10
"""Below these many errors at a horizon, margins are made of bin-to-bin changes.

Ten tell a standard deviation to about a quarter of itself."""

SEASONS = 4
"""Seasons whose errors count: days of the load's own week, and more gain little.

`python -m scripts.forecast_bench.sweep margins.SEASONS 1 2 3 4`."""

MINIMUM_REMEMBERED = 200
"""Errors remembered at least, where a season has few bins: so many tell a 97.5th percentile."""

_HALF_LIFE_BINS = 12
"""Memory of how large errors are of late. `python -m scripts.forecast_bench.sweep` varies it."""

_CALMEST = 0.5
"""Recent errors are not taken for smaller than this share of the usual ones: calm times end too."""

_LIKE_LEVEL, _BY_CLOCK = 1 / 3, 1 / 3
"""Shares of the weight that is on errors at a like level, and at this time of day; a third each,
with all errors. `python -m scripts.forecast_bench.sweep` shows the plateau."""

_LIKE = math.log(2)
"""Distance of levels, in logarithms, at which an error's weight as one of a like level has fallen
to 60 %: half or twice the load. A Gaussian kernel."""

_COMPARABLE = math.log(10)
"""The same for an error's weight among all: a tenth of the load, or ten times as much."""

_MINIMUM_KERNEL = 0.05
"""Below this weight an error has none, and is left out of how rough times are, too."""

_FEW = 30
"""Below these many errors at a like level, or of the present level, margins are at least those of
the newest errors."""

_HOURS_PER_SEASON = 24
"""An error counts by how near to this time of day it was made; an hour off, for 60 %."""

_MINIMUM_COMPARABLE = 0.25
"""Share of comparable errors below which a yardstick's margins leave out the others."""


@dataclass(frozen=True, eq=False)
class PastErrors:
    """Errors of forecasts from n consecutive origins, oldest first; the newest is known just now.

    - `errors`: actual minus forecast, NaN where unknown, shape (n,).
    - `levels`: the forecasts, on the same scale, shape (n,).
    - `ordinary`: whether the actual load was neither a surprise nor of a level that began after the
      forecast was made, shape (n,).
    - `settled`: how many of the newest origins lie on the present level.
    """

    errors: FloatArray
    levels: FloatArray
    ordinary: npt.NDArray[np.bool_]
    settled: int

    @cached_property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which errors are known."""
        known: npt.NDArray[np.bool_] = ~np.isnan(self.errors)
        return known

    @cached_property
    def sizes(self) -> FloatArray:
        """How large the errors are, whichever way."""
        return np.abs(self.errors)

    @property
    def newest(self) -> FloatArray:
        """The newest known errors of the present level, no more than are few."""
        count = min(self.settled, len(self.errors))
        errors = self.errors[len(self.errors) - count :]
        return errors[self.known[len(self.errors) - count :]][-_FEW:]


def margins(
    past: PastErrors,
    level: float,
    horizon_steps: int,
    quantiles: Sequence[float],
    season_bins: int = 0,
    *,
    newest: Callable[[], FloatArray] | None = None,
    plain: bool = False,
) -> FloatArray:
    """Margins at `quantiles` around a forecast of `level`, shape (q,).

    `season_bins` is the length of the load's rhythm, 0 where it has none. `newest` gives margins
    that hold at least where few errors at a like level, or of the present one, are known. `plain`
    margins weight errors by the clock alone: those of a yardstick.
    """
    weights, like = _weights(past, level, horizon_steps, season_bins, plain=plain)
    found = _locally_weighted(past, weights, horizon_steps, quantiles)
    if newest is None or min(like, len(past.newest)) >= _FEW:
        return found
    least, high = newest(), np.array(quantiles) > 0.5
    return np.where(high, np.maximum(found, least), np.minimum(found, least))


def margins_of_changes(
    values: FloatArray, horizon_steps: int, quantiles: Sequence[float]
) -> FloatArray:
    """Margins for bins too few to have errors at the horizon, shape (q,); 0 for a single one.

    Bin-to-bin changes grow with the square root of the horizon, as those of a random walk do.
    """
    known = values[~np.isnan(values)]
    changes = np.diff(known) * math.sqrt(horizon_steps)
    return normal_margins(changes, quantiles)


def normal_margins(errors: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Quantiles of a normal law around zero, widened for being known from few errors."""
    if len(errors) == 0:
        return np.zeros(len(quantiles))
    size = math.sqrt(float(np.mean(errors**2))) * (1 + 2 / len(errors))
    return np.array([NormalDist().inv_cdf(share) * size for share in quantiles])


def _locally_weighted(
    past: PastErrors, weights: FloatArray, horizon_steps: int, quantiles: Sequence[float]
) -> FloatArray:
    """Quantiles of the weighted errors, each scaled from its origin's roughness to now's."""
    counted = weights > 0
    usual = past.ordinary & counted
    of_usual, sizes = weights[usual], past.sizes[usual]
    total = float(of_usual.sum())
    typical = float(of_usual @ sizes) / total if total > 0 else 0.0
    if typical == 0.0:
        return np.zeros(len(quantiles))
    after = _recent_size(sizes, usual, typical)
    at_origin = np.full(len(after), typical)
    at_origin[horizon_steps:] = after[: max(len(after) - horizon_steps, 0)]
    calmest = _CALMEST * typical
    scores = past.errors[counted] / np.sqrt(np.maximum(at_origin[counted], calmest))
    now = math.sqrt(max(after[-1], calmest))
    return now * _spread(scores, weights[counted], quantiles)


def _recent_size(sizes: FloatArray, usual: npt.NDArray[np.bool_], typical: float) -> FloatArray:
    """Exponentially weighted mean of error sizes after each of n errors, starting at `typical`.

    `usual`, shape (n,), says which errors count; `sizes` are theirs alone.
    """
    weight = 1 - 0.5 ** (1 / _HALF_LIFE_BINS)
    start = np.array([typical])
    after = discounted(start, weight * sizes[None], _HALF_LIFE_BINS)[0]
    held: FloatArray = np.concatenate([start, after])[np.cumsum(usual)]
    return held


def _weights(
    past: PastErrors, level: float, horizon_steps: int, season_bins: int, *, plain: bool
) -> tuple[FloatArray, float]:
    """How much each error counts, shape (n,), and how many at a like level are known."""
    squares = _squared_distances(past, level)
    like, comparable = _kernel(squares, _LIKE), _kernel(squares, _COMPARABLE)
    known = float(np.count_nonzero(past.known))
    if plain and comparable.sum() >= _MINIMUM_COMPARABLE * known:
        comparable = past.known.astype(np.float64)
    near = comparable * _by_clock(len(comparable), horizon_steps, season_bins)
    hour = season_bins / _HOURS_PER_SEASON if season_bins else float(_FEW)
    sums = [float(part.sum()) for part in (like, near, comparable)]
    # Less than an hour's worth of them is too little to go by.
    of_like = (0.0 if plain else _LIKE_LEVEL) * min(1.0, sums[0] / hour)
    of_near = _BY_CLOCK * min(1.0, sums[1] / hour)
    shares = (of_like, of_near, 1.0 - of_like - of_near)
    weights = np.zeros(len(comparable))
    for share, part, total in zip(shares, (like, near, comparable), sums, strict=True):
        if share * total > 0:
            weights += (share / total) * part
    return weights, sums[0]


def _squared_distances(past: PastErrors, level: float) -> FloatArray:
    """How far the level of each error's forecast is from `level`, as a logarithm of loads, squared.

    Levels that differ by less than the usual error are alike, so that is added to both. They are
    square roots of loads, so the logarithm counts twice. Infinite where an error is unknown.
    """
    blur = float(past.sizes[past.known].mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = 2 * np.log((past.levels + blur) / (level + blur))
    if level + blur == 0:
        distance = np.where(past.levels > 0, np.inf, 0.0)
    squares: FloatArray = np.where(past.known, distance * distance, np.inf)
    return squares


def _kernel(squared_distance: npt.NDArray[np.floating[Any]], width: float) -> FloatArray:
    kernel: FloatArray = np.exp(squared_distance * (-0.5 / width**2))
    kernel[kernel < _MINIMUM_KERNEL] = 0.0
    return kernel


@lru_cache(maxsize=64)
def _by_clock(count: int, horizon_steps: int, season_bins: int) -> FloatArray:
    """How near to the forecast's time of day each of `count` errors was made, on earlier days."""
    if season_bins == 0:
        return np.zeros(count)
    ages = horizon_steps + np.arange(count)[::-1]
    from_this_time = (ages + season_bins / 2) % season_bins - season_bins / 2
    near = _kernel(from_this_time**2, season_bins / _HOURS_PER_SEASON)
    return near * (ages > season_bins / 2)


def _spread(scores: FloatArray, weights: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Quantiles of weighted scores; where they are too few for one, the wider of two guesses.

    The error to come may be of any size and counts like one of those known: 1 / n of them, n being
    how many of even weight would say as much (Kish 1965). So of n alike the q-quantile is the
    (n + 1) q-th.
    """
    total = float(weights.sum())
    alike = total**2 / float(weights @ weights)
    order = np.argsort(scores)
    ranks = np.cumsum(weights[order])
    wanted = np.array(quantiles) * (total * (1 + 1 / alike))
    spread: FloatArray = np.interp(wanted, ranks, scores[order])
    for i, share in enumerate(quantiles):
        if (alike + 1) * min(share, 1 - share) < 1:
            size = math.sqrt(float(weights @ scores**2) / total) * (1 + 2 / alike)
            wider = max if share > 0.5 else min
            spread[i] = wider(spread[i], NormalDist().inv_cdf(share) * size)
    return spread
