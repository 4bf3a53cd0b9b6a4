"""A service's own past as requests to play: Prometheus knows how many, and how long in the mean."""

from dataclasses import dataclass, replace

import numpy as np

from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.own_past import PastSource, read_history, read_lengths
from pd_operator.cli.prometheus_from_here import NO_ADDRESS, prometheus_from_here, prometheus_of
from pd_operator.cli.resources import ServiceReader, fault
from pd_operator.cli.traces.errors import TraceError
from pd_operator.demand import DemandHistory, FloatArray, LengthDistribution
from pd_operator.simulation import Requests
from pd_operator.simulation.past import history_before
from pd_operator.telemetry.series import series_of

SECONDS_PER_HOUR = 3600.0

LENGTHS_WINDOW_SECONDS = 3600.0
"""How lengths are spread is taken from the last hour with requests, their mean from each bin."""


@dataclass(frozen=True, eq=False)
class OwnPast:
    """The load of a service by bins in Unix time, and how its lengths are spread of late."""

    history: DemandHistory
    prompts: LengthDistribution
    answers: LengthDistribution

    @property
    def hours(self) -> float:
        """From the first bin to the last."""
        return len(self.history) * self.history.bin_seconds / SECONDS_PER_HOUR

    def newest(self, hours: float) -> "OwnPast":
        """Only so many hours of it, in whole bins; all where there are no more."""
        step = self.history.bin_seconds
        bins = int(hours * SECONDS_PER_HOUR // step)
        begin = self.history.end_seconds - min(bins, len(self.history)) * step
        return replace(self, history=self.history.since(begin))

    def since(self, begin_seconds: float, seed: int) -> Requests:
        """Requests as they may have come from a bin's begin (Unix time) on; second 0 is there.

        Drawn: Poisson arrivals at each bin's rate, lengths spread as of late around each bin's mean
        (`LengthDistribution.mixed_to_mean`). A bin that was not measured is like the last that was.
        """
        later, rng = self.history.since(begin_seconds), np.random.default_rng(seed)
        step = later.bin_seconds
        rates, prompts, answers = (
            _filled(series)
            for series in (
                later.requests_per_second,
                later.prompt_tokens_mean,
                later.output_tokens_mean,
            )
        )
        counts = rng.poisson(rates * step)
        begins = np.repeat(np.arange(len(counts)) * step, counts)
        return Requests.of(
            np.sort(begins + rng.uniform(0.0, step, len(begins))),
            _drawn(self.prompts, prompts, counts, rng),
            _drawn(self.answers, answers, counts, rng),
        )

    def before(self, begin_seconds: float, seed: int) -> "EarlierBins":
        """What came before a bin's begin (Unix time)."""
        return EarlierBins(self, begin_seconds, seed)


@dataclass(frozen=True, eq=False)
class EarlierBins:
    """The part of a service's past before a simulation."""

    past: OwnPast
    begin_seconds: float
    seed: int

    def history(self, bin_seconds: float) -> DemandHistory | None:
        """As Prometheus has it, ending at 0; drawn anew for bins of another width.

        None where that is not one bin.
        """
        bins = self.past.history
        if bin_seconds == bins.bin_seconds:
            known = bins.until(self.begin_seconds)
            return known.shifted(-self.begin_seconds) if len(known) else None
        count = int((self.begin_seconds - bins.start_seconds) // bin_seconds)
        if not count:
            return None
        first = self.begin_seconds - count * bin_seconds
        drawn = self.past.since(bins.start_seconds, self.seed)
        seconds = drawn.arrival_seconds - (first - bins.start_seconds)
        part = slice(*np.searchsorted(seconds, (0.0, count * bin_seconds)).tolist())
        again = Requests.of(seconds[part], drawn.prompt_tokens[part], drawn.output_tokens[part])
        return history_before(again, count, bin_seconds)


def read_own_past(services: ServiceReader, given: str | None) -> tuple[PDInferenceService, OwnPast]:
    """The service, and as much of its past as its forecaster knows; `TraceError` without one.

    `given`: the Prometheus to ask; None: the service's own, else its operator's.
    """
    service = services.read()
    url = prometheus_of(services.cluster, service, given)
    if url is None:
        raise fault(f"{NO_ADDRESS} Give it with --prometheus URL, or requests with --trace FILE.")
    metrics = service.spec.metrics
    source = PastSource(
        service.key,
        prometheus_from_here(services.cluster, url, metrics),
        metrics.scrape_interval_seconds,
        series_of(service.spec),
    )
    history = read_history(source, service.spec.autoscaling.forecast)
    newest = np.flatnonzero(history.requests_per_second > 0)
    if len(newest) == 0:
        raise TraceError(f"no request of {service.key} is in its past; there is nothing to play")
    until = history.start_seconds + (int(newest[-1]) + 1) * history.bin_seconds
    lengths = read_lengths(source, until, LENGTHS_WINDOW_SECONDS)
    return service, OwnPast(history, lengths.prompt_tokens, lengths.output_tokens)


def _filled(series: FloatArray) -> FloatArray:
    """With the last known value in the place of each unknown one, the first known before any."""
    known = np.flatnonzero(~np.isnan(series))
    if len(known) == 0:
        return np.zeros(len(series))
    last = np.maximum(np.searchsorted(known, np.arange(len(series)), side="right") - 1, 0)
    filled: FloatArray = series[known[last]]
    return filled


def _drawn(
    shape: LengthDistribution,
    means: FloatArray,
    counts: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    rng: np.random.Generator,
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Tokens of each bin's requests, of at least one."""
    drawn = [
        rng.choice(bin_shape.values, count, p=bin_shape.probabilities)
        for mean, count in zip(means.tolist(), counts.tolist(), strict=True)
        if count
        for bin_shape in (shape.mixed_to_mean(mean) if mean > 0 else shape,)
    ]
    tokens: FloatArray = np.rint(np.concatenate([np.empty(0), *drawn]))
    whole: np.ndarray[tuple[int], np.dtype[np.int64]] = np.maximum(tokens, 1).astype(np.int64)
    return whole
