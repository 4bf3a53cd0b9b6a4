"""The questions about one service at one moment."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pd_operator.api.conditions import ConditionReason
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.demand import stale_after_seconds
from pd_operator.telemetry import promql
from pd_operator.telemetry.connection import PrometheusError, PrometheusSession, Series
from pd_operator.telemetry.series import ServiceSeries, series_holes
from pd_operator.telemetry.template import Matchers, Template, Value


@dataclass(frozen=True)
class Query:
    """A template, and what fills its holes besides the window and the service's series."""

    template: Template
    holes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceQueries:
    """Asks templates about `service` at `now_seconds`; methods raise `PrometheusError`.

    `restarted`: its routers that have begun to count anew within the window.
    """

    conversation: PrometheusSession
    service: ServiceKey
    of: ServiceSeries
    now_seconds: float
    window_seconds: float
    scrape_interval_seconds: float
    restarted: Collection[str] = ()

    def ask_ahead(self, queries: Iterable[Query]) -> None:
        """Ask in few requests what will be asked for next."""
        rendered = [self._rendered(q.template, self.window_seconds, q.holes) for q in queries]
        self.conversation.ask_ahead(rendered, self.now_seconds)

    def newest(self, metric: str, role: Role) -> Query:
        """What `age_seconds` asks."""
        return Query(promql.NEWEST_SAMPLE, {"metric": metric, "pods": self.workers(role)})

    def done(self, metric: str, role: Role) -> Query:
        """How many requests the workers of a role have ended, by a metric of theirs."""
        return Query(promql.REQUESTS_DONE, {"metric": metric, "pods": self.workers(role)})

    def number(
        self,
        template: Template,
        *,
        window_seconds: float | None = None,
        **holes: Value,
    ) -> float | None:
        """The one number of a template over a window; None where there is no series."""
        return self.answer(Query(template, holes), window_seconds)

    def answer(self, query: Query, window_seconds: float | None = None) -> float | None:
        """The same, for a template with its holes."""
        window = window_seconds or self.window_seconds
        rendered = self._rendered(query.template, window, query.holes)
        return _defined(self.conversation.ask_number(rendered, self.now_seconds), query.template)

    def series(self, template: Template, window_seconds: float) -> list[Series]:
        """All series of a template over another window."""
        return self.conversation.ask(self._rendered(template, window_seconds, {}), self.now_seconds)

    def routers_up(self) -> float:
        """Routers that are scraped with success now."""
        return self.number(promql.ROUTERS_UP) or 0.0

    def routers(self) -> Matchers:
        """The series of the routers."""
        return self.of.routers(self.service)

    def workers(self, role: Role) -> Matchers:
        """The series of the workers of a role."""
        return self.of.workers(self.service, role)

    def age_seconds(self, metric: str, role: Role) -> float | None:
        """Age of a role's newest sample of a metric; None where no target has it now.

        Raises `PrometheusError` (`MetricsStale`) for one that is too old.
        """
        return self._age(self.answer(self.newest(metric, role)), metric)

    def request_count_age_seconds(self) -> float | None:
        """Age of the newest count of clients' requests, as `age_seconds`. Probes tell nothing."""
        return self._age(self.number(promql.NEWEST_REQUEST_COUNT), promql.ROUTER_REQUESTS)

    def router_scrape_age_seconds(self) -> float | None:
        """Age of the newest scrape of a router, as `age_seconds`."""
        return self._age(self.number(promql.NEWEST_ROUTER_SCRAPE), "up of the routers")

    def _age(self, newest: float | None, what: str) -> float | None:
        if newest is None:
            return None
        age = max(0.0, self.now_seconds - newest)
        if age > stale_after_seconds(self.scrape_interval_seconds):
            raise PrometheusError(
                ConditionReason.METRICS_STALE,
                f"the newest sample of {what} is {age:.0f} s old, but spec.metrics says one "
                f"comes every {self.scrape_interval_seconds:g} s. Does Prometheus still scrape, "
                "and does it write?",
            )
        return age

    def _rendered(
        self, template: Template, window_seconds: float, holes: Mapping[str, Value]
    ) -> str:
        return template.render(
            **{
                **promql.window_holes(template, window_seconds, self.scrape_interval_seconds),
                **series_holes(template, self.of, self.service, self.restarted),
                **holes,
            }
        )


def _defined(value: float | None, template: Template) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise PrometheusError(
            ConditionReason.METRICS_CONTRADICTORY,
            f"{template.name} is {value}, which is no measurement",
        )
    return value
