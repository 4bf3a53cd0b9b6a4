"""The load before a simulation begins, as the operator's Prometheus would know it."""

import numpy as np

from pd_operator.demand import DemandHistory
from pd_operator.simulation.requests import Requests


def history_before(requests: Requests, bins: int, bin_seconds: float) -> DemandHistory:
    """`requests` of the first `bins` bins, as the history that ends at second 0."""
    numbers = np.minimum((requests.arrival_seconds / bin_seconds).astype(int), bins - 1)
    counts = np.bincount(numbers, minlength=bins).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return DemandHistory(
            start_seconds=-bins * bin_seconds,
            bin_seconds=bin_seconds,
            requests_per_second=counts / bin_seconds,
            prompt_tokens_mean=np.bincount(numbers, requests.prompt_tokens, bins) / counts,
            output_tokens_mean=np.bincount(numbers, requests.output_tokens, bins) / counts,
        )
