"""Requests summed up over a sliding window."""

import numpy as np
import numpy.typing as npt

from pd_e2e.loadgen.schedule import FloatArray

MIN_REQUESTS = 20
"""Fewer say nothing about a percentile; there is a gap instead of a value."""


def sliding_share(
    arrivals: FloatArray,
    met: npt.NDArray[np.bool_],
    seconds: FloatArray,
    window_seconds: float,
) -> FloatArray:
    """Share of `met` among the requests that arrived in the window up to each second; NaN if few.

    `arrivals` must be in order.
    """
    since, until = _ranges(arrivals, seconds, window_seconds)
    total = np.concatenate(([0.0], np.cumsum(met)))
    counts = until - since
    enough = counts >= MIN_REQUESTS
    shares: FloatArray = np.where(
        enough, (total[until] - total[since]) / np.maximum(counts, 1), np.nan
    )
    return shares


def sliding_percentiles(
    arrivals: FloatArray,
    values: FloatArray,
    seconds: FloatArray,
    window_seconds: float,
    percents: tuple[int, ...],
) -> FloatArray:
    """Percentiles of the known `values` in each window: shape (len(percents), len(seconds))."""
    known = ~np.isnan(values)
    arrivals, values = arrivals[known], values[known]
    since, until = _ranges(arrivals, seconds, window_seconds)
    result: FloatArray = np.full((len(percents), len(seconds)), np.nan)
    for column, (first, last) in enumerate(zip(since, until, strict=True)):
        if last - first >= MIN_REQUESTS:
            result[:, column] = np.percentile(values[first:last], percents)
    return result


def _ranges(
    arrivals: FloatArray, seconds: FloatArray, window_seconds: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    since = np.searchsorted(arrivals, seconds - window_seconds, side="right")
    until = np.searchsorted(arrivals, seconds, side="right")
    return since, until
