"""What Prometheus knows of a service: its load, now and in the past, and its attainment.

Every reading is a value with its age, or `Unknown` with a reason and a hint. Nothing here is
ever zero because it was missing. The methods block for at most some `timeout_seconds` each: call
them off the event loop.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from prometheus_api_client.prometheus_connect import PrometheusConnect

from pd_operator.api.names import ServiceKey
from pd_operator.demand import Demand, DemandHistory, FloatArray
from pd_operator.planning.objectives import Objectives
from pd_operator.scaling.observation import Attainment, Known, Reading, Unknown
from pd_operator.telemetry import promql
from pd_operator.telemetry.access import OwnTls, PrometheusAccess, tls_context
from pd_operator.telemetry.attained import read_attainment
from pd_operator.telemetry.bins import Bins
from pd_operator.telemetry.connection import (
    REFUSED_CONNECTION_RETRY,
    PrometheusError,
    PrometheusSession,
    wary_session,
)
from pd_operator.telemetry.offered import read_demand
from pd_operator.telemetry.queries import ServiceQueries
from pd_operator.telemetry.secrets import printable
from pd_operator.telemetry.series import OWN_SERIES, ServiceSeries, series_holes
from pd_operator.telemetry.template import Matcher, Matchers, Template

OPEN = PrometheusAccess()
NO_RESTARTS: Mapping[str, float] = MappingProxyType({})


class PrometheusReader:
    """Reads one Prometheus, or anything that speaks its HTTP API."""

    def __init__(
        self,
        url: str,
        timeout_seconds: float = 5.0,
        scrape_interval_seconds: float = 15.0,
        access: PrometheusAccess = OPEN,
        series: ServiceSeries = OWN_SERIES,
    ) -> None:
        base, session = url.rstrip("/"), wary_session()
        self._prometheus = PrometheusConnect(
            base,
            access.headers,
            retry=REFUSED_CONNECTION_RETRY,
            auth=access.basic,
            session=session,
        )
        session.params = dict(access.parameters)
        if access.own_tls:
            context = tls_context(access)
            session.mount(base, OwnTls(context, max_retries=REFUSED_CONNECTION_RETRY))
        self._access = access
        self._series = series
        self._source = f"prometheus {printable(url)}"
        self._timeout_seconds = timeout_seconds
        self._scrape_interval_seconds = scrape_interval_seconds

    def demand(
        self,
        service: ServiceKey,
        now_seconds: float,
        window_seconds: float,
        restarts: Mapping[str, float] = NO_RESTARTS,
    ) -> Reading[Demand]:
        """The load offered in the last `window_seconds` (widened to hold enough scrapes).

        `restarts`: when routers were started again (Unix seconds), by pod. Such a one counts anew.
        """
        questions = self._questions(service, now_seconds, window_seconds)
        around = promql.around_seconds(questions.window_seconds, self._scrape_interval_seconds)
        recent = [pod for pod, at in restarts.items() if at >= now_seconds - around]
        questions = replace(questions, restarted=tuple(recent))
        try:
            demand, age_seconds = read_demand(questions)
        except PrometheusError as error:
            return self._unknown(error)
        return Known(demand, age_seconds, self._source)

    def attainment(
        self,
        service: ServiceKey,
        objectives: Objectives,
        now_seconds: float,
        window_seconds: float,
    ) -> Reading[Attainment]:
        """Share of the last window's streamed requests within each objective, and both."""
        questions = self._questions(service, now_seconds, window_seconds)
        try:
            attainment, age_seconds = read_attainment(questions, objectives)
        except PrometheusError as error:
            return self._unknown(error)
        return Known(attainment, age_seconds, self._source)

    def demand_history(
        self,
        service: ServiceKey,
        start_seconds: float,
        end_seconds: float,
        bin_seconds: float,
    ) -> DemandHistory | Unknown:
        """The bins that lie wholly in (start, end], their edges on multiples of the step.

        A bin without data holds NaN. Where the step is shorter than three scrapes, a bin also
        reflects what came shortly before it.
        """
        bins = Bins.within(start_seconds, end_seconds, bin_seconds)
        conversation = self._conversation()
        window = promql.bin_window(bin_seconds, self._scrape_interval_seconds)

        def series(template: Template) -> FloatArray:
            holes = promql.window_holes(template, window, self._scrape_interval_seconds)
            of_service = series_holes(template, self._series, service)
            query = template.render(**of_service, **holes)
            samples = [
                sample
                for first, last in bins.chunks()
                for one in conversation.ask_range(query, first, last, bin_seconds)
                for sample in one.samples
            ]
            return bins.filled(samples)

        try:
            return DemandHistory(
                start_seconds=bins.start_seconds,
                bin_seconds=bin_seconds,
                requests_per_second=series(promql.REQUEST_RATE),
                prompt_tokens_mean=series(promql.PROMPT_TOKENS_MEAN),
                output_tokens_mean=series(promql.OUTPUT_TOKENS_MEAN),
            )
        except PrometheusError as error:
            return self._unknown(error)

    def operator_history(
        self, service: ServiceKey, metric: str, labels: Mapping[str, str], bins: Bins
    ) -> FloatArray | Unknown:
        """One of the operator's own gauges about a service, at the end of each bin; NaN: none.

        `labels` are those that tell its series apart. The largest counts where several say it, as
        of an operator's pod that was replaced.
        """
        own = {"namespace": service.namespace, "service": service.name, **labels}
        who = Matchers(tuple(Matcher(name, value) for name, value in own.items()))
        query = promql.OPERATOR_GAUGE.render(metric=metric, who=who)
        conversation = self._conversation()
        try:
            samples = [
                sample
                for first, last in bins.chunks()
                for one in conversation.ask_range(query, first, last, bins.bin_seconds)
                for sample in one.samples
            ]
        except PrometheusError as error:
            return self._unknown(error)
        return bins.filled(samples)

    def close(self) -> None:
        """Give the connections back."""
        self._prometheus.close()

    def _conversation(self) -> PrometheusSession:
        return PrometheusSession(self._prometheus, self._timeout_seconds, self._access)

    def _questions(
        self, service: ServiceKey, now_seconds: float, window_seconds: float
    ) -> ServiceQueries:
        return ServiceQueries(
            conversation=self._conversation(),
            service=service,
            of=self._series,
            now_seconds=now_seconds,
            window_seconds=promql.range_window(window_seconds, self._scrape_interval_seconds),
            scrape_interval_seconds=self._scrape_interval_seconds,
        )

    def _unknown(self, error: PrometheusError) -> Unknown:
        return Unknown(error.reason.value, self._source, error.message)
