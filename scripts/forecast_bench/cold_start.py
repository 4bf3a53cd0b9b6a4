"""What a forecaster is worth on the first points of a service."""

from dataclasses import dataclass

import numpy as np
from scripts.forecast_bench.series import BenchSeries

from pd_forecasting import Forecaster, NotEnoughPointsError

POINTS = (5, 10, 20, 40, 90)
LEAD_MINUTES = 5
STRIDE = 17
"""Minutes between starts: no divisor of an hour, so that starts fall on all parts of it."""


@dataclass(frozen=True)
class ColdStart:
    """Relative MAE at 5 minutes of forecasters that know `points` bins; NaN where one refuses."""

    points: int
    relative_mae: float


def cold_start(
    model: type[Forecaster], series: BenchSeries, stride: int = STRIDE
) -> list[ColdStart]:
    """Fit a new forecaster on each number of points before each of many starts."""
    steps = LEAD_MINUTES // series.bin_minutes
    starts = range(series.first_origin, len(series.values) - steps, stride)
    return [
        ColdStart(points, _relative_mae(model, series, points, starts, steps)) for points in POINTS
    ]


def _relative_mae(
    model: type[Forecaster], series: BenchSeries, points: int, starts: range, steps: int
) -> float:
    values = series.values
    own, other = [], []
    for start in starts:
        forecaster = model(season_bins=series.season_bins)
        forecaster.fit(values[start - points + 1 : start + 1], (steps,))
        try:
            forecast = float(forecaster.forecast((steps,), (0.5,)).points[0])
        except NotEnoughPointsError:
            return float("nan")
        own.append(abs(values[start + steps] - forecast))
        other.append(abs(values[start + steps] - values[start]))
    return float(np.mean(own) / np.mean(other))
