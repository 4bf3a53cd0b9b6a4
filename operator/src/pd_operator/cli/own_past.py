"""The past of a service that is there, from the Prometheus that its operator reads."""

import asyncio
import time
from dataclasses import dataclass

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.cli.prometheus_from_here import Reached
from pd_operator.cli.traces.errors import TraceError
from pd_operator.controller.tick.history_reader import HistoryReader
from pd_operator.demand import Demand, DemandHistory
from pd_operator.scaling.observation import Unknown
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import OWN_SERIES, ServiceSeries

ANSWER_SECONDS = 60.0
MAXIMUM_READINGS = 200


@dataclass(frozen=True)
class PastSource:
    """A service's series in a Prometheus, and how far apart their samples are."""

    key: ServiceKey
    prometheus: Reached
    scrape_interval_seconds: float
    series: ServiceSeries = OWN_SERIES

    def reader(self) -> PrometheusReader:
        """To be closed."""
        return PrometheusReader(
            self.prometheus.url,
            ANSWER_SECONDS,
            self.scrape_interval_seconds,
            self.prometheus.access,
            self.series,
        )


def read_history(source: PastSource, spec: ForecastSpec) -> DemandHistory:
    """As much of the past as `spec` asks for and Prometheus has; `TraceError` where it has none."""
    reader, past = source.reader(), HistoryReader(source.key, spec)
    try:
        asyncio.run(_read(past, reader))
    finally:
        reader.close()
    history = past.history
    if history is None:
        raise TraceError(f"{past.fault} {source.prometheus.advice}")
    if len(history) == 0:
        raise TraceError(
            f"{source.prometheus.url} knows no load of {source.key}. Is its router scraped?"
        )
    return history


def read_lengths(source: PastSource, until_seconds: float, window_seconds: float) -> Demand:
    """How long prompts and answers were in the window until then (Unix time).

    `TraceError` where nobody knows.
    """
    reader = source.reader()
    try:
        reading = reader.demand(source.key, until_seconds, window_seconds)
    finally:
        reader.close()
    if isinstance(reading, Unknown):
        raise TraceError(f"how long requests of {source.key} are is unknown: {reading.message}")
    return reading.value


async def _read(past: HistoryReader, reader: PrometheusReader) -> None:
    """Read until nothing older is left, or Prometheus gives no more."""
    now = time.time()
    for _ in range(MAXIMUM_READINGS):
        await past.read(reader, now)
        if past.complete or past.history is None:
            return
