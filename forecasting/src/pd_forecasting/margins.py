"""Margins around a forecast, from the forecaster's own recent errors at that horizon.

Split conformal prediction: the q-quantile of past errors is added to the forecast. Errors are
divided by the square root of how large errors were when the forecast was made, and multiplied by
that of how large they are now, so that margins widen in rough times and shrink in calm ones
(locally weighted conformal). The root, since rough times end: in full measure, a climb that
surprised once would make the plateau after it dear.

Days have rough hours too: a forecast that misses every noon's climb does so at noon. Where the
load has a rhythm, half of the weight is therefore on the errors that earlier days made around
this time (weighted conformal: Barber et al., arXiv 2202.13415).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from pd_forecasting.base import FloatArray
from pd_forecasting.discounting import discounted

FEWEST_ERRORS = 10
"""Below these many errors at a horizon, margins are reckoned from bin-to-bin changes."""

_HALF_LIFE_BINS = 12
_CALMEST = 0.5
"""Recent errors are never taken for smaller than this share of their long-run size."""

_BY_CLOCK = 0.5
_HOURS_PER_SEASON = 24
"""An error counts by how near to this time of day it was made; an hour off, for 60 %."""


def margins(
    errors: FloatArray, horizon_steps: int, quantiles: Sequence[float], season_bins: int = 0
) -> FloatArray:
    """Margins at `quantiles`, shape (q,).

    `errors` are actual minus forecast of consecutive origins, oldest first, NaN where unknown;
    the newest is the last one that is known now. At least `FEWEST_ERRORS` are known. `season_bins`
    is the length of the load's rhythm, 0 where it has none.
    """
    typical = float(np.nanmean(np.abs(errors)))
    if typical == 0.0:
        return np.zeros(len(quantiles))
    after = _recent_size(np.abs(errors), typical)
    at_origin = np.full(len(errors), typical)
    at_origin[horizon_steps:] = after[: max(len(errors) - horizon_steps, 0)]
    scores = errors / np.sqrt(np.maximum(at_origin, _CALMEST * typical))
    now = math.sqrt(max(after[-1], _CALMEST * typical))
    known = ~np.isnan(scores)
    weights = _weights(len(errors), horizon_steps, season_bins)[known]
    return now * _spread(scores[known], weights, quantiles)


def margins_of_few(
    values: FloatArray, horizon_steps: int, quantiles: Sequence[float]
) -> FloatArray:
    """Margins for a series too short to have errors at the horizon, shape (q,).

    Bin-to-bin changes grow with the square root of the horizon, as those of a random walk do.
    """
    known = values[~np.isnan(values)]
    changes = np.diff(known) * math.sqrt(horizon_steps)
    return _normal_spread(changes, quantiles)


def _recent_size(sizes: FloatArray, typical: float) -> FloatArray:
    """Exponentially weighted mean of error sizes after each error, starting at `typical`."""
    weight = 1 - 0.5 ** (1 / _HALF_LIFE_BINS)
    known = ~np.isnan(sizes)
    start = np.array([typical])
    after = discounted(start, weight * sizes[known][None], _HALF_LIFE_BINS)[0]
    held: FloatArray = np.concatenate([start, after])[np.cumsum(known)]
    return held


def _weights(count: int, horizon_steps: int, season_bins: int) -> FloatArray:
    """How much each of `count` consecutive errors counts, shape (count,)."""
    even = np.full(count, 1.0 / count)
    if season_bins == 0:
        return even
    hour = season_bins / _HOURS_PER_SEASON
    ages = horizon_steps + np.arange(count)[::-1]
    from_this_time = (ages + season_bins / 2) % season_bins - season_bins / 2
    near = np.exp(-0.5 * (from_this_time / hour) ** 2) * (ages > season_bins / 2)
    # Less than an hour's worth of them is too little to go by.
    share = _BY_CLOCK * min(1.0, float(near.sum()) / hour)
    weights: FloatArray = (1 - share) * even
    return weights + share * near / near.sum() if share > 0 else weights


def _spread(scores: FloatArray, weights: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Quantiles of weighted scores; where they are too few for one, the wider of two guesses.

    The error to come may be of any size and counts like one of those known: 1 / n of them, n being
    how many of even weight would say as much (Kish). So of n alike the q-quantile is the
    (n + 1) q-th.
    """
    order = np.argsort(scores, kind="stable")
    ranks = np.cumsum(weights[order]) / (weights.sum() + (weights**2).sum() / weights.sum())
    spread: FloatArray = np.interp(quantiles, ranks, scores[order])
    normal = _normal_spread(scores, quantiles)
    for i, share in enumerate(quantiles):
        if (len(scores) + 1) * min(share, 1 - share) < 1:
            wider = max if share > 0.5 else min
            spread[i] = wider(spread[i], normal[i])
    return spread


def _normal_spread(errors: FloatArray, quantiles: Sequence[float]) -> FloatArray:
    """Quantiles of a normal law around zero, widened for being known from few errors."""
    size = math.sqrt(float(np.mean(errors**2))) * (1 + 2 / len(errors))
    return np.array([NormalDist().inv_cdf(share) * size for share in quantiles])
