"""How good a walk was: errors against the last value, coverage, pinball loss, replicas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scripts.forecast_bench.origins import QUANTILES, Walk
from scripts.forecast_bench.series import FloatArray

MEAN_NEED = 8.0
BLOCK_MINUTES = 360


@dataclass(frozen=True)
class HorizonScore:
    """Scores at one horizon, over the origins whose actual is known.

    - `relative_mae`: mean absolute error over that of the last value.
    - `wape_percent`: mean absolute error in percent of the mean load.
    - `coverage_percent`: share of actuals at or below each of `QUANTILES`.
    - `worst_block_percent`: least coverage of the 90th percentile in any 6 hours.
    - `pinball90_percent`, `pinball975_percent`: pinball loss of the 90th and of the 97.5th
      percentile in percent of the mean load.
    """

    lead_minutes: int
    origins: int
    relative_mae: float
    wape_percent: float
    coverage_percent: dict[float, float]
    worst_block_percent: float
    pinball90_percent: float
    pinball975_percent: float = math.nan


@dataclass(frozen=True)
class ReplicaScore:
    """Replicas chosen by a quantile one lead time ahead, of a service that needs 8 on average."""

    quantile: float
    short_minutes_percent: float
    over_provisioning_percent: float


def score(walk: Walk) -> list[HorizonScore]:
    """Scores at every horizon that was answered."""
    answered = np.flatnonzero(~np.isnan(walk.points).all(axis=0))
    return [_at_horizon(walk, int(column)) for column in answered]


def _at_horizon(walk: Walk, column: int) -> HorizonScore:
    actual, last = _actual_and_last(walk, column)
    points, values = walk.points[: len(actual), column], walk.values[: len(actual), column]
    known = ~np.isnan(actual + points)
    actual, last, points, values = actual[known], last[known], points[known], values[known]
    covered = np.where(np.isnan(values), np.nan, actual[:, None] <= values)
    p90 = QUANTILES.index(0.9)
    error = float(np.abs(actual - points).mean())
    mean = float(actual.mean())
    return HorizonScore(
        lead_minutes=walk.series.lead_minutes[column],
        origins=len(actual),
        relative_mae=round(
            error / float(np.abs(actual - last).mean()), 9
        ),  # the last value's own is 1
        wape_percent=100 * error / mean,
        coverage_percent={
            quantile: 100 * float(covered[:, i].mean()) for i, quantile in enumerate(QUANTILES)
        },
        worst_block_percent=_worst_block(covered[:, p90], _origins_per_block(walk)),
        pinball90_percent=100 * pinball(actual, values[:, p90], 0.9) / mean,
        pinball975_percent=100 * pinball(actual, values[:, QUANTILES.index(0.975)], 0.975) / mean,
    )


def _actual_and_last(walk: Walk, column: int) -> tuple[FloatArray, FloatArray]:
    """The load that came and the one known at the origin, of origins with a known future."""
    steps = walk.series.horizons_steps[column]
    origins = walk.origins[walk.origins + steps < len(walk.series.values)]
    return walk.series.values[origins + steps], walk.series.held[origins]


def _origins_per_block(walk: Walk) -> int:
    stride = int(walk.origins[1] - walk.origins[0])
    return max(1, BLOCK_MINUTES // (walk.series.bin_minutes * stride))


def _worst_block(covered: FloatArray, size: int) -> float:
    """Least share covered in any whole block of `size` origins, in percent."""
    blocks = len(covered) // size
    if blocks == 0:
        return float("nan")
    return 100 * float(covered[: blocks * size].reshape(blocks, size).mean(axis=1).min())


def pinball(actual: FloatArray, quantile: FloatArray, share: float) -> float:
    """Mean pinball loss."""
    above = actual - quantile
    return float(np.maximum(share * above, (share - 1) * above).mean())


def replicas(walk: Walk, quantile: float, lead_minutes: int = 5) -> ReplicaScore:
    """Replicas of quantile / capacity, in force one lead time later, against actual / capacity."""
    column = walk.series.lead_minutes.index(lead_minutes)
    actual, _ = _actual_and_last(walk, column)
    chosen = walk.values[: len(actual), column, QUANTILES.index(quantile)]
    known = ~np.isnan(actual + chosen)
    return score_replicas(actual[known], chosen[known], quantile)


def score_replicas(actual: FloatArray, chosen: FloatArray, quantile: float) -> ReplicaScore:
    """Short minutes, and surplus replica-minutes in percent of those needed."""
    capacity = _capacity_for(actual, MEAN_NEED)
    need, have = np.ceil(actual / capacity), np.ceil(chosen / capacity)
    return ReplicaScore(
        quantile,
        100 * float((have < need).mean()),
        100 * float(np.maximum(have - need, 0).sum() / need.sum()),
    )


def _capacity_for(actual: FloatArray, mean_need: float) -> float:
    """Load per replica at which the mean of ceil(actual / capacity) is `mean_need`."""
    low, high = float(actual.mean()) / mean_need / 2, float(actual.mean()) / mean_need * 4
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.ceil(actual / middle).mean()) > mean_need:
            low = middle
        else:
            high = middle
    return high


def over_at_short(choices: Sequence[ReplicaScore], short_percent: float) -> float:
    """Over-provisioning at which so many minutes are short, between the quantiles tried.

    Linear in the logarithm of the short minutes; NaN where no two quantiles lie around.
    """
    ascending = sorted(choices, key=lambda one: one.short_minutes_percent)
    short = [math.log(max(one.short_minutes_percent, 1e-3)) for one in ascending]
    if not short or not short[0] <= math.log(short_percent) <= short[-1]:
        return math.nan
    over = [one.over_provisioning_percent for one in ascending]
    return float(np.interp(math.log(short_percent), short, over))
