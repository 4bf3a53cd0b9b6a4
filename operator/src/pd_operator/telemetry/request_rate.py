"""How many requests clients send: the routers' own count, held against what the engines end."""

from pd_operator.api.conditions import ConditionReason
from pd_operator.api.roles import Role
from pd_operator.telemetry import promql
from pd_operator.telemetry.connection import PrometheusError
from pd_operator.telemetry.queries import Query, ServiceQueries

TOO_MANY_TO_VANISH = 20
"""So many requests at the router and none done at the engines is no mere delay."""

TOO_MANY_TO_APPEAR = 1.5
"""Engines that end so many times the requests that came: a queue that empties explains less."""

LONG_SECONDS = 600.0
"""A queue that empties does not last so long; a count that lacks requests does."""


def read_request_rate(queries: ServiceQueries) -> tuple[float, float]:
    """Requests per second at the routers and the age of the count; raises `PrometheusError`.

    Zero where routers are scraped and no client has asked for anything: a router has its counter
    from the first request on. Probes are requests too, and tell nothing of clients.
    """
    age = queries.request_count_age_seconds()
    rate = queries.number(promql.REQUEST_RATE)
    if age is not None and rate is not None:
        known = rate, age
    elif age is None and rate is None:
        known = 0.0, _idle_age(queries)
    else:
        raise _half_known(queries, has_count=age is not None)
    _must_count_all(queries)
    return known


def usual_queries(queries: ServiceQueries) -> list[Query]:
    """What `read_request_rate` asks of a service that has a load."""
    counts = (promql.NEWEST_REQUEST_COUNT, promql.REQUEST_RATE, promql.REQUESTS_COUNTED)
    return [*map(Query, counts), *_done(queries)]


def _idle_age(queries: ServiceQueries) -> float:
    """Age of the newest scrape of the routers, none of which has a count."""
    age = queries.router_scrape_age_seconds()
    if age is None or not queries.routers_up():
        raise PrometheusError(
            ConditionReason.NO_SERIES,
            f"Prometheus has no {promql.ROUTER_REQUESTS} of {queries.service} with the labels "
            f"{queries.routers().rendered()}. Scrape the pods with those (the chart's PodMonitor "
            "does; for a service of other hands see spec.metrics.routerLabels), and check "
            "spec.metrics.prometheusUrl.",
        )
    return age


def _half_known(queries: ServiceQueries, *, has_count: bool) -> PrometheusError:
    """Why there is a count and no rate of it, or the reverse."""
    if queries.number(promql.CUT_ROUTERS):
        return PrometheusError(
            ConditionReason.METRICS_CONTRADICTORY,
            f"the count of a router of {queries.service} fell, although no scrape of it failed. "
            "It was restarted between two scrapes, or its page was cut on the way to Prometheus.",
        )
    if has_count:
        return PrometheusError(
            ConditionReason.NO_SERIES,
            f"the routers of {queries.service} were scraped less than twice in the last "
            f"{queries.window_seconds:g} s. That is so for a moment after the first request; if "
            "it stays, spec.metrics.scrapeIntervalSeconds is shorter than Prometheus' own.",
        )
    return PrometheusError(
        ConditionReason.METRICS_STALE,
        f"the routers of {queries.service} are no longer scraped, although they were in the "
        f"last {queries.window_seconds:g} s",
    )


def _must_count_all(queries: ServiceQueries) -> None:
    """Refuse a count that lacks most of what the engines end.

    A metric that is dropped or renamed, a path that nobody thought of, a router that is not
    scraped: the rest of the requests would look like a low load. While each router has a count,
    a queue that empties may explain much, but not for long.
    """
    counted, done = _counted_and_done(queries, queries.window_seconds)
    if not _too_many(counted, done):
        return
    lost = queries.number(promql.ROUTERS_WITHOUT_COUNT) or 0.0
    long = max(LONG_SECONDS, queries.window_seconds)
    if not (lost or _too_many(*_counted_and_done(queries, long))):
        return
    raise PrometheusError(
        ConditionReason.METRICS_CONTRADICTORY,
        f"in the last {queries.window_seconds:g} s the routers of {queries.service} counted "
        f"{counted:.0f} requests and the workers ended {done:.0f}; {lost:.0f} routers have no "
        f"count. Is {promql.ROUTER_REQUESTS} dropped or renamed, do clients use another path "
        "than chat, completions and generate, or several prompts a request?",
    )


def _counted_and_done(queries: ServiceQueries, window_seconds: float) -> tuple[float, float]:
    """Requests of a window at the routers, at most, and at the workers, at least."""
    counted = queries.number(promql.REQUESTS_COUNTED, window_seconds=window_seconds) or 0.0
    ended = (queries.answer(one, window_seconds) for one in _done(queries))
    return counted, max(done or 0.0 for done in ended)


def _done(queries: ServiceQueries) -> list[Query]:
    return [
        queries.done(promql.PREFILL_REQUESTS, Role.PREFILL),
        queries.done(promql.DECODE_REQUESTS, Role.DECODE),
    ]


def _too_many(counted: float, done: float) -> bool:
    """Where nothing was counted, a single request is too many."""
    slack = TOO_MANY_TO_VANISH if counted else 0.0
    return done > TOO_MANY_TO_APPEAR * counted + slack
