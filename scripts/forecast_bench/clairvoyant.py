"""One that sees the future, and still errs: what it misses is noise to every forecaster.

A minute is told by a two-sided Gaussian average of the minutes around it, itself left out, with the
bandwidth that errs least on the series. Its margins come from its own errors, as all do.
"""

import numpy as np
from scripts.forecast_bench.origins import QUANTILES, Walk
from scripts.forecast_bench.series import BenchSeries, FloatArray

from pd_forecasting.margins import PastErrors, margins
from pd_forecasting.self_scoring import JUDGED_BINS

_BANDWIDTHS_BINS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_REACH = 6
"""Bandwidths beyond which a bin counts for nothing."""


def clairvoyant(series: BenchSeries) -> Walk:
    """What it says from `series.first_origin` on."""
    origins = np.arange(series.first_origin, len(series.values) - 1)
    told = _best(series)
    roots = np.sqrt(told)
    errors = np.sqrt(series.values) - roots
    points = np.full((len(origins), len(series.horizons_steps)), np.nan)
    values = np.full((*points.shape, len(QUANTILES)), np.nan)
    for column, steps in enumerate(series.horizons_steps):
        for row, origin in enumerate(origins[: len(origins) + 1 - steps].tolist()):
            known = errors[max(origin + 1 - JUDGED_BINS, 0) : origin + 1]
            past = PastErrors(
                known,
                roots[origin + 1 - len(known) : origin + 1],
                np.ones(len(known), dtype=bool),
                0,
            )
            spread = margins(
                past,
                float(roots[origin + steps]),
                steps,
                QUANTILES,
                series.season_bins,
                plain=True,
            )
            points[row, column] = told[origin + steps]
            values[row, column] = np.maximum(roots[origin + steps] + spread, 0.0) ** 2
    return Walk(series, origins, points, values, np.nan, np.nan)


def _best(series: BenchSeries) -> FloatArray:
    """The average around every bin, of the bandwidth that errs least where it is scored."""
    averages = [without_itself(series.values, bandwidth) for bandwidth in _BANDWIDTHS_BINS]
    scored = slice(series.first_origin, None)
    missed = [np.nanmean(np.abs(series.values - one)[scored]) for one in averages]
    return averages[int(np.argmin(missed))]


def without_itself(values: FloatArray, bandwidth: float) -> FloatArray:
    """Gaussian average of the known values around each, itself left out, shape (n,)."""
    side = int(np.ceil(_REACH * bandwidth))
    kernel = np.exp(-0.5 * (np.arange(-side, side + 1) / bandwidth) ** 2)
    kernel[side] = 0.0
    known = ~np.isnan(values)
    sums = np.convolve(np.where(known, values, 0.0), kernel, "same")
    return np.asarray(sums / np.convolve(known, kernel, "same"), dtype=np.float64)
