"""The load that clients offer: how many requests, and how long they are."""

from dataclasses import dataclass

from pd_operator.api.conditions import ConditionReason
from pd_operator.api.roles import Role
from pd_operator.demand import Demand, LengthDistribution
from pd_operator.telemetry import promql
from pd_operator.telemetry.connection import PrometheusError, Series
from pd_operator.telemetry.queries import ServiceQueries
from pd_operator.telemetry.template import Template

ENOUGH_REQUESTS = 30
"""Fewer say little about lengths: what came before them is then asked for as well."""

OLDER_WINDOWS_SECONDS = (3_600.0, 86_400.0)

TOO_MANY_TO_VANISH = 20
"""So many requests at the router and none done at the engines is no mere delay."""

NO_LENGTH_SEEN = LengthDistribution.constant(1.0)
"""Stands for lengths where no request has come for a day: times a rate of zero it is zero."""


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


def read_demand(questions: ServiceQueries) -> tuple[Demand, float]:
    """The demand and the age of its oldest input in seconds; raises `PrometheusError`."""
    rate, age = _request_rate(questions)
    prompts, prompts_age = _lengths(questions, PROMPTS, rate)
    outputs, outputs_age = _lengths(questions, OUTPUTS, rate)
    # Prompt and output lengths are known apart from each other only. Where long prompts go with
    # short answers, as in code completion, their product says too much of the context.
    context = questions.number(promql.CONTEXT_TOKENS_MEAN)
    return Demand(rate, prompts, outputs, context), max(age, prompts_age, outputs_age)


def _request_rate(questions: ServiceQueries) -> tuple[float, float]:
    """Requests per second at the router and the age of the newest count."""
    age = questions.age_seconds(promql.ROUTER_REQUESTS)
    rate = questions.number(promql.REQUEST_RATE)
    if age is not None and rate is not None:
        return rate, age
    if age is not None:
        raise PrometheusError(
            ConditionReason.NO_SERIES,
            f"the routers of {questions.service} were scraped less than twice in the last "
            f"{questions.window_seconds:g} s. That is so for a moment after the first request; if "
            "it stays, spec.metrics.scrapeIntervalSeconds is shorter than Prometheus' own.",
        )
    if rate is not None:
        raise PrometheusError(
            ConditionReason.METRICS_STALE,
            f"the routers of {questions.service} are no longer scraped, although they were in the "
            f"last {questions.window_seconds:g} s",
        )
    if questions.routers_up() > 0:
        # A router that has not seen a request does not have the counter.
        return 0.0, 0.0
    raise PrometheusError(
        ConditionReason.NO_SERIES,
        f"Prometheus has no {promql.ROUTER_REQUESTS} of {questions.service}. Scrape the pods of "
        "the service with the labels namespace, pod, pd_service and pd_role (the chart's "
        "PodMonitor does), and check spec.metrics.prometheusUrl.",
    )


def _lengths(
    questions: ServiceQueries, question: LengthMetrics, rate: float
) -> tuple[LengthDistribution, float]:
    """Lengths of the recent requests, and the age of the newest sample of them."""
    windows = (
        questions.window_seconds,
        *(older for older in OLDER_WINDOWS_SECONDS if older > questions.window_seconds),
    )
    best: tuple[float, Histogram] | None = None
    for window in windows:
        histogram = Histogram.of(questions.series(question.buckets, window))
        if window == questions.window_seconds:
            _must_not_contradict(questions, question, rate, histogram.requests)
        if histogram.requests > 0:
            best = window, histogram
        if histogram.requests >= ENOUGH_REQUESTS:
            break
    if best is None:
        return _no_lengths(questions, question, rate), 0.0
    window, histogram = best
    mean = questions.number(question.mean, window_seconds=window)
    age = questions.age_seconds(question.requests) if rate > 0 else None
    return histogram.lengths(mean), age or 0.0


def _must_not_contradict(
    questions: ServiceQueries, question: LengthMetrics, rate: float, done: float
) -> None:
    offered = rate * questions.window_seconds
    if offered < TOO_MANY_TO_VANISH or done > 0:
        return
    if question.role is Role.DECODE and questions.age_seconds(question.requests) is not None:
        # A decode counts a request at its end, which may well take longer than the window.
        return
    raise PrometheusError(
        ConditionReason.METRICS_CONTRADICTORY,
        f"in the last {questions.window_seconds:g} s the router counted {offered:.0f} requests "
        f"and the {question.role} workers none. Are they scraped ({question.requests} with "
        f'pd_role="{question.role}"), or does no request get through?',
    )


def _no_lengths(
    questions: ServiceQueries, question: LengthMetrics, rate: float
) -> LengthDistribution:
    if rate == 0:
        return NO_LENGTH_SEEN
    raise PrometheusError(
        ConditionReason.NO_SERIES,
        f"no {question.role} worker of {questions.service} has reported a request yet; the first "
        f"ones are on their way, or {question.requests} is not scraped",
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
