"""A forecaster walked over a series, asked at every origin, knowing the past alone."""

import time
from dataclasses import dataclass

import numpy as np
from scripts.forecast_bench.series import BenchSeries, FloatArray, IntArray

from pd_forecasting import Forecaster, NotEnoughPointsError

MINIMUM_BINS_BETWEEN_FITS = 60
"""An hour of minutes; those that learn from every bin are fitted as seldom as the operator does."""

QUANTILES = (0.05, 0.5, 0.9, 0.95, 0.975, 0.99)


@dataclass(frozen=True, eq=False)
class Walk:
    """What a forecaster said.

    - `origins`: bins whose load was the last one seen, shape (o,).
    - `points`: shape (o, h). `values`: at `QUANTILES`, shape (o, h, q). NaN where it refused.
    - `fit_seconds`, `step_seconds`: processor time of one fit, and of one update and forecast.
    """

    series: BenchSeries
    origins: IntArray
    points: FloatArray
    values: FloatArray
    fit_seconds: float
    step_seconds: float


def walk(model: type[Forecaster], series: BenchSeries, stride: int = 1, last: int = 0) -> Walk:
    """Ask `model` at every `stride`-th origin from `series.first_origin` on.

    It is fitted anew every `bins_between_fits` on all bins up to the origin, and updated with the
    bins that follow. `last` stops after that many origins; 0 is none.
    """
    origins = np.arange(series.first_origin, len(series.values) - 1, stride)[: last or None]
    points = np.full((len(origins), len(series.horizons_steps)), np.nan)
    values = np.full((*points.shape, len(QUANTILES)), np.nan)
    forecaster = model(season_bins=series.season_bins)
    fits: list[float] = []
    steps: list[float] = []
    seen, due = 0, series.first_origin
    for row, origin in enumerate(origins.tolist()):
        begun = time.process_time()
        if origin >= due:
            forecaster.fit(series.values[: origin + 1], series.horizons_steps)
            due = origin + bins_between_fits(model)
            fits.append(time.process_time() - begun)
            begun = time.process_time()
        else:
            forecaster.update(series.values[seen : origin + 1])
        seen = origin + 1
        try:
            answer = forecaster.forecast(series.horizons_steps, QUANTILES)
        except NotEnoughPointsError:
            continue
        points[row], values[row] = answer.points, answer.values
        steps.append(time.process_time() - begun)
    return Walk(series, origins, points, values, _mean(fits), _mean(steps))


def bins_between_fits(model: type[Forecaster]) -> int:
    """After how many bins a walk fits `model` anew."""
    return max(MINIMUM_BINS_BETWEEN_FITS, model.bins_between_fits)


def _mean(seconds: list[float]) -> float:
    return sum(seconds) / len(seconds) if seconds else float("nan")
