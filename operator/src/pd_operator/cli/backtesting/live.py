"""The past of a live service, from the Prometheus that its operator reads."""

import asyncio
import time

from pd_operator.api.autoscaling import ForecastSpec
from pd_operator.api.names import ServiceKey
from pd_operator.cli.backtesting.loads import LoadError, Loads
from pd_operator.cli.prometheus_from_here import Reached
from pd_operator.controller.tick.history_reader import HistoryReader
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import OWN_SERIES, ServiceSeries

ANSWER_SECONDS = 60.0
MAXIMUM_READINGS = 200


def read_past(
    key: ServiceKey,
    prometheus: Reached,
    scrape_interval_seconds: float,
    spec: ForecastSpec,
    series: ServiceSeries = OWN_SERIES,
) -> Loads:
    """As much of the past as `spec` asks for and Prometheus has; `LoadError` where it has none."""
    reader = PrometheusReader(
        prometheus.url, ANSWER_SECONDS, scrape_interval_seconds, prometheus.access, series
    )
    past = HistoryReader(key, spec)
    try:
        asyncio.run(_read(past, reader))
    finally:
        reader.close()
    history = past.history
    if history is None:
        raise LoadError(f"{past.fault} {prometheus.advice}")
    if len(history) == 0:
        raise LoadError(f"{prometheus.url} knows no load of {key}. Is its router scraped?")
    return Loads.of_history(str(key), history)


async def _read(past: HistoryReader, reader: PrometheusReader) -> None:
    """Read until nothing older is left, or Prometheus gives no more."""
    now = time.time()
    for _ in range(MAXIMUM_READINGS):
        await past.read(reader, now)
        if past.complete or past.history is None:
            return
