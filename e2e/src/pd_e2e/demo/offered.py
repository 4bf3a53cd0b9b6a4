"""The load that was really offered, from the request records."""

import numpy as np

from pd_e2e.loadgen.records import RequestTable
from pd_e2e.loadgen.schedule import FloatArray, IntArray


def offered_rate(
    requests: RequestTable,
    seconds: FloatArray,
    window_seconds: float,
    weights: IntArray | None = None,
) -> FloatArray:
    """Requests per second that arrived in the `window_seconds` up to each of `seconds`.

    With `weights` (one per request, for instance its prompt tokens) their sum per second.
    """
    order = np.argsort(requests.scheduled_seconds, kind="stable")
    arrivals = requests.scheduled_seconds[order]
    each = np.ones(len(order)) if weights is None else weights[order].astype(np.float64)
    total = np.concatenate(([0.0], np.cumsum(each)))
    until = np.searchsorted(arrivals, seconds, side="right")
    since = np.searchsorted(arrivals, seconds - window_seconds, side="right")
    rate: FloatArray = (total[until] - total[since]) / window_seconds
    return rate
