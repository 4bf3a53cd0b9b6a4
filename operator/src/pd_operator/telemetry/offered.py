"""The load that clients offer: how many requests, and how long they are."""

from dataclasses import dataclass

from pd_operator.api.conditions import ConditionReason
from pd_operator.api.roles import Role
from pd_operator.demand import ENOUGH_REQUESTS, NO_LENGTH_SEEN, Demand, LengthDistribution
from pd_operator.telemetry import promql
from pd_operator.telemetry.connection import PrometheusError, Series
from pd_operator.telemetry.queries import Query, ServiceQueries
from pd_operator.telemetry.request_rate import (
    TOO_MANY_TO_VANISH,
    read_request_rate,
    usual_queries,
)
from pd_operator.telemetry.template import Template

OLDER_WINDOWS_SECONDS = (3_600.0, 86_400.0)


@dataclass(frozen=True)
class LengthMetrics:
    """Where the lengths of one kind of token are found."""

    role: Role
    requests: str
    buckets: Template
    mean: Template


PROMPTS = LengthMetrics(
    Role.PREFILL, promql.PREFILL_REQUESTS, promql.PROMPT_TOKENS_BUCKETS, promql.PROMPT_TOKENS_MEAN
)
OUTPUTS = LengthMetrics(
    Role.DECODE, promql.DECODE_REQUESTS, promql.OUTPUT_TOKENS_BUCKETS, promql.OUTPUT_TOKENS_MEAN
)


def read_demand(queries: ServiceQueries) -> tuple[Demand, float]:
    """The demand and the age of its oldest input in seconds; raises `PrometheusError`."""
    queries.ask_ahead(_usual_queries(queries))
    rate, age = read_request_rate(queries)
    prompts, prompts_age = _lengths(queries, PROMPTS, rate)
    outputs, outputs_age = _lengths(queries, OUTPUTS, rate)
    # Prompt and output lengths are known apart from each other only. Where long prompts go with
    # short answers, as in code completion, their product says too much of the context.
    context = queries.number(promql.CONTEXT_TOKENS_MEAN)
    return Demand(rate, prompts, outputs, context), max(age, prompts_age, outputs_age)


def _usual_queries(queries: ServiceQueries) -> list[Query]:
    """What is asked of a service whose last window has requests enough."""
    return [
        *usual_queries(queries),
        *(Query(one.buckets) for one in (PROMPTS, OUTPUTS)),
        *(Query(one.mean) for one in (PROMPTS, OUTPUTS)),
        *(queries.newest(one.requests, one.role) for one in (PROMPTS, OUTPUTS)),
        Query(promql.CONTEXT_TOKENS_MEAN),
    ]


def _lengths(
    queries: ServiceQueries, metrics: LengthMetrics, rate: float
) -> tuple[LengthDistribution, float]:
    """Lengths of the recent requests, and the age of the newest sample of them."""
    windows = (
        queries.window_seconds,
        *(older for older in OLDER_WINDOWS_SECONDS if older > queries.window_seconds),
    )
    best: tuple[float, Histogram] | None = None
    for window in windows:
        histogram = Histogram.of(queries.series(metrics.buckets, window))
        if window == queries.window_seconds:
            _must_not_contradict(queries, metrics, rate, histogram.requests)
        if histogram.requests > 0:
            best = window, histogram
        if histogram.requests >= ENOUGH_REQUESTS:
            break
    if best is None:
        return _no_lengths(queries, metrics, rate), 0.0
    window, histogram = best
    mean = queries.number(metrics.mean, window_seconds=window)
    age = queries.age_seconds(metrics.requests, metrics.role) if rate > 0 else None
    return histogram.lengths(mean), age or 0.0


def _must_not_contradict(
    queries: ServiceQueries, metrics: LengthMetrics, rate: float, done: float
) -> None:
    offered = rate * queries.window_seconds
    if offered < TOO_MANY_TO_VANISH or done > 0:
        return
    role, requests = metrics.role, metrics.requests
    if role is Role.DECODE and queries.age_seconds(requests, role) is not None:
        # A decode counts a request at its end, which may well take longer than the window.
        return
    raise PrometheusError(
        ConditionReason.METRICS_CONTRADICTORY,
        f"in the last {queries.window_seconds:g} s the router counted {offered:.0f} requests "
        f"and the {role} workers none. Are they scraped ({requests} with "
        f"{queries.workers(role).rendered()}), or does the router refuse every request (an "
        "unknown model is 404, an empty worker table too)?",
    )


def _no_lengths(queries: ServiceQueries, metrics: LengthMetrics, rate: float) -> LengthDistribution:
    if rate == 0:
        return NO_LENGTH_SEEN
    raise PrometheusError(
        ConditionReason.NO_SERIES,
        f"no {metrics.role} worker of {queries.service} has reported a request yet; the first "
        f"ones are on their way, or {metrics.requests} is not scraped",
    )


@dataclass(frozen=True)
class Histogram:
    """Requests by length: ascending upper edges, and the requests at or below each."""

    edges: tuple[float, ...]
    cumulative: tuple[float, ...]

    @classmethod
    def of(cls, series: list[Series]) -> "Histogram":
        """From the answer to a `sum by (le)`; raises `PrometheusError`."""
        try:
            pairs = sorted((float(one.labels["le"]), one.samples[-1][1]) for one in series)
        except (KeyError, ValueError) as error:
            raise PrometheusError(
                ConditionReason.METRICS_CONTRADICTORY,
                f"a histogram has a bucket without edge: {error!r}",
            ) from error
        return cls(tuple(edge for edge, _ in pairs), tuple(count for _, count in pairs))

    @property
    def requests(self) -> float:
        """All requests in it."""
        return self.cumulative[-1] if self.cumulative else 0.0

    def lengths(self, mean: float | None) -> LengthDistribution:
        """The lengths, stretched to the mean that was measured; raises `PrometheusError`."""
        try:
            lengths = LengthDistribution.from_histogram(self.edges, self.cumulative)
        except ValueError as error:
            raise PrometheusError(
                ConditionReason.METRICS_CONTRADICTORY,
                f"a histogram of lengths says nothing: {error}",
            ) from error
        return lengths if mean is None else lengths.scaled_to_mean(mean)
