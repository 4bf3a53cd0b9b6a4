"""Where the load comes from: flags, a trace, Prometheus, or a service's status."""

import time
from dataclasses import replace

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.prometheus_from_here import Reached, prometheus_from_here
from pd_operator.cli.resources import connect
from pd_operator.cli.sizing.flags import LOAD_WINDOW_SECONDS, LoadFlags
from pd_operator.planning.load import Load, measured_load, steady_load
from pd_operator.planning.plan import PlanningError
from pd_operator.scaling.observation import Known
from pd_operator.telemetry.prometheus import PrometheusReader
from pd_operator.telemetry.series import series_of


def given_load(flags: LoadFlags) -> Load:
    """A load by its trace or its three means; `PlanningError` or `TraceError` if none."""
    if flags.trace is not None:
        # Here and not above: pandas, which reads the file, is of the extra `backtest`.
        from pd_operator.cli.traces.requests import read_requests  # noqa: PLC0415 - as above

        load = measured_load(
            read_requests(flags.trace, flags.times), flags.window_seconds, flags.percent
        )
        return _at_rate(load, flags.rate)
    if flags.rate is None or flags.prompt is None or flags.output is None:
        raise PlanningError("give a load: --rate, --isl and --osl, or --trace FILE")
    return _steady(flags, flags.rate, flags.prompt, flags.output)


def service_load(service: PDInferenceService, context: str | None, flags: LoadFlags) -> Load:
    """A service's load: as asked for by the flags, else what its status has seen.

    `context` is the kubeconfig's that the service was read with.
    """
    if flags.trace is not None and flags.prometheus is not None:
        raise PlanningError("give the load by --trace or by --prometheus, not by both")
    if flags.trace is not None:
        return given_load(flags)
    if flags.prometheus is not None:
        metrics = service.spec.metrics
        reached = prometheus_from_here(connect(context), flags.prometheus, metrics)
        return _prometheus_load(service, reached)
    seen = service.status.demand
    rate, prompt, output = flags.rate, flags.prompt, flags.output
    if seen is not None:
        rate = seen.milli_requests_per_second / 1000 if rate is None else rate
        prompt = float(max(1, seen.mean_prompt_tokens)) if prompt is None else prompt
        output = float(max(1, seen.mean_output_tokens)) if output is None else output
    if rate is None or prompt is None or output is None:
        raise PlanningError(
            f"service {service.metadata.name!r} has no measured load yet: "
            "give --rate, --isl and --osl, or a --trace"
        )
    load = _steady(flags, rate, prompt, output)
    given = all(figure is not None for figure in (flags.rate, flags.prompt, flags.output))
    return load if given or seen is None else replace(load, source="the service's status")


def _steady(flags: LoadFlags, rate: float, prompt: float, output: float) -> Load:
    return steady_load(
        rate,
        prompt,
        output,
        prompt_cv=flags.prompt_cv,
        output_cv=flags.output_cv,
        arrival_scv=flags.arrival_scv,
    )


def _at_rate(load: Load, rate: float | None) -> Load:
    """The same requests, thinned or thickened to a rate of the busier pool."""
    if rate is None or load.requests_per_second == 0:
        return load
    steady_load(rate, 1.0, 1.0)  # refuses what makes no sense
    factor = rate / load.requests_per_second
    prefill, decode = (
        replace(one, requests_per_second=one.requests_per_second * factor)
        for one in (load.prefill, load.decode)
    )
    return Load(prefill, decode, f"{load.source}, scaled to {rate:g} requests/s")


def _prometheus_load(service: PDInferenceService, reached: Reached) -> Load:
    reader = PrometheusReader(
        reached.url,
        access=reached.access,
        scrape_interval_seconds=float(service.spec.metrics.scrape_interval_seconds),
        series=series_of(service.spec),
    )
    try:
        reading = reader.demand(service.key, time.time(), LOAD_WINDOW_SECONDS)
    finally:
        reader.close()
    if not isinstance(reading, Known):
        raise PlanningError(f"Prometheus: {reading.message} {reached.advice}")
    return Load(reading.value, reading.value, "Prometheus, the last 5 minutes")
