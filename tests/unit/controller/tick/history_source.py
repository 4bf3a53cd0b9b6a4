"""Answers history questions from arrays in memory, in the reader's place."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pd_operator.api.names import ServiceKey
from pd_operator.demand import DemandHistory, FloatArray
from pd_operator.scaling.observation import Unknown

AWAY = Unknown("PrometheusUnreachable", "prometheus", "Prometheus does not answer.")


@dataclass
class MemoryArchive:
    """Knows the load from `since_seconds` on: `rate` of the bins' ends, lengths of 1000 and 200.

    It does not answer while `away`, nor ever for more than `maximum_bins` at once. `asked` lists
    the questions, as (start, end).
    """

    rate: Callable[[FloatArray], FloatArray]
    since_seconds: float
    maximum_bins: int = 11_000
    away: bool = False
    asked: list[tuple[float, float]] = field(default_factory=list)

    def demand_history(
        self, service: ServiceKey, start_seconds: float, end_seconds: float, bin_seconds: float
    ) -> DemandHistory | Unknown:
        del service
        self.asked.append((start_seconds, end_seconds))
        bins = round((end_seconds - start_seconds) / bin_seconds)
        if self.away or bins > self.maximum_bins:
            return AWAY
        ends: FloatArray = start_seconds + bin_seconds * np.arange(1, bins + 1, dtype=np.float64)
        known = np.where(ends > self.since_seconds, 1.0, np.nan)
        return DemandHistory(
            start_seconds, bin_seconds, known * self.rate(ends), known * 1000.0, known * 200.0
        )
